import type { Attributes } from '../../shared/graph/graph.ts';
import { type RandomStream, randomStream } from '../../shared/runtime/random.ts';
import { type CaseInput, type GradientCase, normal, positive } from './case.ts';

const from = (stream: RandomStream, least: number, most: number): number => least + stream.integer(most - least + 1);
const times = <T>(count: number, one: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => one(index));
const oneOf = <T>(stream: RandomStream, values: readonly T[]): T => values[stream.integer(values.length)] as T;

/** A shape that broadcasts to `full`: some leading axes left out, some of the others 1. */
function narrowed(stream: RandomStream, full: readonly number[]): number[] {
  return full.slice(stream.integer(full.length + 1)).map((length) => (stream.uniform() < 0.4 ? 1 : length));
}

const shapeOf = (stream: RandomStream, least: number, most: number): number[] =>
  times(from(stream, least, most), () => from(stream, 1, 3));

interface Drawn {
  readonly inputs: readonly CaseInput[];
  readonly attributes?: Attributes;
  /** Whole numbers after the inputs, such as axes. */
  readonly whole?: readonly (readonly number[])[];
}

function broadcast(stream: RandomStream, right: (...shape: number[]) => CaseInput): Drawn {
  const full = shapeOf(stream, 0, 4);
  return { inputs: [normal(...narrowed(stream, full)), right(...narrowed(stream, full))] };
}

function matrices(stream: RandomStream): Drawn {
  const batch = shapeOf(stream, 0, 2);
  const [rows, inner, columns] = [from(stream, 1, 3), from(stream, 1, 3), from(stream, 1, 3)];
  const left = stream.uniform() < 0.2 ? [inner] : [...narrowed(stream, batch), rows, inner];
  const right = stream.uniform() < 0.2 ? [inner] : [...narrowed(stream, batch), inner, columns];
  return { inputs: [normal(...left), normal(...right)] };
}

function reduced(stream: RandomStream): Drawn {
  const shape = shapeOf(stream, 1, 4);
  const axes = times(shape.length, (axis) => axis).filter(() => stream.uniform() < 0.5);
  const counted = axes.map((axis) => (stream.uniform() < 0.5 ? axis : axis - shape.length));
  const attributes: Attributes = { keepdims: { int: stream.integer(2) } };
  if (axes.length === 0) return { inputs: [normal(...shape)], attributes };
  return { inputs: [normal(...shape)], attributes: { ...attributes, axes: { ints: counted } } };
}

interface Geometry {
  readonly spatial: readonly number[];
  readonly kernel: readonly number[];
  readonly attributes: Attributes;
}

/** Windows over one or two axes in which at least one window fits. */
function geometry(stream: RandomStream, dilates: boolean, widestPad: (kernel: number) => number): Geometry {
  const rank = from(stream, 1, 2);
  const kernel = times(rank, () => from(stream, 1, 3));
  const dilations = times(rank, () => (dilates ? from(stream, 1, 2) : 1));
  const pads = times(2 * rank, (index) => stream.integer(widestPad(kernel[index % rank] as number) + 1));
  const spatial = times(rank, (axis) => {
    const covered = (dilations[axis] as number) * ((kernel[axis] as number) - 1) + 1;
    return from(stream, covered, covered + 2);
  });
  return {
    spatial,
    kernel,
    attributes: {
      strides: { ints: times(rank, () => from(stream, 1, 3)) },
      ...(dilates ? { dilations: { ints: dilations } } : {}),
      pads: { ints: pads },
    },
  };
}

function convolution(stream: RandomStream, transposed: boolean): Drawn {
  const { spatial, kernel, attributes } = geometry(stream, true, (length) => (transposed ? 0 : length));
  const groups = from(stream, 1, 2);
  const [each, filters] = [from(stream, 1, 2), from(stream, 1, 2)];
  const weight = transposed ? [groups * each, filters] : [groups * filters, each];
  const inputs = [normal(from(stream, 1, 2), groups * each, ...spatial), normal(...weight, ...kernel)];
  const bias = stream.uniform() < 0.5 ? [normal(groups * filters)] : [];
  return { inputs: [...inputs, ...bias], attributes: { ...attributes, group: { int: groups } } };
}

function pool(stream: RandomStream, average: boolean): Drawn {
  // onnxruntime wants padding shorter than the kernel.
  const { spatial, kernel, attributes } = geometry(stream, !average, (length) => length - 1);
  // Rounded up only where no window can begin behind the data.
  const { strides, pads } = attributes as { strides: { ints: number[] }; pads: { ints: number[] } };
  const rounds = kernel.every(
    (length, axis) => length >= (strides.ints[axis] as number) + (pads.ints[axis + kernel.length] as number),
  );
  return {
    inputs: [normal(from(stream, 1, 2), from(stream, 1, 2), ...spatial)],
    attributes: {
      ...attributes,
      kernel_shape: { ints: kernel },
      ceil_mode: { int: rounds ? 1 : 0 },
      ...(average ? { count_include_pad: { int: stream.integer(2) } } : {}),
    },
  };
}

