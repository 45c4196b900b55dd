import { trainedParameters } from '../../shared/graph/adapters.ts';
import { planFindings } from '../../shared/plan/check-plan.ts';
import { type Plan, planSchema } from '../../shared/plan/plan.ts';
import { randomStream } from '../../shared/runtime/random.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import { imagePlan, seriesPlan } from './payload-plans.ts';
import { heartPlan } from './plans.ts';

export const taskKinds = ['binary', 'multiclass', 'ordinal', 'regression', 'survival'] as const;
export type TaskKind = (typeof taskKinds)[number];

const labels = {
  binary: { name: 'disease', levels: ['0', '1'] },
  multiclass: { name: 'disease', levels: ['none', 'mild', 'severe'] },
  ordinal: { name: 'disease', levels: ['none', 'mild', 'severe', 'fatal'] },
  regression: { name: 'length_of_stay', unit: 'days', range: [0, 60] },
  survival: { name: 'followed', event: 'died', unit: 'days', range: [0, 4000] },
} as const;

/** Small models, one or more a family. */
export const smallModels = {
  logistic: { family: 'logistic' },
  cox: { family: 'cox' },
  mlp: { family: 'mlp', hidden: [5, 4], activation: 'gelu' },
  embedded: {
    family: 'mlp',
    hidden: [4],
    activation: 'tanh',
    embeddings: [
      { column: 'chest_pain', width: 3 },
      { column: 'sex', width: 1 },
    ],
  },
  tcn: { family: 'tcn', channels: [3, 4], kernel: 2, activation: 'elu' },
  gru: { family: 'gru', hidden: 3, layers: 2 },
  transformer: { family: 'transformer', width: 8, heads: 2, blocks: 1, feedForward: 12 },
  cnn: { family: 'cnn', channels: [3], hidden: [4], activation: 'tanh', normalisation: 'batch' },
  resnet: { family: 'resnet', channels: [2, 4], blocks: 1, normalisation: 'group' },
} as const;

export type ModelKind = keyof typeof smallModels;
export const modelKinds = Object.keys(smallModels) as ModelKind[];

/** Whether the two make sense together. */
export function fits(kind: ModelKind, task: TaskKind): boolean {
  return kind === 'cox' ? task === 'survival' : kind !== 'logistic' || task !== 'survival';
}

/** A checked plan of any model and task, tables being the heart plan's, series 7 steps of 2 channels, images 9 × 8 pixels of 3. */
export function modelPlan(model: object, task: TaskKind = 'binary', training: object = {}): Plan {
  const { family } = model as { family: string };
  const base = heartPlan();
  const rest = { model, task: { kind: task }, training: { ...base.training, ...training } };
  const data = { label: labels[task] };
  if (family === 'cnn' || family === 'resnet') {
    const payload = { width: 9, height: 8, channels: 3, mean: [120, 110, 100], scale: [60, 50, 70] };
    return imagePlan({ payload, data, rest });
  }
  if (family === 'tcn' || family === 'gru' || family === 'transformer') {
    return seriesPlan({ payload: { steps: 7 }, data, rest });
  }
  const plan = planSchema.parse({ ...base, ...rest, data: { ...base.data, ...data } });
  const findings = planFindings(plan);
  if (findings.length > 0) throw new Error(`modelPlan: ${JSON.stringify(findings)}`);
  return plan;
}

/** Travelling tensors that are zero nowhere; running variances and scales stay positive. */
export function drawnTensors(plan: Plan, seed = 2, size = 0.4): NamedTensors {
  const stream = randomStream(seed, 'drawn tensors');
  return new Map(
    trainedParameters(plan).map(({ name, shape }) => {
      const positive = name.endsWith('.variance') || name.endsWith('.scale');
      const length = shape.reduce((product, size) => product * size, 1);
      const draw = (): number => (positive ? 0.5 + stream.uniform() : size * stream.normal());
      return [name, { shape, data: Float32Array.from({ length }, draw) }];
    }),
  );
}
