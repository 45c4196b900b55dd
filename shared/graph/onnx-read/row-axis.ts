import type { Attributes } from '../graph.ts';
import { intAttribute, intsAttribute, stringAttribute } from '../operators.ts';

/** A shape with two numbers of rows, and contents where they are constants. */
export interface TwoShapes {
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly contents?: readonly number[] | undefined;
}

/**
 * Where the rows lie in a tensor: along `axis`, whose length is `outer` · rows · `inner`. Null for a tensor without rows.
 * An axis holds more than the rows when others were laid together with it, such as attention heads.
 */
interface RowPlace {
  readonly axis: number;
  readonly outer: number;
  readonly inner: number;
}

/** Values before one row in row-major order, and the place that follows from it for a shape. */
export interface Rows {
  readonly before: number;
  readonly place: RowPlace;
}

const product = (lengths: readonly number[]): number => lengths.reduce((all, length) => all * length, 1);

/** The only axis that grows with the rows; null when there is none, undefined when there is no telling. */
function growingAxis({ a, b }: TwoShapes): number | null | undefined {
  const axes = a.flatMap((length, axis) => (length === b[axis] ? [] : [axis]));
  return axes.length === 0 ? null : axes.length === 1 ? axes[0] : undefined;
}

/** The place of the rows in a shape, from how many values lie before each row. */
export function rowsAt(shape: TwoShapes, before: number, rows: number): Rows | undefined {
  const axis = growingAxis(shape);
  if (axis === null || axis === undefined) return undefined;
  const ahead = product(shape.a.slice(0, axis));
  const outer = before / ahead;
  const inner = (shape.a[axis] as number) / (outer * rows);
  if (!Number.isInteger(outer) || !Number.isInteger(inner) || outer < 1 || inner < 1) return undefined;
  return { before, place: { axis, outer, inner } };
}

const normal = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

interface AxisUse {
  readonly operator: string;
  readonly attributes: Attributes;
  readonly inputs: readonly TwoShapes[];
  readonly outputs: readonly TwoShapes[];
  readonly rows: readonly (Rows | null)[];
  /** Rows of the first side. */
  readonly count: number;
}

const elementwise = new Set(
  `Abs Add And Cast Ceil Celu Clip Cos Div Dropout Elu Equal Erf Exp Expand Floor Greater GreaterOrEqual HardSigmoid HardSwish
  Identity IsNaN LeakyRelu Less LessOrEqual Log Max Mean Min Mod Mul Neg Not Or PRelu Pow Reciprocal Relu Round Selu Sigmoid Sign Sin
  Softplus Softsign Sqrt Sub Sum Tanh Where Xor`.split(/\s+/),
);
const reductions = /^(?:Reduce[A-Za-z0-9]+|ArgMax|ArgMin)$/;
/** Operators whose first axis is that of rows, each row by itself. */
const perRow =
  /^(?:Conv|ConvTranspose|MaxPool|AveragePool|GlobalAveragePool|GlobalMaxPool|InstanceNormalization|BatchNormalization)$/;

/** Axes along which an operator puts several values of its first input together; null when that is none of its business here. */
function joinedAxes({ operator, attributes, inputs }: AxisUse): readonly number[] | null {
  const rank = inputs[0]?.a.length ?? 0;
  const one = (byDefault: number): number[] => [normal(intAttribute(attributes, 'axis', byDefault), rank)];
  if (operator === 'ReduceSum') {
    return (inputs[1]?.contents ?? Array.from({ length: rank }, (_, axis) => axis)).map((axis) => normal(axis, rank));
  }
  if (operator === 'ArgMax' || operator === 'ArgMin') return one(0);
  if (reductions.test(operator)) {
    const axes = intsAttribute(attributes, 'axes') ?? Array.from({ length: rank }, (_, axis) => axis);
    return axes.map((axis) => normal(axis, rank));
  }
  if (operator === 'Softmax' || operator === 'LogSoftmax') return one(-1);
  if (operator === 'CumSum') return (inputs[1]?.contents ?? []).map((axis) => normal(axis, rank));
  if (operator === 'LayerNormalization') {
    const from = normal(intAttribute(attributes, 'axis', -1), rank);
    return Array.from({ length: rank - from }, (_, at) => from + at);
  }
  if (operator === 'Concat' || operator === 'Split' || operator === 'Gather' || operator === 'GatherElements')
    return one(0);
  if (operator === 'Slice') {
    const axes = inputs[3]?.contents ?? (inputs[1]?.contents ?? []).map((_, axis) => axis);
    return axes.map((axis) => normal(axis, rank));
  }
  if (operator === 'Trilu') return [rank - 2, rank - 1];
  return null;
}

function keepsRows(x: TwoShapes, output: TwoShapes | undefined, { axis }: RowPlace): boolean {
  return output?.a[axis] === x.a[axis] && output?.b[axis] === x.b[axis];
}

/** Bounds that stand for "to the end" of any axis. */
const toTheEnd = 2 ** 31 - 1;

