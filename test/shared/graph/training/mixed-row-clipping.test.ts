import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Graph, Value } from '../../../../shared/graph/graph.ts';
import { gradients } from '../../../../shared/graph/reverse-mode.ts';
import { buildGradientPart, buildUpdate } from '../../../../shared/graph/training/gradient-part.ts';
import { buildObjective } from '../../../../shared/graph/training/objective.ts';
import { stepScalars } from '../../../../shared/graph/training/optimiser-update.ts';
import { buildTrainingStep } from '../../../../shared/graph/training/training-step.ts';
import type { Plan } from '../../../../shared/plan/plan.ts';
import { broughtPlan, exportedFile, images, series } from '../../../support/brought-plans.ts';
import { evaluateGraph } from '../../../support/graph-evaluator.ts';
import { modelPlan, smallModels } from '../../../support/model-plans.ts';
import type { FloatTensor } from '../../../support/run-onnx.ts';
import { feedsOfRows, inDoubles } from './row-feeds.ts';
import { batchFeeds, filled, firstSlots, nextOf, numbers, openGraph, scalar, type Tensors } from './train-steps.ts';

const rows = 6;
/** Under which no gradient here leaves float16. */
const usualScale = 2 ** 12;
const mixed = 'mixed' as const;
const sgd = { kind: 'sgd', rate: 1 };

interface Mean {
  /** By tensor. */
  readonly mean: ReadonlyMap<string, Float32Array>;
  readonly clipped: number;
}

async function once(graph: Graph, feeds: Readonly<Tensors>): Promise<Tensors> {
  const session = await openGraph(graph);
  try {
    return await session.run(feeds);
  } finally {
    await session.close();
  }
}

const bounded = (plan: Plan, perExampleClip: number): Plan => ({
  ...plan,
  training: { ...plan.training, perExampleClip },
});

const normOf = (tensors: Iterable<ArrayLike<number>>): number =>
  Math.sqrt([...tensors].reduce((sum, data) => sum + Array.from(data).reduce((part, x) => part + x * x, 0), 0));

/** Each row's gradient in float64, from a graph of that row alone that knows of no clipping. */
function oneByOne(plan: Plan, feeds: Readonly<Tensors>, count = rows): ReadonlyMap<string, Float64Array>[] {
  const { builder, moving, trained, dataLoss } = buildObjective(plan, { rows: 1 });
  const variables = moving.map((name) => trained.get(name)?.value as Value);
  for (const [index, gradient] of gradients(builder, dataLoss, variables).entries())
    builder.output(`gradient/${moving[index]}`, gradient);
  const graph = builder.finish();
  return Array.from({ length: count }, (_, row) => {
    const results = evaluateGraph(graph, inDoubles(feedsOfRows(plan, feeds, count, row, 1)));
    return new Map(moving.map((name) => [name, results[`gradient/${name}`]?.data as Float64Array]));
  });
}

/** The rows' mean gradient, each clipped, in half precision. */
async function clippedMean(plan: Plan, feeds: Readonly<Tensors>, count: number, scale: number): Promise<Mean> {
  const part = buildGradientPart(plan, { rows: count, precision: mixed });
  const none = Object.fromEntries(part.sums.map((sum) => [sum.name, filled(sum, 0)]));
  const results = await once(part.graph, { ...feeds, ...none, 'scaling/scale': scalar(scale) });
  const sums = part.sums.map(({ weight, next }) => [weight, results[next]?.data as Float32Array] as const);
  return { clipped: results.clipped?.data[0] as number, mean: new Map(sums) };
}

/** What one row adds: of a batch of that row twice, the mean is its clipped gradient. */
function contribution(
  plan: Plan,
  feeds: Readonly<Tensors>,
  row: number,
  { count = rows, scale = usualScale } = {},
): Promise<Mean> {
  const { rowInputs, labels, random } = buildObjective(plan, { rows: count });
  const alone = feedsOfRows(plan, feeds, count, row, 1);
  const twice = [...rowInputs, labels, ...random].map(({ name }): [string, FloatTensor] => {
    const { shape, data } = alone[name] as FloatTensor;
    return [name, { shape: shape.with(0, 2), data: Float32Array.of(...data, ...data) }];
  });
  return clippedMean(plan, { ...alone, ...Object.fromEntries(twice) }, 2, scale);
}

