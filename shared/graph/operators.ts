import type { Attributes, Dimension, ElementType, Value } from './graph.ts';
import { shapeText } from './graph.ts';
import { GraphError } from './graph-error.ts';

/** What an operator yields: one output, by its element type and shape. */
export interface Inferred {
  readonly type: ElementType;
  readonly shape: readonly Dimension[];
}

type Inference = (inputs: readonly Value[], attributes: Attributes) => Inferred;

/** Integers of a constant input, such as the axes of ReduceSum. */
export function constantIntegers(value: Value | undefined): number[] {
  if (value?.constant === undefined) {
    throw new GraphError('shape_mismatch', `${value?.name ?? 'an absent input'} must be a constant of integers`);
  }
  return Array.from(value.constant, Number);
}

export function intAttribute(attributes: Attributes, name: string, byDefault: number): number {
  const attribute = attributes[name];
  return attribute !== undefined && 'int' in attribute ? attribute.int : byDefault;
}

export function intsAttribute(attributes: Attributes, name: string): readonly number[] | undefined {
  const attribute = attributes[name];
  return attribute !== undefined && 'ints' in attribute ? attribute.ints : undefined;
}

function at(inputs: readonly Value[], index: number): Value {
  const value = inputs[index];
  if (value === undefined) throw new GraphError('shape_mismatch', `an operator lacks its input ${index}`);
  return value;
}

function axisOf(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** Shape of an element-wise result under ONNX (numpy) broadcasting; a named length fits itself and 1. */
export function broadcastShape(a: readonly Dimension[], b: readonly Dimension[]): Dimension[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left === right || right === 1) return left;
    if (left === 1) return right;
    throw new GraphError('shape_mismatch', `shapes ${shapeText(a)} and ${shapeText(b)} do not broadcast`);
  });
}

const elementwise: Inference = (inputs) => ({
  type: at(inputs, 0).type,
  shape: broadcastShape(at(inputs, 0).shape, at(inputs, 1).shape),
});
const comparison: Inference = (inputs, attributes) => ({ ...elementwise(inputs, attributes), type: 'bool' });
const unary: Inference = (inputs) => ({ type: at(inputs, 0).type, shape: at(inputs, 0).shape });

function reduced(shape: readonly Dimension[], axes: readonly number[] | undefined, keep: boolean): Dimension[] {
  const dropped = new Set((axes ?? shape.map((_, axis) => axis)).map((axis) => axisOf(axis, shape.length)));
  return shape.flatMap((length, axis) => (dropped.has(axis) ? (keep ? [1] : []) : [length]));
}

function matrixProduct(a: Value, b: Value, transposeA: boolean, transposeB: boolean): Dimension[] {
  const left = transposeA ? [...a.shape].reverse() : a.shape;
  const right = transposeB ? [...b.shape].reverse() : b.shape;
  const [rows, inner] = left;
  const [other, columns] = right;
  if (left.length !== 2 || right.length !== 2 || inner !== other || rows === undefined || columns === undefined) {
    throw new GraphError('shape_mismatch', `matrix product of ${shapeText(left)} and ${shapeText(right)} is undefined`);
  }
  return [rows, columns];
}

