import { TrainingError } from './training-error.ts';

/** Sums of losses and rows; plain numbers, so that a checkpoint keeps them to the bit. */
export interface LossSums {
  readonly firstSum: number;
  readonly firstRows: number;
  readonly epochSum: number;
  readonly epochRows: number;
  readonly lastSum: number;
  readonly lastRows: number;
}

const nothing: LossSums = { firstSum: 0, firstRows: 0, epochSum: 0, epochRows: 0, lastSum: 0, lastRows: 0 };

/**
 * @param step 0-based
 * @param mixed computed in half precision
 */
export function notFiniteLoss(step: number, loss: number, mixed: boolean): TrainingError {
  const half = mixed ? ' In half precision numbers end at 65,504: precision float32 in the plan may mend it too.' : '';
  return new TrainingError(
    'not_finite_loss',
    `step ${step + 1}: the loss is ${loss}; a smaller rate in the plan, or a look at extreme values with \`site check\`, may mend it.${half}`,
    { step: step + 1 },
  );
}

/** Row-weighted mean loss over the first and the last epoch's worth of steps. */
export class LossRecord {
  readonly #stepsPerEpoch: number;
  readonly #first: number;
  readonly #lastBegin: number;
  #sums: LossSums;

  constructor(steps: number, stepsPerEpoch: number, sums: LossSums = nothing) {
    this.#stepsPerEpoch = stepsPerEpoch;
    this.#first = Math.min(steps, stepsPerEpoch);
    this.#lastBegin = steps - this.#first;
    this.#sums = sums;
  }

  get sums(): LossSums {
    return this.#sums;
  }

  /**
   * @param step 0-based
   * @throws TrainingError `not_finite_loss`
   */
  add(step: number, loss: number, rows: number): void {
    if (!Number.isFinite(loss)) throw notFiniteLoss(step, loss, false);
    const sums = { ...this.#sums };
    if (step < this.#first) {
      sums.firstSum += loss * rows;
      sums.firstRows += rows;
    }
    if (step % this.#stepsPerEpoch === 0) {
      sums.epochSum = 0;
      sums.epochRows = 0;
    }
    sums.epochSum += loss * rows;
    sums.epochRows += rows;
    if (step >= this.#lastBegin) {
      sums.lastSum += loss * rows;
      sums.lastRows += rows;
    }
    this.#sums = sums;
  }

  /** Mean over the epoch under way so far. */
  get epochMean(): number {
    return this.#sums.epochSum / this.#sums.epochRows;
  }

  /** @param stopped training ended before its last step, at the end of an epoch: that is the last one then */
  metrics(stopped: boolean): { readonly lossFirst: number; readonly lossLast: number } {
    const { firstSum, firstRows, lastSum, lastRows } = this.#sums;
    return { lossFirst: firstSum / firstRows, lossLast: stopped ? this.epochMean : lastSum / lastRows };
  }
}
