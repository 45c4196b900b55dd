import type { TrainingSpec } from '../../shared/plan/plan.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';

type Rule = Pick<NonNullable<TrainingSpec['earlyStopping']>, 'patience' | 'minimumDelta'>;

/** What is kept of it in a checkpoint, beside the tensors. */
export interface StoppingRecord {
  /** Validation loss after each epoch so far. */
  readonly losses: readonly number[];
  /** Epoch with the lowest, 1 first; 0: none was finite. */
  readonly best: number;
  /** Epochs since one was better by at least the minimum. */
  readonly waited: number;
}

/** Follows the validation loss from epoch to epoch (Prechelt 1998, "Early stopping - but when?", the class UP) and keeps the weights of the best. */
export class EarlyStopping {
  readonly #rule: Rule;
  #record: StoppingRecord;
  #tensors: NamedTensors;

  constructor(rule: Rule, from?: { readonly record: StoppingRecord; readonly tensors: NamedTensors }) {
    this.#rule = rule;
    this.#record = from?.record ?? { losses: [], best: 0, waited: 0 };
    this.#tensors = from?.tensors ?? new Map();
  }

  get record(): StoppingRecord {
    return this.#record;
  }

  /** Weights after the best epoch; empty before the first with a finite loss. */
  get tensors(): NamedTensors {
    return this.#tensors;
  }

  get bestLoss(): number {
    return this.#record.best === 0 ? Number.POSITIVE_INFINITY : (this.#record.losses[this.#record.best - 1] as number);
  }

  /** Whether the loss is lower than all before it by more than the minimum, so that the weights are wanted. */
  improves(loss: number): boolean {
    return Number.isFinite(loss) && (this.#record.best === 0 || loss < this.bestLoss - this.#rule.minimumDelta);
  }

  /**
   * @param weights of this epoch, when it `improves`
   * @returns whether to stop
   */
  add(loss: number, weights: NamedTensors | null): boolean {
    const losses = [...this.#record.losses, loss];
    if (weights !== null) this.#tensors = weights;
    this.#record =
      weights === null
        ? { losses, best: this.#record.best, waited: this.#record.waited + 1 }
        : { losses, best: losses.length, waited: 0 };
    return this.#record.waited >= this.#rule.patience;
  }
}
