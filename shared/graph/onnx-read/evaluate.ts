import type { ElementType } from '../graph.ts';
import type { FixedAttributes } from './fixed-attributes.ts';

/** Contents known when the network is read. Integers and truth values are kept as numbers. */
export interface Known {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

type Rule = (inputs: readonly Known[], attributes: FixedAttributes) => Known | null;

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);
const isInteger = (type: ElementType): boolean => type === 'int64' || type === 'int32';

/** float32 arithmetic is done as the runtime does it; integers and doubles are exact in a double here. */
function rounded(type: ElementType, values: Float64Array): Float64Array {
  return type === 'float' ? Float64Array.from(values, Math.fround) : values;
}

function strides(shape: readonly number[]): number[] {
  const result = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) {
    result[axis] = (result[axis + 1] as number) * (shape[axis + 1] as number);
  }
  return result;
}

/** Reads `source` at every place of `shape`; `step[axis]` is what one step along an axis moves in the source. */
function gatherBy(shape: readonly number[], step: readonly number[], source: Float64Array, start = 0): Float64Array {
  const result = new Float64Array(sizeOf(shape));
  const own = strides(shape);
  for (let index = 0; index < result.length; index++) {
    let at = start;
    for (let axis = 0; axis < shape.length; axis++) {
      const place = Math.floor(index / (own[axis] as number)) % (shape[axis] as number);
      at += place * (step[axis] as number);
    }
    result[index] = source[at] as number;
  }
  return result;
}

function broadcastTo(value: Known, shape: readonly number[]): Float64Array {
  const lead = shape.length - value.shape.length;
  const own = strides(value.shape);
  const step = shape.map((_, axis) =>
    axis < lead || value.shape[axis - lead] === 1 ? 0 : (own[axis - lead] as number),
  );
  return gatherBy(shape, step, value.values);
}

function commonShape(shapes: readonly (readonly number[])[]): number[] | null {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  const result: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    let length = 1;
    for (const shape of shapes) {
      const own = shape[axis - rank + shape.length] ?? 1;
      if (own === 1) continue;
      if (length !== 1 && length !== own) return null;
      length = own;
    }
    result.push(length);
  }
  return result;
}

function elementwise(combine: (values: readonly number[], type: ElementType) => number, result?: ElementType): Rule {
  return (inputs) => {
    const shape = commonShape(inputs.map((input) => input.shape));
    if (shape === null) return null;
    const parts = inputs.map((input) => broadcastTo(input, shape));
    const of = (inputs.at(-1) as Known).type;
    const type = result ?? of;
    const values = Float64Array.from({ length: sizeOf(shape) }, (_, at) =>
      Number(
        combine(
          parts.map((part) => part[at] as number),
          of,
        ),
      ),
    );
    return { type, shape, values: rounded(type, values) };
  };
}

const two = (combine: (a: number, b: number, type: ElementType) => number | boolean, result?: ElementType): Rule =>
  elementwise(([a, b], type) => Number(combine(a as number, b as number, type)), result);
const one = (combine: (a: number) => number | boolean, result?: ElementType): Rule =>
  elementwise(([a]) => Number(combine(a as number)), result);

const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);
const listOf = (value: Known | undefined): number[] => (value === undefined ? [] : Array.from(value.values));

function reshaped(value: Known, target: readonly number[], copies: boolean): Known | null {
  const shape = target.map((length, axis) => (length === 0 && copies ? (value.shape[axis] ?? 0) : length));
  const open = shape.indexOf(-1);
  if (open >= 0) {
    const rest = sizeOf(shape.filter((_, axis) => axis !== open));
    if (rest === 0) return null;
    shape[open] = value.values.length / rest;
  }
  return sizeOf(shape) === value.values.length && shape.every((length) => Number.isInteger(length) && length >= 0)
    ? { ...value, shape }
    : null;
}

const casts: Readonly<Record<number, ElementType>> = { 1: 'float', 6: 'int32', 7: 'int64', 9: 'bool', 11: 'double' };

