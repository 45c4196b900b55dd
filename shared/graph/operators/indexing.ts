import { type Dimension, shapeText } from '../graph.ts';
import { intAttribute } from './attributes.ts';
import { constantIntegers } from './contents.ts';
import { axisOf } from './dimensions.ts';
import { inputOf, misfit, type OperatorRule, type OperatorRules, rule, sameType } from './rule.ts';

/** Data with updates written into them, which must have the shape that the indices ask for. */
function scattered(
  expected: (data: readonly Dimension[], indices: readonly Dimension[]) => readonly Dimension[],
): OperatorRule {
  return rule(3, 3, (use) => {
    const [data, indices, updates] = [inputOf(use, 0), inputOf(use, 1), inputOf(use, 2)];
    const shape = expected(data.shape, indices.shape);
    if (shapeText(updates.shape) !== shapeText(shape)) {
      throw misfit(`${updates.name} ${shapeText(updates.shape)} must have the shape ${shapeText(shape)}`);
    }
    return { type: sameType([data, updates]), shape: data.shape };
  });
}

/** Reading and writing at positions given as integers. */
export const indexing: OperatorRules = {
  Gather: rule(2, 2, (use) => {
    const { type, shape } = inputOf(use, 0);
    const axis = axisOf(intAttribute(use.attributes, 'axis', 0), shape.length);
    return { type, shape: [...shape.slice(0, axis), ...inputOf(use, 1).shape, ...shape.slice(axis + 1)] };
  }),
  GatherElements: rule(2, 2, (use) => {
    const { type, shape } = inputOf(use, 0);
    const indices = inputOf(use, 1);
    axisOf(intAttribute(use.attributes, 'axis', 0), shape.length);
    if (indices.shape.length !== shape.length) throw misfit('indices must have as many axes as the data');
    return { type, shape: indices.shape };
  }),
  GatherND: rule(2, 2, (use) => {
    const { type, shape } = inputOf(use, 0);
    const indices = inputOf(use, 1).shape;
    const batch = intAttribute(use.attributes, 'batch_dims', 0);
    const depth = indices.at(-1);
    if (typeof depth !== 'number' || batch + depth > shape.length) {
      throw misfit(`indices ${shapeText(indices)} do not point into ${shapeText(shape)}`);
    }
    return { type, shape: [...indices.slice(0, -1), ...shape.slice(batch + depth)] };
  }),
  ScatterElements: scattered((_, indices) => indices),
  ScatterND: scattered((data, indices) => {
    const depth = indices.at(-1);
    if (typeof depth !== 'number' || depth > data.length) {
      throw misfit(`indices ${shapeText(indices)} do not point into ${shapeText(data)}`);
    }
    return [...indices.slice(0, -1), ...data.slice(depth)];
  }),
  OneHot: rule(3, 3, (use) => {
    const indices = inputOf(use, 0).shape;
    const [depth] = constantIntegers(inputOf(use, 1));
    if (depth === undefined || depth < 1) throw misfit(`a depth of ${depth} has no place for a one`);
    const axis = axisOf(intAttribute(use.attributes, 'axis', -1), indices.length + 1);
    return { type: inputOf(use, 2).type, shape: indices.toSpliced(axis, 0, depth) };
  }),
};