/** Whether Slice leaves an axis as it is, however many rows there are: a step of -1 would turn them round, a fixed end cut longer batches. */
function slicesNothing({ inputs }: AxisUse, axis: number): boolean {
  const rank = inputs[0]?.a.length ?? 0;
  const [starts, ends, axes, steps] = inputs.slice(1).map((input) => input.contents);
  const at = (axes ?? (starts ?? []).map((_, index) => index)).findIndex((one) => normal(one, rank) === axis);
  return at < 0 || (starts?.[at] === 0 && (ends?.[at] ?? 0) >= toTheEnd && (steps?.[at] ?? 1) === 1);
}

/** Whether Pad adds nothing to an axis. What it adds before and takes away behind would push each row into the next one's place. */
function padsNothing({ inputs }: AxisUse, axis: number): boolean {
  const pads = inputs[1]?.contents;
  return pads?.[axis] === 0 && pads[axis + pads.length / 2] === 0;
}

/** The one place of rows that broadcast inputs share in the output; undefined when they do not. */
function broadcast({ inputs, outputs, rows, count }: AxisUse): Rows | null | undefined {
  const [output] = outputs;
  if (output === undefined) return undefined;
  let found: Rows | null = null;
  for (const [index, own] of rows.entries()) {
    const shape = inputs[index];
    if (own === null || shape === undefined) continue;
    const { axis, outer } = own.place;
    const before = product(output.a.slice(0, axis + output.a.length - shape.a.length)) * outer;
    const there = rowsAt(output, before, count);
    if (there === undefined || there.place.inner !== own.place.inner || there.place.outer !== outer) return undefined;
    if (found !== null && found.before !== there.before) return undefined;
    found = there;
  }
  return found;
}

function matrixProduct(use: AxisUse): Rows | null | undefined {
  const { operator, attributes, inputs, outputs, rows, count } = use;
  const [left, right] = rows;
  const [a, b] = inputs;
  const [output] = outputs;
  if (a === undefined || b === undefined || output === undefined) return undefined;
  const added = rows[2] ?? null;
  const turnedA = operator === 'Gemm' && intAttribute(attributes, 'transA', 0) === 1;
  const turnedB = operator === 'Gemm' && intAttribute(attributes, 'transB', 0) === 1;
  const summedA = turnedA ? a.a.length - 2 : a.a.length - 1;
  const summedB = b.a.length === 1 ? 0 : turnedB ? b.a.length - 1 : b.a.length - 2;
  if (left?.place.axis === summedA || right?.place.axis === summedB) return undefined;
  const batchA = a.a.length - 2;
  const batchB = b.a.length - 2;
  const sides = [
    left == null ? null : { rows: left, batch: left.place.axis < batchA, fromEnd: a.a.length - left.place.axis },
    right == null ? null : { rows: right, batch: right.place.axis < batchB, fromEnd: b.a.length - right.place.axis },
  ];
  let found: Rows | null = null;
  for (const side of sides) {
    if (side === null) continue;
    const { outer, inner } = side.rows.place;
    const there = rowsAt(output, outer * product(output.a.slice(0, growingAxis(output) ?? 0)), count);
    if (there === undefined || there.place.inner !== inner) return undefined;
    // Both with rows: only as the same axis of the batch, never rows of one against rows of the other.
    if (found !== null && (!side.batch || !(sides[0]?.batch ?? false) || sides[0]?.fromEnd !== sides[1]?.fromEnd)) {
      return undefined;
    }
    if (found !== null && found.before !== there.before) return undefined;
    found = there;
  }
  if (added === null) return found;
  // What Gemm adds must have each row where the product has it.
  const sum = broadcast({ ...use, inputs: inputs.slice(2), rows: [added] });
  return found !== null && sum?.before === found.before ? found : undefined;
}

function einsum({ attributes, inputs, outputs, rows, count }: AxisUse): Rows | null | undefined {
  const [left, right] = stringAttribute(attributes, 'equation', '').replaceAll(' ', '').split('->');
  const [output] = outputs;
  if (left === undefined || right === undefined || right.includes('.') || left.includes('.') || output === undefined) {
    return rows.every((one) => one === null) ? null : undefined;
  }
  const letters = left.split(',').map((term, index) => {
    const place = rows[index]?.place;
    return place === undefined ? null : { letter: term[place.axis], term, place };
  });
  const named = new Set(letters.flatMap((one) => (one === null ? [] : [one.letter])));
  if (named.size === 0) return null;
  const [letter] = named;
  if (named.size > 1 || letter === undefined || !right.includes(letter)) return undefined;
  // The letter of the rows in a tensor without rows would be an axis that only happens to fit.
  const places = letters.filter((one) => one !== null);
  const [first] = places;
  if (first === undefined || inputs.length !== letters.length) return undefined;
  // Axes of one length may hold the rows and what is laid beside them in another order.
  if (!places.every(({ place }) => place.outer === first.place.outer && place.inner === first.place.inner)) {
    return undefined;
  }
  return rowsAt(output, product(output.a.slice(0, right.indexOf(letter))) * first.place.outer, count);
}