const rules: Readonly<Record<string, Rule>> = {
  Identity: ([x]) => x ?? null,
  Cast: ([x], attributes) => {
    const type = casts[attributes.int('to', 1)];
    if (x === undefined || type === undefined) return null;
    const cut = isInteger(type)
      ? Math.trunc
      : type === 'bool'
        ? (value: number) => Number(value !== 0)
        : (value: number) => value;
    return { type, shape: x.shape, values: rounded(type, Float64Array.from(x.values, cut)) };
  },
  Add: two((a, b) => a + b),
  Sub: two((a, b) => a - b),
  Mul: two((a, b) => a * b),
  Div: two((a, b, type) => (isInteger(type) ? Math.trunc(a / b) : a / b)),
  Mod: ([a, b], attributes) =>
    a === undefined || b === undefined
      ? null
      : two((x, y) => (attributes.int('fmod', 0) === 1 ? x % y : x - Math.floor(x / y) * y))([a, b], attributes),
  Pow: two((a, b) => a ** b),
  Min: elementwise((values) => Math.min(...values)),
  Max: elementwise((values) => Math.max(...values)),
  Neg: one((a) => -a),
  Abs: one(Math.abs),
  Sqrt: one(Math.sqrt),
  Exp: one(Math.exp),
  Log: one(Math.log),
  Reciprocal: one((a) => 1 / a),
  Floor: one(Math.floor),
  Ceil: one(Math.ceil),
  Not: one((a) => a === 0, 'bool'),
  Equal: two((a, b) => a === b, 'bool'),
  Greater: two((a, b) => a > b, 'bool'),
  GreaterOrEqual: two((a, b) => a >= b, 'bool'),
  Less: two((a, b) => a < b, 'bool'),
  LessOrEqual: two((a, b) => a <= b, 'bool'),
  And: two((a, b) => a !== 0 && b !== 0, 'bool'),
  Or: two((a, b) => a !== 0 || b !== 0, 'bool'),
  Where: elementwise(([condition, a, b]) => (condition !== 0 ? (a as number) : (b as number))),
  Reshape: ([x, target], attributes) =>
    x === undefined ? null : reshaped(x, listOf(target), attributes.int('allowzero', 0) === 0),
  Flatten: ([x], attributes) => {
    if (x === undefined) return null;
    const given = attributes.int('axis', 1);
    const axis = given < 0 ? given + x.shape.length : given;
    return { ...x, shape: [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))] };
  },
  Squeeze: ([x, axes]) => {
    if (x === undefined) return null;
    const gone = axes === undefined ? null : new Set(listOf(axes).map((axis) => axisOf(axis, x.shape.length)));
    return { ...x, shape: x.shape.filter((length, axis) => (gone === null ? length !== 1 : !gone.has(axis))) };
  },
  Unsqueeze: ([x, axes]) => {
    if (x === undefined) return null;
    const given = listOf(axes);
    const shape = [...x.shape];
    const places = given.map((axis) => axisOf(axis, x.shape.length + given.length)).sort((a, b) => a - b);
    for (const axis of places) shape.splice(axis, 0, 1);
    return { ...x, shape };
  },
  Transpose: ([x], attributes) => {
    if (x === undefined) return null;
    const order = attributes.ints('perm') ?? x.shape.map((_, axis) => x.shape.length - 1 - axis);
    const own = strides(x.shape);
    const shape = order.map((axis) => x.shape[axis] as number);
    const step = order.map((axis) => own[axis] as number);
    return { ...x, shape, values: gatherBy(shape, step, x.values) };
  },
  Expand: ([x, target]) => {
    if (x === undefined) return null;
    const shape = commonShape([x.shape, listOf(target)]);
    return shape === null ? null : { ...x, shape, values: broadcastTo(x, shape) };
  },
  Gather: ([x, indices], attributes) => {
    if (x === undefined || indices === undefined) return null;
    const axis = axisOf(attributes.int('axis', 0), x.shape.length);
    const outer = sizeOf(x.shape.slice(0, axis));
    const inner = sizeOf(x.shape.slice(axis + 1));
    const length = x.shape[axis] as number;
    const values: number[] = [];
    for (let block = 0; block < outer; block++) {
      for (const index of indices.values) {
        const from = (block * length + (index < 0 ? index + length : index)) * inner;
        for (let at = 0; at < inner; at++) values.push(x.values[from + at] as number);
      }
    }
    const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
    return { type: x.type, shape, values: Float64Array.from(values) };
  },
  Concat: (inputs, attributes) => {
    const [first] = inputs;
    if (first === undefined) return null;
    const axis = axisOf(attributes.int('axis', 0), first.shape.length);
    const outer = sizeOf(first.shape.slice(0, axis));
    const values: number[] = [];
    for (let block = 0; block < outer; block++) {
      for (const input of inputs) {
        const width = sizeOf(input.shape.slice(axis));
        for (let at = 0; at < width; at++) values.push(input.values[block * width + at] as number);
      }
    }
    const length = inputs.reduce((sum, input) => sum + (input.shape[axis] as number), 0);
    return { type: first.type, shape: first.shape.with(axis, length), values: Float64Array.from(values) };
  },
  Slice: ([x, starts, ends, axes, steps]) => {
    if (x === undefined || starts === undefined || ends === undefined) return null;
    const shape = [...x.shape];
    const step = strides(x.shape);
    let start = 0;
    for (let at = 0; at < starts.values.length; at++) {
      const axis = axisOf(axes?.values[at] ?? at, x.shape.length);
      const stride = steps?.values[at] ?? 1;
      const length = x.shape[axis] as number;
      const clamp = (bound: number): number => {
        const own = bound < 0 ? bound + length : bound;
        return stride > 0 ? Math.min(Math.max(own, 0), length) : Math.min(Math.max(own, -1), length - 1);
      };
      const from = clamp(starts.values[at] as number);
      const to = clamp(ends.values[at] as number);
      shape[axis] = Math.max(0, Math.ceil((to - from) / stride));
      start += from * (step[axis] as number);
      step[axis] = (step[axis] as number) * stride;
    }
    return { type: x.type, shape, values: gatherBy(shape, step, x.values, start) };
  },
  Range: ([start, limit, delta]) => {
    const [from, to, step] = [start, limit, delta].map((value) => value?.values[0]);
    if (start === undefined || from === undefined || to === undefined || step === undefined || step === 0) return null;
    const length = Math.max(0, Math.ceil((to - from) / step));
    return { type: start.type, shape: [length], values: Float64Array.from({ length }, (_, at) => from + at * step) };
  },
  ReduceProd: ([x], attributes) => {
    if (x === undefined || attributes.ints('axes') !== undefined) return null;
    const shape = attributes.int('keepdims', 1) === 1 ? x.shape.map(() => 1) : [];
    return { type: x.type, shape, values: Float64Array.of(x.values.reduce((product, value) => product * value, 1)) };
  },
  Trilu: ([x, diagonal], attributes) => {
    if (x === undefined || x.shape.length < 2) return null;
    const [rows, columns] = x.shape.slice(-2) as [number, number];
    const k = diagonal?.values[0] ?? 0;
    const upper = attributes.int('upper', 1) === 1;
    const values = x.values.map((value, at) => {
      const row = Math.floor(at / columns) % rows;
      const offset = (at % columns) - row;
      return (upper ? offset >= k : offset <= k) ? value : 0;
    });
    return { ...x, values };
  },
};

/** What an operator makes of known contents; null when it is not one of those that shapes and masks are made with. */
export function evaluate(operator: string, inputs: readonly Known[], attributes: FixedAttributes): Known | null {
  const rule = Object.hasOwn(rules, operator) ? rules[operator] : undefined;
  return rule?.(inputs, attributes) ?? null;
}
