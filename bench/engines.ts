import { performance } from 'node:perf_hooks';
import { encodedFeatures } from '../shared/graph/encoding.ts';
import { initialWeights } from '../shared/graph/families.ts';
import { type Plan, planSchema } from '../shared/plan/plan.ts';
import { silentLogger } from '../shared/runtime/logger.ts';
import { randomStream } from '../shared/runtime/random.ts';
import { OnnxTrainer } from '../site-agent/training/onnx-trainer.ts';
import { openTfjsBackend } from '../site-agent/training/tfjs-backends.ts';
import { TfjsTrainer } from '../site-agent/training/tfjs-trainer.ts';
import type { Trainer, TrainingTask } from '../site-agent/training/trainer.ts';
import { TrainingError } from '../site-agent/training/training-error.ts';
import { type BenchOptions, type BenchRow, median } from './support/bench.ts';

export const title = 'Training engines side by side: milliseconds an epoch (SGD with momentum)';

interface Case {
  readonly name: string;
  readonly inputs: number;
  readonly hidden: number[];
  readonly rows: number;
  readonly batch: number;
}

const cases: readonly Case[] = [
  { name: 'mlp 16-16-16-1', inputs: 16, hidden: [16, 16], rows: 1024, batch: 32 },
  { name: 'mlp 64-128-128-1', inputs: 64, hidden: [128, 128], rows: 4096, batch: 128 },
];

function planFor({ inputs, hidden, batch }: Case): Plan {
  return planSchema.parse({
    wardround: 'plan/1',
    name: 'bench-engines',
    purpose: 'Timing of the training engines.',
    task: { kind: 'binary' },
    data: {
      columns: Array.from({ length: inputs }, (_, index) => ({
        name: `x${index}`,
        kind: 'continuous',
        unit: '1',
        range: [-100, 100],
        missing: 'forbid',
        edges: [0],
      })),
      label: { name: 'y', levels: ['0', '1'] },
      patientKey: 'patient',
      time: null,
      trainingCutoff: null,
    },
    model: { family: 'mlp', hidden, activation: 'relu' },
    training: { optimiser: { kind: 'sgd', rate: 0.01, momentum: 0.9 }, batch, work: { epochs: 1 }, seed: 1 },
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

function taskFor(one: Case): TrainingTask {
  const plan = planFor(one);
  const stream = randomStream(1, 'bench', one.name);
  const features = encodedFeatures(plan).length;
  const data = {
    rows: one.rows,
    features,
    values: Float32Array.from({ length: one.rows * features }, () => stream.normal()),
    labels: Float32Array.from({ length: one.rows }, () => stream.integer(2)),
  };
  return { plan, data, weights: initialWeights(plan), seed: 1 };
}

async function openAll(progress: (text: string) => void): Promise<{ name: string; trainer: Trainer }[]> {
  const found: { name: string; trainer: Trainer }[] = [{ name: 'onnx', trainer: new OnnxTrainer() }];
  for (const backend of ['node-gpu', 'node', 'wasm', 'cpu'] as const) {
    try {
      found.push({ name: `tfjs ${backend}`, trainer: new TfjsTrainer(await openTfjsBackend(silentLogger, backend)) });
    } catch (cause) {
      if (!(cause instanceof TrainingError)) throw cause;
      progress(`passed over: ${cause.message}`);
    }
  }
  return found;
}

/**
 * One epoch on every engine in turn, over and over, so that a busy machine is busy for all of them; the median over the turns.
 * Data already encoded; compiling is done in a turn that is not counted.
 */
export async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const never = new AbortController().signal;
  const engines = await openAll(options.progress);
  const turns = options.quick ? 3 : 9;
  const rows: BenchRow[] = [];
  for (const one of cases) {
    const task = taskFor(one);
    const timesMs = engines.map((): number[] => []);
    for (let turn = -1; turn < turns; turn++) {
      options.progress(`${one.name}: turn ${turn + 1} of ${turns}`);
      for (const [index, { trainer }] of engines.entries()) {
        const begin = performance.now();
        await trainer.train(task, never);
        if (turn >= 0) timesMs[index]?.push(performance.now() - begin);
      }
    }
    const reference = median(timesMs[0] ?? []);
    for (const [index, { name }] of engines.entries()) {
      const value = median(timesMs[index] ?? []);
      rows.push({
        case: `${one.name}, ${name}`,
        figure: `epoch of ${Math.ceil(one.rows / one.batch)} steps, median of ${turns}`,
        value,
        unit: 'ms',
        ...(index === 0 ? {} : { against: `${one.name}, onnx`, ratio: value / reference }),
      });
    }
  }
  for (const { trainer } of engines) await trainer.dispose();
  return rows;
}
