/** Steps that were trained, and the time they took. */
export interface TimedSteps {
  readonly steps: number;
  readonly seconds: number;
}

/** Further training to learn how long a round takes may last about so long; a first epoch that took longer is taken as it is. */
const budgetSeconds = 5;

/**
 * Seconds of a whole round, from its first epoch. A training has a cost of its own beside its steps (graphs, compiling, weights there and back), which
 * counts once a round and not once an epoch: so the epoch is timed once more, and then as many steps together as the budget has room for, the whole
 * round where it fits.
 *
 * @param first the first epoch, compiling included
 * @param wholeSteps of a round
 * @param timed trains so many steps; fewer are done where training stops early. Null where these many cannot be trained
 */
export async function roundSeconds(
  first: TimedSteps,
  wholeSteps: number,
  timed: (steps: number) => Promise<TimedSteps | null>,
): Promise<number> {
  const whole = ({ steps, seconds }: TimedSteps): number => (seconds / steps) * wholeSteps;
  if (first.steps >= wholeSteps) return first.seconds;
  if (first.seconds > budgetSeconds) return whole(first);
  const again = (await timed(first.steps)) ?? first;
  const most = Math.floor((again.steps * budgetSeconds) / Math.max(again.seconds, 1e-6));
  const many = most <= again.steps ? null : await timed(Math.min(wholeSteps, most));
  // What only the first took, compiling above all, a round of a new process takes once too.
  return Math.max(0, first.seconds - again.seconds) + whole(many ?? again);
}
