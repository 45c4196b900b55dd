import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { floatAttribute, intAttribute } from '../operators/attributes.ts';
import { sizeOf } from '../operators/dimensions.ts';
import { floatsLike, scalarLike } from './numbers.ts';
import { byFirstOutput, inputAt, type VectorJacobians } from './product.ts';
import { reshape, sumToShape, transpose } from './shapes.ts';

function swapLastTwo(b: GraphBuilder, value: Value): Value {
  const rank = value.shape.length;
  const order = Array.from({ length: rank }, (_, axis) => axis);
  return transpose(b, value, [...order.slice(0, -2), rank - 1, rank - 2]);
}

/** All axes but the last as one: [..., k] to [rows, k]. */
function asRows(b: GraphBuilder, value: Value): Value {
  const last = value.shape.at(-1) ?? 1;
  const leading = value.shape.slice(0, -1);
  const known = leading.every((length) => typeof length === 'number');
  return reshape(b, value, [known ? sizeOf(leading as number[]) : 'rows', last]);
}

/**
 * Gradient by what is added to each row of a product: the sum of the rows. As a product with ones, which onnxruntime computes in half the
 * time of a sum over the first axis where the matrix is small.
 */
function sumOfRows(b: GraphBuilder, g: Value, shape: Value['shape']): Value {
  const [rows, width] = g.shape;
  if (g.shape.length !== 2 || shape.length !== 1 || shape[0] !== width || typeof rows !== 'number' || width === 1) {
    return sumToShape(b, g, shape);
  }
  const ones = floatsLike(b, 'ones', g, [1, rows], new Array(rows).fill(1));
  return reshape(b, b.op('MatMul', [ones, g]), shape);
}

export const products: VectorJacobians = {
  Gemm: byFirstOutput(({ b, inputs, attributes, x, g, needed }) => {
    const right = inputAt(inputs, 1);
    const added = inputs[2];
    const a = intAttribute(attributes, 'transA', 0) === 1;
    const c = intAttribute(attributes, 'transB', 0) === 1;
    const alpha = floatAttribute(attributes, 'alpha', 1);
    const beta = floatAttribute(attributes, 'beta', 1);
    const product = (left: Value, other: Value, transA: boolean, transB: boolean): Value =>
      b.op('Gemm', [left, other], {
        ...(transA ? { transA: { int: 1 } } : {}),
        ...(transB ? { transB: { int: 1 } } : {}),
        ...(alpha === 1 ? {} : { alpha: { float: alpha } }),
      });
    const scaled = (value: Value): Value => (beta === 1 ? value : b.mul(value, scalarLike(b, value, beta)));
    return [
      needed[0] !== true ? null : a ? product(right, g, c, true) : product(g, right, false, !c),
      needed[1] !== true ? null : c ? product(g, x, true, a) : product(x, g, !a, false),
      needed[2] === true && added !== undefined ? scaled(sumOfRows(b, g, added.shape)) : null,
    ];
  }),

  MatMul: byFirstOutput(({ b, inputs, x, g, needed }) => {
    const right = inputAt(inputs, 1);
    // A vector is a matrix of one row on the left and of one column on the right.
    const row = x.shape.length === 1;
    const column = right.shape.length === 1;
    const left = row ? b.unsqueeze(x, 0) : x;
    const other = column ? b.unsqueeze(right, 1) : right;
    const missing = [...(row ? [-2] : []), ...(column ? [-1] : [])];
    const rank = g.shape.length + missing.length;
    const full =
      missing.length === 0
        ? g
        : b.op('Unsqueeze', [
            g,
            b.integers(
              'axes',
              missing.map((axis) => axis + rank),
            ),
          ]);
    if (other.shape.length === 2) {
      // Weights shared by all leading axes: one product of matrices each way.
      const rows = asRows(b, full);
      return [
        needed[0] === true ? reshape(b, b.gemm(rows, other, undefined, { b: true }), x.shape) : null,
        needed[1] === true ? reshape(b, b.gemm(asRows(b, left), rows, undefined, { a: true }), right.shape) : null,
      ];
    }
    const byLeft = (): Value => sumToShape(b, b.op('MatMul', [full, swapLastTwo(b, other)]), left.shape);
    const byRight = (): Value => sumToShape(b, b.op('MatMul', [swapLastTwo(b, left), full]), other.shape);
    return [
      needed[0] === true ? reshape(b, byLeft(), x.shape) : null,
      needed[1] === true ? reshape(b, byRight(), right.shape) : null,
    ];
  }),
};
