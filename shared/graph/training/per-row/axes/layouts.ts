import type { GraphNode, Value } from '../../../graph.ts';
import { shapeText } from '../../../graph.ts';
import { intsAttribute } from '../../../operators/attributes.ts';
import { constantIntegers } from '../../../operators/contents.ts';
import { axisOf, knownShape, sizeOf } from '../../../operators/dimensions.ts';
import { padsOf, slicesOf } from '../../../operators/layouts.ts';
import type { RowAxis } from '../row-axis.ts';
import { along, broadcast, first, input, mixing, type RowRule, rankOf } from './row-use.ts';

/** Where the rows go when the numbers of a value are laid out in another shape. */
function reshaped(node: GraphNode, row: RowAxis): RowAxis {
  const from = knownShape(input(node, 0).shape);
  const to = knownShape((node.outputs[0] as Value).shape);
  const rows = (from[row.axis] as number) / (row.outer * row.inner);
  // Elements between one row's and the next one's are behind the rows, all others before them.
  const before = sizeOf(from.slice(0, row.axis)) * row.outer;
  let passed = 1;
  for (const [axis, length] of to.entries()) {
    const outer = before / passed;
    const inner = length / (outer * rows);
    if (Number.isInteger(outer) && Number.isInteger(inner) && (length > 1 || rows === 1)) return { axis, outer, inner };
    passed *= length;
  }
  throw mixing(node, `of ${shapeText(from)} to ${shapeText(to)} spreads the ${rows} rows over several axes`);
}

/** An axis after those in `removed` are gone. */
export const afterRemoval = (row: RowAxis, removed: readonly number[]): RowAxis => ({
  ...row,
  axis: row.axis - removed.filter((axis) => axis < row.axis).length,
});

/** Operators that move numbers about, each by where it puts the rows. */
export const layoutRows: Readonly<Record<string, RowRule>> = {
  Transpose: (use) => {
    const row = first(use);
    const rank = rankOf(use.node.inputs[0]);
    const order =
      intsAttribute(use.node.attributes, 'perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
    return [{ ...row, axis: order.findIndex((axis) => axisOf(axis, rank) === row.axis) }];
  },
  Reshape: (use) => [reshaped(use.node, first(use))],
  Flatten: (use) => [reshaped(use.node, first(use))],
  Squeeze: (use) => {
    const row = first(use);
    const { shape } = input(use.node, 0);
    const axes =
      use.node.inputs[1] === undefined
        ? shape.flatMap((length, axis) => (length === 1 ? [axis] : []))
        : constantIntegers(use.node.inputs[1]).map((axis) => axisOf(axis, shape.length));
    if (axes.includes(row.axis)) throw mixing(use.node, 'takes the axis of a single row away');
    return [afterRemoval(row, axes)];
  },
  Unsqueeze: (use) => {
    const row = first(use);
    const rank = rankOf(use.node.outputs[0]);
    const added = constantIntegers(use.node.inputs[1]).map((axis) => axisOf(axis, rank));
    const kept = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => !added.includes(axis));
    return [{ ...row, axis: kept[row.axis] as number }];
  },
  Expand: (use) => {
    const row = first(use);
    return [{ ...row, axis: row.axis + rankOf(use.node.outputs[0]) - rankOf(use.node.inputs[0]) }];
  },
  Tile: (use) => {
    const row = first(use);
    if (constantIntegers(use.node.inputs[1])[row.axis] !== 1) throw mixing(use.node, 'repeats the rows');
    return [row];
  },
  Concat: (use) => {
    const row = broadcast(use);
    if (along(use.node, 0) === row.axis) throw mixing(use.node, 'joins along the axis of the rows');
    return [row];
  },
  Split: (use) => use.node.outputs.map(() => first(use, [along(use.node, 0)])),
  Slice: (use) => {
    const { node } = use;
    const touched = slicesOf(node).flatMap(({ axis, start, end, step }) =>
      start === 0 && step === 1 && end >= (input(node, 0).shape[axis] as number) ? [] : [axis],
    );
    return [first(use, touched)];
  },
  Pad: (use) => {
    const { begins, ends } = padsOf(use.node);
    return [
      first(
        use,
        begins.flatMap((begin, axis) => (begin === 0 && ends[axis] === 0 ? [] : [axis])),
      ),
    ];
  },
  Gather: ({ node, rows }) => {
    const axis = along(node, 0);
    const [data, index] = rows;
    if (data !== null && data !== undefined && index !== null && index !== undefined) {
      throw mixing(node, 'takes positions that differ by row out of values that do');
    }
    if (index !== null && index !== undefined) return [{ ...index, axis: index.axis + axis }];
    const row = data as RowAxis;
    if (row.axis === axis) throw mixing(node, 'picks rows');
    return [row.axis < axis ? row : { ...row, axis: row.axis + rankOf(node.inputs[1]) - 1 }];
  },
};
