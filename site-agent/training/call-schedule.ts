import type { BatchSchedule } from './batches.ts';

/** A stretch of steps that are carried out in one call where the batch is not cut: equally many rows each. */
export interface StepCall {
  /** 0-based, of the round. */
  readonly first: number;
  readonly steps: number;
  /** The state is kept after it. */
  readonly checkpoint: boolean;
  /** The last step of it ends an epoch, or the round. */
  readonly endsEpoch: boolean;
}

export interface CallSizes {
  /** Steps of one call at most. */
  readonly stepsPerCall: number;
  /** Steps after which a checkpoint is due. */
  readonly stepsPerCheckpoint: number;
  /** Calls end where epochs end. They do anyhow where the last batch of an epoch is smaller. */
  readonly byEpoch: boolean;
}

/**
 * Cuts the steps of a round into calls. It depends on its arguments alone, so a round that was broken off makes the same calls again.
 * Calls of one stretch differ in length by the last one only.
 */
export function callSchedule(schedule: BatchSchedule, sizes: CallSizes): StepCall[] {
  const { steps, stepsPerEpoch } = schedule;
  const smallerLast = stepsPerEpoch > 1 && schedule.rowsOf(stepsPerEpoch - 1).length < schedule.rowsOf(0).length;
  const calls: StepCall[] = [];
  let sinceCheckpoint = 0;
  const add = (first: number, length: number): void => {
    const size = Math.ceil(length / Math.ceil(length / sizes.stepsPerCall));
    for (let begin = first; begin < first + length; begin += size) {
      const count = Math.min(size, first + length - begin);
      const end = begin + count;
      sinceCheckpoint += count;
      const checkpoint = sinceCheckpoint >= sizes.stepsPerCheckpoint && end < steps;
      if (checkpoint) sinceCheckpoint = 0;
      calls.push({ first: begin, steps: count, checkpoint, endsEpoch: end % stepsPerEpoch === 0 || end === steps });
    }
  };
  if (!smallerLast && !sizes.byEpoch) {
    add(0, steps);
    return calls;
  }
  for (let begin = 0; begin < steps; begin += stepsPerEpoch) {
    const end = Math.min(steps, begin + stepsPerEpoch);
    const whole = smallerLast && end === begin + stepsPerEpoch ? end - 1 : end;
    add(begin, whole - begin);
    if (whole < end) add(whole, 1);
  }
  return calls;
}
