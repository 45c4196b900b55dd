import type { Plan } from '../plan/plan.ts';
import type { NamedTensors } from '../tensors/tensor.ts';
import type { Value } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { networkOf, type Parameter } from './network.ts';

/** The tensors a plan's training moves: they start at round 0, and they alone travel. Sorted by name. */
export function trainedParameters(plan: Plan): readonly Parameter[] {
  return networkOf(plan).parameters;
}

/** The tensors that stay as they are. Sorted by name. */
export function frozenParameters(_plan: Plan): readonly Parameter[] {
  return [];
}

/** Values of the frozen tensors. */
export function frozenWeights(_plan: Plan, _base?: NamedTensors): NamedTensors {
  return new Map();
}

/** The value of every parameter of the network, from what is trained and what is frozen. */
export function effectiveWeights(
  _builder: GraphBuilder,
  _plan: Plan,
  trained: ReadonlyMap<string, Value>,
  frozen: ReadonlyMap<string, Value>,
): ReadonlyMap<string, Value> {
  return new Map([...frozen, ...trained]);
}

/** Tensors of the whole network, adapters merged into the matrices they belong to. */
export function mergeAdapters(_plan: Plan, trained: NamedTensors, frozen: NamedTensors): NamedTensors {
  return new Map([...frozen, ...trained]);
}
