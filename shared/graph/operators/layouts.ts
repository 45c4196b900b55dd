import type { Dimension } from '../graph.ts';
import { shapeText } from '../graph.ts';
import { intAttribute, intsAttribute } from './attributes.ts';
import { constantIntegers, lengthsOf } from './contents.ts';
import { axesOf, axisOf, broadcastShape, productOf, quotientOf } from './dimensions.ts';
import { reducedShape } from './reductions.ts';
import { inputOf, misfit, type OperatorRules, type OperatorUse, rule, sameType, severalOutputs } from './rule.ts';
import { sliceBounds } from './slice-bounds.ts';

function reshaped(use: OperatorUse): Dimension[] {
  const { shape } = inputOf(use, 0);
  const target = lengthsOf(inputOf(use, 1));
  const copies = intAttribute(use.attributes, 'allowzero', 0) === 0;
  const asked = () => `${shapeText(shape)} cannot be given the shape ${shapeText(target)}`;
  const result = target.map((length, axis) => {
    if (length !== 0 || !copies) return length;
    const kept = shape[axis];
    if (kept === undefined) throw misfit(asked());
    return kept;
  });
  const open = result.flatMap((length, axis) => (length === -1 ? [axis] : []));
  if (open.length > 1) throw misfit(asked());
  const [axis] = open;
  if (axis === undefined) {
    if (quotientOf(result, shape) !== 1 && productOf(result) !== productOf(shape)) throw misfit(asked());
    return result;
  }
  const left = quotientOf(
    shape,
    result.filter((_, index) => index !== axis),
  );
  if (left === null) throw misfit(asked());
  return result.with(axis, left);
}

function joined(use: OperatorUse): Dimension[] {
  const first = inputOf(use, 0);
  const axis = axisOf(intAttribute(use.attributes, 'axis', 0), first.shape.length);
  let total = 0;
  for (const value of use.inputs) {
    const length = value.shape[axis];
    if (typeof length !== 'number') throw misfit('Concat joins along an axis of known length only');
    const alike = value.shape.length === first.shape.length;
    if (!alike || !value.shape.every((other, at) => at === axis || other === first.shape[at])) {
      throw misfit(`${shapeText(value.shape)} does not join ${shapeText(first.shape)} along axis ${axis}`);
    }
    total += length;
  }
  return first.shape.with(axis, total);
}

/** Lengths of the parts of Split. */
export function splitLengths(use: OperatorUse): { readonly axis: number; readonly lengths: readonly number[] } {
  const { shape } = inputOf(use, 0);
  const axis = axisOf(intAttribute(use.attributes, 'axis', 0), shape.length);
  const length = shape[axis];
  const given = use.inputs[1] === undefined ? undefined : constantIntegers(use.inputs[1]);
  if (typeof length !== 'number') throw misfit('Split parts an axis of known length only');
  if (given === undefined && length % use.count !== 0) throw misfit(`${length} does not part into ${use.count}`);
  const lengths = given ?? Array.from({ length: use.count }, () => length / use.count);
  if (lengths.length !== use.count || lengths.reduce((sum, one) => sum + one, 0) !== length) {
    throw misfit(`parts of [${lengths.join(', ')}] for ${use.count} outputs are not the ${length} there are`);
  }
  return { axis, lengths };
}

/** Axes, bounds and steps of Slice, one entry a sliced axis. */
export function slicesOf(use: Pick<OperatorUse, 'inputs'>): {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}[] {
  const rank = inputOf(use, 0).shape.length;
  const starts = constantIntegers(inputOf(use, 1));
  const ends = constantIntegers(inputOf(use, 2));
  const axes = use.inputs[3] === undefined ? starts.map((_, index) => index) : constantIntegers(use.inputs[3]);
  const steps = use.inputs[4] === undefined ? starts.map(() => 1) : constantIntegers(use.inputs[4]);
  if (ends.length !== starts.length || axes.length !== starts.length || steps.length !== starts.length) {
    throw misfit('starts, ends, axes and steps must be equally many');
  }
  return axesOf(axes, rank).map((axis, index) => {
    const step = steps[index] as number;
    if (step === 0) throw misfit('a step of 0 leads nowhere');
    return { axis, start: starts[index] as number, end: ends[index] as number, step };
  });
}

function sliced(use: OperatorUse): Dimension[] {
  const shape = [...inputOf(use, 0).shape];
  for (const { axis, start, end, step } of slicesOf(use)) {
    const length = shape[axis] as Dimension;
    if (typeof length === 'number') {
      shape[axis] = sliceBounds(length, start, end, step).count;
    } else if (start !== 0 || end < 2 ** 31 - 1 || step !== 1) {
      throw misfit(`axis ${axis} of ${shapeText(shape)} must be of known length to be sliced`);
    }
  }
  return shape;
}

