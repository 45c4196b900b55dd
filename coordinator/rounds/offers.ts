import type { SiteName, TaskId } from '../../shared/runtime/ids.ts';
import type { TaskOffer } from '../../shared/wire/messages.ts';
import { outstanding } from './effects.ts';
import type { RunState } from './state.ts';

/** The tasks that stand open for a site in this state: what its stream should have said. */
export function offersFor(state: RunState, site: SiteName): readonly TaskOffer[] {
  return outstanding(state).flatMap((effect) =>
    effect.kind === 'offer' && effect.site === site ? offerOf(state, effect.task) : [],
  );
}

function offerOf(state: RunState, id: TaskId): TaskOffer[] {
  const { run, plan } = state;
  if (state.tag === 'judging') {
    const { version, digest, manifest } = state.release;
    return [
      {
        kind: 'judge',
        id,
        run,
        round: state.spec.rounds,
        plan,
        deadlineMs: state.deadlineMs,
        release: { version, digest, manifest },
      },
    ];
  }
  if (state.tag !== 'round' || state.current.phase === 'planned' || state.current.phase === 'folding') return [];
  const { round, deadlineMs, grace } = state.current;
  const base = { id, run, round, plan, deadlineMs: grace?.untilMs ?? deadlineMs };
  if (round === 0) return [{ kind: 'summary', ...base }];
  const { weights, preprocessing } = state;
  if (weights === null || preprocessing === null) return [];
  return [{ kind: 'train', ...base, base: weights, preprocessing }];
}
