import { TrainingError } from './training-error.ts';

/** Row-weighted mean loss over the first and the last epoch's worth of steps. */
export class LossRecord {
  readonly #first: number;
  readonly #lastBegin: number;
  #firstSum = 0;
  #firstRows = 0;
  #lastSum = 0;
  #lastRows = 0;

  constructor(steps: number, stepsPerEpoch: number) {
    const counted = Math.min(steps, stepsPerEpoch);
    this.#first = counted;
    this.#lastBegin = steps - counted;
  }

  /** @throws TrainingError `not_finite_loss` */
  add(step: number, loss: number, rows: number): void {
    if (!Number.isFinite(loss)) {
      throw new TrainingError(
        'not_finite_loss',
        `step ${step + 1}: the loss is ${loss}; a smaller rate in the plan, or a look at extreme values with \`site check\`, may mend it`,
        { step: step + 1 },
      );
    }
    if (step < this.#first) {
      this.#firstSum += loss * rows;
      this.#firstRows += rows;
    }
    if (step >= this.#lastBegin) {
      this.#lastSum += loss * rows;
      this.#lastRows += rows;
    }
  }

  get metrics(): { readonly lossFirst: number; readonly lossLast: number } {
    return { lossFirst: this.#firstSum / this.#firstRows, lossLast: this.#lastSum / this.#lastRows };
  }
}
