import type { Plan } from '../../plan/plan.ts';
import { encodedFeatures } from '../encoding.ts';
import type { Value } from '../graph.ts';
import { GraphError } from '../graph-error.ts';
import type { InitialValue, Network, Parameter } from '../network-types.ts';
import { outputWidth } from './output-width.ts';

interface DenseLayer {
  readonly weight: string;
  readonly bias: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly last: boolean;
}

/**
 * Weights before relu: sqrt(6 / in) (He et al. 2015, eq. 10); else sqrt(6 / (in + out)) (Glorot and Bengio 2010, eq. 16). The last
 * layer puts out logits. A generalised linear model starts at zero, as do biases.
 */
function initialWeight(plan: Plan, layer: DenseLayer): InitialValue {
  if (plan.model.family !== 'mlp') return { kind: 'zeros' };
  const beforeRelu = !layer.last && plan.model.activation === 'relu';
  return { kind: 'uniform', limit: Math.sqrt(6 / (beforeRelu ? layer.inputs : layer.inputs + layer.outputs)) };
}

/** Fully connected layers: `layer1.weight` [in, out], `layer1.bias` [out], ... A generalised linear model is one layer. */
export function denseNetwork(plan: Plan): Network {
  const hidden = plan.model.family === 'mlp' ? plan.model.hidden : [];
  const features = encodedFeatures(plan).length;
  const widths = [features, ...hidden, outputWidth(plan)];
  const layers: DenseLayer[] = widths.slice(1).map((outputs, index) => ({
    weight: `layer${index + 1}.weight`,
    bias: `layer${index + 1}.bias`,
    inputs: widths[index] as number,
    outputs,
    last: index === hidden.length,
  }));
  const parameters: Parameter[] = layers.flatMap((layer) => [
    { name: layer.bias, shape: [layer.outputs], role: 'bias', initial: { kind: 'zeros' } } as const,
    {
      name: layer.weight,
      shape: [layer.inputs, layer.outputs],
      role: 'weight',
      initial: initialWeight(plan, layer),
    } as const,
  ]);
  const last = layers.at(-1) as DenseLayer;
  return {
    inputs: [{ name: 'features', shape: [features] }],
    parameters: parameters.sort((a, b) => (a.name < b.name ? -1 : 1)),
    outputs: last.outputs,
    lastLayer: [last.bias, last.weight],
    mixesRows: null,
    forward({ builder, inputs, weights }) {
      let value = inputs.get('features') as Value;
      for (const layer of layers) {
        const weight = weights.get(layer.weight);
        const bias = weights.get(layer.bias);
        if (weight === undefined || bias === undefined) {
          throw new GraphError('wrong_weights', `the graph lacks ${layer.weight} or ${layer.bias}`);
        }
        const affine = builder.gemm(value, weight, bias);
        if (layer.last || plan.model.family !== 'mlp') value = affine;
        else {
          const operator = ({ relu: 'Relu', tanh: 'Tanh', sigmoid: 'Sigmoid' } as Record<string, string>)[
            plan.model.activation
          ];
          if (operator === undefined) throw new GraphError('unknown_operator', `activation ${plan.model.activation}`);
          value = builder.op(operator, [affine]);
        }
      }
      return { outputs: value, buffers: new Map() };
    },
  };
}
