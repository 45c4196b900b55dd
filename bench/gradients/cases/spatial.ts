import type { Attributes } from '../../../shared/graph/graph.ts';
import { type CaseInput, type GradientCase, normal } from '../case.ts';

interface Settings {
  readonly strides?: readonly number[];
  readonly dilations?: readonly number[];
  readonly pads?: readonly number[];
  readonly kernel_shape?: readonly number[];
  readonly output_padding?: readonly number[];
  readonly output_shape?: readonly number[];
  readonly group?: number;
  readonly ceil_mode?: number;
  readonly count_include_pad?: number;
  readonly auto_pad?: string;
}

function attributesOf(settings: Settings): Attributes {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      name,
      typeof value === 'number' ? { int: value } : typeof value === 'string' ? { string: value } : { ints: value },
    ]),
  );
}

const over =
  (operator: string) =>
  (title: string, settings: Settings, ...inputs: CaseInput[]): GradientCase => ({
    operator,
    title,
    inputs,
    apply: (use) => use.b.op(operator, use.inputs, attributesOf(settings)),
  });

const conv = over('Conv');
const transposed = over('ConvTranspose');
const maxPool = over('MaxPool');
const averagePool = over('AveragePool');

export const spatialCases: readonly GradientCase[] = [
  conv('2-D', {}, normal(2, 2, 4, 5), normal(3, 2, 3, 2), normal(3)),
  conv('2-D, padded', { pads: [1, 1, 1, 1] }, normal(2, 2, 4, 4), normal(2, 2, 3, 3)),
  conv('2-D, strides', { strides: [2, 2], pads: [1, 1, 1, 1] }, normal(1, 2, 5, 6), normal(2, 2, 3, 3), normal(2)),
  conv('2-D, stride longer than the kernel', { strides: [3, 2] }, normal(1, 1, 7, 6), normal(2, 1, 2, 1)),
  conv('2-D, dilations', { dilations: [2, 1] }, normal(1, 2, 6, 4), normal(2, 2, 2, 3), normal(2)),
  conv(
    '2-D, strides and dilations',
    { strides: [2, 1], dilations: [1, 2], pads: [1, 2, 0, 1] },
    normal(2, 1, 5, 5),
    normal(2, 1, 2, 3),
  ),
  conv('2-D, uneven padding', { pads: [2, 0, 1, 3] }, normal(1, 1, 3, 4), normal(1, 1, 3, 3)),
  conv('2-D, groups', { group: 2 }, normal(2, 4, 3, 3), normal(4, 2, 2, 2), normal(4)),
  conv(
    '2-D, a group a channel',
    { group: 3, pads: [1, 1, 1, 1], strides: [2, 2] },
    normal(2, 3, 4, 4),
    normal(3, 1, 3, 3),
  ),
  conv('2-D, a group a channel, two filters each', { group: 2 }, normal(1, 2, 3, 3), normal(4, 1, 2, 2)),
  conv('2-D, 1 by 1', {}, normal(2, 3, 2, 2), normal(2, 3, 1, 1), normal(2)),
  conv('2-D, kernel as large as the data', {}, normal(2, 2, 3, 3), normal(2, 2, 3, 3)),
  conv('2-D, SAME_UPPER', { auto_pad: 'SAME_UPPER', strides: [2, 2] }, normal(1, 1, 5, 4), normal(1, 1, 3, 3)),
  conv('2-D, SAME_LOWER', { auto_pad: 'SAME_LOWER', strides: [2, 1] }, normal(1, 1, 4, 5), normal(1, 1, 2, 2)),
  conv('2-D, VALID', { auto_pad: 'VALID' }, normal(1, 1, 4, 4), normal(1, 1, 2, 3)),
  conv('1-D', { pads: [1, 1] }, normal(2, 2, 5), normal(3, 2, 3), normal(3)),
  conv('1-D, causal, dilated', { pads: [4, 0], dilations: [2] }, normal(2, 2, 6), normal(2, 2, 3), normal(2)),
  conv('1-D, strides, groups', { strides: [2], group: 2 }, normal(2, 4, 6), normal(2, 2, 2)),
  conv(
    '3-D',
    { strides: [1, 2, 1], pads: [1, 0, 0, 0, 1, 0] },
    normal(1, 2, 3, 4, 3),
    normal(1, 2, 2, 2, 2),
    normal(1),
  ),
  transposed('2-D', {}, normal(2, 2, 3, 3), normal(2, 3, 2, 2), normal(3)),
  transposed(
    '2-D, strides',
    { strides: [2, 2], pads: [1, 1, 1, 1] },
    normal(1, 2, 3, 3),
    normal(2, 2, 3, 3),
    normal(2),
  ),
  transposed(
    '2-D, output_padding',
    { strides: [2, 3], output_padding: [1, 2] },
    normal(1, 1, 2, 2),
    normal(1, 2, 2, 3),
  ),
  transposed(
    '2-D, dilations, uneven padding',
    { dilations: [2, 1], pads: [1, 0, 0, 2] },
    normal(1, 1, 3, 3),
    normal(1, 2, 2, 3),
  ),
  transposed('2-D, groups', { group: 2, strides: [2, 1] }, normal(2, 4, 2, 3), normal(4, 1, 2, 2), normal(2)),
  transposed('1-D', { strides: [2], pads: [1, 0] }, normal(2, 2, 4), normal(2, 1, 3), normal(1)),
  maxPool('2 by 2', { kernel_shape: [2, 2], strides: [2, 2] }, normal(2, 2, 4, 4)),
  maxPool('overlapping, padded', { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }, normal(1, 2, 5, 5)),
  maxPool('left over', { kernel_shape: [2, 2], strides: [2, 2] }, normal(1, 1, 5, 3)),
  maxPool('ceil_mode', { kernel_shape: [2, 3], strides: [2, 2], ceil_mode: 1 }, normal(1, 1, 5, 6)),
  maxPool(
    'ceil_mode, padded',
    { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1 },
    normal(1, 1, 6, 4),
  ),
  maxPool('dilated', { kernel_shape: [2, 2], dilations: [2, 2] }, normal(1, 1, 5, 5)),
  maxPool('SAME_UPPER', { kernel_shape: [2, 2], strides: [2, 2], auto_pad: 'SAME_UPPER' }, normal(1, 1, 3, 5)),
  maxPool('1-D', { kernel_shape: [3], strides: [2] }, normal(2, 2, 7)),
  averagePool('2 by 2', { kernel_shape: [2, 2], strides: [2, 2] }, normal(2, 2, 4, 4)),
  averagePool('overlapping', { kernel_shape: [3, 2] }, normal(1, 2, 5, 4)),
  averagePool('padding not counted', { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }, normal(1, 1, 5, 5)),
  averagePool(
    'padding counted',
    { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], count_include_pad: 1 },
    normal(1, 1, 5, 4),
  ),
  averagePool(
    'uneven padding counted',
    { kernel_shape: [3, 2], pads: [2, 0, 1, 1], count_include_pad: 1 },
    normal(1, 1, 4, 4),
  ),
  averagePool('left over', { kernel_shape: [2, 2], strides: [2, 2] }, normal(1, 1, 5, 3)),
  averagePool('ceil_mode', { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }, normal(1, 1, 5, 3)),
  averagePool(
    'ceil_mode, padding counted',
    { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1, count_include_pad: 1 },
    normal(1, 1, 6, 4),
  ),
  averagePool('SAME_UPPER', { kernel_shape: [2, 3], strides: [2, 2], auto_pad: 'SAME_UPPER' }, normal(1, 1, 3, 4)),
  averagePool('1-D', { kernel_shape: [2], strides: [1], pads: [1, 0] }, normal(2, 2, 5)),
  ...['GlobalAveragePool', 'GlobalMaxPool'].flatMap((operator) => [
    over(operator)('2-D', {}, normal(2, 3, 3, 2)),
    over(operator)('1-D', {}, normal(2, 3, 4)),
  ]),
];
