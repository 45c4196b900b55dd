import type { Plan } from '../plan/plan.ts';
import type { Dimension, GraphNode, Value } from './graph.ts';
import { GraphBuilder } from './graph-builder.ts';
import { networkOf } from './network.ts';
import { intAttribute, intsAttribute, stringAttribute } from './operators/attributes.ts';
import { einsumTerms } from './operators/einsum-terms.ts';

/**
 * What is computed, read off shapes with nothing computed. Figures beyond 2^53 are rounded, and may be Infinity; they are never below 0 and
 * never NaN.
 */
export interface Work {
  /** One product added to a sum, as in matrix products and convolutions; half as many as floating point operations. */
  readonly multiplyAdds: number;
  /**
   * Numbers that the operators write, or read of their largest input, whichever are more; of a pool those of all its windows. An operator that takes several times as
   * long for a number as an addition, such as Pow, counts it as several, and so does one that makes many small products, for each of them.
   */
  readonly elementOperations: number;
}

const noWork: Work = { multiplyAdds: 0, elementOperations: 0 };

/**
 * Most work of a network for one row: what a CPU computes in about ten seconds. One thread of onnxruntime 1.30 on a server's core with AVX2
 * made 45 to 60 billion multiply-adds a second in products and convolutions of the usual kinds, half of that where cores are slower, and 0.4 to 3
 * billion element operations (10^9 each). A ResNet-50 at 224 x 224 pixels takes 4.1 billion multiply-adds, a ViT-L/16 at 384 x 384 191 billion.
 */
export const mostWorkPerRow: Work = { multiplyAdds: 2e11, elementOperations: 4e9 };

/**
 * Most work of a training step on one row: forward, and backward about twice as much. Element operations are more, as the derivatives of an
 * operator may be several and the optimiser moves every weight.
 */
export const mostTrainingWorkPerRow: Work = {
  multiplyAdds: 4 * mostWorkPerRow.multiplyAdds,
  elementOperations: 10 * mostWorkPerRow.elementOperations,
};

/** Lengths multiplied; a name, such as that of the rows, counts as 1. A length of 0 leaves nothing, however large the others are. */
function product(lengths: Iterable<Dimension>): number {
  let result = 1;
  for (const length of lengths) {
    if (length === 0) return 0;
    if (typeof length === 'number') result *= length;
  }
  return result;
}

const sizeOf = (value: Value | undefined): number => (value === undefined ? 0 : product(value.shape));
const sizesOf = (values: readonly Value[]): number => values.reduce((sum, value) => sum + sizeOf(value), 0);
const largestOf = (values: readonly Value[]): number =>
  values.reduce((most, value) => Math.max(most, sizeOf(value)), 0);

/** Times a number that may be Infinity. */
const times = (count: number, each: number): number => (count === 0 || each === 0 ? 0 : count * each);

/** How many places there are in the space of all indices of an Einsum. */
export function einsumPlaces({ inputs, attributes }: Pick<GraphNode, 'inputs' | 'attributes'>): number {
  const { lengths } = einsumTerms(
    stringAttribute(attributes, 'equation', ''),
    inputs.map(({ shape }) => shape),
  );
  return product(lengths.values());
}

/** Multiply-adds of one operator, without those of a graph inside it. */
export function multiplyAddsOf(node: GraphNode): number {
  const { operator, inputs, outputs, attributes } = node;
  const [first, second] = inputs;
  if (first === undefined || second === undefined) return 0;
  switch (operator) {
    case 'MatMul':
      return times(sizeOf(outputs[0]), product(first.shape.slice(-1)));
    case 'Gemm':
      return times(
        sizeOf(outputs[0]),
        product([first.shape[intAttribute(attributes, 'transA', 0) === 1 ? 0 : 1] ?? 1]),
      );
    case 'Conv':
      return times(sizeOf(outputs[0]), product(second.shape.slice(1)));
    case 'ConvTranspose':
      return times(sizeOf(first), product(second.shape.slice(1)));
    case 'Einsum':
      // Two at a time, none of which has more indices than there are.
      return times(inputs.length - 1, einsumPlaces(node));
    default:
      return 0;
  }
}

/** Operators that read of their first input what they put out, and no more. */
const readParts = new Set(['Gather', 'GatherElements', 'GatherND', 'Slice', 'Shape', 'Size']);
/** Operators that take any number of inputs two at a time. */
const pairwise = new Set(['Max', 'Mean', 'Min', 'Sum']);

/** How many times as long as an addition an operator takes for an element, where it is several times; measured of onnxruntime 1.30. */
const slowness: Readonly<Record<string, number>> = {
  Celu: 4,
  CumSum: 4,
  Elu: 4,
  Log: 4,
  Mod: 8,
  OneHot: 4,
  Pow: 8,
  ReduceLogSumExp: 8,
  Selu: 4,
  Softplus: 8,
};
/** What looking one place up takes, in additions. */
const lookUp: Readonly<Record<string, number>> = {
  Gather: 8,
  GatherElements: 8,
  GatherND: 16,
  ScatterElements: 16,
  ScatterND: 16,
};
/** What beginning one product more takes, in additions: a hundred nanoseconds, however small the product. */
const nextProduct = 40;
/** Most axes of an image that convolutions have a fast way for, and what laying one number of a window out takes beyond, in additions. */
const mostFastAxes = 3;
const slowWindow = 4;

