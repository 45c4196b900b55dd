import '../../shared/runtime/no-telemetry.ts';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Graph } from '../../shared/graph/graph.ts';
import { encodeOnnx } from '../../shared/graph/onnx-file.ts';
import type { Float64Tensor } from './evaluator.ts';

/** Runs a graph of float inputs once in onnxruntime's CPU provider. */
export async function runOnnx(
  graph: Graph,
  inputs: Readonly<Record<string, Float64Tensor>>,
  threads = 1,
): Promise<Record<string, Float32Array>> {
  const session = await InferenceSession.create(encodeOnnx(graph), { intraOpNumThreads: threads, logSeverityLevel: 3 });
  try {
    const feeds = Object.fromEntries(
      graph.inputs.map(({ name }) => {
        const { shape, data } = inputs[name] as Float64Tensor;
        return [name, new Tensor('float32', Float32Array.from(data), shape)];
      }),
    );
    const results = await session.run(feeds);
    return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]));
  } finally {
    await session.release();
  }
}
