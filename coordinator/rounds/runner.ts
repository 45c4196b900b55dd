import type { Clock } from '../../shared/runtime/clock.ts';
import type { RunId } from '../../shared/runtime/ids.ts';
import { errorFields, type Logger } from '../../shared/runtime/logger.ts';
import { StoreError } from '../store/store-error.ts';
import { type Effect, effectKey, outstanding } from './effects.ts';
import type { AlsoWrite, EventStore } from './event-store.ts';
import type { RunEvent } from './events.ts';
import type { RunState } from './state.ts';
import { transition } from './transition.ts';

/** Carries out one effect and dispatches the event that records it. Rejects with the signal's reason once it is no longer wanted. */
export type PerformEffect = (effect: Effect, runner: Runner, signal: AbortSignal) => Promise<void>;

/** One run: its state, the only way to change it, and the effects under way. */
export interface Runner {
  readonly run: RunId;
  state(): RunState;
  /** What keeps the run from going on at this moment, such as sites that are missing or a full disk; null when nothing does. */
  obstacle(): string | null;
  setObstacle(text: string | null): void;
  /**
   * Applies an event: stored first, with `also` in the same transaction, then its effects begin.
   * @returns false when the event does not fit the state; then nothing was stored
   * @throws StoreError when it could not be stored; then the state is as it was
   */
  dispatch(event: RunEvent, also?: AlsoWrite): Promise<boolean>;
  /** Begins what is outstanding. */
  start(): void;
  /** Ends the effects under way and waits for them; the state stays as stored. */
  stop(): Promise<void>;
}

const firstRetryMs = 1_000;
const longestRetryMs = 60_000;

/** The state that stored events lead to. @throws Error when they do not begin with `run-created` */
export function replay(events: readonly RunEvent[]): RunState {
  let state: RunState | null = null;
  for (const event of events) [state] = transition(state, event);
  if (state === null) throw new Error('a run without run-created');
  return state;
}

function phaseOf(state: RunState): string {
  if (state.tag !== 'round') return state.tag;
  const { phase, round, attempt } = state.current;
  return `${phase === 'collecting' ? 'open' : phase} ${round} ${attempt}`;
}

export function createRunner(
  needs: {
    readonly events: EventStore;
    readonly perform: PerformEffect;
    readonly clock: Clock;
    readonly log: Logger;
    readonly onChange: (runner: Runner) => void;
  },
  initial: { readonly state: RunState; readonly storedEvents: number },
): Runner {
  const { events, perform, clock, onChange } = needs;
  let state = initial.state;
  let sequence = initial.storedEvents;
  let obstacle: string | null = null;
  let turn: Promise<unknown> = Promise.resolve();
  let started = false;
  const jobs = new Map<string, { readonly abort: AbortController; readonly ended: Promise<void> }>();
  const log = needs.log.child({ run: state.run });

  /** A full or locked disk passes; what the effect does is tried again until it does. Anything else ends the run, with its reason. */
  const carryOut = async (effect: Effect, signal: AbortSignal): Promise<void> => {
    let waited: string | null = null;
    for (let delayMs = firstRetryMs; ; delayMs = Math.min(longestRetryMs, delayMs * 2)) {
      try {
        await perform(effect, runner, signal);
        if (waited !== null && runner.obstacle() === waited) runner.setObstacle(null);
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof StoreError && error.advice === 'retry') {
          log.warn({ effect: effect.kind, ...errorFields(error) }, 'effect waits for the disk');
          runner.setObstacle(error.message);
          waited = error.message;
          await clock.sleep(delayMs, signal);
          continue;
        }
        log.error({ effect: effect.kind, ...errorFields(error) }, 'effect failed, the run ends');
        const reason = `${effect.kind}: ${error instanceof Error ? error.message : String(error)}`;
        await runner.dispatch({ kind: 'run-failed', timeMs: clock.now(), reason });
        return;
      }
    }
  };

  const begin = (effect: Effect): void => {
    // What stands open for a site follows from the state; its streams are brought up to it on every change.
    if (effect.kind === 'offer') return;
    const key = effectKey(effect);
    if (jobs.has(key)) return;
    const abort = new AbortController();
    const ended = Promise.resolve()
      .then(() => carryOut(effect, abort.signal))
      .catch((error: unknown) => {
        if (!abort.signal.aborted)
          log.error({ effect: effect.kind, ...errorFields(error) }, 'effect could not be ended');
      })
      .finally(() => {
        if (jobs.get(key)?.abort === abort) jobs.delete(key);
      });
    jobs.set(key, { abort, ended });
  };

  const reconcile = (effects: readonly Effect[]): void => {
    const wanted = new Set(outstanding(state).map(effectKey));
    for (const [key, job] of jobs) {
      if (wanted.has(key)) continue;
      jobs.delete(key);
      job.abort.abort(new Error('no longer wanted'));
    }
    if (started) for (const effect of effects) begin(effect);
  };

  const runner: Runner = {
    run: state.run,
    state: () => state,
    obstacle: () => obstacle,
    setObstacle(text) {
      if (obstacle === text) return;
      obstacle = text;
      onChange(runner);
    },
    dispatch(event, also) {
      const result = turn.then(async () => {
        const [next, effects] = transition(state, event);
        if (next === null || next === state) return false;
        await events.append(state.run, sequence + 1, event, also);
        sequence++;
        const before = state;
        state = next;
        // An obstacle belongs to the phase it stood in the way of: a round that has opened waits for nobody.
        if (phaseOf(before) !== phaseOf(next)) obstacle = null;
        log.debug({ event: event.kind, state: next.tag }, 'event');
        reconcile(effects);
        onChange(runner);
        return true;
      });
      turn = result.catch(() => undefined);
      return result;
    },
    start() {
      started = true;
      for (const effect of outstanding(state)) begin(effect);
    },
    async stop() {
      started = false;
      const under = [...jobs.values()];
      for (const { abort } of under) abort.abort(new Error('the coordinator stops'));
      await turn;
      await Promise.all(under.map(({ ended }) => ended));
    },
  };
  return runner;
}