const models = {
  logistic: smallModels.logistic,
  mlp: { ...smallModels.mlp, dropout: 0.3 },
  embedded: smallModels.embedded,
  tcn: smallModels.tcn,
  gru: smallModels.gru,
  transformer: { ...smallModels.transformer, dropout: 0.3 },
  'cnn, no normalisation': { ...smallModels.cnn, normalisation: 'none' },
  'cnn, group': { ...smallModels.cnn, normalisation: 'group' },
  resnet: smallModels.resnet,
};
const lora = { trainable: { lora: { rank: 2, alpha: 6, and: ['last.*'] } } };
const plans: readonly (readonly [string, Plan])[] = [
  ...Object.entries(models).map(([what, model]) => [what, modelPlan(model, 'binary', { optimiser: sgd })] as const),
  ['adapters', modelPlan(smallModels.transformer, 'multiclass', { optimiser: sgd, ...lora })],
  ['adapters of a recurrence', modelPlan(smallModels.gru, 'binary', { optimiser: sgd, ...lora })],
  ['ordinal', modelPlan(smallModels.mlp, 'ordinal', { optimiser: sgd })],
  [
    'a brought transformer',
    broughtPlan(exportedFile('transformer-dynamo'), { payload: series, training: { optimiser: sgd } }).plan,
  ],
  [
    'a brought convolution in groups',
    broughtPlan(exportedFile('grouped'), { payload: images, training: { optimiser: sgd } }).plan,
  ],
];

/** A bound between two rows' norms, well away from both, so that half precision does not move a row across it. */
function boundBetween(norms: readonly number[]): { readonly most: number; readonly above: number } {
  const sorted = [...norms].sort((a, b) => a - b);
  const gaps = sorted.slice(1).map((norm, index) => norm / (sorted[index] as number));
  const at = gaps.indexOf(Math.max(...gaps));
  return { most: Math.sqrt((sorted[at] as number) * (sorted[at + 1] as number)), above: norms.length - 1 - at };
}

