import type { ModelSpec } from '../../plan/model.ts';
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { type Layer, plain } from './layer.ts';

export type ActivationName = Extract<ModelSpec, { family: 'mlp' }>['activation'];

/**
 * Element by element:
 * - relu max(x, 0); tanh; sigmoid;
 * - leaky-relu x, or 0.01 x below 0 (Maas et al. 2013); elu x, or exp(x) - 1 below 0 (Clevert et al. 2016);
 * - gelu x Φ(x), exact, by the error function (Hendrycks and Gimpel 2016);
 * - hard-swish x max(0, min(1, x / 6 + 1/2)) (Howard et al. 2019).
 */
export function activate(builder: GraphBuilder, name: ActivationName, x: Value): Value {
  switch (name) {
    case 'relu':
      return builder.op('Relu', [x]);
    case 'tanh':
      return builder.op('Tanh', [x]);
    case 'sigmoid':
      return builder.op('Sigmoid', [x]);
    case 'leaky-relu':
      return builder.op('LeakyRelu', [x], { alpha: { float: 0.01 } });
    case 'elu':
      return builder.op('Elu', [x], { alpha: { float: 1 } });
    case 'gelu': {
      // In the order in which runtimes know it and compute it in one pass.
      const error = builder.op('Erf', [builder.div(x, builder.scalar(Math.SQRT2))]);
      return builder.mul(builder.mul(x, builder.add(error, builder.scalar(1))), builder.scalar(0.5));
    }
    case 'hard-swish':
      return builder.op('HardSwish', [x]);
  }
}

export function activation(name: ActivationName): Layer {
  return plain(({ builder }, value) => activate(builder, name, value));
}
