import type { Logger } from '../../shared/runtime/logger.ts';
import { TrainingError } from './training-error.ts';

/**
 * How many rows are computed at once. Where memory does not suffice they become half as many, and gradients are added up over parts: the
 * result is that of the whole batch up to the rounding of sums.
 */
export class RowsAtOnce {
  #rows: number;
  readonly #whole: string | null;
  readonly #log: Logger;
  readonly #onCut: () => void;

  /**
   * @param whole why rows cannot be cut; null: they can
   * @param needs.onCut throws where cutting is not possible after all
   */
  constructor(rows: number, whole: string | null, needs: { readonly log: Logger; readonly onCut: () => void }) {
    this.#rows = rows;
    this.#whole = whole;
    this.#log = needs.log;
    this.#onCut = needs.onCut;
  }

  get rows(): number {
    return this.#rows;
  }

  /**
   * Before the first step: may a batch be cut as it would be?
   * @throws TrainingError `batch_whole`
   */
  checkBatch(batch: number): void {
    if (this.#rows >= batch) return;
    if (this.#whole !== null) {
      throw new TrainingError(
        'batch_whole',
        `a batch of ${batch} rows is to be computed ${this.#rows} rows at a time, but ${this.#whole}; the plan needs batches of at most ${this.#rows} rows`,
        { batch, rows: this.#rows },
      );
    }
    this.#onCut();
    this.#log.info({ batch, rowsAtOnce: this.#rows }, 'batches are computed in parts, their gradients added up');
  }

  /**
   * Does the work with as many rows at once as memory allows, beginning with the present number.
   * @param rows of the batch
   * @throws TrainingError `out_of_memory`
   */
  async during<Result>(work: (rowsAtOnce: number) => Promise<Result>, rows: number): Promise<Result> {
    for (;;) {
      try {
        return await work(this.#rows);
      } catch (cause) {
        if (!(cause instanceof TrainingError && cause.code === 'out_of_memory')) throw cause;
        const before = Math.min(this.#rows, rows);
        if (this.#whole !== null && rows > 1) {
          throw new TrainingError(
            'out_of_memory',
            `${rows} rows do not fit in memory together, and they cannot be cut: ${this.#whole}. A smaller batch in the plan would do; here, end other programs or name an engine without a GPU`,
            { rows },
            cause,
          );
        }
        if (before === 1) {
          throw new TrainingError(
            'out_of_memory',
            'not even one row fits in memory at a time; end other programs, or name an engine without a GPU',
            { rows: 1 },
            cause,
          );
        }
        if (this.#rows >= rows) this.#onCut();
        this.#rows = Math.ceil(before / 2);
        this.#log.warn(
          { rowsBefore: before, rowsAtOnce: this.#rows },
          'out of memory: fewer rows at once, gradients added up over the parts, the same mathematics',
        );
      }
    }
  }
}
