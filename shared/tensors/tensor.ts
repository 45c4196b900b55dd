/** A dense float32 tensor, row-major. `data.length` equals the product of `shape`; a scalar has shape []. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Weights or a delta: tensors by name. Iteration order is the order of names, sorted by UTF-16 code unit. */
export type NamedTensors = ReadonlyMap<string, Tensor>;
