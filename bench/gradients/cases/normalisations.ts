import type { Attributes } from '../../../shared/graph/graph.ts';
import { type CaseInput, type GradientCase, normal, positive } from '../case.ts';
import { groupNormalization } from '../composites.ts';

const layer = (title: string, inputs: readonly CaseInput[], attributes: Attributes = {}): GradientCase => ({
  operator: 'LayerNormalization',
  title,
  inputs,
  apply: (use) => use.b.op('LayerNormalization', use.inputs, attributes),
});

/** Scale, bias, mean and variance of three channels. */
const channels = [normal(3), normal(3), normal(3), positive(3)];

const batch = (title: string, x: CaseInput, attributes: Attributes = {}): GradientCase => ({
  operator: 'BatchNormalization',
  title,
  inputs: [x, ...channels],
  apply: (use) => use.b.op('BatchNormalization', use.inputs, attributes),
});

const training = (title: string, x: CaseInput, attributes: Attributes = {}): GradientCase => ({
  operator: 'BatchNormalization',
  title,
  inputs: [x, normal(3), normal(3)],
  apply: ({ b, inputs, x: data }) => {
    const mean = b.cast(b.constant('mean', [3], Float32Array.of(0.5, -1, 2)), data.type);
    const variance = b.cast(b.constant('variance', [3], Float32Array.of(1, 0.5, 2)), data.type);
    const [y] = b.ops(
      'BatchNormalization',
      [...inputs, mean, variance],
      { ...attributes, training_mode: { int: 1 } },
      3,
    );
    return y ?? [];
  },
});

const group = (title: string, x: CaseInput, count: number, groups: number): GradientCase => ({
  operator: 'GroupNormalization',
  title,
  inputs: [x, normal(count), normal(count)],
  apply: (use) => groupNormalization(use, groups),
});

export const normalisationCases: readonly GradientCase[] = [
  layer('last axis', [normal(2, 3, 4), normal(4), normal(4)]),
  layer('named rows', [normal('N', 4), normal(4), normal(4)]),
  layer('without bias', [normal(3, 4), normal(4)]),
  layer('last two axes, epsilon 1/4', [normal(2, 3, 2), normal(3, 2), normal(3, 2)], {
    axis: { int: 1 },
    epsilon: { float: 0.25 },
  }),
  {
    operator: 'LayerNormalization',
    title: 'with its mean and deviation put out',
    inputs: [normal(2, 5), normal(5), normal(5)],
    apply: ({ b, inputs }) => b.ops('LayerNormalization', inputs, {}, 3)[0] ?? [],
  },
  batch('inference, 2-D', normal(2, 3, 2, 2)),
  batch('inference, of columns, epsilon 1/8', normal('N', 3), { epsilon: { float: 0.125 } }),
  training('training, 2-D', normal(3, 3, 2, 2)),
  training('training, of columns', normal(6, 3), { momentum: { float: 0.75 } }),
  training('training, 1-D, epsilon 1/8', normal(2, 3, 4), { epsilon: { float: 0.125 } }),
  {
    operator: 'InstanceNormalization',
    title: '2-D',
    inputs: [normal(2, 3, 2, 3), normal(3), normal(3)],
    apply: ({ b, inputs }) => b.op('InstanceNormalization', inputs, {}),
  },
  {
    operator: 'InstanceNormalization',
    title: '1-D, epsilon 1/8',
    inputs: [normal(2, 2, 5), normal(2), normal(2)],
    apply: ({ b, inputs }) => b.op('InstanceNormalization', inputs, { epsilon: { float: 0.125 } }),
  },
  group('two groups', normal(2, 4, 2, 2), 4, 2),
  group('one group, 1-D', normal(2, 3, 4), 3, 1),
  group('a group a channel', normal(2, 3, 5), 3, 3),
  { operator: 'Dropout', title: 'at inference', inputs: [normal('N', 3)], apply: ({ b, x }) => b.op('Dropout', [x]) },
];
