import type { GraphNode, Value } from '../../graph.ts';
import { shapeText } from '../../graph.ts';
import { GraphError } from '../../graph-error.ts';
import { intAttribute, intsAttribute, stringAttribute } from '../../operators/attributes.ts';
import { constantIntegers } from '../../operators/contents.ts';
import { axisOf, knownShape, sizeOf } from '../../operators/dimensions.ts';
import { einsumTerms } from '../../operators/einsum-terms.ts';
import { padsOf, slicesOf } from '../../operators/layouts.ts';
import { reducedAxes } from '../../operators/reductions.ts';
import { broadcastOperators, elementOperators, reductionOperators } from './operator-kinds.ts';
import type { RowAxis } from './row-axis.ts';

interface Use {
  readonly node: GraphNode;
  /** By input; null for values without rows. */
  readonly rows: readonly (RowAxis | null)[];
}

type Rule = (use: Use) => readonly (RowAxis | null)[];

/** @throws GraphError `mixes_rows` */
function mixing({ operator }: GraphNode, why: string): GraphError {
  return new GraphError('mixes_rows', `operator ${operator} ${why}, so that rows have no gradients of their own`, {
    operator,
  });
}

const input = (node: GraphNode, index: number): Value => node.inputs[index] as Value;
const rankOf = (value: Value | undefined): number => value?.shape.length ?? 0;

/** The row axis of an output that takes its axes from the right, as broadcasting does. */
function broadcast({ node, rows }: Use): RowAxis {
  const rank = rankOf(node.outputs[0]);
  const found = rows.flatMap((row, index) =>
    row === null ? [] : [{ ...row, axis: row.axis + rank - rankOf(node.inputs[index]) }],
  );
  const [first] = found as [RowAxis];
  if (found.some(({ axis, inner }) => axis !== first.axis || inner !== first.inner)) {
    throw mixing(node, 'combines values that have their rows on different axes');
  }
  return first;
}

/** Only the first input has rows, and the axes in `touched` do more than move. */
function first({ node, rows }: Use, touched: readonly number[] = []): RowAxis {
  const row = rows[0];
  if (row === null || row === undefined || rows.slice(1).some((one) => one !== null)) {
    throw mixing(node, 'takes rows where it takes positions or sizes');
  }
  if (touched.includes(row.axis)) throw mixing(node, 'works along the axis of the rows');
  return row;
}

/** Where the rows go when the numbers of a value are laid out in another shape. */
function reshaped(node: GraphNode, row: RowAxis): RowAxis {
  const from = knownShape(input(node, 0).shape);
  const to = knownShape((node.outputs[0] as Value).shape);
  const before = sizeOf(from.slice(0, row.axis));
  const rows = (from[row.axis] as number) / row.inner;
  let product = 1;
  for (const [axis, length] of to.entries()) {
    if (product === before && length % rows === 0 && (length > 1 || rows === 1)) return { axis, inner: length / rows };
    product *= length;
  }
  throw mixing(node, `of ${shapeText(from)} to ${shapeText(to)} spreads the ${rows} rows over several axes`);
}

/** An axis after those in `removed` are gone. */
const afterRemoval = (row: RowAxis, removed: readonly number[]): RowAxis => ({
  ...row,
  axis: row.axis - removed.filter((axis) => axis < row.axis).length,
});

const along = (node: GraphNode, byDefault: number): number =>
  axisOf(intAttribute(node.attributes, 'axis', byDefault), rankOf(node.inputs[0]));

function matrixRows({ node, rows }: Use): RowAxis {
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
  if (other !== undefined && (one.axis !== other.axis || one.inner !== 1 || other.inner !== 1)) {
    throw mixing(node, 'multiplies the rows with one another');
  }
  return one;
}

const rules: Readonly<Record<string, Rule>> = {
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
    const inner = rows.find((row) => row !== null)?.inner ?? 1;
    const axis = label === undefined ? -1 : output.indexOf(label);
    if (axis === -1 || labels.some((one) => one !== label)) throw mixing(node, 'sums over the rows');
    return [{ axis, inner }];
  },
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
      (use: Use) => use.node.outputs.map(() => atFront(use)),
    ]),
  ),
};

function atFront(use: Use): RowAxis {
  const row = first(use);
  if (row.axis !== 0) throw mixing(use.node, 'has its rows elsewhere than on the first axis');
  return row;
}

function reduced(use: Use): RowAxis {
  const { operator, inputs, attributes } = use.node;
  const axes = reducedAxes(operator, inputs, attributes, rankOf(inputs[0]));
  const row = first(use, axes);
  return intAttribute(attributes, 'keepdims', 1) === 1 ? row : afterRemoval(row, axes);
}

function ruleOf(node: GraphNode): Rule {
  const { operator } = node;
  if (elementOperators.has(operator) || broadcastOperators.has(operator)) return (use) => [broadcast(use)];
  if (reductionOperators.has(operator)) return (use) => [reduced(use)];
  const found = Object.hasOwn(rules, operator) ? rules[operator] : undefined;
  if (found === undefined) throw mixing(node, 'is not known to keep rows apart');
  return found;
}

/**
 * Repeating a value without rows to a shape made from that of one with rows gives each row a copy. Rows come first in such shapes.
 * @returns whether this Expand does so
 */
function repeatsByRow({ operator, inputs, outputs }: GraphNode, rows: number): boolean {
  if (operator !== 'Expand' || inputs[1]?.constant !== undefined) return false;
  const [from, to] = [(inputs[0] as Value).shape, (outputs[0] as Value).shape];
  return to[0] === rows && (from.length < to.length || from[0] !== rows);
}

/**
 * Where each value of the graph keeps the rows of the batch, from the inputs on. Values without rows are not in the map. Values that no gradient
 * goes through are left out where nothing is known of them: they may take part only beside values with rows.
 *
 * @param inputs values whose first axis is the rows
 * @param random inputs that differ by row on an axis that is not known
 * @param active names of values a gradient goes through
 * @throws GraphError `mixes_rows`, naming the operator
 */
export function trackRows(
  nodes: readonly GraphNode[],
  inputs: readonly Value[],
  random: readonly string[],
  active: ReadonlySet<string>,
): ReadonlyMap<string, RowAxis> {
  const known = new Map<string, RowAxis>(inputs.map(({ name }) => [name, { axis: 0, inner: 1 }]));
  const rowsOfBatch = (inputs[0]?.shape[0] ?? 1) as number;
  const unclear = new Set(random);
  for (const node of nodes) {
    // Shapes of values have no rows, whatever the values have.
    if (node.operator === 'Shape' || node.operator === 'Size') continue;
    const rows = node.inputs.map(({ name }) => known.get(name) ?? null);
    const matters = node.outputs.some(({ name }) => active.has(name));
    if (rows.every((row) => row === null)) {
      if (node.inputs.some(({ name }) => unclear.has(name))) {
        if (matters) throw mixing(node, 'gives a tensor without rows random values that differ by row');
        for (const { name } of node.outputs) unclear.add(name);
      } else if (repeatsByRow(node, rowsOfBatch)) {
        known.set((node.outputs[0] as Value).name, { axis: 0, inner: 1 });
      }
      continue;
    }
    try {
      const found = ruleOf(node)({ node, rows });
      for (const [index, output] of node.outputs.entries()) {
        const row = found[index];
        if (row !== undefined && row !== null) known.set(output.name, row);
      }
    } catch (cause) {
      if (matters || !(cause instanceof GraphError)) throw cause;
      for (const { name } of node.outputs) unclear.add(name);
    }
  }
  return known;
}
