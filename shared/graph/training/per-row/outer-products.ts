import type { ElementType, Value } from '../../graph.ts';
import type { GraphBuilder } from '../../graph-builder.ts';
import { knownShape, sizeOf } from '../../operators/dimensions.ts';
import { asType } from '../../vector-jacobian/numbers.ts';
import { reshape, transpose } from '../../vector-jacobian/shapes.ts';

/**
 * Gradients of a matrix, one a row, not multiplied out: for row n the sum over m of left[n, m] ⊗ right[n, m].
 * The gradients of a matrix that rows are multiplied with have this form; written out they would take rows times the matrix.
 */
export interface OuterProducts {
  /** [rows, m, height] */
  readonly left: Value;
  /** [rows, m, width] */
  readonly right: Value;
}

/** The gradients by row of one tensor: outer products, or [rows, ...shape] in full, or their sum. */
export interface RowGradients {
  readonly products: readonly OuterProducts[];
  readonly full: Value | null;
}

export const noGradients: RowGradients = { products: [], full: null };

/** Added in float32 where they come in float16: a recurrence adds as many as it has steps. */
export function addedGradients(b: GraphBuilder, one: RowGradients, other: RowGradients): RowGradients {
  const wide = (value: Value): Value => (value.type === 'float16' ? asType(b, value, 'float') : value);
  const full =
    one.full === null || other.full === null ? (one.full ?? other.full) : b.add(wide(one.full), wide(other.full));
  return { products: [...one.products, ...other.products], full };
}

export function gradientsAs(b: GraphBuilder, { products, full }: RowGradients, type: ElementType): RowGradients {
  return {
    products: products.map(({ left, right }) => ({ left: asType(b, left, type), right: asType(b, right, type) })),
    full: full === null ? null : asType(b, full, type),
  };
}

/** Divided by a scalar. */
export function dividedGradients(b: GraphBuilder, { products, full }: RowGradients, by: Value): RowGradients {
  return {
    products: products.map(({ left, right }) => ({ left, right: b.div(right, by) })),
    full: full === null ? null : b.div(full, by),
  };
}

/** All outer products as one: their sums over m follow each other. */
function joined(b: GraphBuilder, products: readonly OuterProducts[]): OuterProducts {
  const [first, ...others] = products as [OuterProducts, ...OuterProducts[]];
  if (others.length === 0) return first;
  const along = (side: 'left' | 'right'): Value =>
    b.op(
      'Concat',
      products.map((product) => product[side]),
      { axis: { int: 1 } },
    );
  return { left: along('left'), right: along('right') };
}

function multipliedOut(b: GraphBuilder, products: readonly OuterProducts[], shape: readonly number[]): Value {
  const { left, right } = joined(b, products);
  const found = b.op('MatMul', [transpose(b, left, [0, 2, 1]), right]);
  return reshape(b, found, [knownShape(left.shape)[0] as number, ...shape]);
}

/** [rows, ...shape], written out. */
export function inFull(b: GraphBuilder, gradients: RowGradients, shape: readonly number[]): Value {
  if (gradients.products.length === 0) return gradients.full as Value;
  const found = multipliedOut(b, gradients.products, shape);
  return gradients.full === null ? found : b.add(found, gradients.full);
}

const squares = (b: GraphBuilder, value: Value): Value =>
  b.sum(
    b.mul(value, value),
    Array.from({ length: value.shape.length - 1 }, (_, axis) => axis + 1),
  );

/**
 * Least squared norm of a sum of outer products, by the product of its factors' squared norms. Float32 rounds the double sum below by some 2^-24 of
 * that product: from 2^-16 on the norm is right to less than a hundredth, and further from cancelling to the rounding of float32.
 */
const cancelled = 2 ** -16;

/**
 * What is needed of one tensor's gradients by row: their squared norms, and a weighted sum over the rows. Outer products stay as they are where
 * that is less work: ||Σ_m a_m ⊗ g_m||² = Σ_{m,k} (a_m · a_k)(g_m · g_k) (Li et al. 2022, Large Language Models Can Be Strong Differentially
 * Private Learners, ghost clipping), and the weighted sum is one matrix product of what is already there (Bu et al. 2023, Differentially Private
 * Optimization on Large Model at Small Cost, book-keeping). Where that double sum cancels to what may be rounding alone, the norm is taken to be as
 * large as rounding may have made it: too large rather than too small.
 */
export function summary(
  b: GraphBuilder,
  gradients: RowGradients,
  shape: readonly number[],
): {
  /** [rows] */
  readonly squaredNorms: Value;
  /** @param weights [rows] @returns [...shape] */
  readonly weighted: (weights: Value) => Value;
} {
  const product = gradients.products.length > 0 && gradients.full === null ? joined(b, gradients.products) : null;
  if (product !== null) {
    const { left, right } = product;
    const [rows = 1, count = 1, height = 1] = knownShape(left.shape);
    const width = knownShape(right.shape)[2] as number;
    if (count === 1 || 2 * count * count <= height * width) {
      const gram = (value: Value): Value => b.op('MatMul', [value, transpose(b, value, [0, 2, 1])]);
      // By Cauchy and Schwarz no sum over m is larger.
      const most = b.mul(squares(b, left), squares(b, right));
      return {
        squaredNorms:
          count === 1
            ? most
            : b.op('Max', [b.sum(b.mul(gram(left), gram(right)), [1, 2]), b.mul(most, b.scalar(cancelled))]),
        weighted: (weights) => {
          const scaled = b.mul(right, reshape(b, weights, [rows, 1, 1]));
          const flat = (value: Value, last: number): Value => reshape(b, value, [rows * count, last]);
          return reshape(b, b.gemm(flat(left, height), flat(scaled, width), undefined, { a: true }), shape);
        },
      };
    }
  }
  const full = inFull(b, gradients, shape);
  const rows = knownShape(full.shape)[0] as number;
  return {
    squaredNorms: shape.length === 0 ? b.mul(full, full) : squares(b, full),
    weighted: (weights) =>
      reshape(b, b.op('MatMul', [reshape(b, weights, [1, rows]), reshape(b, full, [rows, sizeOf(shape)])]), shape),
  };
}
