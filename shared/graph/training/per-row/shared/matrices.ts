import type { Value } from '../../../graph.ts';
import type { GraphBuilder } from '../../../graph-builder.ts';
import { floatAttribute, intAttribute, intsAttribute } from '../../../operators/attributes.ts';
import { knownShape } from '../../../operators/dimensions.ts';
import { scalarLike } from '../../../vector-jacobian/numbers.ts';
import { transpose } from '../../../vector-jacobian/shapes.ts';
import { gradientsAs, inFull, noGradients, type OuterProducts, type RowGradients } from '../outer-products.ts';
import { sumByRow } from '../row-axis.ts';
import { input, rankOf, refused, type SharedUse } from './shared-use.ts';

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
export function kept(use: SharedUse): RowGradients[] | null {
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
    case 'Cast':
      return [gradientsAs(b, own, (first as Value).type)];
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
export function gemm(use: SharedUse): RowGradients[] {
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

export function matMul(use: SharedUse): RowGradients[] {
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
