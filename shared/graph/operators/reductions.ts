import type { Attributes, Dimension, Value } from '../graph.ts';
import { intAttribute, intsAttribute } from './attributes.ts';
import { constantIntegers } from './contents.ts';
import { axesOf, axisOf } from './dimensions.ts';
import { inputOf, type OperatorRule, type OperatorRules, rule } from './rule.ts';

/** Axes a reduction takes away, of the input's `rank`; empty when it does nothing. */
export function reducedAxes(
  operator: string,
  inputs: readonly Value[],
  attributes: Attributes,
  rank: number,
): readonly number[] {
  const given = operator === 'ReduceSum' && inputs[1] !== undefined ? constantIntegers(inputs[1]) : undefined;
  const axes = given ?? intsAttribute(attributes, 'axes') ?? [];
  if (axes.length === 0) {
    const nothing = operator === 'ReduceSum' && intAttribute(attributes, 'noop_with_empty_axes', 0) === 1;
    return nothing ? [] : Array.from({ length: rank }, (_, axis) => axis);
  }
  return axesOf(axes, rank).sort((a, b) => a - b);
}

/** The shape left when `axes` are reduced. */
export function reducedShape(shape: readonly Dimension[], axes: readonly number[], keep: boolean): Dimension[] {
  return shape.flatMap((length, axis) => (axes.includes(axis) ? (keep ? [1] : []) : [length]));
}

function reduction(operator: string): OperatorRule {
  return rule(1, operator === 'ReduceSum' ? 2 : 1, (use) => {
    const { type, shape } = inputOf(use, 0);
    const axes = reducedAxes(operator, use.inputs, use.attributes, shape.length);
    return { type, shape: reducedShape(shape, axes, intAttribute(use.attributes, 'keepdims', 1) === 1) };
  });
}

const extreme = rule(1, 1, (use) => {
  const { shape } = inputOf(use, 0);
  const axis = axisOf(intAttribute(use.attributes, 'axis', 0), shape.length);
  return { type: 'int64', shape: reducedShape(shape, [axis], intAttribute(use.attributes, 'keepdims', 1) === 1) };
});

const reductionNames = [
  'ReduceSum',
  'ReduceMean',
  'ReduceMax',
  'ReduceMin',
  'ReduceProd',
  'ReduceSumSquare',
  'ReduceL1',
  'ReduceL2',
  'ReduceLogSumExp',
];

export const reductions: OperatorRules = {
  ...Object.fromEntries(reductionNames.map((name) => [name, reduction(name)])),
  ArgMax: extreme,
  ArgMin: extreme,
  CumSum: rule(2, 2, (use) => {
    const { type, shape } = inputOf(use, 0);
    for (const axis of constantIntegers(use.inputs[1])) axisOf(axis, shape.length);
    return { type, shape };
  }),
};