describe('rows clipped one by one in half precision', () => {
  it.each(plans)('%s: sums and counts are those of float64, no row adds more than the bound', async (_, free) => {
    const feeds = batchFeeds(free, rows);
    const each = oneByOne(free, feeds);
    const norms = each.map((own) => normOf(own.values()));
    const { most, above } = boundBetween(norms);
    const plan = bounded(free, most);

    const found = await clippedMean(plan, feeds, rows, usualScale);
    expect(found.clipped).toBe(above);
    let difference = 0;
    let size = 0;
    for (const [name, mean] of found.mean) {
      for (const [at, value] of mean.entries()) {
        const expected = each.reduce(
          (sum, own, row) =>
            sum + ((own.get(name)?.[at] as number) * Math.min(1, most / (norms[row] as number))) / rows,
          0,
        );
        difference += (value - expected) ** 2;
        size += expected ** 2;
      }
    }
    expect(Math.sqrt(difference / size)).toBeLessThan(0.01);

    for (const [row, norm] of norms.entries()) {
      const { clipped, mean } = await contribution(plan, feeds, row);
      const added = normOf(mean.values());
      expect(clipped, `row ${row}`).toBe(norm > most ? 2 : 0);
      expect(added / most, `row ${row}`).toBeLessThan(1 + 1e-6);
      expect(added / Math.min(norm, most), `row ${row}`).toBeCloseTo(1, 2);
    }
  });

  it.each(plans)('%s: products in float16, norms and sums in float32', (_, free) => {
    const { graph } = buildGradientPart(bounded(free, 1), { rows, precision: mixed });
    const of = (operator: string) => graph.nodes.filter((node) => node.operator === operator);
    expect(of('Sqrt').length).toBeGreaterThan(0);
    for (const operator of ['Sqrt', 'ReduceSum', 'Max', 'LessOrEqual']) {
      for (const { inputs } of of(operator)) expect(inputs[0]?.type, operator).not.toBe('float16');
    }
    const products = graph.nodes.filter(({ operator }) => ['MatMul', 'Gemm', 'Conv'].includes(operator));
    expect(products.some(({ inputs }) => inputs[0]?.type === 'float16')).toBe(true);
    for (const { type, name } of [...graph.inputs, ...graph.outputs]) expect(type, name).toBe('float');
  });

  const plan = modelPlan(smallModels.mlp, 'regression', { optimiser: { ...sgd, momentum: 0.9 } });

  it('no row adds more than any bound, whatever its values', async () => {
    const bounds = fc.double({ min: 1e-3, max: 1e3, noNaN: true });
    const sizes = fc.double({ min: 1e-3, max: 30, noNaN: true });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 1000 }), bounds, sizes, async (seed, bound, size) => {
        const most = Math.fround(bound);
        const drawn = batchFeeds(plan, 2, seed);
        const grown = (tensor: FloatTensor): FloatTensor => ({ ...tensor, data: tensor.data.map((x) => size * x) });
        const feeds = {
          ...drawn,
          features: grown(drawn.features as FloatTensor),
          labels: grown(drawn.labels as FloatTensor),
        };
        for (const [row, own] of oneByOne(plan, feeds, 2).entries()) {
          const norm = normOf(own.values());
          const { mean } = await contribution(bounded(plan, most), feeds, row, { count: 2, scale: 2 ** 6 });
          const added = normOf(mean.values());
          expect(added / most).toBeLessThan(1 + 1e-6);
          // A gradient that float16 loses is no smaller than one that is clipped to it.
          expect(Math.abs(added - Math.min(norm, most))).toBeLessThan(0.01 * Math.min(norm, most) + 1e-4);
        }
      }),
      { numRuns: 10 },
    );
  });

  it('norms are of gradients without the scale: under another the same rows are clipped to the same', async () => {
    const feeds = batchFeeds(plan, rows);
    const { most, above } = boundBetween(oneByOne(plan, feeds).map((own) => normOf(own.values())));
    const [one, other] = await Promise.all(
      [2 ** 8, 2 ** 13].map((scale) => clippedMean(bounded(plan, most), feeds, rows, scale)),
    );
    expect([one?.clipped, other?.clipped]).toEqual([above, above]);
    for (const [name, mean] of one?.mean ?? []) {
      for (const [at, value] of mean.entries()) expect(other?.mean.get(name)?.[at], name).toBeCloseTo(value, 4);
    }
  });

  /** A batch one row of which has a gradient beyond float16, times the first scale. */
  function withLargeRow(): Tensors {
    const feeds = batchFeeds(plan, rows);
    const labels = (feeds.labels as FloatTensor).data.slice();
    labels[2] = 500;
    return { ...feeds, labels: { shape: [rows], data: labels } };
  }
  const scalars = numbers(stepScalars(plan.training, { step: 1, round: 0 }));
  const clipping = bounded(plan, 0.5);

  it('tells of a row that overflows, and takes the step where the scale is small enough', async () => {
    const step = buildTrainingStep(clipping, { rows, precision: mixed });
    const begin = { ...withLargeRow(), ...scalars, ...firstSlots(step.slots) };
    const results = await once(step.graph, { ...begin, 'scaling/scale': scalar(2 ** 15) });
    expect(results.loss?.data[0]).toBeGreaterThan(1e4);
    expect(results.overflow?.data[0]).toBeNaN();

    const taken = await once(step.graph, { ...begin, 'scaling/scale': scalar(2 ** 8) });
    expect(taken.overflow?.data[0]).toBe(0);
    const exact = buildTrainingStep(clipping, { rows });
    const expected = nextOf(await once(exact.graph, { ...begin, ...firstSlots(exact.slots) }));
    for (const { name } of exact.weights) {
      for (const [at, value] of (expected[name] as FloatTensor).data.entries())
        expect(nextOf(taken)[name]?.data[at], name).toBeCloseTo(value, 2);
    }
    // The row is clipped like any other: without the bound it would move the weights further by far.
    expect(normOf(exact.weights.map(({ name }) => (expected[`velocity/${name}`] as FloatTensor).data))).toBeLessThan(1);
  });

  it('in parts too: the part with the row makes the whole step overflow', async () => {
    const feeds = withLargeRow();
    const update = buildUpdate(clipping, { precision: mixed });
    const begin: Tensors = { ...feeds, ...scalars, ...firstSlots(update.slots) };
    const ran = async (scale: number) => {
      let sums: Tensors = {};
      let clipped = 0;
      for (const from of [0, 3]) {
        const part = buildGradientPart(clipping, { rows: 3, of: rows, precision: mixed });
        if (from === 0) sums = Object.fromEntries(part.sums.map((sum) => [sum.name, filled(sum, 0)]));
        const fed = { ...begin, ...feedsOfRows(plan, feeds, rows, from, 3), ...sums, 'scaling/scale': scalar(scale) };
        const results = await once(part.graph, fed);
        sums = nextOf(results);
        clipped += results.clipped?.data[0] as number;
      }
      return { overflow: (await once(update.graph, { ...begin, ...sums })).overflow?.data[0], clipped };
    };
    expect((await ran(2 ** 15)).overflow).toBeNaN();
    const taken = await ran(2 ** 8);
    expect(taken.overflow).toBe(0);
    const whole = await once(buildTrainingStep(clipping, { rows, precision: mixed }).graph, {
      ...begin,
      'scaling/scale': scalar(2 ** 8),
    });
    expect(taken.clipped).toBe(whole.clipped?.data[0]);
  });
});
