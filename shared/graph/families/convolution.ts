import type { InitialValue } from '../network-types.ts';
import { bias, type Layer, weight, weightOf } from './layer.ts';

export interface ConvolutionOptions {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  /** Taps along each spatial axis. */
  readonly kernel: readonly number[];
  readonly initial: InitialValue;
  readonly stride?: number;
  readonly dilation?: number;
  /** Zeros before and after each spatial axis: all befores, then all afters. */
  readonly pads: readonly number[];
  /** With `NAME.bias`. True when absent. */
  readonly biased?: boolean;
}

/** Inputs behind one output of a convolution. */
export function fanIn(inputs: number, kernel: readonly number[]): number {
  return kernel.reduce((product, taps) => product * taps, inputs);
}

/** Convolution of [N, inputs, ...spatial]: `NAME.weight` [outputs, inputs, ...kernel], `NAME.bias` [outputs]. */
export function convolution(options: ConvolutionOptions): Layer {
  const { name, inputs, outputs, kernel, initial, stride = 1, dilation = 1, pads, biased = true } = options;
  const taps = weight(`${name}.weight`, [outputs, inputs, ...kernel], initial);
  const shift = bias(`${name}.bias`, [outputs]);
  const attributes = {
    kernel_shape: { ints: kernel },
    strides: { ints: kernel.map(() => stride) },
    dilations: { ints: kernel.map(() => dilation) },
    pads: { ints: pads },
  };
  return {
    parameters: biased ? [taps, shift] : [taps],
    apply: (use, value) =>
      use.builder.op(
        'Conv',
        [value, weightOf(use, taps.name), ...(biased ? [weightOf(use, shift.name)] : [])],
        attributes,
      ),
  };
}
