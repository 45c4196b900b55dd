import { intAttribute, stringAttribute } from '../../../operators/attributes.ts';
import { einsumTerms } from '../../../operators/einsum-terms.ts';
import type { RowAxis } from '../row-axis.ts';
import { mixing, type RowRule, type RowUse, rankOf } from './row-use.ts';

function matrixRows({ node, rows }: RowUse): RowAxis {
  const rank = rankOf(node.outputs[0]);
  const [left, right] = rows;
  const ranks = [rankOf(node.inputs[0]), rankOf(node.inputs[1])] as const;
  if (
    left?.axis === ranks[0] - 1 ||
    (right !== null && right !== undefined && right.axis === Math.max(0, ranks[1] - 2))
  ) {
    throw mixing(node, 'sums over the rows');
  }
  // A vector on the other side leaves out one axis of the result.
  const places = [
    left === null || left === undefined
      ? null
      : { ...left, axis: left.axis + rank - ranks[0] + (ranks[1] === 1 ? 1 : 0) },
    right === null || right === undefined
      ? null
      : { ...right, axis: right.axis + rank - ranks[1] + (ranks[0] === 1 && right.axis < ranks[1] - 1 ? 1 : 0) },
  ].filter((place) => place !== null);
  const [one, other] = places as [RowAxis, RowAxis | undefined];
  if (
    other !== undefined &&
    (one.axis !== other.axis || [one, other].some(({ outer, inner }) => outer !== 1 || inner !== 1))
  ) {
    throw mixing(node, 'multiplies the rows with one another');
  }
  return one;
}

/** Products: the rows may not be summed over, nor multiplied with one another. */
export const productRows: Readonly<Record<string, RowRule>> = {
  MatMul: (use) => [matrixRows(use)],
  Gemm: ({ node, rows }) => {
    const [left, right, added] = rows;
    const transA = intAttribute(node.attributes, 'transA', 0) === 1;
    const transB = intAttribute(node.attributes, 'transB', 0) === 1;
    const sides = [
      ...(left === null || left === undefined ? [] : [{ ...left, axis: transA ? 1 - left.axis : left.axis }]),
      ...(right === null || right === undefined ? [] : [{ ...right, axis: transB ? 1 - right.axis : right.axis }]),
    ];
    const [one] = sides;
    const summed = left !== null && left !== undefined ? 1 : 0;
    if (one === undefined || sides.length > 1 || one.axis === summed || (added !== null && added !== undefined)) {
      throw mixing(node, 'does more than multiply each row with the same matrix');
    }
    return [one];
  },
  Einsum: ({ node, rows }) => {
    const { operands, output } = einsumTerms(
      stringAttribute(node.attributes, 'equation', ''),
      node.inputs.map(({ shape }) => shape),
    );
    const labels = rows.flatMap((row, index) => (row === null ? [] : [operands[index]?.[row.axis]]));
    const [label] = labels;
    const { outer, inner } = rows.find((row) => row !== null) as RowAxis;
    const axis = label === undefined ? -1 : output.indexOf(label);
    if (axis === -1 || labels.some((one) => one !== label)) throw mixing(node, 'sums over the rows');
    return [{ axis, outer, inner }];
  },
};
