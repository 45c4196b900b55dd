import { type CaseInput, type CaseUse, type GradientCase, normal } from '../case.ts';

const one = (operator: string, title: string, input: CaseInput, apply: GradientCase['apply']): GradientCase => ({
  operator,
  title,
  inputs: [input],
  apply,
});

const reshape = (title: string, input: CaseInput, target: readonly number[], zero = false): GradientCase =>
  one('Reshape', title, input, ({ b, x, whole }) =>
    b.op('Reshape', [x, whole(...target)], zero ? { allowzero: { int: 1 } } : {}),
  );

function slice(
  title: string,
  shape: readonly number[],
  starts: number[],
  ends: number[],
  axes?: number[],
  steps?: number[],
): GradientCase {
  return one('Slice', title, normal(...shape), ({ b, x, whole }) =>
    b.op('Slice', [
      x,
      whole(...starts),
      whole(...ends),
      ...(axes === undefined ? [] : [whole(...axes)]),
      ...(steps === undefined ? [] : [whole(...steps)]),
    ]),
  );
}

const pad = (title: string, shape: readonly number[], pads: number[], mode = 'constant'): GradientCase =>
  one('Pad', title, normal(...shape), ({ b, x, whole }) =>
    b.op('Pad', [x, whole(...pads)], { mode: { string: mode } }),
  );

const split = (
  title: string,
  input: CaseInput,
  axis: number,
  lengths: readonly number[],
  given: boolean,
): GradientCase =>
  one('Split', title, input, ({ b, x, whole }: CaseUse) =>
    b.ops('Split', given ? [x, whole(...lengths)] : [x], { axis: { int: axis } }, lengths.length),
  );

const far = 2 ** 31 - 1;

export const layoutCases: readonly GradientCase[] = [
  reshape('to two axes', normal(2, 3, 2), [4, 3]),
  reshape('with 0 and -1', normal(2, 3, 2), [0, -1]),
  reshape('named rows', normal('N', 3, 2), [0, 6]),
  reshape('named rows left over', normal('N', 3, 2), [-1, 6]),
  reshape('to rank 0', normal(1, 1), []),
  reshape('zero means zero', normal(2, 3), [3, 2], true),
  one('Flatten', 'after rows', normal('N', 2, 3), ({ b, x }) => b.op('Flatten', [x])),
  one('Flatten', 'axis 0', normal(2, 3), ({ b, x }) => b.op('Flatten', [x], { axis: { int: 0 } })),
  one('Flatten', 'axis counted from the end', normal(2, 3, 2), ({ b, x }) =>
    b.op('Flatten', [x], { axis: { int: -1 } }),
  ),
  one('Transpose', 'reversed', normal(2, 3, 4), ({ b, x }) => b.op('Transpose', [x])),
  one('Transpose', 'turned, named rows', normal('N', 2, 3), ({ b, x }) =>
    b.op('Transpose', [x], { perm: { ints: [1, 2, 0] } }),
  ),
  one('Squeeze', 'second axis, named rows', normal('N', 1), ({ b, x }) => b.squeeze(x, 1)),
  one('Squeeze', 'counted from the end', normal(2, 1, 3), ({ b, x }) => b.squeeze(x, -2)),
  one('Squeeze', 'all of length 1', normal(1, 3, 1), ({ b, x }) => b.op('Squeeze', [x])),
  one('Unsqueeze', 'two axes', normal(2, 3), ({ b, x, whole }) => b.op('Unsqueeze', [x, whole(0, -1)])),
  one('Unsqueeze', 'of rank 0', normal(), ({ b, x }) => b.unsqueeze(x, 0)),
  one('Expand', 'rows and columns', normal(3, 1), ({ b, x, whole }) => b.op('Expand', [x, whole(2, 3, 4)])),
  one('Expand', 'of rank 0', normal(), ({ b, x, whole }) => b.op('Expand', [x, whole(2, 2)])),
  one('Expand', 'to fewer axes', normal(2, 1, 3), ({ b, x, whole }) => b.op('Expand', [x, whole(4, 1)])),
  one('Tile', 'both axes', normal(2, 3), ({ b, x, whole }) => b.op('Tile', [x, whole(3, 2)])),
  one('Tile', 'once', normal(2, 3), ({ b, x, whole }) => b.op('Tile', [x, whole(1, 1)])),
  {
    operator: 'Concat',
    title: 'along the last axis, named rows',
    inputs: [normal('N', 2), normal('N', 1), normal('N', 3)],
    apply: ({ b, inputs }) => b.op('Concat', inputs, { axis: { int: -1 } }),
  },
  {
    operator: 'Concat',
    title: 'along the first axis, one of them twice',
    inputs: [normal(2, 2), normal(1, 2)],
    apply: ({ b, x, y }) => b.op('Concat', [x, y, x], { axis: { int: 0 } }),
  },
  { ...one('Concat', 'of one', normal(2, 3), ({ b, x }) => b.op('Concat', [x], { axis: { int: 1 } })) },
  split('equal parts', normal(2, 6), 1, [2, 2, 2], false),
  split('given parts', normal(5, 2), 0, [1, 3, 1], true),
  one('Split', 'one part unused', normal(2, 6), ({ b, x }) => b.ops('Split', [x], { axis: { int: -1 } }, 3).slice(1)),
  slice('within', [4, 5], [1, 2], [3, 4]),
  slice('from the end, to the end', [4, 5], [-3], [far], [1]),
  slice('every second', [7, 2], [1], [7], [0], [2]),
  slice('every third, to the last', [3, 8], [1], [far], [-1], [3]),
  slice('backwards', [2, 5], [-1], [-far], [1], [-1]),
  slice('backwards, every second', [2, 6], [4], [0], [1], [-2]),
  slice('one element', [3, 3], [2], [3], [0]),
  slice('both axes with steps', [5, 6], [0, 5], [5, 0], [0, 1], [2, -3]),
  one('Slice', 'named rows', normal('N', 5), ({ b, x, whole }) => b.op('Slice', [x, whole(1), whole(4), whole(1)])),
  pad('zeros, uneven', [2, 3], [1, 0, 2, 3]),
  pad('taking away', [4, 5], [-1, 2, 0, -2]),
  pad('edge', [2, 3], [0, 2, 1, 1], 'edge'),
  pad('reflect', [2, 4], [0, 2, 0, 3], 'reflect'),
  pad('reflect both axes', [3, 4], [1, 1, 2, 2], 'reflect'),
  {
    operator: 'Pad',
    title: 'with a learnt number',
    inputs: [normal(2, 3), normal()],
    apply: ({ b, x, y, whole }) => b.op('Pad', [x, whole(1, 0, 0, 2), y]),
    notInTfjs: 'it pads with numbers that are no tensors',
  },
  one('Trilu', 'upper', normal(2, 3, 3), ({ b, x }) => b.op('Trilu', [x])),
  one('Trilu', 'lower, shifted', normal(3, 4), ({ b, x }) =>
    b.op('Trilu', [x, b.constant('k', [], BigInt64Array.of(-1n), 'int64')], { upper: { int: 0 } }),
  ),
];
