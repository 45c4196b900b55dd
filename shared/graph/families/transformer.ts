import type { Plan } from '../../plan/plan.ts';
import type { Value } from '../graph.ts';
import type { Network } from '../network-types.ts';
import { activation } from './activation.ts';
import { denseLayer } from './dense-layer.ts';
import { dropout } from './dropout.ts';
import { glorotUniform } from './initial-values.ts';
import { bias, inSequence, type Layer, plain, reshape, transpose, weightOf } from './layer.ts';
import { layerNormalisation } from './normalisation.ts';
import { payloadNetwork, payloadOf } from './payload-network.ts';

type TransformerSpec = Extract<Plan['model'], { family: 'transformer' }>;

/**
 * An encoder of the transformer (Vaswani et al. 2017, section 3), with the normalisation first in each part (Xiong et al. 2020, On Layer
 * Normalization in the Transformer Architecture, figure 1b), gelu, and a normalisation and the mean over the steps at the end.
 *
 * [N, steps, channels] becomes [N, width]. Tensors: `input.weight` [channels, width], `input.bias`; `position` [steps, width], trained,
 * normal with deviation 0.02 (Devlin et al. 2019); of block b `blockB.attention.norm.scale`, `.shift`,
 * `blockB.attention.query.weight` [width, width], `.bias`, and `value`, `output`, and `key` without a bias, which would add the same to
 * every score of a query, so that softmax would not see it; `blockB.feedforward.norm.*`,
 * `blockB.feedforward.in.weight` [width, feedForward], `.bias`, `blockB.feedforward.out.*`; then `norm.scale`, `norm.shift`.
 * Matrices start after Glorot. Dropout is applied to the sum with the positions and to what each part adds (section 5.4).
 */
export function transformerNetwork(plan: Plan, model: TransformerSpec): Network {
  const [steps, channels] = payloadOf(plan, 'series') as readonly [number, number];
  const { width } = model;
  const inner = model.feedForward ?? 4 * width;
  const blocks = Array.from({ length: model.blocks }, (_, index) => {
    const name = `block${index + 1}`;
    const feedForward = inSequence([
      dense(`${name}.feedforward.in`, width, inner),
      activation('gelu'),
      dense(`${name}.feedforward.out`, inner, width),
    ]);
    return [
      part(model, `${name}.attention`, attention(model, `${name}.attention`, steps)),
      part(model, `${name}.feedforward`, feedForward),
    ];
  });
  const mean = plain(({ builder }, value) =>
    builder.op('ReduceMean', [value], { axes: { ints: [1] }, keepdims: { int: 0 } }),
  );
  return payloadNetwork(plan, 'series', {
    layer: inSequence([
      dense('input', channels, width),
      positions(steps, width),
      dropout(model.dropout),
      ...blocks.flat(),
      layerNormalisation('norm', width),
      mean,
    ]),
    width,
  });
}

function dense(name: string, inputs: number, outputs: number, biased = true): Layer {
  return denseLayer({ name, inputs, outputs, initial: glorotUniform(inputs, outputs), biased });
}

function positions(steps: number, width: number): Layer {
  const position = bias('position', [steps, width], { kind: 'normal', deviation: 0.02 });
  return {
    parameters: [position],
    apply: (use, value) => use.builder.add(value, weightOf(use, position.name)),
  };
}

/** x + dropout(layer(norm(x))). */
function part(model: TransformerSpec, name: string, layer: Layer): Layer {
  const branch = inSequence([layerNormalisation(`${name}.norm`, model.width), layer, dropout(model.dropout)]);
  return {
    parameters: branch.parameters,
    apply: (use, value) => use.builder.add(value, branch.apply(use, value)),
  };
}

/** Scaled dot-product attention of several heads (equation 1): [N, steps, width] to the same shape. */
function attention({ width, heads }: TransformerSpec, name: string, steps: number): Layer {
  const each = width / heads;
  const named = (what: string): Layer => dense(`${name}.${what}`, width, width, what !== 'key');
  const [query, key, value, output] = [named('query'), named('key'), named('value'), named('output')];
  return {
    parameters: [query, key, value, output].flatMap(({ parameters }) => parameters),
    apply(use, input) {
      const { builder } = use;
      const inHeads = (layer: Layer, order: readonly number[]): Value =>
        transpose(builder, reshape(builder, layer.apply(use, input), [0, steps, heads, each]), order);
      const scaled = builder.mul(inHeads(query, [0, 2, 1, 3]), builder.scalar(1 / Math.sqrt(each)));
      const scores = builder.op('MatMul', [scaled, inHeads(key, [0, 2, 3, 1])]);
      const shares = builder.op('Softmax', [scores], { axis: { int: -1 } });
      const read = builder.op('MatMul', [shares, inHeads(value, [0, 2, 1, 3])]);
      return output.apply(use, reshape(builder, transpose(builder, read, [0, 2, 1, 3]), [0, steps, width]));
    },
  };
}
