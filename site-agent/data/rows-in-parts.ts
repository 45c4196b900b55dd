import { setImmediate } from 'node:timers/promises';
import type { DataContract } from '../../shared/plan/contract.ts';
import { payloadShape } from '../../shared/plan/payload.ts';
import { type AttachNeeds, fetchPayload, packed } from './payload/attach-payload.ts';
import type { PayloadSource } from './payload/payload-source.ts';
import { pickRows, type SiteTable } from './site-table.ts';
import type { RowPart } from './table-builder.ts';

/** Takes rows in parts as they are read, so that memory does not grow with them. */
export interface RowSink {
  /** A part has at least so many rows; a block of the query is not divided. */
  readonly batchRows: number;
  /** Series or images in memory at a time; at least those of one row are. */
  readonly payloadBytes: number;
  /** @param table sound rows; their series or images, and the columns computed from those, are not read yet */
  begin(table: SiteTable): PartSink;
}

/** One part of the rows. Parts are begun, scored and finished in the order of the query. */
export interface PartSink {
  /** Rows whose series or images are to be read, ascending. */
  readonly wanted: Uint32Array;
  /**
   * The wanted rows with what was read for them, but for those with problems; where memory bids, some at a time. Without a payload: all.
   * @param rows of the part, by row of `table`
   */
  score(table: SiteTable, rows: Uint32Array): Promise<void>;
  /** @param table the part, with computed columns where wanted. @param refused 1 where a wanted row had problems */
  finish(table: SiteTable, refused: Uint8Array): Promise<void>;
}

interface PartInHand {
  readonly part: RowPart;
  readonly sink: PartSink;
  readonly refused: Uint8Array;
}

/** Rows without their payload that wait for one pass over the series. */
const heldAtMost = 500_000;

/**
 * Hands parts on, with the series or images that are wanted of them. The series of many parts are read in one pass of their query: as
 * many as fit into the sink's memory.
 */
export class RowsInParts {
  readonly #sink: RowSink;
  readonly #contract: DataContract;
  readonly #source: PayloadSource | null;
  readonly #needs: AttachNeeds;
  readonly #signal: AbortSignal | undefined;
  /** Wanted rows that are read at a time. */
  readonly #atOnce: number;
  #waiting: PartInHand[] = [];
  #held = 0;
  #wanted = 0;

  constructor(
    sink: RowSink,
    contract: DataContract,
    source: PayloadSource | null,
    needs: AttachNeeds,
    signal?: AbortSignal,
  ) {
    this.#sink = sink;
    this.#contract = contract;
    this.#source = source;
    this.#needs = needs;
    this.#signal = signal;
    const { payload } = contract;
    const numbers = payload === undefined ? 1 : payloadShape(payload).reduce((product, length) => product * length, 1);
    this.#atOnce = Math.max(1, Math.floor(sink.payloadBytes / (numbers * (payload?.kind === 'series' ? 4 : 1))));
  }

  async add(part: RowPart): Promise<void> {
    const { payload } = this.#contract;
    const { table } = part;
    const sink = this.#sink.begin(table);
    const refused = new Uint8Array(table.rows);
    if (payload === undefined) {
      await sink.score(
        table,
        Uint32Array.from({ length: table.rows }, (_, row) => row),
      );
      await sink.finish(table, refused);
      return;
    }
    if (this.#wanted > 0 && this.#wanted + sink.wanted.length > this.#atOnce) await this.flush();
    this.#waiting.push({ part, sink, refused });
    this.#held += table.rows;
    this.#wanted += sink.wanted.length;
    // Images are read one by one: nothing is gained by waiting.
    if (payload.kind === 'images' || this.#held >= heldAtMost) await this.flush();
  }

  /** Reads what the parts in hand want, and hands them on. */
  async flush(): Promise<void> {
    const parts = this.#waiting;
    this.#waiting = [];
    this.#held = 0;
    this.#wanted = 0;
    const wanted = parts.flatMap((inHand) => Array.from(inHand.sink.wanted, (row) => ({ inHand, row })));
    let finished = 0;
    for (let begin = 0; begin < wanted.length; begin += this.#atOnce) {
      const piece = wanted.slice(begin, begin + this.#atOnce);
      await this.#readPiece(piece);
      const next = wanted[begin + this.#atOnce]?.inHand;
      while (finished < parts.length && parts[finished] !== next) await this.#finish(parts[finished++] as PartInHand);
    }
    while (finished < parts.length) await this.#finish(parts[finished++] as PartInHand);
  }

  async #finish({ part, sink, refused }: PartInHand): Promise<void> {
    await sink.finish(part.table, refused);
    // Heartbeats go out, and what the store has let go of is given back.
    await setImmediate();
  }

  async #readPiece(piece: readonly { readonly inHand: PartInHand; readonly row: number }[]): Promise<void> {
    const waiting = {
      rows: piece.length,
      rowNumbers: Float64Array.from(piece, ({ inHand: { part }, row }) => part.rowNumbers[row] as number),
      payloadKeys: piece.map(({ inHand: { part }, row }) => part.payloadKeys[row] as string),
      times: Float64Array.from(piece, ({ inHand: { part }, row }) => part.table.times[row] as number),
    };
    const fetched = await fetchPayload(waiting, this.#contract, this.#source, this.#needs, this.#signal);
    const { payload, computed } = fetched;
    const size = payload.shape.reduce((product, length) => product * length, 1);
    for (let begin = 0; begin < piece.length; ) {
      const { inHand } = piece[begin] as (typeof piece)[number];
      const { part, refused, sink } = inHand;
      let end = begin;
      const kept: number[] = [];
      for (; piece[end]?.inHand === inHand; end++) {
        const row = piece[end]?.row as number;
        if (fetched.refused[end] === 1) refused[row] = 1;
        else kept.push(end);
        for (const { name, values } of part.table.columns) {
          const read = computed.get(name);
          if (read !== undefined) values[row] = read[end] as number;
        }
      }
      const rows = Uint32Array.from(kept, (at) => piece[at]?.row as number);
      const own = { ...payload, values: payload.values.subarray(begin * size, end * size) };
      const from = begin;
      const places = Uint32Array.from(kept, (at) => at - from);
      await sink.score({ ...pickRows(part.table, rows), payload: packed(own, places) }, rows);
      begin = end;
    }
  }
}