/** Elements added before and after each axis by Pad; negative where elements are taken away. */
export function padsOf(use: Pick<OperatorUse, 'inputs'>): {
  readonly begins: readonly number[];
  readonly ends: readonly number[];
} {
  const rank = inputOf(use, 0).shape.length;
  const pads = constantIntegers(inputOf(use, 1));
  if (pads.length !== 2 * rank) throw misfit(`${pads.length} pads for ${rank} axes, which take ${2 * rank}`);
  return { begins: pads.slice(0, rank), ends: pads.slice(rank) };
}

/** Tensors of the same numbers in another shape or order. */
export const layouts: OperatorRules = {
  Reshape: rule(2, 2, (use) => ({ type: inputOf(use, 0).type, shape: reshaped(use) })),
  Flatten: rule(1, 1, (use) => {
    const { type, shape } = inputOf(use, 0);
    const given = intAttribute(use.attributes, 'axis', 1);
    const axis = given === shape.length ? given : axisOf(given, Math.max(shape.length, 1));
    return { type, shape: [productOf(shape.slice(0, axis)), productOf(shape.slice(axis))] };
  }),
  Transpose: rule(1, 1, (use) => {
    const { type, shape } = inputOf(use, 0);
    const order = intsAttribute(use.attributes, 'perm') ?? shape.map((_, axis) => shape.length - 1 - axis);
    if (order.length !== shape.length) throw misfit(`perm [${order.join(', ')}] does not fit ${shapeText(shape)}`);
    return { type, shape: axesOf(order, shape.length).map((axis) => shape[axis] as Dimension) };
  }),
  Squeeze: rule(1, 2, (use) => {
    const { type, shape } = inputOf(use, 0);
    const axes =
      use.inputs[1] === undefined
        ? shape.flatMap((length, axis) => (length === 1 ? [axis] : []))
        : axesOf(constantIntegers(use.inputs[1]), shape.length);
    const wrong = axes.find((axis) => shape[axis] !== 1);
    if (wrong !== undefined) throw misfit(`axis ${wrong} of ${shapeText(shape)} is not of length 1`);
    return { type, shape: reducedShape(shape, axes, false) };
  }),
  Unsqueeze: rule(2, 2, (use) => {
    const { type, shape } = inputOf(use, 0);
    const given = constantIntegers(use.inputs[1]);
    const result: Dimension[] = [...shape];
    for (const axis of axesOf(given, shape.length + given.length).sort((a, b) => a - b)) result.splice(axis, 0, 1);
    return { type, shape: result };
  }),
  Expand: rule(2, 2, (use) => {
    const { type, shape } = inputOf(use, 0);
    return { type, shape: broadcastShape(shape, lengthsOf(inputOf(use, 1))) };
  }),
  Tile: rule(2, 2, (use) => {
    const { type, shape } = inputOf(use, 0);
    const repeats = constantIntegers(inputOf(use, 1));
    if (repeats.length !== shape.length) throw misfit(`${repeats.length} repeats for ${shape.length} axes`);
    return { type, shape: shape.map((length, axis) => productOf([length, repeats[axis] as number])) };
  }),
  Concat: rule(1, Number.POSITIVE_INFINITY, (use) => ({ type: sameType(use.inputs), shape: joined(use) })),
  Split: severalOutputs(1, 2, Number.POSITIVE_INFINITY, (use) => {
    const { type, shape } = inputOf(use, 0);
    const { axis, lengths } = splitLengths(use);
    return lengths.map((length) => ({ type, shape: shape.with(axis, length) }));
  }),
  Slice: rule(3, 5, (use) => ({ type: inputOf(use, 0).type, shape: sliced(use) })),
  Pad: rule(2, 3, (use) => {
    const { type, shape } = inputOf(use, 0);
    const { begins, ends } = padsOf(use);
    const result = shape.map((length, axis) => {
      const added = (begins[axis] as number) + (ends[axis] as number);
      if (added === 0) return length;
      if (typeof length !== 'number') throw misfit(`axis ${axis} of ${shapeText(shape)} must be known to be padded`);
      if (length + added < 0) throw misfit(`pads take more away than the ${length} of axis ${axis}`);
      return length + added;
    });
    return { type, shape: result };
  }),
  Trilu: rule(1, 2, (use) => ({ type: inputOf(use, 0).type, shape: inputOf(use, 0).shape })),
};
