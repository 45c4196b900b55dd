import type { DesignMatrix, PayloadRows } from './trainer.ts';

/** Rows in the order of a batch, as the objective's inputs take them. */
export interface GatheredRows {
  /** [rows, features]; empty when the network reads no columns. */
  readonly features: Float32Array;
  /** [rows, ...payload shape]; null without a payload. */
  readonly payload: Float32Array | null;
  /** [rows], or [rows, 2] for survival. */
  readonly labels: Float32Array;
}

function copyRows(
  from: Float32Array,
  width: number,
  rows: Uint32Array,
  target: Float32Array = new Float32Array(rows.length * width),
): Float32Array {
  for (const [index, row] of rows.entries()) target.set(from.subarray(row * width, (row + 1) * width), index * width);
  return target;
}

/** Pixels of each channel, less its mean, over its scale, each step rounded to float32. */
function scaledPixels({ shape, mean, scale }: PayloadRows, from: Uint8Array, rows: Uint32Array): Float32Array {
  const [channels = 1, ...area] = shape;
  const pixels = area.reduce((product, length) => product * length, 1);
  const target = new Float32Array(rows.length * channels * pixels);
  // 256 values a channel, worked out once.
  const values = Array.from({ length: channels }, (_, channel) =>
    Float32Array.from(
      { length: 256 },
      (__, pixel) => Math.fround(pixel - Math.fround(mean?.[channel] ?? 0)) / Math.fround(scale?.[channel] ?? 1),
    ),
  );
  let at = 0;
  for (const row of rows) {
    let source = row * channels * pixels;
    for (const table of values) {
      for (const end = source + pixels; source < end; source++) target[at++] = table[from[source] as number] as number;
    }
  }
  return target;
}

/** Copies rows into arrays of exactly their size; bytes of images are turned into what the network sees. */
export function gatherBatch(data: DesignMatrix, rows: Uint32Array): GatheredRows {
  const { payload } = data;
  const width = payload === undefined ? 0 : payload.shape.reduce((product, length) => product * length, 1);
  return {
    features: copyRows(data.values, data.features, rows),
    payload:
      payload === undefined
        ? null
        : payload.values instanceof Uint8Array
          ? scaledPixels(payload, payload.values, rows)
          : copyRows(payload.values, width, rows),
    labels: copyRows(data.labels, data.labels.length / data.rows, rows),
  };
}

/** Places of all rows, in their order. */
export function everyRow(data: DesignMatrix): Uint32Array {
  return Uint32Array.from({ length: data.rows }, (_, row) => row);
}
