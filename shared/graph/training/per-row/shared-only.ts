import type { Attributes, GraphNode, Value } from '../../graph.ts';
import type { GraphBuilder } from '../../graph-builder.ts';
import { GraphError } from '../../graph-error.ts';
import { floatAttribute, intAttribute, intsAttribute } from '../../operators/attributes.ts';
import { constantIntegers } from '../../operators/contents.ts';
import { axisOf, knownShape } from '../../operators/dimensions.ts';
import { padsOf, slicesOf } from '../../operators/layouts.ts';
import { reducedAxes } from '../../operators/reductions.ts';
import { scalarLike } from '../../vector-jacobian/numbers.ts';
import { transpose, zeros } from '../../vector-jacobian/shapes.ts';
import { vectorJacobianOf } from '../../vector-jacobian.ts';
import { broadcastOperators, elementOperators, reductionOperators } from './operator-kinds.ts';
import { inFull, noGradients, type OuterProducts, type RowGradients } from './outer-products.ts';
import { asIfByRow, sumByRow } from './row-axis.ts';

/** A node none of whose values has rows, such as the product of two adapter matrices, with the gradients by row of its outputs. */
export interface SharedUse {
  readonly b: GraphBuilder;
  readonly node: GraphNode;
  readonly rows: number;
  /** By output; null where the loss does not depend on it. */
  readonly gradients: readonly (RowGradients | null)[];
  /** By input. */
  readonly needed: readonly boolean[];
}

const input = ({ node }: SharedUse, index: number): Value => node.inputs[index] as Value;
const rankOf = (value: Value | undefined): number => value?.shape.length ?? 0;

/** The node with an axis for the rows before all others of its inputs and outputs. */
function withRows(use: SharedUse): { readonly inputs: readonly Value[]; readonly attributes: Attributes } | null {
  const { b, node, rows, needed } = use;
  const { operator, attributes, inputs } = node;
  const rank = rankOf(inputs[0]);
  const rankOut = rankOf(node.outputs[0]);
  const data = (width = rank): Value => asIfByRow(b, input(use, 0), rows, width);
  const axis = (byDefault: number, length = rank): Attributes => ({
    ...attributes,
    axis: { int: axisOf(intAttribute(attributes, 'axis', byDefault), length) + 1 },
  });
  const shifted = (axes: readonly number[], length: number): Value =>
    b.integers(
      'axes',
      axes.map((one) => axisOf(one, length) + 1),
    );
  if (elementOperators.has(operator)) return { inputs: [data()], attributes };
  if (broadcastOperators.has(operator) && operator !== 'Clip') {
    return {
      inputs: inputs.map((value, index) => (needed[index] === true ? asIfByRow(b, value, rows, rankOut) : value)),
      attributes,
    };
  }
  if (reductionOperators.has(operator)) {
    const axes = reducedAxes(operator, inputs, attributes, rank).map((one) => one + 1);
    const kept = { keepdims: { int: intAttribute(attributes, 'keepdims', 1) } };
    return operator === 'ReduceSum'
      ? { inputs: [data(), b.integers('axes', axes)], attributes: kept }
      : { inputs: [data()], attributes: { ...kept, axes: { ints: axes } } };
  }
  switch (operator) {
    case 'Clip':
      return needed.slice(1).includes(true) ? null : { inputs: [data(), ...inputs.slice(1)], attributes };
    case 'Reshape':
    case 'Flatten':
    case 'Expand':
      return { inputs: [data(operator === 'Expand' ? rankOut : rank), ...inputs.slice(1)], attributes };
    case 'Transpose': {
      const order = intsAttribute(attributes, 'perm') ?? Array.from({ length: rank }, (_, at) => rank - 1 - at);
      return { inputs: [data()], attributes: { perm: { ints: [0, ...order.map((one) => axisOf(one, rank) + 1)] } } };
    }
    case 'Squeeze':
      return inputs[1] === undefined
        ? { inputs: [data()], attributes }
        : { inputs: [data(), shifted(constantIntegers(inputs[1]), rank)], attributes };
    case 'Unsqueeze':
      return { inputs: [data(), shifted(constantIntegers(inputs[1]), rankOut)], attributes };
    case 'Softmax':
    case 'LogSoftmax':
      return { inputs: [data()], attributes: axis(-1) };
    case 'Split':
      return { inputs: [data(), ...inputs.slice(1)], attributes: axis(0) };
    case 'Concat':
      return { inputs: inputs.map((value) => asIfByRow(b, value, rows, rank)), attributes: axis(0) };
    case 'Gather':
      return needed[1] === true ? null : { inputs: [data(), input(use, 1)], attributes: axis(0) };
    case 'Slice': {
      const slices = slicesOf(node);
      const column = (numbers: readonly number[]): Value => b.integers('slices', numbers);
      return {
        inputs: [
          data(),
          column(slices.map(({ start }) => start)),
          column(slices.map(({ end }) => end)),
          column(slices.map((one) => one.axis + 1)),
          column(slices.map(({ step }) => step)),
        ],
        attributes,
      };
    }
    case 'Pad': {
      const { begins, ends } = padsOf(node);
      return needed[2] === true
        ? null
        : { inputs: [data(), b.integers('pads', [0, ...begins, 0, ...ends]), ...inputs.slice(2)], attributes };
    }
    default:
      return null;
  }
}

