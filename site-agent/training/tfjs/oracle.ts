import type { Tensor } from '@tensorflow/tfjs-core';
import type { GraphNode, Value } from '../../../shared/graph/graph.ts';
import type { TfjsBackend } from '../tfjs-backends.ts';
import type { TfjsLibrary } from '../tfjs-library.ts';
import { DifferentiatedProgram } from './differentiate.ts';
import { tensorType } from './held.ts';
import { GraphProgram } from './interpreter.ts';

/** Numbers for an input of a graph, in the graph's order of axes. */
export interface FedArray {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number> | ArrayLike<bigint>;
}

export interface GraphPart {
  /** Each after those it depends on. */
  readonly nodes: readonly GraphNode[];
  readonly inputs: readonly Value[];
}

function fedTensor(tf: TfjsLibrary, value: Value, { shape, data }: FedArray): Tensor {
  const type = tensorType(value.type);
  const numbers = Array.from(data as ArrayLike<number | bigint>, Number);
  return tf.tensor(type === 'float32' ? Float32Array.from(numbers) : numbers, [...shape], type);
}

async function withFeeds<Result>(
  backend: TfjsBackend,
  { inputs }: GraphPart,
  feeds: ReadonlyMap<string, FedArray>,
  use: (tf: TfjsLibrary, tensors: ReadonlyMap<string, Tensor>) => Promise<Result>,
): Promise<Result> {
  backend.activate();
  const tf = backend.library;
  const tensors = new Map(
    inputs.map((value) => [value.name, fedTensor(tf, value, feeds.get(value.name) as FedArray)] as const),
  );
  try {
    return await use(tf, tensors);
  } finally {
    tf.dispose([...tensors.values()]);
  }
}

/**
 * Value and gradients of a scalar of a graph by tensorflow.js, to compare our own with.
 *
 * @param feeds an array an input
 * @param loss a scalar float of the graph
 * @param variables names of inputs
 */
export function tfjsGradients(
  backend: TfjsBackend,
  graph: GraphPart,
  feeds: ReadonlyMap<string, FedArray>,
  loss: Value,
  variables: readonly string[],
): Promise<{ readonly loss: number; readonly gradients: ReadonlyMap<string, Float32Array> }> {
  return withFeeds(backend, graph, feeds, async (tf, tensors) => {
    const program = new DifferentiatedProgram(tf, graph.nodes, loss);
    try {
      const found = program.run(tensors, variables);
      const values = await Promise.all([found.loss, ...found.gradients].map((tensor) => tensor.data()));
      tf.dispose([found.loss, ...found.gradients]);
      return {
        loss: (values[0] as Float32Array)[0] as number,
        gradients: new Map(
          variables.map((name, index) => [name, Float32Array.from(values[index + 1] as Float32Array)]),
        ),
      };
    } finally {
      program.dispose();
    }
  });
}

/** Values of a graph by tensorflow.js, by name. */
export function tfjsValues(
  backend: TfjsBackend,
  graph: GraphPart,
  feeds: ReadonlyMap<string, FedArray>,
  wanted: readonly Value[],
): Promise<Map<string, { readonly shape: readonly number[]; readonly data: ArrayLike<number> }>> {
  return withFeeds(backend, graph, feeds, async (tf, tensors) => {
    const program = new GraphProgram(tf, graph.nodes, wanted);
    try {
      const found = tf.tidy(() => {
        const values = program.run(tensors);
        return wanted.map((value) => tf.clone(values.get(value.name) as Tensor));
      });
      const data = await Promise.all(found.map((tensor) => tensor.data()));
      tf.dispose(found);
      return new Map(
        wanted.map((value, index) => [
          value.name,
          { shape: (found[index] as Tensor).shape, data: Array.from(data[index] as unknown as ArrayLike<number>) },
        ]),
      );
    } finally {
      program.dispose();
    }
  });
}
