import type { InitialValue } from '../network-types.ts';
import { bias, type Layer, weight, weightOf } from './layer.ts';

export interface DenseOptions {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly initial: InitialValue;
  /** With `NAME.bias`. True when absent. */
  readonly biased?: boolean;
  /** Where the bias starts; zero when absent. */
  readonly initialBias?: InitialValue;
}

/** x · W + b over the last axis: `NAME.weight` [inputs, outputs], `NAME.bias` [outputs]. [..., inputs] becomes [..., outputs]. */
export function denseLayer({ name, inputs, outputs, initial, biased = true, initialBias }: DenseOptions): Layer {
  const matrix = weight(`${name}.weight`, [inputs, outputs], initial);
  const shift = bias(`${name}.bias`, [outputs], initialBias);
  return {
    parameters: biased ? [matrix, shift] : [matrix],
    apply(use, value) {
      const { builder } = use;
      const by = weightOf(use, matrix.name);
      const added = biased ? weightOf(use, shift.name) : undefined;
      if (value.shape.length === 2) return builder.gemm(value, by, added);
      const product = builder.op('MatMul', [value, by]);
      return added === undefined ? product : builder.add(product, added);
    },
  };
}
