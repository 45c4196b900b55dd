import type { Plan } from '../plan/plan.ts';
import { denseLayers } from './families.ts';
import type { Value } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { GraphError } from './graph-error.ts';

const activations = { relu: 'Relu', tanh: 'Tanh', sigmoid: 'Sigmoid' } as const;

/**
 * Adds the plan's network to the graph.
 * @param features encoded rows [N, features]
 * @param weights a value a tensor of `modelTensors(plan)`
 * @returns logits, or predicted values, [N, outputWidth(plan)]
 */
export function forward(
  builder: GraphBuilder,
  plan: Plan,
  features: Value,
  weights: ReadonlyMap<string, Value>,
): Value {
  let hidden = features;
  for (const layer of denseLayers(plan)) {
    const weight = weights.get(layer.weight);
    const bias = weights.get(layer.bias);
    if (weight === undefined || bias === undefined) {
      throw new GraphError('wrong_weights', `the graph lacks ${layer.weight} or ${layer.bias}`);
    }
    const affine = builder.gemm(hidden, weight, bias);
    hidden = layer.activation === 'identity' ? affine : builder.op(activations[layer.activation], [affine]);
  }
  return hidden;
}
