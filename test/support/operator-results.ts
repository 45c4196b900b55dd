import '../../shared/runtime/no-telemetry.ts';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Graph, Value } from '../../shared/graph/graph.ts';
import { encodeOnnx } from '../../shared/graph/onnx-file.ts';
import { randomStream } from '../../shared/runtime/random.ts';
import type { BuiltCase, OperatorCase } from './operator-cases.ts';

/** The graph run by onnxruntime, every output by its order. */
export async function byOnnxruntime(
  graph: Graph,
  feeds: BuiltCase['feeds'],
): Promise<{ dims: readonly number[]; data: number[] }[]> {
  const session = await InferenceSession.create(encodeOnnx(graph), { logSeverityLevel: 3, intraOpNumThreads: 1 });
  const named = Object.fromEntries(
    [...feeds]
      .filter(([name]) => session.inputNames.includes(name))
      .map(([name, { shape, data }]) => [
        name,
        new Tensor(
          data instanceof Float32Array ? 'float32' : data instanceof BigInt64Array ? 'int64' : 'bool',
          data as Float32Array,
          [...shape],
        ),
      ]),
  );
  const results = await session.run(named);
  await session.release();
  return session.outputNames.map((name) => {
    const { dims, data } = results[name] as Tensor;
    return { dims, data: Array.from(data as Float32Array, Number) };
  });
}

/** A loss in which every output counts differently, added to the case's graph. */
export function weightedLoss({ builder, outputs }: BuiltCase, { operator }: OperatorCase): Value {
  let loss: Value | undefined;
  for (const [at, output] of outputs.entries()) {
    if (output.type !== 'float' || (operator === 'BatchNormalization' && at > 0)) continue;
    const shape = output.shape as number[];
    const stream = randomStream(11, 'loss', at);
    const factors = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => stream.normal());
    const part = builder.sum(builder.mul(output, builder.constant('factors', shape, factors)));
    loss = loss === undefined ? part : builder.add(loss, part);
  }
  return loss as Value;
}

/** Root mean square of the difference, over that of the second and one. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} numbers against ${b.length}`);
  let apart = 0;
  let size = 0;
  for (let index = 0; index < b.length; index++) {
    apart += ((a[index] as number) - (b[index] as number)) ** 2;
    size += (b[index] as number) ** 2;
  }
  return Math.sqrt(apart / Math.max(1, b.length)) / (0.05 + Math.sqrt(size / Math.max(1, b.length)));
}
