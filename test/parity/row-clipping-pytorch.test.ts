import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { trainedParameters } from '../../shared/graph/adapters.ts';
import { codesOf, encodedLayout } from '../../shared/graph/encoding.ts';
import type { Value } from '../../shared/graph/graph.ts';
import { networkOf } from '../../shared/graph/network.ts';
import { lossScale } from '../../shared/graph/training/loss-scaling.ts';
import { buildObjective } from '../../shared/graph/training/objective.ts';
import { stepScalars } from '../../shared/graph/training/optimiser-update.ts';
import { rowGradients } from '../../shared/graph/training/per-row/row-gradients.ts';
import { clippedSum } from '../../shared/graph/training/row-clipping.ts';
import { buildTrainingStep } from '../../shared/graph/training/training-step.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import { silentLogger } from '../../shared/runtime/logger.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import type { Engine } from '../../site-agent/training/engine.ts';
import { OnnxEngine } from '../../site-agent/training/onnx/onnx-engine.ts';
import { cpuProvider } from '../../site-agent/training/onnx/provider.ts';
import { TfjsEngine } from '../../site-agent/training/tfjs/tfjs-engine.ts';
import { openTfjsBackend } from '../../site-agent/training/tfjs-backends.ts';
import { modelPlan, type TaskKind } from '../support/model-plans.ts';
import { type FloatTensor, runOnnx } from '../support/run-onnx.ts';
import { relativeDistance } from '../support/training.ts';

interface Case {
  readonly model: { readonly family: string };
  readonly task: TaskKind;
  readonly training: object;
  readonly labels: readonly number[];
  readonly norms: readonly number[];
  readonly most: number;
  readonly clipped: number;
  readonly tensors: Readonly<Record<string, readonly number[]>>;
  /** Norm, and projections on cos(0.9 i) and cos(1.7 i + 1). */
  readonly sums: Readonly<Record<string, readonly [number, number, number]>>;
}
interface Steps {
  readonly training: object;
  readonly task: { readonly proximal?: number; readonly control?: boolean };
  readonly clipped: readonly number[];
  readonly labels: readonly number[];
  readonly delta: Readonly<Record<string, readonly number[]>>;
}

// Made by PyTorch 2.13.0: python3 test/parity/row-clipping-reference.py > test/parity/generated/row-clipping-pytorch.json
const reference = JSON.parse(readFileSync(new URL('generated/row-clipping-pytorch.json', import.meta.url), 'utf8')) as {
  readonly rows: number;
  readonly cases: readonly Case[];
  readonly steps: readonly Steps[];
};

const wave = (shape: readonly number[], pace: number, shift: number, size = 1): FloatTensor => ({
  shape,
  data: Float32Array.from(
    { length: shape.reduce((product, length) => product * length, 1) },
    (_, index) => size * Math.sin(pace * index + shift),
  ),
});

/** Every tensor there is, trained or not, by the formula of the Python script. */
function tensorsOf(plan: Plan): ReadonlyMap<string, FloatTensor> {
  const shapes = new Map(
    [...networkOf(plan).parameters, ...trainedParameters(plan)].map((one) => [one.name, one.shape]),
  );
  return new Map(
    [...shapes.keys()].sort().map((name, at) => {
      const shape = shapes.get(name) ?? [];
      if (!name.endsWith('.scale')) return [name, wave(shape, 0.7, 1.3 * at, 0.4)];
      const { data } = wave(shape, 0.7, 1.3 * at, 0.3);
      return [name, { shape, data: data.map((value) => 1 + value) }];
    }),
  );
}

function featuresOf(plan: Plan, rows: number): FloatTensor {
  const layout = encodedLayout(plan);
  const { shape, data } = wave([rows, layout.length], 0.37, 0.2);
  for (const [place, { kind, column }] of layout.entries()) {
    const source = plan.data.columns[column];
    if (kind !== 'code' || source?.kind !== 'categorical') continue;
    for (let row = 0; row < rows; row++) data[row * layout.length + place] = (3 * row + place) % codesOf(source);
  }
  return { shape, data };
}

const cases = reference.cases.map(
  (one) => [`${JSON.stringify(one.model)} ${one.task} ${JSON.stringify(one.training)}`, one] as const,
);

