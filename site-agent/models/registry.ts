import type { DecisionKind, Judgement, LadderStep } from '../../shared/plan/judgement.ts';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import { type Digest, isLocalVersion, type ReleaseVersion, releaseOfVersion } from '../../shared/runtime/ids.ts';
import { AgentError } from '../agent/agent-error.ts';
import type { AgentStore } from '../agent/store.ts';

/**
 * Places a release can have at a site, one each a model.
 *
 * - `candidate`: received and not accepted: being judged, or held.
 * - `active`: accepted; what `site predict` runs.
 * - `previous`: active before the present one; where `site rollback` goes.
 */
export type Slot = 'candidate' | 'active' | 'previous';

/** A release this site has received. */
export interface RegisteredRelease {
  readonly version: ReleaseVersion;
  /** Name of the model: the version without its counter. */
  readonly model: string;
  readonly digest: Digest;
  readonly plan: Digest;
  readonly receivedMs: number;
  /** Null until judged. */
  readonly decision: DecisionKind | null;
  readonly decidedMs: number | null;
  /** When this release was first judged `hold`, if it was; the policy's deadline counts from here. */
  readonly heldSinceMs: number | null;
  readonly slot: Slot | null;
  /** Of a local variant: the release it was made of, and the step of the ladder. Null for a release. */
  readonly parent: ReleaseVersion | null;
  readonly step: LadderStep | null;
}

export interface ModelEvent {
  readonly sequence: number;
  readonly atMs: number;
  readonly model: string;
  readonly event:
    | 'received'
    | 'accepted'
    | 'held'
    | 'rejected'
    | 'superseded'
    | 'rolled_back'
    | 'withdrawn'
    | 'overridden'
    | 'refused';
  readonly version: ReleaseVersion;
  /** The release that was active before, where the event changed that. */
  readonly fromVersion: ReleaseVersion | null;
}

/** Which releases this site holds and which one it uses. Each change is one transaction. Files are in `model-files.ts`. */
export interface ModelRegistry {
  /** Enters a release as candidate. One that already has a place keeps it. */
  receive(
    release: { readonly version: ReleaseVersion; readonly digest: Digest; readonly plan: Digest },
    nowMs: number,
  ): void;
  /**
   * Carries out a decision: accept makes the release active and the active one previous; hold keeps it as candidate;
   * reject takes it out. Hold and reject leave the active release as it is. A release accepted with an update is not used itself: the
   * local variant in the evidence is entered and takes the place; its files must be installed before. Call it inside
   * `store.transaction` together with what else must change, or alone.
   */
  decide(version: ReleaseVersion, judgement: Judgement, nowMs: number): void;
  /** Version the next local variant of a release, or of the release a variant was made of, would have. */
  nextVariant(version: ReleaseVersion): ReleaseVersion;
  /** People took a held release into use against the gate's hold; who and why is in `people-decisions.ts`. */
  override(version: ReleaseVersion, nowMs: number): void;
  /** A person refused a candidate. The release in use stays. */
  refuse(version: ReleaseVersion, nowMs: number): void;
  /**
   * Makes the previous release active again. Call it inside `store.transaction`, together with what else must change.
   * @throws AgentError `unknown_model`, `no_active_model`, `no_previous_model`
   */
  rollback(model: string, nowMs: number): { readonly from: ReleaseVersion; readonly to: ReleaseVersion };
  /** Takes the active release out of use; none is in use then. Call it as `rollback`. @throws AgentError `unknown_model`, `no_active_model` */
  withdraw(model: string, nowMs: number): ReleaseVersion;
  /**
   * Version of the active release.
   * @param withPrevious there must also be one to go back to
   * @throws AgentError `unknown_model`, `no_active_model`, `no_previous_model`
   */
  requireActive(model: string, withPrevious: boolean): ReleaseVersion;
  inSlot(model: string, slot: Slot): RegisteredRelease | null;
  find(version: ReleaseVersion): RegisteredRelease | null;
  /** The last judgement of a release; null before the first. */
  judgementOf(version: ReleaseVersion): Judgement | null;
  models(): readonly string[];
  releases(): readonly RegisteredRelease[];
  events(): readonly ModelEvent[];
}