function refused({ operator }: GraphNode): GraphError {
  return new GraphError(
    'not_differentiable',
    `operator ${operator} between tensors without rows has no derivative row by row`,
    { operator },
  );
}

/** Through the operator's own vector-Jacobian product, the rows being one more axis. */
function written(use: SharedUse): RowGradients[] {
  const { b, node, rows, gradients, needed } = use;
  const changed = withRows(use);
  if (changed === null) throw refused(node);
  const outputs = node.outputs.map((output) => asIfByRow(b, output, rows, rankOf(output)));
  const found = vectorJacobianOf(node.operator)({
    builder: b,
    node: { ...node, ...changed, outputs },
    outputs,
    gradients: node.outputs.map((output, index) => {
      const own = gradients[index];
      return own === null || own === undefined ? null : inFull(b, own, knownShape(output.shape));
    }),
    needed,
  });
  return node.inputs.map((value, index) => {
    const own = found[index];
    if (needed[index] !== true) return noGradients;
    if (own === null || own === undefined) throw refused(node);
    return { products: [], full: sumByRow(b, own, knownShape(value.shape)) };
  });
}

function swapped(b: GraphBuilder, value: Value): Value {
  const rank = rankOf(value);
  const order = Array.from({ length: rank }, (_, axis) => axis);
  return transpose(b, value, [...order.slice(0, -2), rank - 1, rank - 2]);
}

const times = (b: GraphBuilder, gradients: RowGradients, factor: Value): RowGradients => ({
  products: gradients.products.map(({ left, right }) => ({ left, right: b.mul(right, factor) })),
  full: gradients.full === null ? null : b.mul(gradients.full, factor),
});

const turned = (b: GraphBuilder, { products, full }: RowGradients): RowGradients => ({
  products: products.map(({ left, right }) => ({ left: right, right: left })),
  full: full === null ? null : transpose(b, full, [0, 2, 1]),
});

/** Gradients of the two factors of a matrix product. @param left [m, k] @param right [k, n] @param gradients by row of [m, n] */
function factors(
  b: GraphBuilder,
  left: Value,
  right: Value,
  { products, full }: RowGradients,
): readonly [() => RowGradients, () => RowGradients] {
  const through = (value: Value, matrix: Value): Value => b.op('MatMul', [value, matrix]);
  // (a ⊗ g) rightᵀ = a ⊗ (right g), and leftᵀ (a ⊗ g) = (leftᵀ a) ⊗ g.
  return [
    () => ({
      products: products.map((one): OuterProducts => ({ ...one, right: through(one.right, swapped(b, right)) })),
      full: full === null ? null : through(full, swapped(b, right)),
    }),
    () => ({
      products: products.map((one): OuterProducts => ({ ...one, left: through(one.left, left) })),
      full: full === null ? null : b.op('MatMul', [swapped(b, left), full]),
    }),
  ];
}