function slownessOf({ operator, inputs, attributes }: GraphNode): number {
  if (operator !== 'Softmax' && operator !== 'LogSoftmax') {
    return (Object.hasOwn(slowness, operator) ? slowness[operator] : undefined) ?? 1;
  }
  // Along another axis than the last its numbers lie apart.
  const axis = intAttribute(attributes, 'axis', -1);
  return axis === -1 || axis === (inputs[0]?.shape.length ?? 0) - 1 ? 1 : 8;
}

function lookUpsOf({ operator, inputs: [, places] }: GraphNode): number {
  const each = Object.hasOwn(lookUp, operator) ? lookUp[operator] : undefined;
  if (each === undefined || places === undefined) return 0;
  return times(each, product(operator.endsWith('ND') ? places.shape.slice(0, -1) : places.shape));
}

const isSlowWindow = ({ inputs }: GraphNode): boolean => (inputs[0]?.shape.length ?? 0) > 2 + mostFastAxes;

/** Numbers of the kernels of all groups, at each place of an image [N, C, ...]. */
function windowNumbers(image: Value | undefined, { inputs, attributes }: GraphNode): number {
  const places = product([...(image?.shape.slice(0, 1) ?? []), ...(image?.shape.slice(2) ?? [])]);
  return times(places, times(intAttribute(attributes, 'group', 1), product(inputs[1]?.shape.slice(1) ?? [])));
}

/** Products that an operator makes one after the other: of a stack of matrices each, of a convolution each row's and group's. */
function productsOf({ operator, inputs, outputs, attributes }: GraphNode): number {
  const [first, second] = inputs;
  if (first === undefined || second === undefined) return 0;
  switch (operator) {
    case 'MatMul': {
      // A stack by one matrix is one product.
      if (second.shape.length < 3) return 1;
      const shape = outputs[0]?.shape ?? [];
      return product(shape.slice(0, Math.max(0, shape.length - (first.shape.length > 1 ? 2 : 1))));
    }
    case 'Conv':
    case 'ConvTranspose':
      return times(product(first.shape.slice(0, 1)), intAttribute(attributes, 'group', 1));
    case 'Einsum': {
      const { operands, output, lengths } = einsumTerms(
        stringAttribute(attributes, 'equation', ''),
        inputs.map(({ shape }) => shape),
      );
      // Of several, what is summed in the end is kept apart until its last operand.
      const apart = [...lengths].filter(
        ([label]) =>
          operands.filter((term) => term.includes(label)).length > 1 && (operands.length > 2 || output.includes(label)),
      );
      return times(operands.length - 1, product(apart.map(([, length]) => length)));
    }
    default:
      return 0;
  }
}

function elementOperationsOf(node: GraphNode): number {
  return numbersOf(node) + times(nextProduct, Math.max(0, productsOf(node) - 1));
}

/** Numbers read or written, in additions. */
function numbersOf(node: GraphNode): number {
  const { operator, inputs, outputs, attributes } = node;
  const [first] = inputs;
  const written = sizesOf(outputs);
  switch (operator) {
    case 'MatMul':
    case 'Gemm': {
      // What is read is part of the products; those of integers are made one by one.
      const single = first?.type === 'int32' || first?.type === 'int64';
      return Math.max(sizeOf(first), written, single ? multiplyAddsOf(node) : 0);
    }
    case 'Conv': {
      // Of images of more axes every window is laid out, number by number.
      const laid = isSlowWindow(node) ? times(slowWindow, windowNumbers(outputs[0], node)) : 0;
      return Math.max(sizeOf(first), written, laid);
    }
    case 'ConvTranspose':
      // All products of an input's place and the kernel are laid out before they are added up.
      return Math.max(sizeOf(first), written, times(isSlowWindow(node) ? slowWindow : 1, windowNumbers(first, node)));
    case 'Einsum':
      return Math.max(largestOf(inputs), written, inputs.length === 1 ? einsumPlaces(node) : 0);
    case 'AveragePool':
    case 'MaxPool':
      return Math.max(
        sizeOf(first),
        times(sizeOf(outputs[0]), product(intsAttribute(attributes, 'kernel_shape') ?? [])),
      );
    default: {
      const read = readParts.has(operator) ? 0 : largestOf(inputs);
      const combined = pairwise.has(operator) ? times(inputs.length - 1, written) : 0;
      return times(slownessOf(node), Math.max(read, written, combined)) + lookUpsOf(node);
    }
  }
}

