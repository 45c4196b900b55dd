import { intAttribute } from '../../../operators/attributes.ts';
import { constantIntegers } from '../../../operators/contents.ts';
import { axisOf } from '../../../operators/dimensions.ts';
import { reducedAxes } from '../../../operators/reductions.ts';
import type { RowAxis } from '../row-axis.ts';
import { afterRemoval } from './layouts.ts';
import { along, atFront, first, mixing, type RowRule, type RowUse, rankOf } from './row-use.ts';

/** A reduction over other axes than that of the rows. */
export function reduced(use: RowUse): RowAxis {
  const { operator, inputs, attributes } = use.node;
  const axes = reducedAxes(operator, inputs, attributes, rankOf(inputs[0]));
  const row = first(use, axes);
  return intAttribute(attributes, 'keepdims', 1) === 1 ? row : afterRemoval(row, axes);
}

/** Operators that look at several elements: not at those of other rows. */
export const windowRows: Readonly<Record<string, RowRule>> = {
  CumSum: (use) => {
    const rank = rankOf(use.node.inputs[0]);
    return [
      first(
        use,
        constantIntegers(use.node.inputs[1]).map((axis) => axisOf(axis, rank)),
      ),
    ];
  },
  Trilu: (use) => {
    const rank = rankOf(use.node.inputs[0]);
    return [first(use, [rank - 2, rank - 1])];
  },
  Softmax: (use) => [first(use, [along(use.node, -1)])],
  LogSoftmax: (use) => [first(use, [along(use.node, -1)])],
  InstanceNormalization: (use) => [atFront(use)],
  LayerNormalization: (use) => {
    const from = along(use.node, -1);
    const rank = rankOf(use.node.inputs[0]);
    return use.node.outputs.map(() =>
      first(
        use,
        Array.from({ length: rank - from }, (_, axis) => from + axis),
      ),
    );
  },
  BatchNormalization: (use) => {
    if (intAttribute(use.node.attributes, 'training_mode', 0) === 1)
      throw mixing(use.node, 'takes statistics of the batch');
    return [atFront(use)];
  },
  ...Object.fromEntries(
    ['Conv', 'ConvTranspose', 'MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool'].map((operator) => [
      operator,
      (use: RowUse) => use.node.outputs.map(() => atFront(use)),
    ]),
  ),
};