/** Operators through which outer products stay outer products, as adapters (a matrix plus a product of two) need; null for others. */
function kept(use: SharedUse): RowGradients[] | null {
  const { b, node, needed, gradients } = use;
  const [own] = gradients;
  if (own === null || own === undefined || own.products.length === 0) return null;
  const sameShape = (value: Value): boolean => value.shape.join() === node.outputs[0]?.shape.join();
  const [first, second] = node.inputs;
  const only = (index: number, made: () => RowGradients): RowGradients =>
    needed[index] === true ? made() : noGradients;
  switch (node.operator) {
    case 'Identity':
      return [own];
    case 'Add':
    case 'Sub':
      if (!node.inputs.every((value, index) => needed[index] !== true || sameShape(value))) return null;
      return [
        only(0, () => own),
        only(1, () => (node.operator === 'Add' ? own : times(b, own, scalarLike(b, second as Value, -1)))),
      ];
    case 'Mul': {
      const at = needed.indexOf(true);
      const factor = node.inputs[1 - at] as Value;
      if (needed[1 - at] === true || factor.shape.length > 0 || !sameShape(node.inputs[at] as Value)) return null;
      const found = times(b, own, factor);
      return [only(0, () => found), only(1, () => found)];
    }
    case 'Transpose':
      return rankOf(first) === 2 && (intsAttribute(node.attributes, 'perm') ?? [1, 0])[0] === 1
        ? [turned(b, own)]
        : null;
    case 'MatMul': {
      if (rankOf(first) !== 2 || rankOf(second) !== 2) return null;
      const [left, right] = factors(b, first as Value, second as Value, own);
      return [only(0, left), only(1, right)];
    }
    default:
      return null;
  }
}

/** Products of matrices, written or not. */
function gemm(use: SharedUse): RowGradients[] {
  const { b, node, needed, gradients } = use;
  const { attributes } = node;
  const alpha = floatAttribute(attributes, 'alpha', 1);
  const transA = intAttribute(attributes, 'transA', 0) === 1;
  const transB = intAttribute(attributes, 'transB', 0) === 1;
  const own = gradients[0] as RowGradients;
  const scaled = alpha === 1 ? own : times(b, own, scalarLike(b, input(use, 0), alpha));
  const straight = (value: Value, swap: boolean): Value => (swap ? swapped(b, value) : value);
  const [left, right] = factors(b, straight(input(use, 0), transA), straight(input(use, 1), transB), scaled);
  const third = node.inputs[2];
  const added = (): RowGradients => {
    const beta = floatAttribute(attributes, 'beta', 1);
    const full = inFull(b, own, knownShape(node.outputs[0]?.shape ?? []));
    const by = beta === 1 ? full : b.mul(full, scalarLike(b, full, beta));
    return { products: [], full: sumByRow(b, by, knownShape(third?.shape ?? [])) };
  };
  return [
    needed[0] === true ? (transA ? turned(b, left()) : left()) : noGradients,
    needed[1] === true ? (transB ? turned(b, right()) : right()) : noGradients,
    ...(third === undefined ? [] : [needed[2] === true ? added() : noGradients]),
  ];
}

function matMul(use: SharedUse): RowGradients[] {
  const { b, node, needed, gradients } = use;
  const [left, right] = [input(use, 0), input(use, 1)];
  if (rankOf(left) < 2 || rankOf(right) < 2) throw refused(node);
  const full = inFull(b, gradients[0] as RowGradients, knownShape(node.outputs[0]?.shape ?? []));
  const by = (made: Value, value: Value): RowGradients => ({
    products: [],
    full: sumByRow(b, made, knownShape(value.shape)),
  });
  return [
    needed[0] === true ? by(b.op('MatMul', [full, swapped(b, right)]), left) : noGradients,
    needed[1] === true ? by(b.op('MatMul', [swapped(b, left), full]), right) : noGradients,
  ];
}

/**
 * Gradients by row of a node's inputs, none of which has rows, one an input.
 * @throws GraphError `not_differentiable`, naming the operator, when it has no rule
 */
export function gradientsThroughShared(use: SharedUse): readonly RowGradients[] {
  const { b, node, rows } = use;
  if (node.operator === 'Gemm') return gemm(use);
  const found = kept(use);
  if (found !== null) return found;
  if (node.operator === 'MatMul') return matMul(use);
  if (node.operator === 'Split') {
    // A part the loss does not depend on has a gradient of zero.
    const gradients = use.gradients.map(
      (own, index) =>
        own ?? {
          products: [],
          full: zeros(b, node.outputs[index] as Value, [rows, ...knownShape((node.outputs[index] as Value).shape)]),
        },
    );
    return written({ ...use, gradients });
  }
  return written(use);
}