/** The body of a Scan runs as often as its last input, a sequence, is long. */
function workOfNode(node: GraphNode): Work {
  let multiplyAdds = multiplyAddsOf(node);
  let elementOperations = elementOperationsOf(node);
  for (const attribute of Object.values(node.attributes)) {
    if (!('graph' in attribute)) continue;
    const turns = product(node.inputs.at(-1)?.shape.slice(0, 1) ?? []);
    const inside = workOf(attribute.graph.nodes);
    multiplyAdds += times(turns, inside.multiplyAdds);
    elementOperations += times(turns, inside.elementOperations);
  }
  return { multiplyAdds, elementOperations };
}

/** The work of operators whose shapes are known. */
export function workOf(nodes: readonly GraphNode[]): Work {
  let { multiplyAdds, elementOperations } = noWork;
  for (const node of nodes) {
    const own = workOfNode(node);
    multiplyAdds += own.multiplyAdds;
    elementOperations += own.elementOperations;
  }
  return { multiplyAdds, elementOperations };
}

const known = new WeakMap<Plan, Work>();

/**
 * What one row's outputs take, at inference: what is computed of weights alone is counted with it. Nothing is computed, and no weight made.
 * @throws GraphError, OnnxError when the plan's network cannot be built
 */
export function forwardWork(plan: Plan): Work {
  const made = known.get(plan) ?? makeForwardWork(plan);
  known.set(plan, made);
  return made;
}

function makeForwardWork(plan: Plan): Work {
  const network = networkOf(plan);
  const builder = new GraphBuilder('work');
  const inputs = new Map(
    network.inputs.map(({ name, shape }) => [name, builder.input(`input/${name}`, 'float', [1, ...shape])] as const),
  );
  const weights = new Map(
    network.parameters.map(({ name, shape }) => [name, builder.input(name, 'float', shape)] as const),
  );
  network.forward({ builder, inputs, weights, random: null });
  return workOf(builder.nodes);
}

/** How often the bounds are exceeded by the worse of the two figures; at most 1 is within them. */
export function excessOf({ multiplyAdds, elementOperations }: Work, most: Work): number {
  return Math.max(multiplyAdds / most.multiplyAdds, elementOperations / most.elementOperations);
}

/** So many times the work. */
export const timesWork = ({ multiplyAdds, elementOperations }: Work, count: number): Work => ({
  multiplyAdds: times(multiplyAdds, count),
  elementOperations: times(elementOperations, count),
});

/** Says what is too much, such as `512 billion multiply-adds for one row, and the most is 200 billion`; null where nothing is. */
export function tooMuchWork(work: Work, most: Work = mostWorkPerRow): string | null {
  const { multiplyAdds, elementOperations } = work;
  if (multiplyAdds > most.multiplyAdds)
    return `${countText(multiplyAdds)} multiply-adds for one row, and the most is ${countText(most.multiplyAdds)}`;
  if (elementOperations > most.elementOperations) {
    return `${countText(elementOperations)} element operations for one row, and the most is ${countText(most.elementOperations)}`;
  }
  return null;
}

/** Rows that the text about a round takes where the plan leaves them to the site. */
const exampleRows = 1000;

/**
 * What one row and a local round take, in words, such as `528 multiply-adds and 80 element operations a row; a local round, 2 epochs over 1,000
 * rows, about 3.17 million multiply-adds`. Training takes about three times as many as the network: forward, the gradients of values and those of weights.
 */
export function workText(plan: Plan): string {
  const { multiplyAdds, elementOperations } = forwardWork(plan);
  const { work, batch } = plan.training;
  const some = exampleRows.toLocaleString('en-GB');
  const counted = (count: number, what: string): string =>
    count === 1 ? `one ${what}` : `${count.toLocaleString('en-GB')} ${what}s`;
  const [rows, of] =
    'epochs' in work
      ? [exampleRows * work.epochs, `${counted(work.epochs, 'epoch')} over ${some} rows`]
      : batch === 'full'
        ? [exampleRows * work.steps, `${counted(work.steps, 'step')} over ${some} rows`]
        : [batch * work.steps, `${counted(work.steps, 'step')} of ${counted(batch, 'row')}`];
  return (
    `${countText(multiplyAdds)} multiply-adds and ${countText(elementOperations)} element operations a row; ` +
    `a local round, ${of}, about ${countText(times(3 * rows, multiplyAdds))} multiply-adds`
  );
}

/** What to do about it, for the author of a plan. */
export const lessWork = 'choose fewer or narrower layers, smaller images or shorter series';

/** A number with three digits, such as `4,544`, `27.3 million`, `4.1 billion` (10^9) or, from 10^15 on, `2.5e+20`. */
export function countText(count: number): string {
  if (count < 10_000) return Math.round(count).toLocaleString('en-GB');
  if (count >= 1e15) return Number.isFinite(count) ? count.toExponential(1) : 'more than 1e+308';
  const units = [
    ['trillion', 1e12],
    ['billion', 1e9],
    ['million', 1e6],
    ['thousand', 1e3],
  ] as const;
  const [unit, size] = units.find(([, from]) => Number(count.toPrecision(3)) >= from) ?? units[3];
  return `${(count / size).toLocaleString('en-GB', { maximumSignificantDigits: 3 })} ${unit}`;
}
