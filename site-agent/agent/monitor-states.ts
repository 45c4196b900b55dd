import type { ModelNotice, ModelState } from '../../shared/plan/notice.ts';
import { type Digest, type ReleaseVersion, releaseOfVersion, type SiteName } from '../../shared/runtime/ids.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { type ModelRegistry, modelOfVersion } from '../models/registry.ts';
import { waits } from './hold-deadlines.ts';
import type { MonitorStore } from './monitor-store.ts';
import { type ModelStateEvent, type RaisedSignal, transition } from './monitor-transition.ts';
import type { AgentStore } from './store.ts';

export interface StateParts {
  readonly site: SiteName;
  readonly registry: ModelRegistry;
  readonly monitors: MonitorStore;
  readonly log: Logger;
}

/** An event before it is known whether there is a version to go back to. */
type Unfinished<Event> = Event extends unknown ? Omit<Event, 'hasPrevious'> : never;
export type ReleaseEvent = Unfinished<ModelStateEvent>;

const inUse: readonly ModelState[] = ['active', 'watched', 'revalidating'];

/**
 * Carries out what an event means for a release: state, effects on the registry, and the notice to the coordinator. Call it inside
 * `store.transaction`: after a crash all of it is there or nothing.
 * @param byRoles roles of the people who decided, null when nobody did
 */
export function applyModelEvent(
  parts: StateParts,
  version: ReleaseVersion,
  event: ReleaseEvent,
  nowMs: number,
  byRoles: readonly string[] | null = null,
): ModelState | null {
  const { monitors, registry } = parts;
  const release = registry.find(version);
  if (release === null) return null;
  const before = monitors.stateOf(version)?.state ?? null;
  const hasPrevious = registry.inSlot(release.model, 'previous') !== null;
  const { state, effects } = transition(before, { ...event, hasPrevious } as ModelStateEvent);
  const signals = event.kind === 'signals' ? event.raised : [];
  for (const effect of effects) {
    switch (effect) {
      case 'revalidate':
        monitors.wantRevalidation(version, signals, nowMs);
        break;
      case 'fresh_monitors':
        monitors.forget(release.digest);
        break;
      case 'return':
      case 'stop':
        if (effect === 'return') {
          const { to } = registry.rollback(release.model, nowMs);
          const returned = registry.find(to);
          // What it was watched against before may be long past: it is watched anew, from its own acceptance.
          if (returned !== null) {
            monitors.forget(returned.digest);
            setState(parts, to, returned.digest, 'active', [], nowMs);
          }
        } else registry.withdraw(release.model, nowMs);
        monitors.forget(release.digest);
        monitors.finishRevalidation(version, 'left', nowMs);
        break;
    }
  }
  if (state === null || state === before) return state;
  setState(parts, version, release.digest, state, signals, nowMs);
  const notice = noticeOf(parts, version, before, state, signals, nowMs, byRoles);
  if (notice !== null) monitors.addNotice(notice, nowMs);
  const fields = {
    release: version,
    from: before,
    to: state,
    signals: signals.map(({ signal, level }) => `${signal} ${level}`),
  };
  if (byRoles === null && (state === 'rolled_back' || state === 'withdrawn'))
    parts.log.error(fields, 'a model was taken out of use');
  else if (state === 'watched' || state === 'revalidating') parts.log.warn(fields, 'the state of a model has changed');
  else parts.log.info(fields, 'the state of a model has changed');
  return state;
}

function setState(
  { monitors }: StateParts,
  version: ReleaseVersion,
  digest: Digest,
  state: ModelState,
  reasons: readonly RaisedSignal[],
  nowMs: number,
): void {
  monitors.setState({ version, model: modelOfVersion(version), digest, state, sinceMs: nowMs, reasons });
}

/** The consortium knows releases: a local variant is named by the one it was made of. */
function noticeOf(
  { registry, site }: StateParts,
  version: ReleaseVersion,
  from: ModelState | null,
  to: ModelState,
  signals: readonly RaisedSignal[],
  nowMs: number,
  byRoles: readonly string[] | null,
): ModelNotice | null {
  const release = registry.find(releaseOfVersion(version));
  if (release === null) return null;
  const active = registry.inSlot(release.model, 'active');
  return {
    wardround: 'notice/1',
    site,
    plan: release.plan,
    release: { version: release.version, digest: release.digest },
    from,
    to,
    inUse: active === null ? null : releaseOfVersion(active.version),
    at: new Date(nowMs).toISOString(),
    signals: signals.map(({ signal, level }) => ({ signal, level })),
    byRoles,
  };
}

/** Roles of those who put a release in use against the gate's hold; null when the gate accepted it. */
function overridingRoles(
  store: AgentStore,
  registry: ModelRegistry,
  version: ReleaseVersion,
): readonly string[] | null {
  const into = registry.events().findLast((event) => event.version === version && event.event !== 'held');
  if (into?.event !== 'overridden') return null;
  return store
    .all<{ role: string }>(
      `select distinct json_extract(record, '$.role') as role from people_decisions
       where version = ? and kind = 'override' order by role`,
      version,
    )
    .map(({ role }) => role);
}

/**
 * Brings the states in line with the registry: a release that is in use has a state of use, one that waits is in shadow once it is
 * scored, one that another took the place of has none. Call it inside `store.transaction`.
 */
export function reconcileStates(parts: StateParts, store: AgentStore, nowMs: number): void {
  const { monitors, registry } = parts;
  for (const { version, state } of monitors.states()) {
    const slot = registry.find(version)?.slot ?? null;
    const release = registry.find(version);
    if (inUse.includes(state) && slot !== 'active') monitors.clearState(version);
    if (state === 'shadow' && (release === null || (slot !== 'active' && !waits(release))))
      monitors.clearState(version);
  }
  for (const model of registry.models()) {
    const active = registry.inSlot(model, 'active');
    if (active === null) continue;
    const roles = overridingRoles(store, registry, active.version);
    applyModelEvent(parts, active.version, { kind: 'accepted' }, nowMs, roles);
  }
}
