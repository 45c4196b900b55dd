import { describe, expect, it } from 'vitest';
import type { Value } from '../../../../shared/graph/graph.ts';
import { GraphBuilder } from '../../../../shared/graph/graph-builder.ts';
import { compactGraph } from '../../../../shared/graph/training/compact-graph.ts';
import { buildEpoch } from '../../../../shared/graph/training/epoch.ts';
import { buildObjective } from '../../../../shared/graph/training/objective.ts';
import { objectiveGradients } from '../../../../shared/graph/training/objective-gradients.ts';
import { drawnTensors, modelKinds, modelPlan, smallModels } from '../../../support/model-plans.ts';
import { fedObjective } from '../../../support/objective-feeds.ts';
import { type FloatTensor, runOnnx } from '../../../support/run-onnx.ts';
import { batchFeeds } from './train-steps.ts';

describe('a compact graph', () => {
  it('has equal work once, and no work that nothing needs', async () => {
    const b = new GraphBuilder('repeated');
    const x = b.input('x', 'float', [2]);
    const unused = b.input('unused', 'float', [2]);
    const two = (): Value => b.constant('two', [], Float32Array.of(2));
    const twice = b.mul(x, two());
    const again = b.mul(b.op('Identity', [x]), two());
    b.op('Exp', [unused]);
    b.output('sum', b.add(twice, again));
    b.output('twice', twice);
    b.output('also', again);
    b.output('same', x);
    const graph = compactGraph(b.finish());
    expect(graph.constants).toHaveLength(1);
    expect(graph.nodes.map(({ operator }) => operator).sort()).toEqual(['Add', 'Identity', 'Identity', 'Mul']);
    expect(graph.inputs.map(({ name }) => name)).toEqual(['x', 'unused']);
    const fed = { shape: [2], data: Float32Array.of(1, -3) };
    const found = await runOnnx(graph, { x: fed, unused: fed });
    expect(Object.fromEntries(Object.entries(found).map(([name, { data }]) => [name, [...data]]))).toEqual({
      sum: [4, -12],
      twice: [2, -6],
      also: [2, -6],
      same: [1, -3],
    });
  });

  it('tells operators apart by attributes, outputs asked for and constants of another type or shape', () => {
    const b = new GraphBuilder('different');
    const x = b.input('x', 'float', [2, 4]);
    const results = [
      b.op('Softmax', [x], { axis: { int: 0 } }),
      b.op('Softmax', [x], { axis: { int: 1 } }),
      b.op('LeakyRelu', [x], { alpha: { float: 1 } }),
      b.op('Elu', [x], { alpha: { float: 1 } }),
      b.mul(x, b.constant('one', [1], Float32Array.of(1))),
      b.mul(x, b.constant('one', [], Float32Array.of(1))),
      ...b.ops('Split', [x], { axis: { int: 1 } }, 2),
      ...b.ops('Split', [x], { axis: { int: 1 } }, 4),
    ];
    for (const [index, value] of results.entries()) b.output(`y${index}`, b.neg(value));
    const graph = b.finish();
    // Only the copies to the outputs are gone.
    expect(compactGraph(graph).nodes).toHaveLength(graph.nodes.length - results.length);
  });

  it('leaves what a graph inside reads by name', async () => {
    const plan = modelPlan(smallModels.mlp, 'binary');
    const epoch = buildEpoch(plan, { rows: 3, steps: 2, pull: true });
    const begin: Record<string, FloatTensor> = {
      ...batchFeeds(plan, 3),
      rate: { shape: [2], data: Float32Array.of(0.1, 0.2) },
    };
    for (const { name, shape } of [...epoch.rowInputs, epoch.labels]) {
      const own = (begin[name] as FloatTensor).data;
      begin[name] = { shape, data: Float32Array.of(...own, ...own) };
    }
    // Everything the loop takes, and everything its steps read, is handed on by a node outside.
    const inner = new GraphBuilder('around');
    const twice = epoch.graph.inputs.map((value) => ({ ...value, name: `given/${value.name}` }));
    const passed = twice.map((value, index) => ({
      operator: 'Identity',
      inputs: [value],
      outputs: [epoch.graph.inputs[index] as Value],
      attributes: {},
    }));
    const around = {
      ...inner.finish(),
      inputs: twice,
      outputs: epoch.graph.outputs,
      nodes: [...passed, ...epoch.graph.nodes],
    };
    const feeds = Object.fromEntries(
      epoch.graph.inputs.map(({ name }) => [`given/${name}`, begin[name] as FloatTensor]),
    );
    const compact = compactGraph(around);
    expect(compact.nodes.length).toBeLessThan(around.nodes.length);
    expect(await runOnnx(compact, feeds)).toEqual(await runOnnx(around, feeds));
  });

  it.each(modelKinds)('of the gradients of %s is smaller and gives the same bits', async (kind) => {
    const plan = modelPlan(smallModels[kind], kind === 'cox' ? 'survival' : 'binary', { l2: 0.1 });
    const { feeds } = fedObjective(plan, drawnTensors(plan), { rows: 3 });
    const objective = buildObjective(plan, { rows: 3 });
    const { builder } = objective;
    for (const { parameter, gradient } of objectiveGradients(plan, objective).moving) {
      builder.output(`gradient/${parameter.name}`, gradient);
    }
    const graph = builder.finish();
    const compact = compactGraph(graph);
    expect(compact.nodes.length).toBeLessThan(graph.nodes.length);
    expect(await runOnnx(compact, feeds)).toEqual(await runOnnx(graph, feeds));
  });
});
