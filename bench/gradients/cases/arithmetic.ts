import { type CaseInput, type GradientCase, normal, positive } from '../case.ts';

const two = (operator: string, title: string, x: CaseInput, y: CaseInput): GradientCase => ({
  operator,
  title,
  inputs: [x, y],
  apply: (use) => use.b.op(operator, [use.x, use.y]),
});

/** The ways two shapes broadcast, the right side drawn away from 0 where it divides. */
const pairs = (operator: string, right: (...shape: (number | string)[]) => CaseInput = normal, left = normal) => [
  two(operator, 'same shape, named rows', left('N', 3), right('N', 3)),
  two(operator, 'row repeated', left('N', 3), right(3)),
  two(operator, 'column repeated', left(4, 1), right(4, 3)),
  two(operator, 'both repeated', left(4, 1), right(1, 3)),
  two(operator, 'scalar left', left(), right(2, 3)),
  two(operator, 'scalar right', left(2, 3), right()),
  two(operator, 'rank 0', left(), right()),
  two(operator, 'axes of 1 within', left(2, 1, 3), right(4, 1)),
];

export const arithmeticCases: readonly GradientCase[] = [
  ...['Add', 'Sub', 'Mul', 'Min', 'Max', 'Sum', 'Mean'].flatMap((operator) => pairs(operator)),
  ...pairs('Div', positive),
  ...pairs('Pow', normal, positive),
  ...[0, 1, 2, 3, 0.5, -1, 2.5].map(
    (exponent): GradientCase => ({
      operator: 'Pow',
      title: `to the power ${exponent}`,
      inputs: [exponent > 0 && Number.isInteger(exponent) ? normal(3, 2) : positive(3, 2)],
      apply: ({ b, x, number }) => b.op('Pow', [x, number(exponent)]),
    }),
  ),
  {
    operator: 'Pow',
    title: 'integer exponents',
    inputs: [normal(2, 3)],
    apply: ({ b, x, whole }) => b.op('Pow', [x, whole(0, 1, 2)]),
  },
  ...['Min', 'Max', 'Sum', 'Mean'].map(
    (operator): GradientCase => ({
      operator,
      title: 'of three, broadcast',
      inputs: [normal(2, 3), normal(3), normal(2, 1)],
      apply: ({ b, inputs }) => b.op(operator, inputs),
    }),
  ),
  {
    operator: 'Max',
    title: 'of one',
    inputs: [normal(2, 3)],
    apply: ({ b, x }) => b.op('Max', [x]),
  },
  {
    operator: 'Mod',
    title: 'of fractions',
    inputs: [normal(3, 4), positive(4)],
    apply: ({ b, x, y }) => b.op('Mod', [x, y], { fmod: { int: 1 } }),
  },
  {
    operator: 'Where',
    title: 'by a comparison, broadcast',
    inputs: [normal(2, 3), normal(3), normal(2, 1)],
    apply: ({ b, x, y, z }) => b.op('Where', [b.op('Greater', [x, y]), b.mul(x, y), z]),
  },
  {
    operator: 'Where',
    title: 'named rows',
    inputs: [normal('N', 3), normal('N', 3)],
    apply: ({ b, x, y, number }) => b.op('Where', [b.op('Less', [x, number(0)]), x, y]),
  },
  {
    operator: 'Clip',
    title: 'between numbers',
    inputs: [normal('N', 4)],
    apply: ({ b, x, number }) => b.op('Clip', [x, number(-0.75), number(1)]),
  },
  {
    operator: 'Clip',
    title: 'between inputs',
    inputs: [normal(4, 4), { shape: [], draw: () => -0.5 }, { shape: [], draw: () => 0.75 }],
    apply: ({ b, inputs }) => b.op('Clip', inputs),
  },
  {
    operator: 'Clip',
    title: 'from below only',
    inputs: [normal(4, 3)],
    apply: ({ b, x, number }) => b.op('Clip', [x, number(0.25)]),
  },
  {
    operator: 'Cast',
    title: 'to double and back',
    inputs: [normal(3)],
    apply: ({ b, x }) => b.cast(b.op('Tanh', [b.cast(x, 'double')]), x.type),
  },
  ...['Neg', 'Identity'].map(
    (operator): GradientCase => ({
      operator,
      title: 'element-wise',
      inputs: [normal('N', 3)],
      apply: ({ b, x }) => b.op(operator, [x]),
    }),
  ),
];
