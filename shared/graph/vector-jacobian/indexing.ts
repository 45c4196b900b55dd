import type { Value } from '../graph.ts';
import { intAttribute, stringAttribute } from '../operators/attributes.ts';
import { axisOf, knownShape } from '../operators/dimensions.ts';
import { addAtPlaces, addAtPositions } from './positions.ts';
import { byFirstOutput, inputAt, refusal, type VectorJacobian, type VectorJacobians } from './product.ts';
import { zeros } from './shapes.ts';

/** Writes at positions: the updates read the gradient there, and the data keep theirs where nothing was written over them. */
function scattered(operator: 'ScatterElements' | 'ScatterND', read: 'GatherElements' | 'GatherND'): VectorJacobian {
  return byFirstOutput(({ b, inputs, attributes, g, needed }) => {
    const reduction = stringAttribute(attributes, 'reduction', 'none');
    if (reduction !== 'none' && reduction !== 'add') throw refusal(operator, `with the reduction ${reduction}`);
    const indices = inputAt(inputs, 1);
    const updates = inputAt(inputs, 2);
    const axis = attributes.axis === undefined ? {} : { axis: attributes.axis };
    const byData = (): Value =>
      reduction === 'add' ? g : b.op(operator, [g, indices, zeros(b, updates, knownShape(updates.shape))], axis);
    return [needed[0] === true ? byData() : null, null, needed[2] === true ? b.op(read, [g, indices], axis) : null];
  });
}

export const indexing: VectorJacobians = {
  Gather: byFirstOutput(({ b, inputs, attributes, x, g, needed }) => {
    if (needed[0] !== true) return [null, null];
    const axis = axisOf(intAttribute(attributes, 'axis', 0), x.shape.length);
    const length = knownShape(x.shape)[axis] as number;
    return [addAtPositions(b, g, inputAt(inputs, 1), axis, length), null];
  }),
  GatherElements: byFirstOutput(({ b, inputs, attributes, x, g, needed }) => {
    if (needed[0] !== true) return [null, null];
    const empty = zeros(b, g, knownShape(x.shape));
    const axis = { int: axisOf(intAttribute(attributes, 'axis', 0), x.shape.length) };
    return [b.op('ScatterElements', [empty, inputAt(inputs, 1), g], { axis, reduction: { string: 'add' } }), null];
  }),
  GatherND: byFirstOutput(({ b, inputs, attributes, x, g, needed }) => {
    if (needed[0] !== true) return [null, null];
    if (intAttribute(attributes, 'batch_dims', 0) !== 0) throw refusal('GatherND', 'with batch_dims');
    return [addAtPlaces(b, g, inputAt(inputs, 1), knownShape(x.shape)), null];
  }),
  ScatterElements: scattered('ScatterElements', 'GatherElements'),
  ScatterND: scattered('ScatterND', 'GatherND'),
};
