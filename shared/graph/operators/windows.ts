import type { Attributes, Dimension } from '../graph.ts';
import { intAttribute, intsAttribute, stringAttribute } from './attributes.ts';
import { knownShape } from './dimensions.ts';
import { misfit } from './rule.ts';

/** How a window moves over the spatial axes of a tensor [N, C, ...spatial]; one entry a spatial axis. */
export interface Windows {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Padding before and after, with `auto_pad` worked out. */
  readonly begins: readonly number[];
  readonly ends: readonly number[];
  /** Length of each spatial axis before, and of the result. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/** Elements of the axis a dilated kernel spans. */
export function span(kernel: number, dilation: number): number {
  return dilation * (kernel - 1) + 1;
}

function perAxis(attributes: Attributes, name: string, rank: number, byDefault: number, least: number): number[] {
  const given = intsAttribute(attributes, name) ?? Array.from({ length: rank }, () => byDefault);
  if (given.length !== rank || given.some((value) => !Number.isInteger(value) || value < least)) {
    throw misfit(`${name} [${given.join(', ')}] must be ${rank} whole numbers of at least ${least}`);
  }
  return [...given];
}

export interface WindowSettings {
  readonly spatial: readonly number[];
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly begins: readonly number[];
  readonly ends: readonly number[];
  readonly automatic: 'NOTSET' | 'VALID' | 'SAME_UPPER' | 'SAME_LOWER';
}

/** The attributes that convolutions and pools share. */
export function windowSettings(
  spatial: readonly Dimension[],
  kernel: readonly number[],
  attributes: Attributes,
): WindowSettings {
  const rank = spatial.length;
  const automatic = stringAttribute(attributes, 'auto_pad', 'NOTSET');
  if (automatic !== 'NOTSET' && automatic !== 'VALID' && automatic !== 'SAME_UPPER' && automatic !== 'SAME_LOWER') {
    throw misfit(`there is no auto_pad ${automatic}`);
  }
  if (kernel.length !== rank || kernel.some((length) => !Number.isInteger(length) || length < 1)) {
    throw misfit(`a kernel of [${kernel.join(', ')}] does not fit ${rank} spatial axes`);
  }
  const pads = perAxis(attributes, 'pads', 2 * rank, 0, 0);
  const explicit = automatic === 'NOTSET';
  return {
    spatial: knownShape(spatial, 'the spatial axes'),
    kernel,
    strides: perAxis(attributes, 'strides', rank, 1, 1),
    dilations: perAxis(attributes, 'dilations', rank, 1, 1),
    begins: pads.slice(0, rank).map((pad) => (explicit ? pad : 0)),
    ends: pads.slice(rank).map((pad) => (explicit ? pad : 0)),
    automatic,
  };
}

/**
 * Windows of Conv, MaxPool and AveragePool.
 * A pool whose `ceil_mode` adds a window that begins behind the data is refused: onnxruntime counts it when it checks the graph and
 * leaves it out when it runs.
 */
export function windowsOf(spatial: readonly Dimension[], kernel: readonly number[], attributes: Attributes): Windows {
  const settings = windowSettings(spatial, kernel, attributes);
  const { strides, dilations, automatic } = settings;
  const up = intAttribute(attributes, 'ceil_mode', 0) === 1;
  const begins = [...settings.begins];
  const ends = [...settings.ends];
  const outputs = settings.spatial.map((length, axis) => {
    const stride = strides[axis] as number;
    const covered = span(kernel[axis] as number, dilations[axis] as number);
    if (automatic === 'SAME_UPPER' || automatic === 'SAME_LOWER') {
      const count = Math.ceil(length / stride);
      const total = Math.max((count - 1) * stride + covered - length, 0);
      begins[axis] = automatic === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2);
      ends[axis] = total - begins[axis];
      return count;
    }
    const padded = length + (begins[axis] as number) + (ends[axis] as number);
    if (covered > padded) throw misfit(`a window of ${covered} does not fit an axis of ${length} padded to ${padded}`);
    const steps = (padded - covered) / stride;
    if (!up) return Math.floor(steps) + 1;
    const count = Math.ceil(steps) + 1;
    if ((count - 1) * stride >= length + (begins[axis] as number)) {
      throw misfit(
        `ceil_mode lays the last window of an axis of ${length} wholly into padding, where runtimes differ; with ceil_mode 0 it is left out`,
      );
    }
    return count;
  });
  return { kernel, strides, dilations, begins, ends, inputs: settings.spatial, outputs };
}

/**
 * Windows of ConvTranspose: `inputs` are the lengths before, `outputs` those of the larger result, so that a Conv with these
 * windows leads from `outputs` back to `inputs`.
 */
export function transposedWindowsOf(
  spatial: readonly Dimension[],
  kernel: readonly number[],
  attributes: Attributes,
): Windows {
  const settings = windowSettings(spatial, kernel, attributes);
  const rank = spatial.length;
  const { strides, dilations, automatic } = settings;
  const extra = perAxis(attributes, 'output_padding', rank, 0, 0);
  const wanted = intsAttribute(attributes, 'output_shape');
  const begins = [...settings.begins];
  const ends = [...settings.ends];
  const outputs = settings.spatial.map((length, axis) => {
    const stride = strides[axis] as number;
    const full =
      stride * (length - 1) + (extra[axis] as number) + span(kernel[axis] as number, dilations[axis] as number);
    const same = automatic === 'SAME_UPPER' || automatic === 'SAME_LOWER';
    const target = wanted?.at(axis - rank) ?? (same ? length * stride : undefined);
    if (target === undefined) {
      const result = full - (begins[axis] as number) - (ends[axis] as number);
      if (result < 1) throw misfit(`padding leaves nothing of an axis of ${full}`);
      return result;
    }
    const total = Math.max(full - target, 0);
    begins[axis] = automatic === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2);
    ends[axis] = total - begins[axis];
    if (full - total !== target) throw misfit(`output_shape ${target} is more than the ${full} there are`);
    return target;
  });
  return { kernel, strides, dilations, begins, ends, inputs: settings.spatial, outputs };
}
