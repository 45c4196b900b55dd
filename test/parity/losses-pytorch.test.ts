import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Value } from '../../shared/graph/graph.ts';
import { GraphBuilder } from '../../shared/graph/graph-builder.ts';
import { gradients } from '../../shared/graph/reverse-mode.ts';
import { coxComparedLosses, coxLosses, mostComparedRows, type Ties } from '../../shared/graph/training/losses/cox.ts';
import { coxSortedLosses } from '../../shared/graph/training/losses/cox-sorted.ts';
import { rowLosses } from '../../shared/graph/training/losses.ts';
import { randomStream } from '../../shared/runtime/random.ts';
import { evaluateGraph } from '../support/graph-evaluator.ts';
import { modelPlan, smallModels, type TaskKind } from '../support/model-plans.ts';
import { runOnnx } from '../support/run-onnx.ts';

interface Case {
  readonly task: TaskKind;
  readonly loss: object;
  readonly outputs: number[][];
  readonly labels: number[];
  readonly losses: number[];
  readonly gradients: number[][];
}

interface CoxCase {
  readonly title: string;
  readonly time: number[];
  readonly event: number[];
  readonly score: number[];
  readonly breslow: { readonly loss: number; readonly gradient: number[] };
  readonly efron: { readonly loss: number; readonly gradient: number[] };
}

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`generated/${name}`, import.meta.url), 'utf8')) as unknown;
// Made by PyTorch 2.13.0: python3 test/parity/losses-pytorch-reference.py > test/parity/generated/losses-pytorch.json
const { cases } = read('losses-pytorch.json') as { cases: Case[] };
// Made by R 4.2.2, survival 3.5.3: Rscript test/parity/cox-reference.R > test/parity/generated/cox-r.json
const cox = (read('cox-r.json') as { cases: CoxCase[] }).cases;

/** Losses of rows and the gradients of their sum, in float64 and by onnxruntime in float32. */
async function run(
  shapes: { readonly outputs: number[]; readonly labels: number[] },
  data: { readonly outputs: number[]; readonly labels: number[] },
  losses: (b: GraphBuilder, outputs: Value, labels: Value) => Value,
) {
  const b = new GraphBuilder('loss');
  const outputs = b.input('outputs', 'float', shapes.outputs);
  const labels = b.input('labels', 'float', shapes.labels);
  const found = losses(b, outputs, labels);
  const [gradient] = gradients(b, b.sum(found), [outputs]);
  b.output('losses', found);
  b.output('gradient', gradient as Value);
  const graph = b.finish();
  const inputs = {
    outputs: { shape: shapes.outputs, data: Float32Array.from(data.outputs) },
    labels: { shape: shapes.labels, data: Float32Array.from(data.labels) },
  };
  const exact = evaluateGraph(graph, {
    outputs: { shape: shapes.outputs, data: Float64Array.from(inputs.outputs.data) },
    labels: { shape: shapes.labels, data: Float64Array.from(inputs.labels.data) },
  });
  const single = await runOnnx(graph, inputs);
  const numbers = (results: typeof exact | typeof single) => ({
    losses: Array.from(results.losses?.data ?? []),
    gradient: Array.from(results.gradient?.data ?? []),
  });
  return { exact: numbers(exact), single: numbers(single) };
}

function expectClose(found: readonly number[], expected: readonly number[], tolerance: number): void {
  const scale = 1 + Math.max(...expected.map(Math.abs));
  expect(found.length).toBe(expected.length);
  for (const [index, value] of expected.entries()) {
    expect(Math.abs((found[index] as number) - value) / scale, `[${index}]`).toBeLessThan(tolerance);
  }
}

