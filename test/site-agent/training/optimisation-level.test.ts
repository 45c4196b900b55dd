import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { Value } from '../../../shared/graph/graph.ts';
import { GraphBuilder } from '../../../shared/graph/graph-builder.ts';
import { encodeOnnx } from '../../../shared/graph/onnx-file.ts';
import { gradients } from '../../../shared/graph/reverse-mode.ts';
import { buildEpoch } from '../../../shared/graph/training/epoch.ts';
import { optimisationLevel } from '../../../site-agent/training/onnx/optimisation-level.ts';
import { cpuProvider, sessionOptions, webgpuProvider } from '../../../site-agent/training/onnx/provider.ts';
import { openInferenceSession } from '../../../site-agent/training/onnx/sessions.ts';
import { planAround } from '../../support/brought-plans.ts';

/** Loss and gradient of a deep residual network with one weight for all its layers: h + tanh(h w) / 64 at each. */
function deepGraph(layers: number) {
  const builder = new GraphBuilder('deep');
  const weight = builder.input('weight', 'float', [4, 4]);
  let value: Value = builder.input('x', 'float', [3, 4]);
  for (let layer = 0; layer < layers; layer++) {
    const step = builder.op('Tanh', [builder.op('MatMul', [value, weight])]);
    value = builder.add(value, builder.mul(step, builder.scalar(1 / 64)));
  }
  const loss = builder.mean(builder.mul(value, value));
  const [gradient] = gradients(builder, loss, [weight]);
  builder.output('loss', loss);
  builder.output('gradient', gradient as Value);
  return builder.finish();
}

describe('how much onnxruntime optimises', () => {
  it('is all of a graph of the usual size, and nothing of one of many operators, loops counted whole', () => {
    expect(optimisationLevel(8000)).toBe('all');
    expect(optimisationLevel(8001)).toBe('disabled');
    const large = deepGraph(1000);
    expect(large.nodes.length).toBeGreaterThan(8000);
    expect(sessionOptions(cpuProvider, large, 1).graphOptimizationLevel).toBe('disabled');
    expect(sessionOptions(webgpuProvider(false), large, 1).graphOptimizationLevel).toBe('all');
    expect(sessionOptions(cpuProvider, deepGraph(10), 1).graphOptimizationLevel).toBe('all');
    const { graph } = buildEpoch(planAround({ model: { family: 'mlp', hidden: [4] } }), { rows: 4, steps: 2 });
    expect(sessionOptions(cpuProvider, graph, 1).graphOptimizationLevel).toBe('all');
    const loop = { ...graph.nodes[0], attributes: { body: { graph: large } } } as (typeof graph.nodes)[number];
    expect(sessionOptions(cpuProvider, { ...graph, nodes: [loop] }, 1).graphOptimizationLevel).toBe('disabled');
  });

  it('changes the results of a large graph by no more than the rounding of float32', async () => {
    const graph = deepGraph(1000);
    const model = encodeOnnx(graph);
    const options = sessionOptions(cpuProvider, graph, 1);
    const feeds = {
      x: new Tensor(
        'float32',
        Float32Array.from({ length: 12 }, (_, at) => Math.sin(at + 1)),
        [3, 4],
      ),
      weight: new Tensor(
        'float32',
        Float32Array.from({ length: 16 }, (_, at) => Math.cos(3 * at) / 2),
        [4, 4],
      ),
    };
    const found = new Map<string, Float32Array>();
    for (const graphOptimizationLevel of ['all', 'disabled'] as const) {
      const session = await openInferenceSession(model, { ...options, graphOptimizationLevel });
      const results = await session.run(feeds, ['loss', 'gradient']);
      const numbers = (name: string): Float32Array => results[name]?.data as Float32Array;
      found.set(graphOptimizationLevel, Float32Array.of(...numbers('loss'), ...numbers('gradient')));
      await session.release();
    }
    const [all, disabled] = [...found.values()] as [Float32Array, Float32Array];
    const largest = Math.max(...all.map(Math.abs));
    expect(largest).toBeGreaterThan(0.01);
    for (const [at, value] of all.entries()) {
      // A few units in the last place of the largest.
      expect(Math.abs((disabled[at] as number) - value)).toBeLessThanOrEqual(largest * 2 ** -20);
    }
  });
});
