import type { Plan } from '../../plan/plan.ts';
import type { Value } from '../graph.ts';
import { bias, buffer, type Layer, type LayerUse, plain, reshape, weightOf } from './layer.ts';

export type NormalisationName = Extract<Plan['model'], { family: 'resnet' }>['normalisation'];

/** Added to a variance, against division by zero: that of the papers' own code. */
const epsilon = 1e-5;
/** Share of a running mean kept at a step of training. */
const momentum = 0.9;
const mostGroups = 8;

const one = { kind: 'constant', value: 1 } as const;

/**
 * Normalisation of [N, channels, height, width], with `NAME.scale` and `NAME.shift` [channels].
 * - batch: by mean and variance of the batch in training, by the running ones `NAME.mean` and `NAME.variance` at inference
 *   (Ioffe and Szegedy 2015, algorithms 1 and 2). At each step running = 0.9 · running + 0.1 · the batch's, the variance divided by the
 *   number of values, as ONNX defines it. Where neither scale nor shift trains, the running ones are used and stay as they are: statistics that
 *   move below weights that do not would change a frozen layer (Keras's guide to transfer learning, "BatchNormalization layer"; PyTorch's `eval()`).
 * - group: by mean and variance of each row's groups of channels (Wu and He 2018, Group Normalization, equation 7); at most 8 groups.
 *   The same in training and inference and nothing to average over sites, whose batches differ (Hsieh et al. 2020).
 */
export function normalisation(kind: NormalisationName, name: string, channels: number): Layer {
  if (kind === 'none') return plain((_, value) => value);
  const scale = bias(`${name}.scale`, [channels], one);
  const shift = bias(`${name}.shift`, [channels]);
  if (kind === 'group') {
    return {
      parameters: [scale, shift],
      apply: (use, value) => groupNormalised(use, value, channels, scale.name, shift.name),
    };
  }
  const mean = buffer(`${name}.mean`, [channels], { kind: 'zeros' });
  const variance = buffer(`${name}.variance`, [channels], one);
  return {
    parameters: [scale, shift, mean, variance],
    apply(use, value) {
      const { builder } = use;
      const inputs = [value, ...[scale, shift, mean, variance].map((parameter) => weightOf(use, parameter.name))];
      const frozen = use.moves !== undefined && !use.moves(scale.name) && !use.moves(shift.name);
      if (use.random === null || frozen)
        return builder.op('BatchNormalization', inputs, { epsilon: { float: epsilon } });
      const attributes = { epsilon: { float: epsilon }, momentum: { float: momentum }, training_mode: { int: 1 } };
      const [result, nextMean, nextVariance] = builder.ops('BatchNormalization', inputs, attributes, 3);
      use.buffers.set(mean.name, nextMean as Value);
      use.buffers.set(variance.name, nextVariance as Value);
      return result as Value;
    },
  };
}

/** The most groups of equal size, 8 at most. */
export function groupsOf(channels: number): number {
  for (let groups = Math.min(mostGroups, channels); groups > 1; groups--) if (channels % groups === 0) return groups;
  return 1;
}

function groupNormalised(use: LayerUse, value: Value, channels: number, scale: string, shift: string): Value {
  const { builder } = use;
  const spatial = value.shape.slice(2) as number[];
  const groups = groupsOf(channels);
  // Operator set 17 has no group normalisation: that of instances, the groups being its channels, does it.
  const grouped = reshape(builder, value, [0, groups, (channels / groups) * spatial.reduce((a, b) => a * b, 1)]);
  const ones = builder.constant('ones', [groups], new Float32Array(groups).fill(1));
  const zeros = builder.constant('zeros', [groups], new Float32Array(groups));
  const normal = builder.op('InstanceNormalization', [grouped, ones, zeros], { epsilon: { float: epsilon } });
  const back = reshape(builder, normal, [0, channels, ...spatial]);
  const perChannel = (name: string): Value =>
    reshape(builder, weightOf(use, name), [channels, ...spatial.map(() => 1)]);
  return builder.add(builder.mul(back, perChannel(scale)), perChannel(shift));
}

/** Layer normalisation of the last axis (Ba et al. 2016, equation 4): `NAME.scale` and `NAME.shift` [width]. */
export function layerNormalisation(name: string, width: number): Layer {
  const scale = bias(`${name}.scale`, [width], one);
  const shift = bias(`${name}.shift`, [width]);
  return {
    parameters: [scale, shift],
    apply: (use, value) =>
      use.builder.op('LayerNormalization', [value, weightOf(use, scale.name), weightOf(use, shift.name)], {
        axis: { int: -1 },
        epsilon: { float: epsilon },
      }),
  };
}
