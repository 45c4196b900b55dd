import { GraphError } from './graph-error.ts';
import { arithmetic } from './vector-jacobian/arithmetic.ts';
import { convolution } from './vector-jacobian/convolution.ts';
import { einsum } from './vector-jacobian/einsum.ts';
import { functions } from './vector-jacobian/functions.ts';
import { indexing } from './vector-jacobian/indexing.ts';
import { layouts } from './vector-jacobian/layouts.ts';
import { normalisations } from './vector-jacobian/normalisations.ts';
import { pooling } from './vector-jacobian/pooling.ts';
import type { VectorJacobian, VectorJacobians } from './vector-jacobian/product.ts';
import { products } from './vector-jacobian/products.ts';
import { reductions } from './vector-jacobian/reductions.ts';

export type { VectorJacobian } from './vector-jacobian/product.ts';

const vectorJacobians: VectorJacobians = {
  ...arithmetic,
  ...convolution,
  ...einsum,
  ...functions,
  ...indexing,
  ...layouts,
  ...normalisations,
  ...pooling,
  ...products,
  ...reductions,
};

/** Operators with a derivative, sorted. */
export function differentiableOperators(): string[] {
  return Object.keys(vectorJacobians).sort();
}

/** @throws GraphError `not_differentiable`, naming the operator */
export function vectorJacobianOf(operator: string): VectorJacobian {
  const found = Object.hasOwn(vectorJacobians, operator) ? vectorJacobians[operator] : undefined;
  if (found === undefined) {
    throw new GraphError(
      'not_differentiable',
      `operator ${operator} has no derivative; operators with one: ${differentiableOperators().join(', ')}`,
      { operator },
    );
  }
  return found;
}