/**
 * Where the rows lie in each output of an operator whose inputs have them as given.
 * @returns null for an output without rows; undefined when rows are mixed, or cannot be shown not to be
 */
export function rowsThrough(use: AxisUse): readonly (Rows | null | undefined)[] {
  const { operator, attributes, inputs, outputs, rows, count } = use;
  const every = (result: Rows | null | undefined): readonly (Rows | null | undefined)[] => outputs.map(() => result);
  if (rows.every((one) => one === null)) {
    const [output] = outputs;
    const axis = output === undefined ? null : growingAxis(output);
    // One row's values repeated for all of them.
    if (operator === 'Expand' && output !== undefined && typeof axis === 'number') {
      return every(output.a[axis] === count ? rowsAt(output, product(output.a.slice(0, axis)), count) : undefined);
    }
    return every(axis === null ? null : undefined);
  }
  if (elementwise.has(operator)) return every(broadcast(use));
  if (operator === 'MatMul' || operator === 'Gemm') return every(matrixProduct(use));
  if (operator === 'Einsum') return every(einsum(use));
  const [first, ...others] = rows;
  const place = first?.place;
  const [x] = inputs;
  if (operator === 'GRU' || operator === 'LSTM') {
    if (place?.axis !== 1 || rows.slice(1, 4).some((one) => one !== null)) return every(undefined);
    const states = rows.slice(4).filter((one) => one !== null);
    const aligned = states.every(
      (one) => one.place.axis === 1 && one.place.outer === place.outer && one.place.inner === place.inner,
    );
    if (!aligned) return every(undefined);
    return outputs.map((output) => {
      const axis = output.a.length - 2;
      return rowsAt(output, product(output.a.slice(0, axis)) * place.outer, count);
    });
  }
  const joined = joinedAxes(use);
  if (joined !== null && operator !== 'Concat' && operator !== 'Gather' && operator !== 'GatherElements') {
    if (x === undefined || place === undefined || others.some((one) => one != null)) return every(undefined);
    // A slice that takes the whole axis of rows takes nothing from it.
    const whole = operator === 'Slice' && slicesNothing(use, place.axis);
    if (joined.includes(place.axis) && !whole) return every(undefined);
    return outputs.map((result) => {
      const gone = reductions.test(operator) && result.a.length < x.a.length ? joined : [];
      const axis = place.axis - gone.filter((one) => one < place.axis).length;
      return rowsAt(result, product(result.a.slice(0, axis)) * place.outer, count);
    });
  }
  switch (operator) {
    case 'Concat': {
      const [axis] = joined ?? [];
      const [output] = outputs;
      if (output === undefined) return every(undefined);
      const places = rows.filter((one) => one !== null);
      const agree = places.every(
        (one) => one.place.axis === places[0]?.place.axis && one.place.outer === places[0].place.outer,
      );
      // A part without rows beside parts with them would have to have their length.
      if (!agree || places.length !== rows.length || places[0]?.place.axis === axis) return every(undefined);
      const { axis: along, outer } = (places[0] as Rows).place;
      return every(rowsAt(output, product(output.a.slice(0, along)) * outer, count));
    }
    case 'Gather': {
      const [data, indices] = rows;
      const [output] = outputs;
      const [axis] = joined ?? [];
      if (output === undefined || axis === undefined) return every(undefined);
      if (data == null && indices != null) {
        // A table read at places that each row names.
        const ahead = product(inputs[0]?.a.slice(0, axis) ?? []);
        return every(rowsAt(output, ahead * indices.before, count));
      }
      if (data == null || indices != null || data.place.axis === axis) return every(undefined);
      const along = growingAxis(output);
      return every(rowsAt(output, product(output.a.slice(0, along ?? 0)) * data.place.outer, count));
    }
    case 'GatherElements':
      return every(undefined);
    case 'Reshape':
    case 'Flatten':
    case 'Squeeze':
    case 'Unsqueeze':
      return outputs.map((output) => (first == null ? undefined : rowsAt(output, first.before, count)));
    case 'Transpose': {
      const [output] = outputs;
      if (place === undefined || output === undefined || x === undefined) return every(undefined);
      const order = intsAttribute(attributes, 'perm') ?? x.a.map((_, axis) => x.a.length - 1 - axis);
      const axis = order.indexOf(place.axis);
      return every(rowsAt(output, product(output.a.slice(0, axis)) * place.outer, count));
    }
    case 'Pad':
    case 'Tile': {
      const [output] = outputs;
      if (place === undefined || output === undefined || x === undefined) return every(undefined);
      const kept = keepsRows(x, output, place) && (operator === 'Tile' || padsNothing(use, place.axis));
      return every(kept ? rowsAt(output, product(output.a.slice(0, place.axis)) * place.outer, count) : undefined);
    }
  }
  if (perRow.test(operator)) {
    if (place?.axis !== 0 || others.some((one) => one !== null)) return every(undefined);
    // Other outputs are of the whole batch: running means, and places of maxima counted from its first row on.
    return outputs.map((output, index) => (index === 0 ? rowsAt(output, place.outer, count) : undefined));
  }
  return every(undefined);
}
