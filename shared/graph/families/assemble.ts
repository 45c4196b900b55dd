import type { Plan } from '../../plan/plan.ts';
import type { Value } from '../graph.ts';
import { GraphError } from '../graph-error.ts';
import type { Network, NetworkInput } from '../network-types.ts';
import type { Layer, LayerUse } from './layer.ts';

/** Everything of a network before its last layer. */
export interface Body {
  readonly inputs: readonly NetworkInput[];
  readonly layers: readonly Layer[];
  readonly mixesRows: string | null;
  /** From the inputs by name to [N, width], the width the last layer takes. */
  readonly represent: (use: LayerUse, inputs: (name: NetworkInput['name']) => Value) => Value;
}

/** A network of a body and a last layer. */
export function assemble(plan: Plan, body: Body, last: Layer, outputs: number): Network {
  const parameters = [...body.layers.flatMap((layer) => layer.parameters), ...last.parameters];
  return {
    inputs: body.inputs,
    parameters: parameters.sort((a, b) => (a.name < b.name ? -1 : 1)),
    outputs,
    lastLayer: last.parameters.map(({ name }) => name).sort(),
    mixesRows: body.mixesRows,
    forward({ builder, inputs, weights, random, moves }) {
      const buffers = new Map<string, Value>();
      const use: LayerUse = { builder, weights, random, buffers, moves };
      const representation = body.represent(use, (name) => {
        const value = inputs.get(name);
        if (value === undefined) {
          throw new GraphError('wrong_input', `a network of the family ${plan.model.family} reads ${name}`);
        }
        return value;
      });
      return { outputs: last.apply(use, representation), buffers };
    },
  };
}