describe('losses of rows equal those of PyTorch', () => {
  it.each(cases.map((one) => ({ ...one, title: JSON.stringify(one.loss) })))('$task, $title', async (expected) => {
    const { task, loss, outputs, labels } = expected;
    const plan = modelPlan(smallModels.mlp, task, { loss });
    const rows = outputs.length;
    const found = await run(
      { outputs: [rows, outputs[0]?.length ?? 0], labels: [rows] },
      { outputs: outputs.flat(), labels },
      (b, z, y) => rowLosses(b, plan, z, y),
    );
    // Constants of the graph, such as 1 - smoothing, are float32, which leaves 1e-7 of the float64 evaluation.
    expectClose(found.exact.losses, expected.losses, 1e-6);
    expectClose(found.exact.gradient, expected.gradients.flat(), 1e-6);
    expectClose(found.single.losses, expected.losses, 3e-6);
    expectClose(found.single.gradient, expected.gradients.flat(), 3e-6);
  });

  const far = [-1e4, -200, 200, 1e4];

  it.each([
    ['binary', { kind: 'cross-entropy', smoothing: 0.1 }, 1, 2],
    ['binary', { kind: 'focal', gamma: 0.5 }, 1, 2],
    ['multiclass', { kind: 'cross-entropy' }, 3, 3],
    ['multiclass', { kind: 'focal', gamma: 0.5 }, 3, 3],
  ] as const)('%s %j of logits far out are finite, with finite gradients', async (task, loss, width, levels) => {
    const plan = modelPlan(smallModels.mlp, task, { loss });
    const rows = far.flatMap((logit) => Array.from({ length: levels }, (_, label) => ({ logit, label })));
    const { single } = await run(
      { outputs: [rows.length, width], labels: [rows.length] },
      {
        outputs: rows.flatMap(({ logit }) => Array.from({ length: width }, (_, k) => (k === 0 ? logit : -logit * k))),
        labels: rows.map(({ label }) => label),
      },
      (b, z, y) => rowLosses(b, plan, z, y),
    );
    expect([...single.losses, ...single.gradient].every(Number.isFinite)).toBe(true);
    // The wrong side costs as much as it is wrong.
    expect(Math.max(...single.losses)).toBeGreaterThan(400);
  });

  it('grades of small probability keep their digits: -log(σ(a) - σ(c)) of boundaries far out and close together', async () => {
    const plan = modelPlan(smallModels.mlp, 'ordinal');
    const rows = [
      // log(σ(-30) - σ(-31)) = -30 + log(1 - e⁻¹) + 9e-14
      { logits: [1, -30, -31], grade: 2, loss: 30 - Math.log(1 - Math.exp(-1)) },
      // σ(a) - σ(a - d) ≈ d σ'(a): with d = 2⁻¹⁵ at a = 0, d / 4
      { logits: [0, -(2 ** -15), -9], grade: 1, loss: Math.log(4) + 15 * Math.log(2) },
      { logits: [90, 40, 30], grade: 0, loss: 90 },
      { logits: [-80, -85, -90], grade: 3, loss: 90 },
    ];
    const { single } = await run(
      { outputs: [rows.length, 3], labels: [rows.length] },
      { outputs: rows.flatMap(({ logits }) => logits), labels: rows.map(({ grade }) => grade) },
      (b, z, y) => rowLosses(b, plan, z, y),
    );
    expectClose(
      single.losses,
      rows.map(({ loss }) => loss),
      1e-6,
    );
    expect(single.gradient.every(Number.isFinite)).toBe(true);
  });

  it('boundaries out of order give no plausible number', async () => {
    const plan = modelPlan(smallModels.mlp, 'ordinal');
    const { single } = await run({ outputs: [1, 3], labels: [1] }, { outputs: [0, 1, 2], labels: [1] }, (b, z, y) =>
      rowLosses(b, plan, z, y),
    );
    expect(single.losses).toEqual([Number.NaN]);
  });
});

