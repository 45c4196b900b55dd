import type { SiteName, TaskId } from '../../shared/runtime/ids.ts';
import type { FoldingRound, NumberedRelease, PlannedRound, RunState } from './state.ts';

/**
 * What is to be done about a state. Each is harmless to repeat, for a crash may come between the deed and the event that
 * records it: objects are named by their content, offers by their task, and events that no longer fit are ignored.
 */
export type Effect =
  /** Write the starting weights, then `weights-initialised`. */
  | { readonly kind: 'initialise-weights' }
  /** Wait for sites, then `round-opened`. */
  | { readonly kind: 'choose-sites'; readonly planned: PlannedRound }
  /** Have the task stand in the site's stream whenever it attends. */
  | { readonly kind: 'offer'; readonly site: SiteName; readonly task: TaskId }
  /** At `atMs`, `deadline-passed`, `grace-passed` or `judging-closed`. */
  | {
      readonly kind: 'alarm';
      readonly alarm: 'deadline' | 'grace' | 'judging';
      readonly round: number;
      readonly attempt: number;
      readonly atMs: number;
    }
  /** Pool the summaries or fold the updates, then `round-folded`. */
  | { readonly kind: 'fold'; readonly folding: FoldingRound }
  /** Take the next version, then `release-numbered`. */
  | { readonly kind: 'number-release' }
  /** Build and sign the package, then `released`. */
  | { readonly kind: 'build-release'; readonly release: NumberedRelease };

export function effectKey(effect: Effect): string {
  switch (effect.kind) {
    case 'initialise-weights':
    case 'number-release':
      return effect.kind;
    case 'choose-sites':
      return `choose-sites ${effect.planned.round} ${effect.planned.attempt}`;
    case 'offer':
      return `offer ${effect.task}`;
    case 'alarm':
      return `alarm ${effect.alarm} ${effect.round} ${effect.attempt} ${effect.atMs}`;
    case 'fold':
      return `fold ${effect.folding.round} ${effect.folding.attempt}`;
    case 'build-release':
      return `build-release ${effect.release.version}`;
  }
}

/** Everything that is to be done in this state; what a restart begins with. */
export function outstanding(state: RunState): readonly Effect[] {
  switch (state.tag) {
    case 'initialising':
      return [{ kind: 'initialise-weights' }];
    case 'round': {
      const { current } = state;
      if (current.phase === 'planned') return [{ kind: 'choose-sites', planned: current }];
      if (current.phase === 'folding') return [{ kind: 'fold', folding: current }];
      const { round, attempt, grace } = current;
      const closed = new Set(
        current.answers.filter((answer) => answer.kind !== 'refused').map((answer) => answer.site),
      );
      return [
        ...current.offered
          .filter(({ site }) => !closed.has(site) && (grace === null || grace.sites.includes(site)))
          .map(({ site, task }): Effect => ({ kind: 'offer', site, task })),
        grace === null
          ? { kind: 'alarm', alarm: 'deadline', round, attempt, atMs: current.deadlineMs }
          : { kind: 'alarm', alarm: 'grace', round, attempt, atMs: grace.untilMs },
      ];
    }
    case 'releasing':
      return [state.release === null ? { kind: 'number-release' } : { kind: 'build-release', release: state.release }];
    case 'judging':
      return [
        ...state.invitations
          .filter(({ answer }) => answer === null)
          .map(({ site, task }): Effect => ({ kind: 'offer', site, task })),
        { kind: 'alarm', alarm: 'judging', round: 0, attempt: 0, atMs: state.deadlineMs },
      ];
    case 'paused':
    case 'finished':
    case 'stopped':
    case 'failed':
      return [];
  }
}
