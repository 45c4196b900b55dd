import type { DesignMatrix } from './trainer.ts';

/** Copies the rows of one batch into arrays of exactly its size. */
export function gatherBatch(
  data: DesignMatrix,
  rows: Uint32Array,
): { readonly features: Float32Array; readonly labels: Float32Array } {
  const width = data.features;
  const features = new Float32Array(rows.length * width);
  const labels = new Float32Array(rows.length);
  let target = 0;
  for (const [index, row] of rows.entries()) {
    labels[index] = data.labels[row] as number;
    let source = row * width;
    for (let column = 0; column < width; column++) features[target++] = data.values[source++] as number;
  }
  return { features, labels };
}