describe('partial likelihoods equal those of R', () => {
  const forms = {
    'all pairs compared': (b: GraphBuilder, scores: Value, labels: Value, ties: Ties) =>
      coxLosses(b, scores, labels, ties),
    'rows in order': (b: GraphBuilder, scores: Value, labels: Value, ties: Ties) => {
      const part = (index: number): Value =>
        b.squeeze(b.op('Gather', [labels, b.integers('part', [index])], { axis: { int: 1 } }), 1);
      return coxSortedLosses(b, { scores, time: part(0), event: part(1), ties });
    },
  };
  const runs = cox.flatMap((one) =>
    (['breslow', 'efron'] as const).flatMap((ties) =>
      (Object.keys(forms) as (keyof typeof forms)[]).map((form) => ({ ...one, ties, form })),
    ),
  );

  it.each(runs)('$title, $ties, $form', async ({ time, event, score, ties, form, ...expected }) => {
    const order = time.map((_, row) => row).sort((a, b) => (time[a] as number) - (time[b] as number));
    const rows = order.length;
    const inOrder = (values: readonly number[]): number[] => order.map((row) => values[row] as number);
    const labels = order.flatMap((row) => [time[row] as number, event[row] as number]);
    const found = await run({ outputs: [rows], labels: [rows, 2] }, { outputs: inOrder(score), labels }, (b, z, y) =>
      forms[form](b, z, y, ties),
    );
    const { loss, gradient } = expected[ties];
    const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
    expect(total(found.exact.losses) / loss).toBeCloseTo(1, 7);
    expect(total(found.single.losses) / loss).toBeCloseTo(1, 5);
    expectClose(found.exact.gradient, inOrder(gradient), 1e-6);
    expectClose(found.single.gradient, inOrder(gradient), 1e-5);
  });

  const drawn = (rows: number, spread: number) => {
    const stream = randomStream(9, 'cox', rows, spread);
    const times = Array.from({ length: rows }, () => 1 + stream.integer(Math.ceil(rows / 4))).sort((a, b) => a - b);
    return {
      outputs: Array.from({ length: rows }, () => spread * stream.normal()),
      labels: times.flatMap((time) => [time, stream.integer(2)]),
    };
  };

  it.each(['breslow', 'efron'] as const)('both forms agree on scores of hundreds, %s', async (ties) => {
    const rows = 60;
    const data = drawn(rows, 300);
    const shapes = { outputs: [rows], labels: [rows, 2] };
    const compared = await run(shapes, data, (b, z, y) => forms['all pairs compared'](b, z, y, ties));
    const inOrder = await run(shapes, data, (b, z, y) => forms['rows in order'](b, z, y, ties));
    for (const form of [compared, inOrder]) {
      expect([...form.single.losses, ...form.single.gradient].every(Number.isFinite)).toBe(true);
      expectClose(form.exact.losses, compared.exact.losses, 1e-12);
      expectClose(form.single.losses, compared.exact.losses, 1e-6);
      expectClose(form.single.gradient, compared.exact.gradient, 3e-5);
    }
  });

  it(`above ${mostComparedRows} rows no pairs are compared, and the result is the same`, async () => {
    const rows = mostComparedRows + 1;
    const data = drawn(rows, 1);
    const shapes = { outputs: [rows], labels: [rows, 2] };
    const found = await run(shapes, data, (b, z, y) => {
      const losses = coxLosses(b, z, y, 'efron');
      const largest = b.nodes.flatMap(({ outputs }) =>
        outputs.map(({ shape }) => shape.map(Number).reduce((p, l) => p * l, 1)),
      );
      expect(Math.max(...largest)).toBeLessThan(3 * rows);
      return losses;
    });
    const b = new GraphBuilder('pairs');
    const [z, time, event] = ['z', 'time', 'event'].map((name) => b.input(name, 'float', [rows])) as [
      Value,
      Value,
      Value,
    ];
    b.output('losses', coxComparedLosses(b, z, time, event, 'efron'));
    const column = (part: number): Float32Array =>
      Float32Array.from({ length: rows }, (_, row) => data.labels[2 * row + part] as number);
    const pairs = await runOnnx(b.finish(), {
      z: { shape: [rows], data: Float32Array.from(data.outputs) },
      time: { shape: [rows], data: column(0) },
      event: { shape: [rows], data: column(1) },
    });
    expectClose(found.single.losses, Array.from(pairs.losses?.data ?? []), 1e-5);
  });

  it('rows out of order give no plausible number where order is relied on', async () => {
    const { single } = await run(
      { outputs: [3], labels: [3, 2] },
      { outputs: [0, 1, 2], labels: [1, 1, 3, 1, 2, 1] },
      (b, z, y) => forms['rows in order'](b, z, y, 'efron'),
    );
    expect([...single.losses, ...single.gradient].every(Number.isNaN)).toBe(true);
  });

  it.each(Object.keys(forms) as (keyof typeof forms)[])('without events nothing is to be learned, %s', async (form) => {
    const { single } = await run(
      { outputs: [3], labels: [3, 2] },
      { outputs: [50, -50, 2], labels: [1, 0, 2, 0, 2, 0] },
      (b, z, y) => forms[form](b, z, y, 'efron'),
    );
    expect([...single.losses, ...single.gradient].map(Math.abs)).toEqual([0, 0, 0, 0, 0, 0]);
  });
});
