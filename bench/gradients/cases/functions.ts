import type { Attributes } from '../../../shared/graph/graph.ts';
import { type CaseInput, type GradientCase, normal, positive } from '../case.ts';
import { gelu } from '../composites.ts';

const one = (
  operator: string,
  input: CaseInput,
  title = 'element-wise',
  attributes: Attributes = {},
): GradientCase => ({
  operator,
  title,
  inputs: [input],
  apply: ({ b, x }) => b.op(operator, [x], attributes),
});

/** Numbers on both sides of the bends of the hard activations, at -3 and 3. */
const wide = (...shape: (number | string)[]): CaseInput => ({ shape, draw: (stream) => 4 * stream.normal() });

export const functionCases: readonly GradientCase[] = [
  ...[
    'Abs',
    'Cos',
    'Elu',
    'Erf',
    'Exp',
    'LeakyRelu',
    'Relu',
    'Selu',
    'Sigmoid',
    'Sin',
    'Softplus',
    'Softsign',
    'Tanh',
    'Celu',
  ].flatMap((operator) => [one(operator, normal('N', 3)), one(operator, normal(), 'rank 0')]),
  ...['Log', 'Reciprocal', 'Sqrt'].map((operator) => one(operator, positive('N', 3))),
  ...['HardSigmoid', 'HardSwish'].map((operator) => one(operator, wide('N', 4))),
  one('LeakyRelu', normal(3, 4), 'slope 1/4', { alpha: { float: 0.25 } }),
  one('Elu', normal(3, 4), 'alpha 1/2', { alpha: { float: 0.5 } }),
  one('Celu', normal(3, 4), 'alpha 1/2', { alpha: { float: 0.5 } }),
  one('Selu', normal(3, 4), 'other constants', { alpha: { float: 1.5 }, gamma: { float: 0.75 } }),
  one('HardSigmoid', wide(3, 4), 'as PyTorch has it', { alpha: { float: 0.125 }, beta: { float: 0.5 } }),
  {
    operator: 'PRelu',
    title: 'a slope a channel',
    inputs: [normal(2, 3, 4), normal(3, 1)],
    apply: ({ b, x, y }) => b.op('PRelu', [x, y]),
  },
  { operator: 'Gelu', title: 'exact', inputs: [normal('N', 3)], apply: (use) => gelu(use, 'none') },
  { operator: 'Gelu', title: 'by tanh', inputs: [normal('N', 3)], apply: (use) => gelu(use, 'tanh') },
  ...['Softmax', 'LogSoftmax'].flatMap((operator) => [
    one(operator, normal('N', 4), 'last axis', { axis: { int: 1 } }),
    one(operator, normal(2, 3, 4), 'by default'),
    one(operator, normal(2, 3, 4), 'second axis of three', { axis: { int: -2 } }),
    one(operator, normal(3, 1), 'axis of 1'),
    one(operator, { shape: [2, 3], draw: (stream) => 60 * stream.normal() }, 'far apart'),
  ]),
];
