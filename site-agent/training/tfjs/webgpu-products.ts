import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs-core';
import type { TfjsLibrary } from '../tfjs-library.ts';

interface Call {
  readonly inputs: Readonly<Record<string, TensorInfo>>;
  readonly attrs: { readonly transposeA?: boolean; readonly transposeB?: boolean };
}

/** The library's flag of how products are computed, and its value for small tiles. */
const flag = 'WEBGPU_MATMUL_PROGRAM_TYPE';
const smallTiles = 2;

/** From here on the library cuts the axis that is summed, where there is little else to share out among threads. */
const longInner = 2000;
/** More tiles of 32 × 32 than it calls little on any device. */
const manyTiles = 32;

function ofMatrices({ inputs, attrs }: Call): boolean {
  const [rows = 0, columns = 0] = inputs.a?.shape.slice(-2) ?? [];
  const [n, inner] = attrs.transposeA ? [columns, rows] : [rows, columns];
  const m = inputs.b?.shape.at(attrs.transposeB ? -2 : -1) ?? 0;
  return inner >= longInner && Math.ceil(n / 32) * Math.ceil(m / 32) <= manyTiles;
}

/** Convolutions of one image, or with a kernel as large as the image, are products of matrices. */
function ofImages({ inputs }: Call): boolean {
  const [images = 0, height, width] = inputs.x?.shape ?? [];
  const [taps = 0, across = 0, channels = 0] = inputs.filter?.shape ?? [];
  return taps * across * channels >= longInner && (images === 1 || (taps === height && across === width));
}

/**
 * WebGPU's product with the summed axis cut into parts (4.22.0) is garbage where the right-hand matrix is seen transposed and all lengths are
 * multiples of four, and adds the parts up in whatever order threads arrive, so that its last bits change from time to time. Products that
 * would go that way are computed in small tiles.
 */
export function mendWebgpuProducts(library: TfjsLibrary): void {
  for (const [name, cut] of [
    ['BatchMatMul', ofMatrices],
    ['Conv2D', ofImages],
  ] as const) {
    const known = library.getKernel(name, 'webgpu');
    if (known === undefined) continue;
    const compute = known.kernelFunc as unknown as (call: Call) => TensorInfo;
    const kernelFunc = (call: Call): TensorInfo => {
      if (!cut(call)) return compute(call);
      const before = library.env().get(flag);
      library.env().set(flag, smallTiles);
      try {
        return compute(call);
      } finally {
        library.env().set(flag, before);
      }
    };
    library.unregisterKernel(name, 'webgpu');
    library.registerKernel({ ...known, kernelFunc: kernelFunc as unknown as KernelConfig['kernelFunc'] });
  }
}
