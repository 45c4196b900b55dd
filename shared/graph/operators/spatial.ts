import type { Value } from '../graph.ts';
import { shapeText } from '../graph.ts';
import { intAttribute, intsAttribute } from './attributes.ts';
import { knownShape } from './dimensions.ts';
import { inputOf, misfit, type OperatorRules, type OperatorUse, rule, sameType, severalOutputs } from './rule.ts';
import { transposedWindowsOf, windowsOf } from './windows.ts';

function spatialInput(use: OperatorUse): Value {
  const value = inputOf(use, 0);
  if (value.shape.length < 3) {
    throw misfit(`${value.name} ${shapeText(value.shape)} must have the axes rows, channels and at least one more`);
  }
  return value;
}

function kernelOf(use: OperatorUse, weight: readonly number[]): readonly number[] {
  const kernel = weight.slice(2);
  const stated = intsAttribute(use.attributes, 'kernel_shape');
  if (stated !== undefined && stated.join() !== kernel.join()) {
    throw misfit(`kernel_shape [${stated.join(', ')}] differs from the weight's [${kernel.join(', ')}]`);
  }
  return kernel;
}

function checkedWeight(use: OperatorUse, x: Value): number[] {
  const weight = inputOf(use, 1);
  if (weight.shape.length !== x.shape.length) {
    throw misfit(`${weight.name} ${shapeText(weight.shape)} must have as many axes as ${shapeText(x.shape)}`);
  }
  return knownShape(weight.shape, weight.name);
}

function checkBias(bias: Value | undefined, channels: number): void {
  if (bias !== undefined && (bias.shape.length !== 1 || bias.shape[0] !== channels)) {
    throw misfit(`${bias.name} ${shapeText(bias.shape)} must have one number for each of ${channels} channels`);
  }
}

const pool = (use: OperatorUse) => {
  const x = spatialInput(use);
  const kernel = intsAttribute(use.attributes, 'kernel_shape');
  if (kernel === undefined) throw misfit('kernel_shape is not given');
  return {
    type: x.type,
    shape: [...x.shape.slice(0, 2), ...windowsOf(x.shape.slice(2), kernel, use.attributes).outputs],
  };
};

const globalPool = rule(1, 1, (use) => {
  const x = spatialInput(use);
  return { type: x.type, shape: [...x.shape.slice(0, 2), ...x.shape.slice(2).map(() => 1)] };
});

/** Convolutions and pools over [N, C, ...spatial]. */
export const spatial: OperatorRules = {
  Conv: rule(2, 3, (use) => {
    const x = spatialInput(use);
    const weight = checkedWeight(use, x);
    const groups = intAttribute(use.attributes, 'group', 1);
    const [channels, each] = [weight[0] as number, weight[1] as number];
    if (x.shape[1] !== each * groups || channels % groups !== 0) {
      throw misfit(`a weight [${weight.join(', ')}] of ${groups} groups does not fit ${shapeText(x.shape)}`);
    }
    checkBias(use.inputs[2], channels);
    const windows = windowsOf(x.shape.slice(2), kernelOf(use, weight), use.attributes);
    return { type: sameType(use.inputs), shape: [x.shape[0] ?? 1, channels, ...windows.outputs] };
  }),
  ConvTranspose: rule(2, 3, (use) => {
    const x = spatialInput(use);
    const weight = checkedWeight(use, x);
    const groups = intAttribute(use.attributes, 'group', 1);
    const [channels, each] = [weight[0] as number, weight[1] as number];
    if (x.shape[1] !== channels || channels % groups !== 0) {
      throw misfit(`a weight [${weight.join(', ')}] of ${groups} groups does not fit ${shapeText(x.shape)}`);
    }
    checkBias(use.inputs[2], each * groups);
    const windows = transposedWindowsOf(x.shape.slice(2), kernelOf(use, weight), use.attributes);
    return { type: sameType(use.inputs), shape: [x.shape[0] ?? 1, each * groups, ...windows.outputs] };
  }),
  MaxPool: severalOutputs(1, 1, 2, (use) => {
    const pooled = pool(use);
    return [pooled, { type: 'int64', shape: pooled.shape }];
  }),
  AveragePool: rule(1, 1, pool),
  GlobalAveragePool: globalPool,
  GlobalMaxPool: globalPool,
};