/** Output type and shape by operator name, for every operator Wardround's graphs use (ONNX operator set 17). */
const inferences: Readonly<Record<string, Inference>> = {
  Add: elementwise,
  Sub: elementwise,
  Mul: elementwise,
  Div: elementwise,
  Min: elementwise,
  Max: elementwise,
  And: elementwise,
  Or: elementwise,
  Equal: comparison,
  Greater: comparison,
  GreaterOrEqual: comparison,
  LessOrEqual: comparison,
  Neg: unary,
  Not: unary,
  Floor: unary,
  Relu: unary,
  Tanh: unary,
  Sigmoid: unary,
  Softplus: unary,
  Sqrt: unary,
  Exp: unary,
  Log: unary,
  Identity: unary,
  LogSoftmax: unary,
  Softmax: unary,
  IsNaN: (inputs) => ({ type: 'bool', shape: at(inputs, 0).shape }),
  Cast: (inputs, attributes) => ({
    type: ({ 1: 'float', 6: 'int32', 7: 'int64', 9: 'bool', 10: 'float16', 11: 'double' } as const)[
      intAttribute(attributes, 'to', 1) as 1 | 6 | 7 | 9 | 10 | 11
    ],
    shape: at(inputs, 0).shape,
  }),
  Where: (inputs) => ({
    type: at(inputs, 1).type,
    shape: broadcastShape(at(inputs, 0).shape, broadcastShape(at(inputs, 1).shape, at(inputs, 2).shape)),
  }),
  MatMul: (inputs) => ({ type: 'float', shape: matrixProduct(at(inputs, 0), at(inputs, 1), false, false) }),
  Gemm: (inputs, attributes) => ({
    type: 'float',
    shape: matrixProduct(
      at(inputs, 0),
      at(inputs, 1),
      intAttribute(attributes, 'transA', 0) === 1,
      intAttribute(attributes, 'transB', 0) === 1,
    ),
  }),
  ReduceSum: (inputs, attributes) => ({
    type: at(inputs, 0).type,
    shape: reduced(
      at(inputs, 0).shape,
      inputs[1] === undefined ? undefined : constantIntegers(inputs[1]),
      intAttribute(attributes, 'keepdims', 1) === 1,
    ),
  }),
  ReduceMean: (inputs, attributes) => ({
    type: at(inputs, 0).type,
    shape: reduced(
      at(inputs, 0).shape,
      intsAttribute(attributes, 'axes'),
      intAttribute(attributes, 'keepdims', 1) === 1,
    ),
  }),
  Squeeze: (inputs) => ({
    type: at(inputs, 0).type,
    shape: reduced(at(inputs, 0).shape, constantIntegers(inputs[1]), false),
  }),
  Unsqueeze: (inputs) => {
    const shape: Dimension[] = [...at(inputs, 0).shape];
    const axes = constantIntegers(inputs[1]);
    for (const axis of axes.map((one) => axisOf(one, shape.length + axes.length)).sort((a, b) => a - b)) {
      shape.splice(axis, 0, 1);
    }
    return { type: at(inputs, 0).type, shape };
  },
  Gather: (inputs, attributes) => {
    const { type, shape } = at(inputs, 0);
    const axis = axisOf(intAttribute(attributes, 'axis', 0), shape.length);
    return { type, shape: [...shape.slice(0, axis), ...at(inputs, 1).shape, ...shape.slice(axis + 1)] };
  },
  Concat: (inputs, attributes) => {
    const { type, shape } = at(inputs, 0);
    const axis = axisOf(intAttribute(attributes, 'axis', 0), shape.length);
    const lengths = inputs.map((value) => value.shape[axis]);
    if (!lengths.every((length) => typeof length === 'number')) {
      throw new GraphError('shape_mismatch', 'Concat joins along an axis of known length only');
    }
    return {
      type,
      shape: shape.with(
        axis,
        lengths.reduce((sum, length) => sum + length, 0),
      ),
    };
  },
  /** The target shape is known only when the graph runs; whoever adds the node knows what it will be. */
  Expand: unary,
  Size: () => ({ type: 'int64', shape: [] }),
  Shape: (inputs) => ({ type: 'int64', shape: [at(inputs, 0).shape.length] }),
};

/**
 * Types and shapes of an operator's first `count` outputs.
 * @throws GraphError `unknown_operator`, `shape_mismatch`
 */
export function inferOutputs(
  operator: string,
  inputs: readonly Value[],
  attributes: Attributes,
  count: number,
): readonly Inferred[] {
  const inference = inferences[operator];
  if (inference === undefined || !Object.hasOwn(inferences, operator)) {
    throw new GraphError('unknown_operator', `operator ${operator} is not on the list`, { operator });
  }
  if (count !== 1) throw new GraphError('shape_mismatch', `${operator} has one output, not ${count}`, { operator });
  try {
    return [inference(inputs, attributes)];
  } catch (cause) {
    if (!(cause instanceof GraphError)) throw cause;
    throw new GraphError(cause.code, `${operator}: ${cause.message}`, { operator }, cause);
  }
}
