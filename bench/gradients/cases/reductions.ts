import type { Attributes } from '../../../shared/graph/graph.ts';
import { type CaseInput, type GradientCase, normal, positive } from '../case.ts';

const byAttribute = [
  'ReduceMean',
  'ReduceMax',
  'ReduceMin',
  'ReduceSumSquare',
  'ReduceL1',
  'ReduceL2',
  'ReduceLogSumExp',
];

function reduce(
  operator: string,
  title: string,
  input: CaseInput,
  axes: readonly number[] | null,
  keep: boolean,
): GradientCase {
  const attributes: Attributes = { keepdims: { int: keep ? 1 : 0 } };
  return {
    operator,
    title,
    inputs: [input],
    apply: ({ b, x, whole }) =>
      operator === 'ReduceSum'
        ? b.op(operator, axes === null ? [x] : [x, whole(...axes)], attributes)
        : b.op(operator, [x], axes === null ? attributes : { ...attributes, axes: { ints: axes } }),
  };
}

const all = ['ReduceSum', ...byAttribute].flatMap((operator) => [
  reduce(operator, 'all axes', normal(2, 3), null, false),
  reduce(operator, 'all axes kept', normal(2, 3), null, true),
  reduce(operator, 'one axis, named rows', normal('N', 3), [1], false),
  reduce(operator, 'first axis kept', normal(3, 4), [0], true),
  reduce(operator, 'two axes, one counted from the end', normal(2, 3, 4), [0, -1], false),
  reduce(operator, 'axis of 1', normal(3, 1), [1], false),
]);

const cumulated = (title: string, axis: number, attributes: Attributes): GradientCase => ({
  operator: 'CumSum',
  title,
  inputs: [normal(3, 4)],
  apply: ({ b, x }) => b.op('CumSum', [x, b.constant('axis', [], BigInt64Array.of(BigInt(axis)), 'int64')], attributes),
});

export const reductionCases: readonly GradientCase[] = [
  ...all,
  reduce('ReduceSum', 'rows with a name', normal('N', 3), [0], false),
  reduce('ReduceMean', 'rows with a name', normal('N', 3), [0], false),
  reduce('ReduceL2', 'of positive numbers', positive(2, 3), [1], true),
  cumulated('along the first axis', 0, {}),
  cumulated('backwards', 1, { reverse: { int: 1 } }),
  cumulated('without itself', -1, { exclusive: { int: 1 } }),
  cumulated('backwards, without itself', 1, { reverse: { int: 1 }, exclusive: { int: 1 } }),
];
