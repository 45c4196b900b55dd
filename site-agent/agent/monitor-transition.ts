import type { DecisionKind } from '../../shared/plan/judgement.ts';
import type { ModelState, MonitorSignal, SignalLevel } from '../../shared/plan/notice.ts';

/** A signal that is not quiet. */
export interface RaisedSignal {
  readonly signal: MonitorSignal;
  readonly level: SignalLevel;
}

/**
 * What can happen to a model at a site.
 *
 * - `scores_in_shadow`: held, and scored beside the active one.
 * - `accepted`: the gate took it into use, or it is in use again after a later version was left.
 * - `signals`: the monitor's reading of all signals; only those above quiet.
 * - `revalidated`: the judgement a trigger asked for has ended; `harm` when its reasons show harm against the version before.
 * - `withdrawn`: a person took it out of use. `returned`: a person went back to the version before.
 *
 * `hasPrevious`: whether a version before it is at the site and could be used again.
 */
export type ModelStateEvent =
  | { readonly kind: 'scores_in_shadow' }
  | { readonly kind: 'accepted' }
  | { readonly kind: 'signals'; readonly raised: readonly RaisedSignal[]; readonly hasPrevious: boolean }
  | {
      readonly kind: 'revalidated';
      readonly decision: DecisionKind;
      readonly harm: boolean;
      readonly hasPrevious: boolean;
    }
  | { readonly kind: 'withdrawn' }
  | { readonly kind: 'returned' };

/**
 * What follows from a change, done in the same transaction. `return`: the version before is used again; `stop`: no version is used;
 * `revalidate`: a new judgement is wanted; `fresh_monitors`: watching begins anew.
 */
export type ModelStateEffect = 'revalidate' | 'return' | 'stop' | 'fresh_monitors';

export interface ModelStateChange {
  /** Null: never seen before. */
  readonly state: ModelState | null;
  readonly effects: readonly ModelStateEffect[];
}

const inUse: readonly (ModelState | null)[] = ['active', 'watched', 'revalidating'];

/**
 * The life of a model at a site; pure, and total: an event that means nothing in a state leaves it as it is.
 *
 * A warning makes an active model `watched`, and quiet signals make it `active` again. A trigger makes it `revalidating` and asks for a
 * new judgement: then only that judgement, proven harm or a person changes the state, however the signals stand. Harm leads out of use
 * from every state of use: to the version before, or, where there is none, to no version at all.
 */
export function transition(state: ModelState | null, event: ModelStateEvent): ModelStateChange {
  const stay: ModelStateChange = { state, effects: [] };
  switch (event.kind) {
    case 'scores_in_shadow':
      return state === null ? { state: 'shadow', effects: [] } : stay;
    case 'accepted':
      return inUse.includes(state) ? stay : { state: 'active', effects: ['fresh_monitors'] };
    case 'signals':
      return inUse.includes(state) ? bySignals(state, event) : stay;
    case 'revalidated':
      if (!inUse.includes(state)) return stay;
      if (event.harm) return outOfUse(event.hasPrevious);
      return event.decision === 'accept' ? { state: 'active', effects: ['fresh_monitors'] } : stay;
    case 'withdrawn':
      return state === 'withdrawn' || state === 'rolled_back'
        ? stay
        : { state: 'withdrawn', effects: inUse.includes(state) ? ['stop'] : [] };
    case 'returned':
      return inUse.includes(state) ? { state: 'rolled_back', effects: ['return'] } : stay;
  }
}

function outOfUse(hasPrevious: boolean): ModelStateChange {
  return hasPrevious ? { state: 'rolled_back', effects: ['return'] } : { state: 'withdrawn', effects: ['stop'] };
}

function bySignals(
  state: ModelState | null,
  { raised, hasPrevious }: Extract<ModelStateEvent, { readonly kind: 'signals' }>,
): ModelStateChange {
  if (raised.some(({ level }) => level === 'harm')) return outOfUse(hasPrevious);
  if (state === 'revalidating') return { state, effects: [] };
  if (raised.some(({ level }) => level === 'revalidate')) return { state: 'revalidating', effects: ['revalidate'] };
  return { state: raised.some(({ level }) => level === 'warn') ? 'watched' : 'active', effects: [] };
}
