import type { Value } from '../../../shared/graph/graph.ts';
import { type CaseUse, type GradientCase, normal } from '../case.ts';

function whole({ b }: CaseUse, shape: readonly number[], values: readonly number[]): Value {
  return b.constant('indices', shape, BigInt64Array.from(values, BigInt), 'int64');
}

const gather = (
  title: string,
  shape: readonly number[],
  axis: number,
  at: readonly number[],
  indices: readonly number[],
): GradientCase => ({
  operator: 'Gather',
  title,
  inputs: [normal(...shape)],
  apply: (use) => use.b.op('Gather', [use.x, whole(use, at, indices)], { axis: { int: axis } }),
});

export const indexingCases: readonly GradientCase[] = [
  gather('rows of an embedding, some twice', [4, 3], 0, [5], [1, 3, 1, 0, 1]),
  gather('a table of rows', [4, 3], 0, [2, 3], [0, 1, 2, 2, 2, 0]),
  gather('second axis', [2, 4, 2], 1, [3], [3, 0, 3]),
  gather('last axis, counted from the end', [2, 4], -1, [2, 2], [-1, 0, -4, 3]),
  gather('one place', [3, 4], 0, [], [2]),
  gather('one place from the end', [2, 3, 2], 1, [], [-1]),
  gather('one place, kept', [3, 4], 1, [1], [1]),
  {
    operator: 'Gather',
    title: 'by indices from numbers',
    inputs: [normal(4, 2)],
    apply: (use) => {
      // Indices that are no constant: where the table's own first column is positive.
      const { b, x, number } = use;
      const column = b.op('Gather', [x, whole(use, [], [0])], { axis: { int: 1 } });
      return b.op('Gather', [x, b.cast(b.op('Greater', [column, number(0)]), 'int64')]);
    },
  },
  {
    operator: 'Gather',
    title: 'by int32 indices, from the end',
    inputs: [normal(4, 2)],
    apply: ({ b, x, whole: given }) => b.op('Gather', [x, b.cast(given(-1, 1, -1), 'int32')]),
  },
  {
    operator: 'GatherElements',
    title: 'with repeats',
    inputs: [normal(3, 3)],
    apply: (use) => use.b.op('GatherElements', [use.x, whole(use, [2, 3], [0, 1, 0, 2, 1, -1])], { axis: { int: 0 } }),
  },
  {
    operator: 'GatherElements',
    title: 'last axis',
    inputs: [normal(2, 4)],
    apply: (use) => use.b.op('GatherElements', [use.x, whole(use, [2, 1], [3, 0])], { axis: { int: 1 } }),
  },
  {
    operator: 'GatherND',
    title: 'points',
    inputs: [normal(3, 4)],
    apply: (use) => use.b.op('GatherND', [use.x, whole(use, [3, 2], [0, 1, 2, 3, 0, 1])]),
  },
  {
    operator: 'GatherND',
    title: 'rows',
    inputs: [normal(3, 2, 2)],
    apply: (use) => use.b.op('GatherND', [use.x, whole(use, [2, 1], [2, 2])]),
  },
  ...(['none', 'add'] as const).flatMap((reduction): GradientCase[] => [
    {
      operator: 'ScatterElements',
      title: reduction,
      inputs: [normal(3, 4), normal(2, 4)],
      apply: (use) =>
        use.b.op('ScatterElements', [use.x, whole(use, [2, 4], [0, 1, 2, 0, 1, 2, 0, 2]), use.y], {
          axis: { int: 0 },
          reduction: { string: reduction },
        }),
      ...(reduction === 'none' ? { notInTfjs: 'its scatter that writes over has no derivative' } : {}),
    },
    {
      operator: 'ScatterND',
      title: reduction,
      inputs: [normal(4, 3), normal(2, 3)],
      apply: (use) =>
        use.b.op('ScatterND', [use.x, whole(use, [2, 1], [3, 0]), use.y], { reduction: { string: reduction } }),
      ...(reduction === 'none' ? { notInTfjs: 'its scatter that writes over has no derivative' } : {}),
    },
  ]),
];
