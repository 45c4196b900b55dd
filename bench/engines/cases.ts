import { initialWeights } from '../../shared/graph/families.ts';
import { type Plan, planSchema } from '../../shared/plan/plan.ts';
import { randomStream } from '../../shared/runtime/random.ts';
import type { DesignMatrix, TrainingTask } from '../../site-agent/training/trainer.ts';

/** A network and an amount of data, the same for every engine. */
export interface EngineCase {
  readonly name: string;
  /** What PyTorch's epoch time is multiplied by for the most that the better engine may take. */
  readonly goal: number;
  /** Name and sizes of the same network in `pytorch.py`. */
  readonly network: { readonly name: string; readonly sizes: Readonly<Record<string, unknown>> };
  readonly classes: number;
  readonly rows: number;
  readonly batch: number;
  /** Epochs of a round: what a round takes beside them is shared by them. */
  readonly epochs: number;
  readonly rate: number;
  readonly model: object;
  readonly data: object;
}

export const momentum = 0.9;

function multilayer(name: string, goal: number, widths: readonly number[], rows: number, batch: number): EngineCase {
  return {
    name,
    goal,
    network: { name: 'mlp', sizes: { widths } },
    classes: 2,
    rows,
    batch,
    epochs: 4,
    rate: 0.01,
    model: { family: 'mlp', hidden: widths.slice(1, -1), activation: 'relu' },
    data: {
      columns: Array.from({ length: widths[0] as number }, (_, index) => ({
        name: `x${index}`,
        kind: 'continuous',
        unit: '1',
        range: [-100, 100],
        missing: 'forbid',
        edges: [0],
      })),
    },
  };
}

function summary(channel: string | number): object {
  const watched = { name: 'level', kind: 'continuous', unit: '1', range: [-1000, 1000], edges: [0] };
  return { columns: [{ ...watched, summary: { channel, by: 'mean' } }] };
}

function series(steps: number, channels: number): object {
  const channel = (index: number): object => ({
    name: `c${index}`,
    unit: '1',
    range: [-100, 100],
    normal: 0,
    scale: 1,
  });
  return {
    ...summary('c0'),
    payload: {
      kind: 'series',
      channels: Array.from({ length: channels }, (_, index) => channel(index)),
      steps,
      stepMinutes: 60,
      key: 'stay',
      minute: 'minute',
    },
  };
}

function images(size: number, channels: number): object {
  const each = (number: number): number[] => Array.from({ length: channels }, () => number);
  return {
    ...summary(0),
    payload: { kind: 'images', file: 'file', width: size, height: size, channels, mean: each(128), scale: each(64) },
  };
}

export const cases: readonly EngineCase[] = [
  multilayer('mlp 16-16-16-1', 0.5, [16, 16, 16, 1], 1024, 32),
  multilayer('mlp 64-128-128-1', 0.7, [64, 128, 128, 1], 4096, 128),
  multilayer('mlp 512-1024-1024-1', 1, [512, 1024, 1024, 1], 4096, 128),
  {
    name: 'cnn 28x28x1',
    goal: 2,
    network: {
      name: 'cnn',
      sizes: { size: 28, inputs: 1, channels: [32, 64], hidden: [128], outputs: 10 },
    },
    classes: 10,
    rows: 512,
    batch: 64,
    epochs: 1,
    rate: 0.001,
    model: { family: 'cnn', channels: [32, 64], hidden: [128], normalisation: 'none' },
    data: images(28, 1),
  },
  {
    name: 'resnet 64x64x3',
    goal: 2,
    network: { name: 'resnet', sizes: { inputs: 3, channels: [16, 32, 64], blocks: 2, outputs: 1 } },
    classes: 2,
    rows: 128,
    batch: 32,
    epochs: 1,
    rate: 0.01,
    model: { family: 'resnet', channels: [16, 32, 64], blocks: 2, normalisation: 'group' },
    data: images(64, 3),
  },
  {
    name: 'gru 48x40',
    goal: 1.3,
    network: { name: 'gru', sizes: { channels: 40, hidden: 64, outputs: 1 } },
    classes: 2,
    rows: 1024,
    batch: 64,
    epochs: 1,
    rate: 0.01,
    model: { family: 'gru', hidden: 64 },
    data: series(48, 40),
  },
  {
    name: 'transformer 2 blocks 128x128',
    goal: 1.3,
    network: {
      name: 'transformer',
      sizes: { steps: 128, channels: 40, width: 128, heads: 4, blocks: 2, outputs: 1 },
    },
    classes: 2,
    rows: 128,
    batch: 32,
    epochs: 1,
    rate: 0.01,
    model: { family: 'transformer', width: 128, heads: 4, blocks: 2 },
    data: series(128, 40),
  },
];

export function planFor({ classes, model, data, batch, epochs, rate }: EngineCase): Plan {
  const levels = Array.from({ length: classes }, (_, level) => String(level));
  return planSchema.parse({
    wardround: 'plan/1',
    name: 'bench-engines',
    purpose: 'Timing of the training engines.',
    task: { kind: classes > 2 ? 'multiclass' : 'binary' },
    data: { ...data, label: { name: 'y', levels }, patientKey: 'patient', time: null, trainingCutoff: null },
    model,
    training: { optimiser: { kind: 'sgd', rate, momentum }, batch, work: { epochs }, seed: 1 },
    federation: {
      strategy: { kind: 'fedavg' },
      rounds: 1,
      sites: { minimum: 1, target: 1 },
      roundDeadlineSeconds: 60,
      weightCap: 1e6,
      maximumDeltaNorm: 1e6,
      judgementDeadlineSeconds: 60,
    },
    gate: { wardround: 'policy/1' },
  });
}

/** Drawn rows: standard normal numbers, or bytes of images; labels at random. */
function drawn(one: EngineCase, plan: Plan): DesignMatrix {
  const stream = randomStream(1, 'bench', one.name);
  const { rows } = one;
  const label = (): number => stream.integer(one.classes);
  const { payload } = plan.data;
  if (payload === undefined) {
    const features = plan.data.columns.length;
    const values = Float32Array.from({ length: rows * features }, () => stream.normal());
    return { rows, features, values, labels: Float32Array.from({ length: rows }, label) };
  }
  const labels = Float32Array.from({ length: rows }, label);
  const without = { rows, features: 0, values: new Float32Array(), labels };
  if (payload.kind === 'series') {
    const shape = [payload.steps, payload.channels.length];
    const length = rows * payload.steps * payload.channels.length;
    const values = Float32Array.from({ length }, () => stream.normal());
    return { ...without, payload: { kind: 'series', shape, values } };
  }
  const { channels, height, width, mean, scale } = payload;
  const values = Uint8Array.from({ length: rows * channels * height * width }, () => stream.integer(256));
  return { ...without, payload: { kind: 'images', shape: [channels, height, width], values, mean, scale } };
}

export function taskFor(one: EngineCase): TrainingTask {
  const plan = planFor(one);
  return { plan, data: drawn(one, plan), weights: initialWeights(plan), seed: 1 };
}
