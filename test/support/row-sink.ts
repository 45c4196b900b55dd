import type { RowSink } from '../../site-agent/data/rows-in-parts.ts';
import type { SiteTable } from '../../site-agent/data/site-table.ts';

/** Wants every row with its payload, and keeps them as they come. */
export function sinkInto(pieces: SiteTable[], payloadBytes = 2 ** 20): RowSink {
  return {
    batchRows: 1,
    payloadBytes,
    begin: ({ rows }) => ({
      wanted: Uint32Array.from({ length: rows }, (_, row) => row),
      async score(table) {
        pieces.push(table);
      },
      async finish() {},
    }),
  };
}
