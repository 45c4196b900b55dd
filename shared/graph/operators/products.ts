import type { Dimension, Value } from '../graph.ts';
import { shapeText } from '../graph.ts';
import { intAttribute, stringAttribute } from './attributes.ts';
import { broadcastShape } from './dimensions.ts';
import { einsumTerms } from './einsum-terms.ts';
import { inputOf, misfit, type OperatorRules, rule, sameType } from './rule.ts';

/** Shape of a matrix product under numpy's rules: leading axes broadcast, a vector is a row on the left and a column on the right. */
function matrixProductShape(a: readonly Dimension[], b: readonly Dimension[]): Dimension[] {
  const undefinedProduct = () => misfit(`the matrix product of ${shapeText(a)} and ${shapeText(b)} is undefined`);
  if (a.length === 0 || b.length === 0) throw undefinedProduct();
  const inner = b.length === 1 ? b[0] : b.at(-2);
  if (a.at(-1) !== inner) throw undefinedProduct();
  const batch = broadcastShape(a.slice(0, -2), b.slice(0, -2));
  const rows = a.length === 1 ? [] : [a.at(-2) as Dimension];
  const columns = b.length === 1 ? [] : [b.at(-1) as Dimension];
  return [...batch, ...rows, ...columns];
}

function swapped(value: Value, yes: boolean): readonly Dimension[] {
  if (value.shape.length !== 2) throw misfit(`${value.name} ${shapeText(value.shape)} must have two axes`);
  return yes ? [...value.shape].reverse() : value.shape;
}

export const products: OperatorRules = {
  MatMul: rule(2, 2, (use) => ({
    type: sameType(use.inputs),
    shape: matrixProductShape(inputOf(use, 0).shape, inputOf(use, 1).shape),
  })),
  Gemm: rule(2, 3, (use) => {
    const shape = matrixProductShape(
      swapped(inputOf(use, 0), intAttribute(use.attributes, 'transA', 0) === 1),
      swapped(inputOf(use, 1), intAttribute(use.attributes, 'transB', 0) === 1),
    );
    const added = use.inputs[2];
    if (added !== undefined && shapeText(broadcastShape(added.shape, shape)) !== shapeText(shape)) {
      throw misfit(`${added.name} ${shapeText(added.shape)} does not broadcast to ${shapeText(shape)}`);
    }
    return { type: sameType(use.inputs), shape };
  }),
  Einsum: rule(1, 26, (use) => {
    const terms = einsumTerms(
      stringAttribute(use.attributes, 'equation', ''),
      use.inputs.map((value) => value.shape),
    );
    return { type: sameType(use.inputs), shape: [...terms.output].map((label) => terms.lengths.get(label) ?? 1) };
  }),
};