function sliced(stream: RandomStream): Drawn {
  const shape = times(from(stream, 1, 3), () => from(stream, 2, 5));
  const axes = times(shape.length, (axis) => axis).filter(() => stream.uniform() < 0.7);
  const any = (axis: number): number => from(stream, -(shape[axis] as number) - 1, (shape[axis] as number) + 1);
  return {
    inputs: [normal(...shape)],
    whole: [axes.map(any), axes.map(any), axes, axes.map(() => oneOf(stream, [-3, -2, -1, 1, 2, 3]))],
  };
}

function padded(stream: RandomStream): Drawn {
  const shape = times(from(stream, 1, 3), () => from(stream, 2, 4));
  const mode = oneOf(stream, ['constant', 'edge', 'reflect']);
  const most = mode === 'constant' ? 3 : 1;
  return {
    inputs: [normal(...shape)],
    attributes: { mode: { string: mode } },
    whole: [times(2 * shape.length, () => from(stream, mode === 'constant' ? -1 : 0, most))],
  };
}

function turned(stream: RandomStream): Drawn {
  const shape = shapeOf(stream, 1, 4);
  const order = times(shape.length, (axis) => axis);
  for (let last = order.length - 1; last > 0; last--) {
    const other = stream.integer(last + 1);
    [order[last], order[other]] = [order[other] as number, order[last] as number];
  }
  return { inputs: [normal(...shape)], attributes: { perm: { ints: order } } };
}

function gathered(stream: RandomStream): Drawn {
  const shape = shapeOf(stream, 1, 3);
  const axis = from(stream, -shape.length, shape.length - 1);
  const length = shape.at(axis) as number;
  return {
    inputs: [normal(...shape)],
    attributes: { axis: { int: axis } },
    whole: [times(from(stream, 1, 5), () => from(stream, -length, length - 1))],
  };
}

function joined(stream: RandomStream): Drawn {
  const shape = shapeOf(stream, 1, 3);
  const axis = stream.integer(shape.length);
  const inputs = times(from(stream, 1, 4), () => normal(...shape.with(axis, from(stream, 1, 3))));
  return { inputs, attributes: { axis: { int: stream.uniform() < 0.5 ? axis : axis - shape.length } } };
}

function alongAxis(stream: RandomStream): Drawn {
  const shape = shapeOf(stream, 1, 4);
  return { inputs: [normal(...shape)], attributes: { axis: { int: from(stream, -shape.length, shape.length - 1) } } };
}

function expanded(stream: RandomStream): Drawn {
  const full = shapeOf(stream, 0, 4);
  return { inputs: [normal(...narrowed(stream, full))], whole: [full] };
}

const kinds: Readonly<Record<string, (stream: RandomStream) => Drawn>> = {
  Add: (stream) => broadcast(stream, normal),
  Mul: (stream) => broadcast(stream, normal),
  Div: (stream) => broadcast(stream, positive),
  Max: (stream) => broadcast(stream, normal),
  MatMul: matrices,
  ReduceMean: reduced,
  ReduceMax: reduced,
  ReduceL2: reduced,
  Softmax: alongAxis,
  LogSoftmax: alongAxis,
  Conv: (stream) => convolution(stream, false),
  ConvTranspose: (stream) => convolution(stream, true),
  MaxPool: (stream) => pool(stream, false),
  AveragePool: (stream) => pool(stream, true),
  Slice: sliced,
  Pad: padded,
  Transpose: turned,
  Gather: gathered,
  Concat: joined,
  Expand: expanded,
};

/** Operators that have cases of random shapes. */
export const randomOperators: readonly string[] = Object.keys(kinds);

/** Cases of one operator with shapes and attributes drawn from a seed. */
export function randomCases(operator: string, count: number, seed: number): GradientCase[] {
  return times(count, (index) => {
    const stream = randomStream(seed, 'random case', operator, String(index));
    const drawn = kinds[operator]?.(stream);
    if (drawn === undefined) throw new Error(`there are no random cases of ${operator}`);
    const { inputs, attributes = {}, whole = [] } = drawn;
    const shapes = inputs.map(({ shape }) => `[${shape}]`).join(' ');
    return {
      operator,
      title: `random ${seed}.${index}: ${shapes} ${JSON.stringify(attributes)} ${JSON.stringify(whole)}`,
      inputs,
      apply: (use) => use.b.op(operator, [...use.inputs, ...whole.map((values) => use.whole(...values))], attributes),
    };
  });
}
