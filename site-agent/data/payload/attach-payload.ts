import type { DataContract } from '../../../shared/plan/contract.ts';
import { payloadShape } from '../../../shared/plan/payload.ts';
import { machineMemoryBytes } from '../../../shared/runtime/machine-memory.ts';
import { cellShown } from '../cells.ts';
import { DataError } from '../data-error.ts';
import type { ProblemCollector } from '../problems.ts';
import { pickRows, type SitePayload, type SiteTable } from '../site-table.ts';
import type { RowPart } from '../table-builder.ts';
import type { PayloadReport, PayloadSource } from './payload-source.ts';
import type { ComputedColumn, PayloadTarget } from './payload-target.ts';
import { readImages } from './read-images.ts';
import { readSeries } from './read-series.ts';

export interface AttachNeeds {
  readonly problems: ProblemCollector;
  addOutOfRange(name: string, value: number, time: number): void;
  /** Keys of rows that were left out before. */
  readonly refusedKeys: ReadonlySet<string>;
  /** Whether the part is all there is, so that what belongs to no row can be told. */
  readonly wholeSource: boolean;
}

/** Rows that wait for their series or images. */
export type WaitingRows = Pick<RowPart, 'rowNumbers' | 'payloadKeys'> & {
  readonly rows: number;
  readonly times: Float64Array;
};

/** What was found, by waiting row. */
export interface FetchedPayload {
  readonly payload: SitePayload;
  /** By name of a column computed from the payload. */
  readonly computed: ReadonlyMap<string, Float64Array>;
  /** 1 where a row cannot be used: its payload means nothing then. */
  readonly refused: Uint8Array;
  readonly report: PayloadReport;
}

/**
 * Reads the series or images of rows and the columns computed from them. What is read is laid straight into its final place: one array of
 * the payload's size is all that is held.
 * @throws DataError `payload_source_missing`, `out_of_memory`, and what reading the source throws
 */
export async function fetchPayload(
  { rows, rowNumbers, payloadKeys, times }: WaitingRows,
  contract: DataContract,
  source: PayloadSource | null,
  needs: AttachNeeds,
  signal?: AbortSignal,
): Promise<FetchedPayload> {
  const { payload } = contract;
  if (payload === undefined || source === null || source.kind !== payload.kind) {
    throw new DataError(
      'payload_source_missing',
      `The plan reads ${payload?.kind ?? 'none'}; nothing says where they are.`,
    );
  }
  const shape = payloadShape(payload);
  const size = shape.reduce((product, length) => product * length, 1);
  const values = allocated(payload.kind, rows, size);
  const computed = contract.columns.flatMap((column): ComputedColumn[] =>
    column.kind === 'continuous' && column.summary !== undefined
      ? [{ column, summary: column.summary, values: new Float64Array(rows).fill(Number.NaN) }]
      : [],
  );
  const refused = new Uint8Array(rows);
  const target: PayloadTarget = {
    rows,
    keys: payloadKeys,
    values,
    computed,
    refuse(row, column, rule, value, where) {
      refused[row] = 1;
      needs.problems.add(rowNumbers[row] as number, column, rule, cellShown(value), where);
    },
    outOfRange: (row, column, value) => needs.addOutOfRange(column, value, times[row] as number),
  };
  const known = { refused: needs.refusedKeys, wholeSource: needs.wholeSource };
  const report =
    payload.kind === 'series' && source.kind === 'series'
      ? await readSeries(payload, source, target, known, signal)
      : payload.kind === 'images' && source.kind === 'images'
        ? await readImages(payload, source, target, known, signal)
        : undefined;
  if (report === undefined) throw new DataError('payload_source_missing');
  return {
    payload: { kind: payload.kind, shape, values },
    computed: new Map(computed.map((one) => [one.column.name, one.values])),
    refused,
    report,
  };
}

/** Gives all rows their series or images and the columns computed from them. Rows for which that fails are left out. @throws DataError, as `fetchPayload` */
export async function attachPayload(
  part: RowPart,
  contract: DataContract,
  source: PayloadSource | null,
  needs: AttachNeeds,
  signal?: AbortSignal,
): Promise<{ readonly table: SiteTable; readonly report: PayloadReport }> {
  const { table, rowNumbers, payloadKeys } = part;
  const waiting = { rows: table.rows, rowNumbers, payloadKeys, times: table.times };
  const { payload, computed, refused, report } = await fetchPayload(waiting, contract, source, needs, signal);
  const whole: SiteTable = {
    ...table,
    columns: table.columns.map((column) => ({ ...column, values: computed.get(column.name) ?? column.values })),
    payload,
  };
  return { table: withoutRows(whole, refused), report };
}

/** Of the machine's memory, for all series or images: the rest is the system's, the runtime's and the training's. */
const largestShare = 0.75;

function allocated(kind: 'series' | 'images', rows: number, size: number): Float32Array | Uint8Array {
  const bytes = rows * size * (kind === 'series' ? 4 : 1);
  const machineBytes = machineMemoryBytes();
  // A system may grant more than it has, and then end the process that fills it.
  if (bytes > largestShare * machineBytes) {
    throw new DataError(
      'out_of_memory',
      `${rows} rows of ${kind} need ${(bytes / 2 ** 30).toFixed(1)} GiB in one piece, and this machine has ${(machineBytes / 2 ** 30).toFixed(1)} GiB for everything. Yield fewer rows in the query.`,
      { rows, bytes, machineBytes },
    );
  }
  try {
    return kind === 'series' ? new Float32Array(rows * size) : new Uint8Array(rows * size);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new DataError(
      'out_of_memory',
      `${rows} rows of ${kind} need ${(bytes / 2 ** 30).toFixed(1)} GiB in one piece, which this machine does not give. Yield fewer rows in the query.`,
      { rows, bytes },
      cause,
    );
  }
}

/** The table without some of its rows. The payload moves together in place: it is too large to be held twice. */
function withoutRows(table: SiteTable, refused: Uint8Array): SiteTable {
  const kept = Uint32Array.from({ length: table.rows }, (_, row) => row).filter((row) => refused[row] === 0);
  if (kept.length === table.rows || table.payload === undefined) return table;
  return { ...pickRows(table, kept), payload: packed(table.payload, kept) };
}

/** Moves the payload of some rows to the front. @param kept ascending */
export function packed(payload: SitePayload, kept: Uint32Array): SitePayload {
  const size = payload.shape.reduce((product, length) => product * length, 1);
  for (const [place, row] of kept.entries()) {
    if (place !== row) payload.values.copyWithin(place * size, row * size, (row + 1) * size);
  }
  return { ...payload, values: payload.values.subarray(0, kept.length * size) };
}
