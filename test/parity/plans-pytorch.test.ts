import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { encodedFeatures, encodeRows } from '../../shared/graph/encoding.ts';
import { buildInferenceModel } from '../../shared/graph/inference-model.ts';
import { planFindings } from '../../shared/plan/check-plan.ts';
import { payloadShape } from '../../shared/plan/payload.ts';
import { type Plan, planSchema } from '../../shared/plan/plan.ts';
import { silentLogger } from '../../shared/runtime/logger.ts';
import type { NamedTensors, Tensor } from '../../shared/tensors/tensor.ts';
import { OnnxTrainer } from '../../site-agent/training/onnx-trainer.ts';
import { openTfjsBackend } from '../../site-agent/training/tfjs-backends.ts';
import { TfjsTrainer } from '../../site-agent/training/tfjs-trainer.ts';
import type { DesignMatrix, PayloadRows, Trainer } from '../../site-agent/training/trainer.ts';
import { heartPlan } from '../support/plans.ts';
import { preprocessingFor } from '../support/preprocessing.ts';
import { runOnnx } from '../support/run-onnx.ts';
import { relativeDistance } from '../support/training.ts';

interface Case {
  readonly plan: Pick<Plan, 'model' | 'task' | 'training' | 'data'>;
  readonly rows: number;
  /** Rows before them that early stopping validates on. */
  readonly aside: number;
  readonly raw: readonly (number | null)[];
  readonly labels: readonly number[];
  readonly payload: readonly number[] | null;
  readonly seed: number;
  readonly round: number;
  readonly proximal?: number;
  readonly mostRows?: number;
  readonly start: Stored;
  readonly frozen: Stored;
  readonly control?: Stored;
  readonly losses: { readonly lossFirst: number; readonly lossLast: number };
  readonly validation: { readonly losses: readonly number[]; readonly best: number } | null;
  readonly delta: Stored;
  /** Of the released file, on all rows. */
  readonly outputs: Readonly<Record<string, readonly number[]>>;
}

type Stored = Readonly<Record<string, { readonly shape: number[]; readonly data: number[] }>>;

// Made by PyTorch 2.13.0: python3 test/parity/plans-pytorch.py > test/parity/generated/plans-pytorch.json
const file = process.env.WARDROUND_TEST_PLANS ?? new URL('generated/plans-pytorch.json', import.meta.url);
const { scaling, cases } = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly scaling: Readonly<Record<string, readonly [number, number]>>;
  readonly cases: readonly Case[];
};

const trainers: readonly (readonly [string, Trainer])[] = [
  ['onnx', new OnnxTrainer()],
  ['tfjs', new TfjsTrainer(await openTfjsBackend(silentLogger, 'wasm'))],
];
afterAll(async () => {
  for (const [, trainer] of trainers) await trainer.dispose();
});

const tensorsOf = (stored: Stored): NamedTensors =>
  new Map(
    Object.entries(stored).map(([name, { shape, data }]) => [name, { shape, data: Float32Array.from(data) }] as const),
  );

function planOf({ plan: { data, ...rest } }: Case): Plan {
  const base = heartPlan();
  const plan = planSchema.parse({
    ...base,
    ...rest,
    data: { ...base.data, ...data, subgroups: [] },
    gate: { ...base.gate, subgroups: { ...base.gate.subgroups, protected: [] } },
  });
  expect(planFindings(plan)).toEqual([]);
  return plan;
}

const rawOf = ({ raw }: Case): Float32Array => Float32Array.from(raw, (cell) => cell ?? Number.NaN);

