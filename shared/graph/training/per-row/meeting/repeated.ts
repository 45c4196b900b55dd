import { stringAttribute } from '../../../operators/attributes.ts';
import { knownShape } from '../../../operators/dimensions.ts';
import { einsumTerms } from '../../../operators/einsum-terms.ts';
import { reshape } from '../../../vector-jacobian/shapes.ts';
import type { RowGradients } from '../outer-products.ts';
import { rowsFirst, sumByRow } from '../row-axis.ts';
import { byInput, inFull, input, type MeetingUse, ownShape, refused } from './meeting-use.ts';

/**
 * As if each row had its own copy: of length 1 along the axes the tensor is repeated on, but for the axis of the rows. Undoing broadcasting then
 * sums over all axes but this.
 */
export function repeated(use: MeetingUse): RowGradients {
  const { b, row, gradient } = use;
  const rank = gradient.shape.length;
  const shape = ownShape(use);
  const padded = [...Array.from({ length: rank - shape.length }, () => 1), ...shape];
  const copied = padded.with(row.axis, knownShape(gradient.shape)[row.axis] as number);
  const value = input(use, use.index);
  // Only its shape is looked at, except where powers are taken of the copies.
  const each =
    use.node.operator === 'Pow'
      ? b.op('Expand', [reshape(b, value, padded), b.integers('shape', copied)])
      : { ...value, shape: copied };
  const found = byInput(use, each);
  return inFull(sumByRow(b, rowsFirst(b, found, row), shape));
}

/** The rows get a letter of their own in the tensor's term. */
export function einsum(use: MeetingUse): RowGradients {
  const { b, node, index, rows, row, gradient } = use;
  const value = input(use, index);
  const { operands, output } = einsumTerms(
    stringAttribute(node.attributes, 'equation', ''),
    node.inputs.map(({ shape }) => shape),
  );
  const label = output[row.axis] as string;
  if (/\d/.test([...operands, output].join('')) || rows[index] !== null) throw refused(use, ' with an ellipsis');
  const equation = `${operands.with(index, label + operands[index]).join(',')}->${output}`;
  const copied = { ...value, shape: [knownShape(gradient.shape)[row.axis] as number, ...knownShape(value.shape)] };
  const found = byInput(use, copied, { ...node.attributes, equation: { string: equation } });
  return inFull(sumByRow(b, rowsFirst(b, found, { ...row, axis: 0 }), ownShape(use)));
}
