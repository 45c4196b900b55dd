import { mostComparedRows } from '../../shared/graph/training/losses/cox.ts';
import type { TrainingSpec } from '../../shared/plan/plan.ts';
import { permutation, randomStream } from '../../shared/runtime/random.ts';

/** The order in which a site's rows are used in one round. Both engines follow it. */
export interface BatchSchedule {
  /** Steps of the round. */
  readonly steps: number;
  readonly stepsPerEpoch: number;
  /** Rows of the step, 0-based. Not to be written to. Steps are asked for in order or not. */
  rowsOf(step: number): Uint32Array;
}

/**
 * Epoch e is the permutation of the rows by `randomStream(seed, 'epoch', e)`, cut into consecutive batches of which the
 * last may be smaller. A full batch is every row in its own order: shuffling would change nothing but rounding. So it would within
 * a large batch, whose rows stand in ascending places: rows that are in order of time stay so.
 *
 * @param rows training rows, at least 1
 * @param seed `TrainingTask.seed`
 */
export function batchSchedule(rows: number, training: TrainingSpec, seed: number): BatchSchedule {
  const size = training.batch === 'full' ? rows : Math.min(training.batch, rows);
  const stepsPerEpoch = Math.ceil(rows / size);
  const steps = 'steps' in training.work ? training.work.steps : training.work.epochs * stepsPerEpoch;
  let epoch = -1;
  let order = Uint32Array.from({ length: training.batch === 'full' ? rows : 0 }, (_, row) => row);
  return {
    steps,
    stepsPerEpoch,
    rowsOf(step) {
      if (training.batch === 'full') return order;
      const wanted = Math.floor(step / stepsPerEpoch);
      if (wanted !== epoch) {
        epoch = wanted;
        order = permutation(rows, randomStream(seed, 'epoch', epoch)) as typeof order;
        if (size > mostComparedRows) {
          for (let begin = 0; begin < rows; begin += size) order.subarray(begin, Math.min(begin + size, rows)).sort();
        }
      }
      const begin = (step % stepsPerEpoch) * size;
      return order.subarray(begin, Math.min(begin + size, rows));
    },
  };
}
