import type { DataId, KernelConfig, TensorInfo } from '@tensorflow/tfjs-core';
import type { TfjsLibrary } from '../tfjs-library.ts';

interface Products {
  readonly inputs: { readonly a: TensorInfo; readonly b: TensorInfo };
  readonly backend: { disposeData(dataId: DataId): void };
  readonly attrs: { readonly transposeA: boolean; readonly transposeB: boolean };
}

/** The library keeps its kernels for the process. */
let mended = false;

/**
 * WebAssembly's quick product (4.22.0) remembers how it laid the right-hand matrix out by the memory the matrix lies in, without its shape: the
 * same numbers multiplied by again in another shape, as a reshaped tensor is, give garbage. Such a matrix is copied before, which gives it memory
 * of its own.
 */
export function mendWasmProducts(library: TfjsLibrary): void {
  if (mended) return;
  const known = library.getKernel('BatchMatMul', 'wasm');
  const identity = library.getKernel('Identity', 'wasm');
  if (known === undefined || identity === undefined) return;
  /** Shape in which what lies in a memory was first multiplied by. */
  const laidOut = new WeakMap<DataId, string>();
  const kernelFunc = (given: unknown): TensorInfo => {
    const { inputs, backend, attrs } = given as Products;
    const { a, b } = inputs;
    const product = (right: TensorInfo): TensorInfo =>
      (known.kernelFunc as unknown as (given: Products) => TensorInfo)({ inputs: { a, b: right }, backend, attrs });
    // Transposed ones go another way.
    if (attrs.transposeA || attrs.transposeB) return product(b);
    const shape = b.shape.slice(-2).join();
    const first = laidOut.get(b.dataId) ?? shape;
    laidOut.set(b.dataId, first);
    if (first === shape) return product(b);
    const copy = (identity.kernelFunc as unknown as (given: object) => TensorInfo)({
      inputs: { x: b },
      backend,
      attrs: {},
    });
    try {
      return product(copy);
    } finally {
      backend.disposeData(copy.dataId);
    }
  };
  library.unregisterKernel('BatchMatMul', 'wasm');
  library.registerKernel({ ...known, kernelFunc: kernelFunc as unknown as KernelConfig['kernelFunc'] });
  mended = true;
}
