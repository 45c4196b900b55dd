import type { Tensor } from '@tensorflow/tfjs-core';
import { floatAttribute, intAttribute, stringAttribute } from '../../../shared/graph/operators.ts';
import type { TfjsLibrary } from '../tfjs-library.ts';
import { Held } from './held.ts';
import { product } from './matrix-product.ts';
import { broadcastTo } from './shapes.ts';
import { refuse, required, type Translation, type Use } from './translation.ts';

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/** Product of [..., n, k] and [..., k, m] with leading axes broadcast; one matrix on the right is one large product. */
export function matrixProduct(tf: TfjsLibrary, a: Tensor, b: Tensor): Tensor {
  if (a.rank === 1) {
    const product = matrixProduct(tf, tf.reshape(a, [1, a.size]), b);
    return tf.reshape(product, product.shape.toSpliced(-2, 1));
  }
  if (b.rank === 1) {
    const product = matrixProduct(tf, a, tf.reshape(b, [b.size, 1]));
    return tf.reshape(product, product.shape.slice(0, -1));
  }
  if (b.rank === 2) {
    const flat = a.rank === 2 ? a : tf.reshape(a, [-1, a.shape.at(-1) as number]);
    const product = tf.matMul(flat, b);
    return a.rank === 2 ? product : tf.reshape(product, [...a.shape.slice(0, -1), b.shape[1] as number]);
  }
  const leading = tf.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  // With one leading axis: the products the library runs on every backend.
  const stacked = (tensor: Tensor): Tensor => {
    const shape = [...leading, ...tensor.shape.slice(-2)];
    return tf.reshape(broadcastTo(tf, tensor, shape), [sizeOf(leading), ...shape.slice(-2)]);
  };
  const product = tf.matMul(stacked(a), stacked(b));
  return tf.reshape(product, [...leading, ...product.shape.slice(-2)]);
}

function gemm(use: Use): Held[] {
  const { tf, node } = use;
  const { attributes } = node;
  const multiplied = product(tf, required(use, 0).tensor, required(use, 1).tensor, {
    a: intAttribute(attributes, 'transA', 0) === 1,
    b: intAttribute(attributes, 'transB', 0) === 1,
  });
  const alpha = floatAttribute(attributes, 'alpha', 1);
  const scaled = alpha === 1 ? multiplied : tf.mul(multiplied, alpha);
  const c = use.inputs[2]?.tensor;
  if (c === undefined) return [Held.of(tf, scaled)];
  const beta = floatAttribute(attributes, 'beta', 1);
  return [Held.of(tf, tf.add(scaled, beta === 1 ? c : tf.mul(c, beta)))];
}

interface Term {
  readonly tensor: Tensor;
  readonly axes: readonly string[];
}

/** Sums a term over the axes that stand in no other term and not in the result. */
function summed(tf: TfjsLibrary, { tensor, axes }: Term, kept: ReadonlySet<string>): Term {
  const dropped = axes.flatMap((axis, index) => (kept.has(axis) ? [] : [index]));
  if (dropped.length === 0) return { tensor, axes };
  return { tensor: tf.sum(tensor, dropped), axes: axes.filter((axis) => kept.has(axis)) };
}

function arranged(tf: TfjsLibrary, { tensor, axes }: Term, order: readonly string[]): Tensor {
  const perm = order.map((axis) => axes.indexOf(axis));
  return perm.every((from, to) => from === to) ? tensor : tf.transpose(tensor, perm);
}

/** Contracts two terms by one batched matrix product: shared and kept, left's own, right's own, and summed axes. */
function contracted(tf: TfjsLibrary, left: Term, right: Term, kept: ReadonlySet<string>): Term {
  const a = summed(tf, left, new Set([...kept, ...right.axes]));
  const b = summed(tf, right, new Set([...kept, ...left.axes]));
  const shared = a.axes.filter((axis) => b.axes.includes(axis));
  const batch = shared.filter((axis) => kept.has(axis));
  const inner = shared.filter((axis) => !kept.has(axis));
  const own = (term: Term): string[] => term.axes.filter((axis) => !shared.includes(axis));
  const lengths = new Map(
    [a, b].flatMap(({ tensor, axes }) => axes.map((axis, index) => [axis, tensor.shape[index] as number] as const)),
  );
  const size = (axes: readonly string[]): number => sizeOf(axes.map((axis) => lengths.get(axis) as number));
  const [ownA, ownB] = [own(a), own(b)];
  const matrixA = tf.reshape(arranged(tf, a, [...batch, ...ownA, ...inner]), [size(batch), size(ownA), size(inner)]);
  const matrixB = tf.reshape(arranged(tf, b, [...batch, ...inner, ...ownB]), [size(batch), size(inner), size(ownB)]);
  const axes = [...batch, ...ownA, ...ownB];
  return {
    tensor: tf.reshape(
      tf.matMul(matrixA, matrixB),
      axes.map((axis) => lengths.get(axis) as number),
    ),
    axes,
  };
}

function einsum({ tf, node, inputs }: Use): Held[] {
  const equation = stringAttribute(node.attributes, 'equation', '').replace(/\s/g, '');
  const [left = '', right] = equation.split('->');
  const terms = left.split(',');
  if (equation.includes('.') || terms.some((term) => new Set(term).size !== term.length)) {
    refuse(node, `with the equation ${equation} (an ellipsis or a diagonal)`);
  }
  const letters = [...left.replaceAll(',', '')];
  // Without an arrow: the letters that stand once, in the alphabet's order.
  const result =
    right ??
    letters
      .filter((one) => letters.indexOf(one) === letters.lastIndexOf(one))
      .sort()
      .join('');
  let held = terms.map((axes, index): Term => ({ tensor: (inputs[index] as Held).tensor, axes: [...axes] }));
  while (held.length > 1) {
    const [first, second, ...others] = held as [Term, Term, ...Term[]];
    const kept = new Set([...result, ...others.flatMap(({ axes }) => axes)]);
    held = [contracted(tf, first, second, kept), ...others];
  }
  const whole = summed(tf, held[0] as Term, new Set(result));
  return [Held.of(tf, arranged(tf, whole, [...result]))];
}

/** Products of matrices. */
export const matrixTranslations: Readonly<Record<string, Translation>> = {
  MatMul: (use) => [Held.of(use.tf, matrixProduct(use.tf, required(use, 0).tensor, required(use, 1).tensor))],
  Gemm: gemm,
  Einsum: einsum,
};
