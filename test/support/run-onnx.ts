import '../../shared/runtime/no-telemetry.ts';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Graph } from '../../shared/graph/graph.ts';
import { encodeOnnx } from '../../shared/graph/onnx-file.ts';

export interface FloatTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Runs an ONNX file on float inputs and gives its float outputs, by name. */
export async function runOnnx(
  file: Graph | Uint8Array,
  inputs: Readonly<Record<string, FloatTensor>>,
): Promise<Record<string, FloatTensor>> {
  const bytes = file instanceof Uint8Array ? file : encodeOnnx(file);
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const feeds = Object.entries(inputs).map(([name, { shape, data }]) => [name, new Tensor('float32', data, shape)]);
  try {
    const results = await session.run(Object.fromEntries(feeds));
    return Object.fromEntries(
      Object.entries(results).map(([name, { dims, data }]) => [name, { shape: dims, data: data as Float32Array }]),
    );
  } finally {
    await session.release();
  }
}
