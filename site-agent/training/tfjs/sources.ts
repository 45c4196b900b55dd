import { GraphError } from '../../../shared/graph/graph-error.ts';
import { intAttribute } from '../../../shared/graph/operators.ts';
import { constantNumbers, Held, tensorType } from './held.ts';
import {
  axisOf,
  integersOf,
  numbersOf,
  optionalIntegers,
  required,
  type Translation,
  type Use,
} from './translation.ts';

function shapeOf(use: Use): Held[] {
  const { attributes } = use.node;
  const { shape } = required(use, 0).tensor;
  const integers = shape.slice(intAttribute(attributes, 'start', 0), intAttribute(attributes, 'end', shape.length));
  return [Held.of(use.tf, use.tf.tensor1d(integers, 'int32'), integers)];
}

function sizeOfInput(use: Use): Held[] {
  const { size } = required(use, 0);
  return [Held.of(use.tf, use.tf.scalar(size, 'int32'), [size])];
}

function constantOfShape(use: Use): Held[] {
  const attribute = use.node.attributes.value;
  const value = attribute !== undefined && 'tensor' in attribute ? attribute.tensor : undefined;
  const number = value === undefined ? 0 : (constantNumbers(value)[0] ?? 0);
  const type = value === undefined ? 'float32' : tensorType(value.type);
  return [Held.of(use.tf, use.tf.fill(integersOf(use, 0), number, type === 'bool' ? 'bool' : type))];
}

function oneHot(use: Use): Held[] {
  const { tf, node } = use;
  const indices = required(use, 0).tensor;
  const depth = numbersOf(use, 1)[0] as number;
  const values = required(use, 2).tensor;
  const rank = indices.rank + 1;
  const axis = axisOf(intAttribute(node.attributes, 'axis', -1), rank);
  const positions = tf.cast(indices, 'float32');
  const wrapped = tf.add(positions, tf.mul(tf.cast(tf.less(positions, tf.scalar(0)), 'float32'), tf.scalar(depth)));
  const shape = [...indices.shape];
  shape.splice(axis, 0, 1);
  const levels = tf.reshape(
    tf.range(0, depth, 1, 'float32'),
    Array.from({ length: rank }, (_, at) => (at === axis ? depth : 1)),
  );
  const chosen = tf.cast(tf.equal(tf.reshape(wrapped, shape), levels), values.dtype);
  const off = tf.reshape(tf.slice(values, [0], [1]), []);
  const on = tf.reshape(tf.slice(values, [1], [1]), []);
  return [Held.of(tf, tf.add(off, tf.mul(chosen, tf.sub(on, off))))];
}

function range(use: Use): Held[] {
  const [start, limit, delta] = [0, 1, 2].map((index) => numbersOf(use, index)[0] as number) as [
    number,
    number,
    number,
  ];
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  const numbers = Array.from({ length: count }, (_, k) => start + k * delta);
  const type = tensorType(use.node.inputs[0]?.type ?? 'float');
  return [Held.of(use.tf, use.tf.tensor1d(numbers, type), type === 'int32' ? numbers : undefined)];
}

function trilu(use: Use): Held[] {
  const { tf } = use;
  const x = required(use, 0).tensor;
  const k = optionalIntegers(use, 1)?.[0] ?? 0;
  const upper = intAttribute(use.node.attributes, 'upper', 1) === 1;
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const kept = Float32Array.from({ length: rows * columns }, (_, at) => {
    const apart = (at % columns) - Math.floor(at / columns);
    return (upper ? apart >= k : apart <= k) ? 1 : 0;
  });
  return [Held.of(tf, tf.mul(x, tf.cast(tf.tensor2d(kept, [rows, columns]), x.dtype)))];
}

function constant(use: Use): Held[] {
  const attribute = use.node.attributes.value;
  if (attribute === undefined || !('tensor' in attribute)) {
    throw new GraphError('unknown_operator', 'Constant is taken with the attribute value only', {
      operator: 'Constant',
    });
  }
  const { tensor } = attribute;
  const type = tensorType(tensor.type);
  const numbers = constantNumbers(tensor);
  return [
    Held.of(use.tf, use.tf.tensor(numbers, tensor.shape as number[], type), type === 'int32' ? numbers : undefined),
  ];
}

/** Operators that speak of shapes, and those whose values follow from numbers of the graph. */
export const sourceTranslations: Readonly<Record<string, Translation>> = {
  Shape: shapeOf,
  Size: sizeOfInput,
  ConstantOfShape: constantOfShape,
  OneHot: oneHot,
  Range: range,
  Trilu: trilu,
  Constant: constant,
};