/** Rows `from` to `to` of the case. */
function matrixOf(one: Case, plan: Plan, from: number, to: number): DesignMatrix {
  const all = one.rows + one.aside;
  const part = <Values extends Float32Array | Uint8Array>(values: Values): Values =>
    values.slice((values.length / all) * from, (values.length / all) * to) as Values;
  const { payload: spec } = plan.data;
  const payload: PayloadRows | null =
    spec === undefined || one.payload === null
      ? null
      : spec.kind === 'series'
        ? { kind: 'series', shape: payloadShape(spec), values: part(Float32Array.from(one.payload)) }
        : {
            kind: 'images',
            shape: payloadShape(spec),
            values: part(Uint8Array.from(one.payload)),
            mean: spec.mean,
            scale: spec.scale,
          };
  return {
    rows: to - from,
    features: encodedFeatures(plan).length,
    values: part(encodeRows(rawOf(one), all, plan, preprocessingFor(plan, scaling))),
    labels: part(Float32Array.from(one.labels)),
    ...(payload === null ? {} : { payload }),
  };
}

const described = cases.map((one, place) => {
  const { model, task, training } = one.plan;
  return [`${place}: ${model.family}, ${task.kind}, ${JSON.stringify(training)}`, one] as const;
});

describe.each(trainers)('%s trains plans drawn at random as PyTorch does', (_, trainer) => {
  it.each(described)('%s', async (__, one) => {
    const plan = planOf(one);
    const { aside, rows } = one;
    const result = await trainer.train(
      {
        plan,
        data: matrixOf(one, plan, aside, aside + rows),
        weights: tensorsOf(one.start),
        frozen: tensorsOf(one.frozen),
        seed: one.seed,
        round: one.round,
        ...(aside === 0 ? {} : { validation: matrixOf(one, plan, 0, aside) }),
        ...(one.proximal === undefined ? {} : { proximal: one.proximal }),
        ...(one.control === undefined ? {} : { control: tensorsOf(one.control) }),
        ...(one.mostRows === undefined ? {} : { mostRows: one.mostRows }),
      },
      new AbortController().signal,
    );
    expect([...result.delta.keys()].toSorted()).toEqual(Object.keys(one.delta).toSorted());
    expect(relativeDistance(result.delta, tensorsOf(one.delta))).toBeLessThan(2e-4);
    expect(result.metrics.lossFirst / one.losses.lossFirst).toBeCloseTo(1, 4);
    expect(result.metrics.lossLast / one.losses.lossLast).toBeCloseTo(1, 4);
    expect(result.validation?.best).toBe(one.validation?.best);
    for (const [epoch, loss] of (one.validation?.losses ?? []).entries())
      expect((result.validation?.losses[epoch] as number) / loss).toBeCloseTo(1, 4);
  });
});

describe('a released file alone, on raw rows with missing values', () => {
  it.each(described)('%s', async (_, one) => {
    const plan = planOf(one);
    const all = one.rows + one.aside;
    const delta = tensorsOf(one.delta);
    const ended = ([name, { shape, data }]: [string, Tensor]): [string, Tensor] => [
      name,
      { shape, data: data.map((value, at) => value + (delta.get(name)?.data[at] as number)) },
    ];
    const model = buildInferenceModel(
      plan,
      preprocessingFor(plan, scaling),
      new Map([...tensorsOf(one.start)].map(ended)),
      tensorsOf(one.frozen),
    );
    const { payload } = plan.data;
    const found = await runOnnx(model, {
      features: { shape: [all, plan.data.columns.length], data: rawOf(one) },
      ...(payload === undefined || one.payload === null
        ? {}
        : { payload: { shape: [all, ...payloadShape(payload)], data: Float32Array.from(one.payload) } }),
    });
    expect(Object.keys(found).toSorted()).toEqual(Object.keys(one.outputs).toSorted());
    for (const [name, expected] of Object.entries(one.outputs)) {
      const values = [...(found[name]?.data ?? [])];
      expect(values).toHaveLength(expected.length);
      const largest = Math.max(...expected.map(Math.abs));
      for (const [at, value] of expected.entries())
        expect(Math.abs((values[at] as number) - value), `${name}[${at}]`).toBeLessThan(2e-5 * Math.max(1, largest));
    }
  });
});
