import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../shared/graph/graph-builder.ts';
import { encodeOnnx } from '../../../shared/graph/onnx-file.ts';
import { expandBatchNormalisation } from '../../../site-agent/training/onnx/expand-batch-norm.ts';
import { openWatched, type Placement, placementOf } from '../../../site-agent/training/onnx/placement.ts';
import { openInferenceSession } from '../../../site-agent/training/onnx/sessions.ts';
import { reasonOf, tryProvider } from '../../../site-agent/training/onnx/try-provider.ts';
import { type FloatTensor, runOnnx } from '../../support/run-onnx.ts';
import { vulkanDriver } from '../../support/vulkan.ts';

const never = new AbortController().signal;

describe('trying a provider in a process of its own', () => {
  it('finds that the CPU computes', async () => {
    expect(await tryProvider('cpu', never)).toMatchObject({ works: true });
  });

  it('says what the library says where a provider does not load', async () => {
    const trial = await tryProvider('cuda', never);
    if (!trial.works) expect(trial.reason.length).toBeGreaterThan(10);
  });

  it('survives a process that ends at once', async () => {
    // A loader that finds no such library to load first ends the child before it begins.
    const before = process.env.NODE_OPTIONS;
    process.env.NODE_OPTIONS = '--require=/nonexistent/module.cjs';
    try {
      expect(await tryProvider('cpu', never)).toMatchObject({
        works: false,
        reason: expect.stringContaining('exit code'),
      });
    } finally {
      if (before === undefined) delete process.env.NODE_OPTIONS;
      else process.env.NODE_OPTIONS = before;
    }
  });

  it('repeats what a library says without the place in its source', () => {
    // What onnxruntime-node 1.30 says without a Vulkan driver.
    const said =
      '/onnxruntime_src/onnxruntime/core/providers/webgpu/webgpu_context.cc:136 onnxruntime::webgpu::WebGpuContext::Initialize(const onnxruntime::webgpu::WebGpuContextConfig&)::<lambda()> adapter_result.status == wgpu::RequestAdapterStatus::Success was false. Failed to get a WebGPU adapter: No supported adapters\n';
    expect(reasonOf(said)).toBe('Failed to get a WebGPU adapter: No supported adapters');
    expect(reasonOf('Failed to load shared library\n')).toBe('Failed to load shared library');
    expect(reasonOf('/a/b.cc:1 f() x was false. ')).toContain('x was false.');
  });

  it('stops when it is aborted', async () => {
    const reason = new Error('stop');
    await expect(tryProvider('cpu', AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  it.skipIf(vulkanDriver === null)('finds WebGPU on a Vulkan device (needs WARDROUND_TEST_VULKAN)', async () => {
    expect(await tryProvider('webgpu', never)).toMatchObject({ works: true });
  });
});

describe('where operators run', () => {
  const builder = new GraphBuilder('small');
  builder.output('y', builder.op('Tanh', [builder.op('Exp', [builder.input('x', 'float', [2])])]));
  const model = encodeOnnx(builder.finish());

  it('is told after the first run, once', async () => {
    const told: Placement[] = [];
    const session = await openWatched(
      openInferenceSession,
      model,
      { executionProviders: ['cpu'], logSeverityLevel: 4 },
      (one) => told.push(one),
    );
    for (let time = 0; time < 2; time++) {
      const { y } = await session.run({ x: new Tensor('float32', Float32Array.of(0, 1), [2]) }, ['y']);
      const [first] = (y as Tensor).data as Float32Array;
      expect(first).toBeCloseTo(Math.tanh(1), 6);
    }
    await session.release();
    expect(told).toEqual([{ onDevice: 0, onCpu: { Exp: 1, Tanh: 1 } }]);
  });

  it('is read from a profile', () => {
    const node = (provider: string, operator: string) => ({ cat: 'Node', args: { provider, op_name: operator } });
    expect(
      placementOf([
        node('WebGpuExecutionProvider', 'MatMul'),
        node('WebGpuExecutionProvider', 'Add'),
        node('CPUExecutionProvider', 'MaxPool'),
        { cat: 'Session' },
        { cat: 'Node', args: { op_name: 'Add' } },
      ]),
    ).toEqual({ onDevice: 2, onCpu: { MaxPool: 1 } });
  });
});

describe('batch normalisation in simpler operators', () => {
  it('gives what the operator gives, running means included', async () => {
    const builder = new GraphBuilder('normalised');
    const x = builder.input('x', 'float', [3, 2, 2, 2]);
    const given = ['scale', 'shift', 'mean', 'variance'].map((name) => builder.input(name, 'float', [2]));
    const attributes = { epsilon: { float: 1e-3 }, momentum: { float: 0.7 }, training_mode: { int: 1 } };
    const outputs = builder.ops('BatchNormalization', [x, ...given], attributes, 3);
    for (const [index, name] of ['y', 'nextMean', 'nextVariance'].entries())
      builder.output(name, outputs[index] as never);
    const graph = builder.finish();
    const simpler = expandBatchNormalisation(graph);
    expect(simpler.nodes.some(({ operator }) => operator === 'BatchNormalization')).toBe(false);
    const feeds = {
      x: { shape: [3, 2, 2, 2], data: Float32Array.from({ length: 24 }, (_, at) => Math.sin(at) * (1 + (at % 5))) },
      scale: { shape: [2], data: Float32Array.of(1.5, -0.5) },
      shift: { shape: [2], data: Float32Array.of(0.1, 2) },
      mean: { shape: [2], data: Float32Array.of(3, -1) },
      variance: { shape: [2], data: Float32Array.of(0.5, 4) },
    };
    const expected = await runOnnx(encodeOnnx(graph), feeds);
    const found = await runOnnx(encodeOnnx(simpler), feeds);
    for (const name of ['y', 'nextMean', 'nextVariance']) {
      const { data: values } = expected[name] as FloatTensor;
      const { data } = found[name] as FloatTensor;
      for (const [index, value] of values.entries()) expect(data[index]).toBeCloseTo(value, 5);
    }
  });
});
