import type { Tensor } from '@tensorflow/tfjs-core';
import type { Graph, Value } from '../../shared/graph/graph.ts';
import { DifferentiatedProgram } from '../../site-agent/training/tfjs/differentiate.ts';
import type { TfjsLibrary } from '../../site-agent/training/tfjs-library.ts';
import type { Float64Tensor } from './evaluator.ts';

/**
 * Gradients of the graph's output `loss` by the named inputs as tensorflow.js derives them itself, in float32.
 * @throws GraphError `unknown_operator` when the graph has an operator that is not translated for it
 */
export function tfjsGradients(
  tf: TfjsLibrary,
  graph: Graph,
  inputs: Readonly<Record<string, Float64Tensor>>,
  names: readonly string[],
): Float32Array[] {
  const loss = graph.outputs.find(({ name }) => name === 'loss') as Value;
  const program = new DifferentiatedProgram(tf, graph.nodes, loss);
  const feeds = new Map(
    graph.inputs.map(({ name }): [string, Tensor] => {
      const { shape, data } = inputs[name] as Float64Tensor;
      return [name, tf.tensor(Float32Array.from(data), [...shape], 'float32')];
    }),
  );
  try {
    const found = program.run(feeds, names);
    const gradients = found.gradients.map((gradient) => Float32Array.from(gradient.dataSync()));
    tf.dispose([found.loss, ...found.gradients]);
    return gradients;
  } finally {
    program.dispose();
    tf.dispose([...feeds.values()]);
  }
}