describe('gradients by row, their norms and clipped sums are those of torch.func.vmap(grad)', () => {
  it.each(cases)('%s', async (_, { model, task, training, labels, norms, most, clipped, tensors, sums }) => {
    const plan = modelPlan(model, task, training);
    const { rows } = reference;
    const all = tensorsOf(plan);
    expect(Object.fromEntries([...all].map(([name, { shape }]) => [name, shape]))).toEqual(tensors);
    const objective = buildObjective(plan, { rows });
    const { builder, moving, trained, frozen, rowInputs } = objective;
    expect([...moving].sort()).toEqual(Object.keys(sums));
    const feeds: Record<string, FloatTensor> = { labels: { shape: [rows], data: Float32Array.from(labels) } };
    for (const { name, shape } of rowInputs)
      feeds[name] = name === 'features' ? featuresOf(plan, rows) : wave(shape, 0.53, 0.9);
    for (const [name, tensor] of all) if (trained.has(name)) feeds[name] = tensor;
    for (const { name, weight } of frozen) feeds[name] = all.get(weight) as FloatTensor;

    const variables = moving.map((name) => trained.get(name)?.value as Value);
    const gradients = rowGradients(builder, {
      losses: objective.rowLosses,
      inputs: objective.rowValues,
      random: [],
      variables,
    });
    const found = clippedSum(builder, gradients, { variables, rows, most });
    builder.output('norms', found.norms);
    builder.output('clipped', found.clipped);
    for (const [index, name] of moving.entries()) builder.output(`sum/${name}`, found.sums[index] as Value);
    const results = await runOnnx(builder.finish(), feeds);
    expect(results.clipped?.data[0]).toBe(clipped);
    for (const [row, norm] of norms.entries())
      expect((results.norms?.data[row] as number) / norm, `norm of row ${row}`).toBeCloseTo(1, 5);
    // No sum is longer than all rows at the bound.
    const scale = most * rows;
    for (const [name, [norm, ...projections]] of Object.entries(sums)) {
      const data = [...(results[`sum/${name}`]?.data ?? [])];
      const along = (pace: number, shift: number): number =>
        data.reduce((sum, value, at) => sum + value * Math.cos(pace * at + shift), 0);
      expect(Math.abs(Math.hypot(...data) - norm) / scale, name).toBeLessThan(1e-5);
      expect(Math.abs(along(0.9, 0) - projections[0]) / scale, name).toBeLessThan(1e-5);
      expect(Math.abs(along(1.7, 1) - projections[1]) / scale, name).toBeLessThan(1e-5);
    }
  });

  it('of every family that has rows of its own', () => {
    expect([...new Set(reference.cases.map(({ model }) => model.family))].sort()).toEqual([
      'cnn',
      'gru',
      'logistic',
      'mlp',
      'resnet',
      'tcn',
      'transformer',
    ]);
    // Cox's likelihood has none, and is refused.
    const cox = modelPlan({ family: 'cox' }, 'survival');
    const asked = { ...cox, training: { ...cox.training, perExampleClip: 1 } };
    expect(() => buildTrainingStep(asked, { rows: 4 })).toThrow(expect.objectContaining({ code: 'mixes_rows' }));
  });
});

const engines: readonly (readonly [string, Engine, number])[] = [
  ['onnx', new OnnxEngine(), 2e-5],
  ['tfjs', new TfjsEngine(await openTfjsBackend(silentLogger, 'wasm')), 2e-5],
  ['onnx in half precision', new OnnxEngine({ provider: { ...cpuProvider, float16: true } }), 0.02],
];
afterAll(async () => {
  for (const [, engine] of engines) await engine.dispose();
});

describe.each(engines)(
  '%s adds penalties, control variates and decay to the clipped mean as PyTorch has them',
  (_, engine, apart) => {
    const rows = 21;
    /** The last batch is smaller: its mean is over the rows it has. */
    const batches = [
      [0, 8],
      [8, 16],
      [16, 21],
    ] as const;
    const settings = reference.steps.flatMap((one) => {
      const what = JSON.stringify([one.training, one.task]);
      return [8, 3].map((partRows) => [what, partRows, one] as const);
    });

    it.each(settings)(
      '%s, at most %s rows at once',
      async (__, partRows, { training, task, clipped, labels, delta }) => {
        const precision = engine.mixed ? 'mixed' : 'float32';
        const plan = modelPlan({ family: 'mlp', hidden: [5, 4], activation: 'gelu' }, 'binary', {
          l2: 0,
          ...training,
          batch: 8,
        });
        const start: NamedTensors = tensorsOf(plan);
        const { slots } = buildTrainingStep(plan, { rows: 8, precision });
        const zeros = slots.map(({ name, shape, initial }): [string, FloatTensor] => {
          const size = shape.reduce((product, length) => product * length, 1);
          return [name, { shape, data: new Float32Array(size).fill(initial) }];
        });
        const features = featuresOf(plan, rows);
        const opened = await engine.open(
          {
            plan,
            data: {
              rows,
              features: features.shape[1] as number,
              values: features.data,
              labels: Float32Array.from(labels),
            },
            anchors: start,
            frozen: new Map(),
            proximal: task.proximal ?? 0,
            precision,
            state: new Map([...start, ...zeros]),
            ...(task.control === true
              ? { control: new Map([...start].map(([name, { shape }], at) => [name, wave(shape, 0.4, at, 0.02)])) }
              : {}),
          },
          new AbortController().signal,
        );
        const counts: (number | undefined)[] = [];
        for (const [index, [from, to]] of batches.entries()) {
          const step = {
            rows: Uint32Array.from({ length: to - from }, (_row, at) => from + at),
            everyRow: false,
            scalars: {
              ...stepScalars(plan.training, { step: index + 1, round: 0 }),
              ...(engine.mixed ? { [lossScale.name]: 2 ** 15 } : {}),
            },
            random: new Map(),
          };
          const [outcome] = await opened.run([step], partRows, new AbortController().signal);
          counts.push(outcome?.clipped);
        }
        const ended = await opened.state();
        await opened.dispose();
        expect(counts).toEqual(clipped);
        const difference = (of: (name: string, at: number) => number): NamedTensors =>
          new Map(
            [...start].map(([name, { shape, data }]) => [
              name,
              { shape, data: data.map((_value, at) => of(name, at)) },
            ]),
          );
        const moved = difference(
          (name, at) => (ended.get(name)?.data[at] as number) - (start.get(name)?.data[at] as number),
        );
        const expected = difference((name, at) => delta[name]?.[at] as number);
        expect(relativeDistance(moved, expected)).toBeLessThan(apart);
      },
    );
  },
);
