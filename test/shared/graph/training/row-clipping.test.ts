import { describe, expect, it } from 'vitest';
import type { Value } from '../../../../shared/graph/graph.ts';
import { gradients } from '../../../../shared/graph/reverse-mode.ts';
import { buildObjective } from '../../../../shared/graph/training/objective.ts';
import type { Plan } from '../../../../shared/plan/plan.ts';
import { broughtPlan, exportedFile, images, series } from '../../../support/brought-plans.ts';
import { evaluateGraph, type Float64Tensor } from '../../../support/graph-evaluator.ts';
import { drawnTensors, modelPlan, smallModels } from '../../../support/model-plans.ts';
import { fedObjective } from '../../../support/objective-feeds.ts';
import { runOnnx } from '../../../support/run-onnx.ts';
import { clippedRowSum } from './clipped-row-sum.ts';
import { feedsOfRows, inDoubles } from './row-feeds.ts';

const rows = 5;

/** Each row's gradient from a graph of that row alone, in float64. */
function oneByOne(plan: Plan, feeds: Parameters<typeof feedsOfRows>[1]): ReadonlyMap<string, Float64Tensor>[] {
  const { builder, moving, trained, loss } = buildObjective(plan, { rows: 1 });
  const found = gradients(
    builder,
    loss,
    moving.map((name) => trained.get(name)?.value as Value),
  );
  for (const [index, name] of moving.entries()) builder.output(`gradient/${name}`, found[index] as Value);
  const graph = builder.finish();
  return Array.from({ length: rows }, (_, row) => {
    const results = evaluateGraph(graph, inDoubles(feedsOfRows(plan, feeds, rows, row, 1)));
    return new Map(moving.map((name) => [name, results[`gradient/${name}`] as Float64Tensor]));
  });
}

async function check(plan: Plan): Promise<void> {
  const { objective, feeds } = fedObjective(plan, drawnTensors(plan), { rows });
  const each = oneByOne(plan, feeds);
  const norms = each.map((tensors) =>
    Math.sqrt([...tensors.values()].flatMap(({ data }) => [...data]).reduce((sum, x) => sum + x * x, 0)),
  );
  // Between the norms, so that some rows are clipped and some are not.
  const sorted = [...norms].sort((a, b) => a - b);
  const most = ((sorted[1] as number) + (sorted[2] as number)) / 2;

  const { builder, moving, trained } = objective;
  const clipped = clippedRowSum(
    builder,
    {
      losses: objective.rowLosses,
      inputs: objective.rowValues,
      random: objective.random.map(({ name }) => name),
      variables: moving.map((name) => trained.get(name)?.value as Value),
    },
    most,
  );
  builder.output('norms', clipped.norms);
  builder.output('clipped', clipped.clipped);
  for (const [index, name] of moving.entries()) builder.output(`sum/${name}`, clipped.sums[index] as Value);
  const graph = builder.finish();
  const exact = evaluateGraph(graph, inDoubles(feeds));
  const single = await runOnnx(graph, feeds);

  const limit = Math.fround(most);
  expect(exact.clipped?.data[0]).toBe(3);
  expect(single.clipped?.data[0]).toBe(3);
  for (const [row, norm] of norms.entries()) {
    expect(Math.abs((exact.norms?.data[row] as number) - norm), `norm of row ${row}`).toBeLessThan(1e-9 * (1 + norm));
    expect(Math.abs((single.norms?.data[row] as number) - norm), `norm of row ${row}`).toBeLessThan(1e-5 * (1 + norm));
  }
  for (const name of moving) {
    const sum = exact[`sum/${name}`] as Float64Tensor;
    expect(sum.shape, name).toEqual(trained.get(name)?.parameter.shape);
    for (const [at, value] of sum.data.entries()) {
      const expected = each.reduce(
        (total, tensors, row) =>
          total + (tensors.get(name)?.data[at] as number) * Math.min(1, limit / (norms[row] as number)),
        0,
      );
      expect(Math.abs(value - expected), `${name}[${at}]`).toBeLessThan(1e-9 * (1 + most));
      expect(Math.abs((single[`sum/${name}`]?.data[at] as number) - expected), `${name}[${at}]`).toBeLessThan(
        1e-5 * (1 + most),
      );
    }
  }
}

describe('rows clipped all at once equal rows clipped one by one', () => {
  it.each(['logistic', 'mlp', 'embedded', 'tcn', 'gru', 'transformer', 'resnet'] as const)('%s', (kind) =>
    check(modelPlan(smallModels[kind])),
  );

  it.each(['multiclass', 'ordinal', 'regression'] as const)('mlp, %s', (task) =>
    check(modelPlan(smallModels.mlp, task)),
  );

  it.each([
    { ...smallModels.mlp, dropout: 0.3 },
    { ...smallModels.tcn, dropout: 0.3 },
    { ...smallModels.gru, dropout: 0.3 },
    { ...smallModels.transformer, dropout: 0.3 },
    { ...smallModels.cnn, normalisation: 'none', dropout: 0.3 },
    { ...smallModels.cnn, normalisation: 'group' },
    { ...smallModels.resnet, normalisation: 'none' },
  ])('$family with dropout $dropout, normalisation $normalisation', (model) => check(modelPlan(model)));

  it.each(['last-layer', { names: ['block1.attention.*'] }, { lora: { rank: 2, alpha: 6, and: ['last.*'] } }])(
    'transformer of which %j trains',
    (trainable) => check(modelPlan(smallModels.transformer, 'binary', { trainable })),
  );

  it('adapters of a recurrent network', () =>
    check(modelPlan(smallModels.gru, 'binary', { trainable: { lora: { rank: 2 } } })));

  it.each([
    ['gru-dynamo', series],
    ['lstm', series],
    ['transformer', series],
    ['transformer-dynamo', series],
    ['grouped-dynamo', images],
  ])('a network exported from PyTorch: %s', (name, payload) =>
    check(broughtPlan(exportedFile(name), { payload }).plan),
  );
});
