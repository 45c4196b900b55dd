import type { Attributes, Graph, GraphNode } from '../../shared/graph/graph.ts';

/** A dense float64 array with its shape; booleans are 0 and 1. */
export interface Float64Tensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

function tensor(shape: readonly number[], data: Iterable<number>): Float64Tensor {
  const values = Float64Array.from(data);
  if (values.length !== sizeOf(shape)) throw new Error(`shape [${shape}] with ${values.length} values`);
  return { shape, data: values };
}

/** Flat index of each element of `shape` in a tensor of `source` broadcast to it. */
function broadcastIndex(source: readonly number[], shape: readonly number[], flat: number): number {
  let rest = flat;
  let index = 0;
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const length = shape[axis] as number;
    const position = rest % length;
    rest = Math.floor(rest / length);
    const own = source[axis - shape.length + source.length];
    if (own === undefined) continue;
    if (own !== 1) index += position * stride;
    stride *= own;
  }
  return index;
}

function broadcastShape(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) =>
    Math.max(...shapes.map((shape) => shape[axis - rank + shape.length] ?? 1)),
  );
}

function elementwise(f: (...values: number[]) => number, ...inputs: Float64Tensor[]): Float64Tensor {
  const shape = broadcastShape(...inputs.map((input) => input.shape));
  return tensor(
    shape,
    Array.from({ length: sizeOf(shape) }, (_, flat) =>
      f(...inputs.map((input) => input.data[broadcastIndex(input.shape, shape, flat)] as number)),
    ),
  );
}

function reduce(
  input: Float64Tensor,
  axes: readonly number[] | undefined,
  keep: boolean,
  mean: boolean,
): Float64Tensor {
  const dropped = new Set(
    (axes ?? input.shape.map((_, axis) => axis)).map((axis) => (axis < 0 ? axis + input.shape.length : axis)),
  );
  const kept = input.shape.map((length, axis) => (dropped.has(axis) ? 1 : length));
  const sums = new Float64Array(sizeOf(kept));
  for (const [flat, value] of input.data.entries()) {
    const index = broadcastIndex(kept, input.shape, flat);
    sums[index] = (sums[index] as number) + value;
  }
  const count = input.data.length / sums.length;
  return tensor(
    keep ? kept : input.shape.filter((_, axis) => !dropped.has(axis)),
    mean ? sums.map((sum) => sum / count) : sums,
  );
}

function transposed(input: Float64Tensor, yes: boolean): Float64Tensor {
  if (!yes) return input;
  const [rows, columns] = input.shape as [number, number];
  return tensor(
    [columns, rows],
    Array.from(
      { length: rows * columns },
      (_, flat) => input.data[(flat % rows) * columns + Math.floor(flat / rows)] as number,
    ),
  );
}

function product(a: Float64Tensor, b: Float64Tensor): Float64Tensor {
  const [rows, inner] = a.shape as [number, number];
  const [, columns] = b.shape as [number, number];
  const data = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let k = 0; k < inner; k++)
        sum += (a.data[row * inner + k] as number) * (b.data[k * columns + column] as number);
      data[row * columns + column] = sum;
    }
  }
  return tensor([rows, columns], data);
}

function softmax(input: Float64Tensor, log: boolean): Float64Tensor {
  const [rows, columns] = input.shape as [number, number];
  const data = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const values = input.data.subarray(row * columns, (row + 1) * columns);
    const top = Math.max(...values);
    const total = Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0)) + top;
    for (const [column, value] of values.entries())
      data[row * columns + column] = log ? value - total : Math.exp(value - total);
  }
  return tensor(input.shape, data);
}

const int = (attributes: Attributes, name: string, byDefault: number): number => {
  const attribute = attributes[name];
  return attribute !== undefined && 'int' in attribute ? attribute.int : byDefault;
};

const truth = (value: boolean): number => (value ? 1 : 0);

function evaluateNode(node: GraphNode, inputs: readonly Float64Tensor[]): Float64Tensor {
  const [a, b, c] = inputs as [Float64Tensor, Float64Tensor, Float64Tensor];
  const { attributes } = node;
  switch (node.operator) {
    case 'Identity':
    case 'Cast':
      return a;
    case 'Add':
      return elementwise((x, y) => x + y, a, b);
    case 'Sub':
      return elementwise((x, y) => x - y, a, b);
    case 'Mul':
      return elementwise((x, y) => x * y, a, b);
    case 'Div':
      return elementwise((x, y) => x / y, a, b);
    case 'Neg':
      return elementwise((x) => -x, a);
    case 'Sqrt':
      return elementwise(Math.sqrt, a);
    case 'Exp':
      return elementwise(Math.exp, a);
    case 'Relu':
      return elementwise((x) => Math.max(x, 0), a);
    case 'Tanh':
      return elementwise(Math.tanh, a);
    case 'Sigmoid':
      return elementwise((x) => 1 / (1 + Math.exp(-x)), a);
    case 'Softplus':
      return elementwise((x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), a);
    case 'LogSoftmax':
      return softmax(a, true);
    case 'Softmax':
      return softmax(a, false);
    case 'Greater':
      return elementwise((x, y) => truth(x > y), a, b);
    case 'Equal':
      return elementwise((x, y) => truth(x === y), a, b);
    case 'Gemm': {
      const full = product(
        transposed(a, int(attributes, 'transA', 0) === 1),
        transposed(b, int(attributes, 'transB', 0) === 1),
      );
      return c === undefined ? full : elementwise((x, y) => x + y, full, c);
    }
    case 'ReduceSum':
      return reduce(a, b === undefined ? undefined : Array.from(b.data), int(attributes, 'keepdims', 1) === 1, false);
    case 'ReduceMean': {
      const { axes } = attributes;
      return reduce(
        a,
        axes !== undefined && 'ints' in axes ? axes.ints : undefined,
        int(attributes, 'keepdims', 1) === 1,
        true,
      );
    }
    case 'Squeeze':
      return tensor(
        a.shape.filter((_, axis) => !b.data.includes(axis)),
        a.data,
      );
    case 'Unsqueeze': {
      const shape = [...a.shape];
      const rank = a.shape.length + b.data.length;
      for (const axis of Array.from(b.data, (one) => (one < 0 ? one + rank : one)).sort()) shape.splice(axis, 0, 1);
      return tensor(shape, a.data);
    }
    case 'Shape':
      return tensor([a.shape.length], a.shape);
    case 'Size':
      return tensor([], [a.data.length]);
    case 'Expand':
      return elementwise((x) => x, a, tensor(Array.from(b.data), new Float64Array(sizeOf(Array.from(b.data)))));
    default:
      throw new Error(`the evaluator does not know ${node.operator}`);
  }
}

/**
 * Evaluates a graph in float64, straight from the operators' definitions: a second opinion on onnxruntime,
 * and exact enough for central differences.
 */
export function evaluateGraph(
  graph: Graph,
  inputs: Readonly<Record<string, Float64Tensor>>,
): Record<string, Float64Tensor> {
  const values = new Map<string, Float64Tensor>(Object.entries(inputs));
  for (const constant of graph.constants) {
    values.set(constant.name, tensor(constant.shape.map(Number), Array.from(constant.constant ?? [], Number)));
  }
  for (const node of graph.nodes) {
    const output = node.outputs[0];
    if (output === undefined) continue;
    values.set(
      output.name,
      evaluateNode(
        node,
        node.inputs.map((value) => values.get(value.name) as Float64Tensor),
      ),
    );
  }
  return Object.fromEntries(graph.outputs.map((output) => [output.name, values.get(output.name) as Float64Tensor]));
}
