import '../../shared/runtime/no-telemetry.ts';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { effectiveWeights, frozenWeights, mergeAdapters, trainedParameters } from '../../shared/graph/adapters.ts';
import { initialWeights, modelTensors } from '../../shared/graph/families.ts';
import type { Value } from '../../shared/graph/graph.ts';
import { GraphBuilder } from '../../shared/graph/graph-builder.ts';
import { networkOf } from '../../shared/graph/network.ts';
import { silentLogger } from '../../shared/runtime/logger.ts';
import { encodeSafetensors } from '../../shared/tensors/safetensors.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import { openTrainer } from '../../site-agent/training/open-trainer.ts';
import { broughtPlan, exportedFile, series } from '../support/brought-plans.ts';
import { runOnnx } from '../support/run-onnx.ts';

// Rows of test/parity/exported-networks.py.
const { batches } = JSON.parse(readFileSync(new URL('../fixtures/exported/losses.json', import.meta.url), 'utf8')) as {
  batches: { series: { x: number[][]; y: number[][] } };
};
const values = Float32Array.from(batches.series.x.flat());
const labels = Float32Array.from(batches.series.y.flat());
const rows = labels.length;

const { plan, weights: base } = broughtPlan(exportedFile('transformer'), {
  payload: series,
  training: {
    optimiser: { kind: 'adam', rate: 0.01 },
    batch: 12,
    work: { epochs: 5 },
    trainable: { lora: { rank: 4, alpha: 8, and: ['fc.*'] } },
  },
});

/** Logits of the rows with parameters made inside the graph. */
async function logits(make: (builder: GraphBuilder) => ReadonlyMap<string, Value>): Promise<Float32Array> {
  const builder = new GraphBuilder('test');
  const payload = builder.input('payload', 'float', ['N', 12, 5]);
  const { outputs } = networkOf(plan).forward({
    builder,
    inputs: new Map([['payload', payload]]),
    weights: make(builder),
    random: null,
  });
  builder.output('logits', outputs);
  const result = await runOnnx(builder.finish(), { payload: { shape: [rows, 12, 5], data: values } });
  return result.logits?.data as Float32Array;
}

const constants = (builder: GraphBuilder, tensors: NamedTensors): Map<string, Value> =>
  new Map([...tensors].map(([name, { shape, data }]) => [name, builder.constant(name, shape, data)]));

describe('adapters of rank 4 on the transformer exported from PyTorch', () => {
  const names = trainedParameters(plan).map(({ name }) => name);

  it('are on the matrices of both blocks, and they alone travel beside the last layer', () => {
    const matrices = ['linear1.weight', 'linear2.weight', 'self_attn.in_proj_weight', 'self_attn.out_proj.weight'];
    const adapters = [0, 1].flatMap((block) =>
      matrices.flatMap((matrix) => ['a', 'b'].map((part) => `encoder.layers.${block}.${matrix}.lora_${part}`)),
    );
    expect(names).toEqual([...adapters, 'fc.bias', 'fc.weight'].sort());
  });

  it('train, and the update has the bytes of the adapters and no others; merged they give the same outputs', async () => {
    const frozen = frozenWeights(plan, base);
    const start = initialWeights(plan, base);
    const trainer = await openTrainer('onnx', silentLogger);
    // The plan's 18 encoded columns, which this network does not read.
    const data = { rows, features: 18, values: new Float32Array(rows * 18), labels };
    const payload = { kind: 'series' as const, shape: [12, 5], values };
    const { delta, metrics } = await trainer.train(
      { plan, data: { ...data, payload }, weights: start, frozen, seed: 1 },
      new AbortController().signal,
    );
    await trainer.dispose();
    expect(metrics.lossLast).toBeLessThan(metrics.lossFirst);

    // 4 (16 + 32) twice, 4 (16 + 48), 4 (16 + 16), for each of two blocks; 16 + 1 of the last layer.
    const travelling = 2 * (4 * 48 * 2 + 4 * 64 + 4 * 32) + 17;
    expect(modelTensors(plan).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)).toBe(travelling);
    const update = encodeSafetensors(delta);
    const header = Number(new DataView(update.buffer).getBigUint64(0, true)) + 8;
    expect(update.byteLength - header).toBe(4 * travelling);
    expect([...delta.keys()]).toEqual(names);
    const moved = [...delta].filter(([, { data: change }]) => change.some((value) => value !== 0));
    expect(moved.length).toBe(names.length);

    const trained: NamedTensors = new Map(
      [...start].map(([name, { shape, data: from }]) => [
        name,
        { shape, data: from.map((value, at) => value + (delta.get(name)?.data[at] as number)) },
      ]),
    );
    const adapted = await logits((builder) =>
      effectiveWeights(builder, plan, constants(builder, trained), constants(builder, frozen)),
    );
    const merged = await logits((builder) => constants(builder, mergeAdapters(plan, trained, frozen)));
    const untouched = await logits((builder) => constants(builder, base));
    const furthest = (a: Float32Array, b: Float32Array): number =>
      Math.max(...a.map((value, at) => Math.abs(value - (b[at] as number))));
    expect(furthest(adapted, merged)).toBeLessThan(1e-5);
    expect(furthest(adapted, untouched)).toBeGreaterThan(0.01);
  });
});