export function modelOfVersion(version: ReleaseVersion): string {
  return version.slice(0, Math.max(0, version.lastIndexOf('/')));
}

const select = `select r.version, r.model, r.digest, r.plan, r.received_ms as "receivedMs", r.decision,
    r.decided_ms as "decidedMs", s.slot, r.parent, r.step,
    (select min(e.at_ms) from model_events e where e.version = r.version and e.event = 'held') as "heldSinceMs"
  from releases r left join slots s on s.version = r.version`;

export function createModelRegistry(store: AgentStore): ModelRegistry {
  const record = (
    event: ModelEvent['event'],
    model: string,
    version: string,
    fromVersion: string | null,
    nowMs: number,
  ): void => {
    store.run(
      'insert into model_events (at_ms, model, event, version, from_version) values (?, ?, ?, ?, ?)',
      nowMs,
      model,
      event,
      version,
      fromVersion,
    );
  };
  const put = (model: string, slot: Slot, version: string, nowMs: number): void => {
    store.run('delete from slots where version = ?', version);
    store.run(
      `insert into slots (model, slot, version, since_ms) values (?, ?, ?, ?)
       on conflict (model, slot) do update set version = excluded.version, since_ms = excluded.since_ms`,
      model,
      slot,
      version,
      nowMs,
    );
  };
  const clear = (model: string, slot: Slot): void => {
    store.run('delete from slots where model = ? and slot = ?', model, slot);
  };
  const inSlot = (model: string, slot: Slot): RegisteredRelease | null =>
    store.get<RegisteredRelease>(`${select} where s.model = ? and s.slot = ?`, model, slot) ?? null;
  const find = (version: ReleaseVersion): RegisteredRelease | null =>
    store.get<RegisteredRelease>(`${select} where r.version = ?`, version) ?? null;

  function activate(release: RegisteredRelease, nowMs: number, event: 'accepted' | 'overridden' = 'accepted'): void {
    const active = inSlot(release.model, 'active');
    if (active?.version === release.version) return;
    put(release.model, 'active', release.version, nowMs);
    if (active !== null) put(release.model, 'previous', active.version, nowMs);
    record(event, release.model, release.version, active?.version ?? null, nowMs);
  }

  /** The variant beside its release, which is judged with it and waits no longer. */
  function enterVariant(
    release: RegisteredRelease,
    step: LadderStep,
    judgement: Judgement,
    nowMs: number,
  ): RegisteredRelease {
    const variant = judgement.evidence.update?.variant ?? null;
    const parent = releaseOfVersion(release.version);
    if (variant === null || !isLocalVersion(variant.version) || releaseOfVersion(variant.version) !== parent) {
      throw new AgentError('package_invalid', `${release.version} was accepted with an update that no variant holds.`, {
        version: release.version,
      });
    }
    store.run(
      `insert into releases (version, model, digest, plan, received_ms, decision, decided_ms, judgement, parent, step)
       values (?, ?, ?, ?, ?, 'accept', ?, ?, ?, ?)`,
      variant.version,
      release.model,
      variant.digest,
      release.plan,
      nowMs,
      nowMs,
      canonicalJson(judgement),
      parent,
      step,
    );
    if (release.slot === 'candidate') clear(release.model, 'candidate');
    return find(variant.version) as RegisteredRelease;
  }

  function activeOf(model: string): RegisteredRelease {
    const active = inSlot(model, 'active');
    if (active !== null) return active;
    const known = store.get('select 1 as known from releases where model = ?', model) !== undefined;
    throw new AgentError(
      known ? 'no_active_model' : 'unknown_model',
      known ? `No release of ${model} is active.` : `No release of a model "${model}" has reached this site.`,
      { model },
    );
  }

  function pairOf(model: string): { readonly active: RegisteredRelease; readonly previous: RegisteredRelease } {
    const active = activeOf(model);
    const previous = inSlot(model, 'previous');
    if (previous !== null) return { active, previous };
    throw new AgentError('no_previous_model', `${active.version} is the first release of ${model} in use here.`, {
      model,
    });
  }

  return {
    receive(release, nowMs) {
      const model = modelOfVersion(release.version);
      const known = find(release.version);
      if (known !== null && known.digest !== release.digest) {
        throw new AgentError(
          'package_invalid',
          `Release ${release.version} came before with the digest ${known.digest}, now with ${release.digest}.`,
          { version: release.version },
        );
      }
      if (known !== null) return;
      store.run(
        'insert into releases (version, model, digest, plan, received_ms) values (?, ?, ?, ?, ?)',
        release.version,
        model,
        release.digest,
        release.plan,
        nowMs,
      );
      const earlier = inSlot(model, 'candidate');
      if (earlier !== null) record('superseded', model, earlier.version, null, nowMs);
      put(model, 'candidate', release.version, nowMs);
      record('received', model, release.version, null, nowMs);
    },
    decide(version, judgement, nowMs) {
      const release = find(version);
      if (release === null) throw new AgentError('unknown_model', undefined, { version });
      const { decision } = judgement.decision;
      store.run(
        'update releases set decision = ?, decided_ms = ?, judgement = ? where version = ?',
        decision,
        nowMs,
        canonicalJson(judgement),
        version,
      );
      if (decision === 'accept') {
        // A judgement that waited in the store since before local updates says nothing of one.
        const step = judgement.decision.update ?? null;
        activate(step === null ? release : enterVariant(release, step, judgement, nowMs), nowMs);
        return;
      }
      // A release in use is judged again later on: hold or reject then is a matter for people, and leaves it in use.
      if (decision === 'reject' && release.slot === 'candidate') clear(release.model, 'candidate');
      record(decision === 'hold' ? 'held' : 'rejected', release.model, version, null, nowMs);
    },
    nextVariant(version) {
      const parent = releaseOfVersion(version);
      const row = store.get<{ known: number }>('select count(*) as known from releases where parent = ?', parent);
      return `${parent}+${(row?.known ?? 0) + 1}` as ReleaseVersion;
    },
    override(version, nowMs) {
      const release = find(version);
      if (release === null) throw new AgentError('unknown_model', undefined, { version });
      activate(release, nowMs, 'overridden');
    },
    refuse(version, nowMs) {
      const release = find(version);
      if (release === null) throw new AgentError('unknown_model', undefined, { version });
      store.run(`update releases set decision = 'reject', decided_ms = ? where version = ?`, nowMs, version);
      if (release.slot === 'candidate') clear(release.model, 'candidate');
      record('refused', release.model, version, null, nowMs);
    },
    requireActive: (model, withPrevious) => (withPrevious ? pairOf(model) : { active: activeOf(model) }).active.version,
    rollback(model, nowMs) {
      const { active, previous } = pairOf(model);
      clear(model, 'active');
      put(model, 'active', previous.version, nowMs);
      record('rolled_back', model, previous.version, active.version, nowMs);
      return { from: active.version, to: previous.version };
    },
    withdraw(model, nowMs) {
      const active = activeOf(model);
      clear(model, 'active');
      record('withdrawn', model, active.version, null, nowMs);
      return active.version;
    },
    inSlot,
    find,
    judgementOf(version) {
      const row = store.get<{ judgement: string | null }>('select judgement from releases where version = ?', version);
      return row?.judgement == null ? null : (JSON.parse(row.judgement) as Judgement);
    },
    models: () =>
      store.all<{ model: string }>('select distinct model from releases order by model').map(({ model }) => model),
    releases: () => store.all<RegisteredRelease>(`${select} order by r.model, r.received_ms, r.version`),
    events: () =>
      store.all<ModelEvent>(
        `select sequence, at_ms as "atMs", model, event, version, from_version as "fromVersion"
         from model_events order by sequence`,
      ),
  };
}
