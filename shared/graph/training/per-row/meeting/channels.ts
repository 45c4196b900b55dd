import type { GraphNode, Value } from '../../../graph.ts';
import { intAttribute } from '../../../operators/attributes.ts';
import { knownShape } from '../../../operators/dimensions.ts';
import { floatsLike } from '../../../vector-jacobian/numbers.ts';
import { reshape } from '../../../vector-jacobian/shapes.ts';
import type { RowGradients } from '../outer-products.ts';
import { rowsFirst, sumByRow } from '../row-axis.ts';
import { byInput, inFull, input, type MeetingUse, ownShape, refused } from './meeting-use.ts';

/**
 * As a convolution of one row in as many groups as there are rows: the rows and their channels together are its channels, and each row has its own
 * copy of the weight (Rochette et al. 2019, Efficient Per-Example Gradient Computations in Convolutional Neural Networks).
 */
export function convolution(use: MeetingUse): RowGradients {
  const { b, node, index, gradient, row } = use;
  const spatial = Array.from({ length: gradient.shape.length - 2 }, (_, axis) => axis + 2);
  if (index === 2) return inFull(sumByRow(b, rowsFirst(b, b.sum(gradient, spatial), row), ownShape(use)));
  const x = input(use, 0);
  const together = (value: Value): Value => {
    const [rows = 1, channels = 1, ...lengths] = knownShape(value.shape);
    return reshape(b, value, [1, rows * channels, ...lengths]);
  };
  const count = knownShape(x.shape)[0] as number;
  const shape = ownShape(use);
  const changed: GraphNode = {
    ...node,
    inputs: [together(x), input(use, 1)],
    attributes: { ...node.attributes, group: { int: count * intAttribute(node.attributes, 'group', 1) } },
  };
  const each: Value = { ...input(use, 1), shape: [count * (shape[0] as number), ...shape.slice(1)] };
  const found = byInput({ ...use, node: changed, gradient: together(gradient) }, each, changed.attributes);
  return inFull(sumByRow(b, rowsFirst(b, reshape(b, found, [count, ...shape]), row), shape));
}

/** Scale and shift of channels: the standardised values are those under a scale of 1 and a shift of 0. */
export function channelNormalisation(use: MeetingUse): RowGradients {
  const { b, node, index, gradient, row } = use;
  if (index > 2) throw refused(use);
  const spatial = Array.from({ length: gradient.shape.length - 2 }, (_, axis) => axis + 2);
  const [channels = 1] = ownShape(use);
  const even = (number: number): Value =>
    floatsLike(b, 'even', gradient, [channels], new Array<number>(channels).fill(number));
  const seen =
    index === 2
      ? gradient
      : b.mul(
          gradient,
          b.op(node.operator, [input(use, 0), even(1), even(0), ...node.inputs.slice(3)], node.attributes),
        );
  return inFull(sumByRow(b, rowsFirst(b, b.sum(seen, spatial), row), [channels]));
}
