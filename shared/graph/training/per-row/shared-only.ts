import type { Value } from '../../graph.ts';
import { knownShape } from '../../operators/dimensions.ts';
import { zeros } from '../../vector-jacobian/shapes.ts';
import type { RowGradients } from './outer-products.ts';
import { gemm, kept, matMul } from './shared/matrices.ts';
import type { SharedUse } from './shared/shared-use.ts';
import { written } from './shared/with-rows.ts';

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
