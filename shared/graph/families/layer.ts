import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { GraphError } from '../graph-error.ts';
import type { InitialValue, Parameter } from '../network-types.ts';

/** What a layer needs while a forward pass is added to a graph. */
export interface LayerUse {
  readonly builder: GraphBuilder;
  readonly weights: ReadonlyMap<string, Value>;
  /** Uniforms in [0, 1) of this shape in training; null at inference. */
  readonly random: ((shape: readonly number[]) => Value) | null;
  /** As in `ForwardUse`. */
  readonly moves?: ((name: string) => boolean) | undefined;
  /** Next values of buffers, filled by the layers that have any. */
  readonly buffers: Map<string, Value>;
}

/** A piece of a network: tensors, and what is done with them. */
export interface Layer {
  readonly parameters: readonly Parameter[];
  readonly apply: (use: LayerUse, value: Value) => Value;
}

/** The value of a parameter. @throws GraphError `wrong_weights` when the graph has none */
export function weightOf(use: LayerUse, name: string): Value {
  const value = use.weights.get(name);
  if (value === undefined) throw new GraphError('wrong_weights', `the graph lacks the tensor ${name}`);
  return value;
}

export function weight(name: string, shape: readonly number[], initial: InitialValue): Parameter {
  return { name, shape, role: 'weight', initial };
}

/** A tensor without penalty or decay. Starts at zero unless said. */
export function bias(name: string, shape: readonly number[], initial: InitialValue = { kind: 'zeros' }): Parameter {
  return { name, shape, role: 'bias', initial };
}

export function buffer(name: string, shape: readonly number[], initial: InitialValue): Parameter {
  return { name, shape, role: 'buffer', initial };
}

/** A layer without tensors. */
export function plain(apply: Layer['apply']): Layer {
  return { parameters: [], apply };
}

/** Layers one after the other. */
export function inSequence(layers: readonly Layer[]): Layer {
  return {
    parameters: layers.flatMap(({ parameters }) => parameters),
    apply: (use, value) => layers.reduce((before, layer) => layer.apply(use, before), value),
  };
}

/** The tensor in another shape; 0 keeps the length of an axis, so that rows need no number. */
export function reshape(builder: GraphBuilder, value: Value, shape: readonly number[]): Value {
  return builder.op('Reshape', [value, builder.integers('shape', shape)]);
}

export function transpose(builder: GraphBuilder, value: Value, order: readonly number[]): Value {
  return builder.op('Transpose', [value], { perm: { ints: order } });
}
