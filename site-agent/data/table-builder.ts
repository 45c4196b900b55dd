import type { DataContract } from '../../shared/plan/contract.ts';
import { GrowingColumn } from './growing-column.ts';
import type { SiteColumn, SiteTable } from './site-table.ts';

/** One row that passed the contract. */
export interface SoundRow {
  /** 1 for the first row the query yields. */
  readonly row: number;
  readonly label: number;
  /** NaN but for survival. */
  readonly event: number;
  readonly patientKey: string;
  readonly time: number;
  readonly holdout: number;
  /** Key of the row's series, or its image's file; '' where the plan has no payload. */
  readonly payloadKey: string;
}

/** Rows as they were read: the columns of the query; those computed from a payload are still empty. */
export interface RowPart {
  readonly table: SiteTable;
  /** Row of the query, 1-based, by row of the table. Empty without a payload. */
  readonly rowNumbers: Float64Array;
  /** By row of the table. Empty without a payload. */
  readonly payloadKeys: readonly string[];
}

/** Gathers sound rows column by column; rows stay out of the JavaScript object heap. */
export class TableBuilder {
  readonly #contract: DataContract;
  readonly #survival: boolean;
  #columns: GrowingColumn[] = [];
  #labels = new GrowingColumn();
  #events = new GrowingColumn();
  #times = new GrowingColumn();
  #holdout = new GrowingColumn();
  #rowNumbers = new GrowingColumn();
  #patientKeys: string[] = [];
  #payloadKeys: string[] = [];

  constructor(contract: DataContract) {
    this.#contract = contract;
    this.#survival = 'event' in contract.label;
    this.#clear();
  }

  get rows(): number {
    return this.#patientKeys.length;
  }

  /** @param cellOf by position in the contract; asked of columns that the query yields */
  push(row: SoundRow, cellOf: (column: number) => number): void {
    for (const [index, values] of this.#columns.entries()) values.push(cellOf(index));
    this.#labels.push(row.label);
    if (this.#survival) this.#events.push(row.event);
    this.#times.push(row.time);
    this.#holdout.push(row.holdout);
    this.#patientKeys.push(row.patientKey);
    if (this.#contract.payload !== undefined) {
      this.#rowNumbers.push(row.row);
      this.#payloadKeys.push(row.payloadKey);
    }
  }

  /** The rows so far; the builder begins anew. */
  take(): RowPart {
    const part: RowPart = {
      table: {
        rows: this.rows,
        columns: this.#contract.columns.map(
          ({ name, kind }, index): SiteColumn => ({
            name,
            kind,
            values: (this.#columns[index] as GrowingColumn).finish(),
          }),
        ),
        labels: this.#labels.finish(),
        ...(this.#survival ? { events: this.#events.finish() } : {}),
        patientKeys: this.#patientKeys,
        times: this.#times.finish(),
        holdout: Uint8Array.from(this.#holdout.finish()),
      },
      rowNumbers: this.#rowNumbers.finish(),
      payloadKeys: this.#payloadKeys,
    };
    this.#clear();
    return part;
  }

  #clear(): void {
    this.#columns = this.#contract.columns.map(() => new GrowingColumn());
    this.#labels = new GrowingColumn();
    this.#events = new GrowingColumn();
    this.#times = new GrowingColumn();
    this.#holdout = new GrowingColumn();
    this.#rowNumbers = new GrowingColumn();
    this.#patientKeys = [];
    this.#payloadKeys = [];
  }
}
