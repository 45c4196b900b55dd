// First: it sets the driver that devices are looked for with.
import { vulkanDriver } from '../../support/vulkan.ts';
import '../../../shared/runtime/no-telemetry.ts';

import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { Attributes, Graph, Value } from '../../../shared/graph/graph.ts';
import { GraphBuilder } from '../../../shared/graph/graph-builder.ts';
import { encodeOnnx } from '../../../shared/graph/onnx-file.ts';
import { gradients } from '../../../shared/graph/reverse-mode.ts';
import { differentiableOperators } from '../../../shared/graph/vector-jacobian.ts';
import { expandBatchNormalisation } from '../../../site-agent/training/onnx/expand-batch-norm.ts';
import {
  cpuProvider,
  type Provider,
  sessionOptions,
  webgpuProvider,
} from '../../../site-agent/training/onnx/provider.ts';
import { leftToCpu } from '../../../site-agent/training/onnx/webgpu-kernels.ts';
import { largeCases } from '../../support/large-cases.ts';
import { type BuiltCase, builtCase, type OperatorCase, operatorCases } from '../../support/operator-cases.ts';
import { weightedLoss } from '../../support/operator-results.ts';

const x = (...shape: number[]) => ({ shape });
const ints = (...values: number[]) => ({ ints: values });

/** Volumes: the engine of TensorFlow.js refuses them, so they are not among the cases of both engines. */
const volumes: readonly OperatorCase[] = [
  { operator: 'Conv', what: '3-D, bias', inputs: [x(2, 2, 4, 5, 3), x(3, 2, 2, 2, 2), x(3)] },
  {
    operator: 'Conv',
    what: '3-D, strides',
    inputs: [x(2, 2, 4, 5, 3), x(3, 2, 2, 2, 2)],
    attributes: { strides: ints(2, 1, 1), pads: ints(1, 1, 1, 1, 1, 1) },
  },
  {
    operator: 'Conv',
    what: '3-D, groups',
    inputs: [x(2, 2, 4, 5, 3), x(4, 1, 2, 2, 2)],
    attributes: { group: { int: 2 } },
  },
  {
    operator: 'MaxPool',
    what: '3-D',
    inputs: [{ shape: [1, 2, 4, 4, 3], draw: 'apart' }],
    attributes: { kernel_shape: ints(2, 2, 2), strides: ints(2, 2, 1) },
  },
  { operator: 'AveragePool', what: '3-D', inputs: [x(1, 2, 4, 4, 3)], attributes: { kernel_shape: ints(2, 2, 2) } },
  { operator: 'GlobalAveragePool', what: '3-D', inputs: [x(2, 2, 4, 4, 3)] },
];

/** The case's outputs, and the gradients of a loss in which every output counts differently, as outputs of one graph. */
function withGradients(one: OperatorCase): { readonly graph: Graph; readonly feeds: BuiltCase['feeds'] } {
  const built = builtCase(one);
  const { builder, inputs, outputs, feeds } = built;
  for (const [at, output] of outputs.entries()) builder.output(`result${at}`, output);
  if (one.smooth !== false && differentiableOperators().includes(one.operator)) {
    const varied = inputs.filter(({ type }, at) => type === 'float' && one.inputs[at]?.varied !== false);
    for (const [at, value] of gradients(builder, weightedLoss(built, one), varied).entries())
      builder.output(`gradient${at}`, value);
  }
  return { graph: expandBatchNormalisation(builder.finish()), feeds };
}

async function computed(graph: Graph, feeds: BuiltCase['feeds'], provider: Provider) {
  const session = await InferenceSession.create(encodeOnnx(graph), sessionOptions(provider, graph, 1));
  try {
    const named = [...feeds]
      .filter(([name]) => session.inputNames.includes(name))
      .map(([name, { shape, data }]) => {
        const type = data instanceof Float32Array ? 'float32' : data instanceof BigInt64Array ? 'int64' : 'bool';
        return [name, new Tensor(type, data as Float32Array, [...shape])] as const;
      });
    const results = await session.run(Object.fromEntries(named));
    return session.outputNames.map((name) => {
      const { dims, data } = results[name] as Tensor;
      return { name, dims, data: Array.from(data as Float32Array, Number) };
    });
  } finally {
    await session.release();
  }
}

const cases = [...operatorCases, ...volumes, ...largeCases].map(
  (one) => [`${one.operator}, ${one.what}`, one] as const,
);

describe.skipIf(vulkanDriver === null)('operators and gradients on webgpu (needs WARDROUND_TEST_VULKAN)', () => {
  it.each(cases)('%s: as on the CPU', async (_, one) => {
    const { graph, feeds } = withGradients(one);
    const expected = await computed(graph, feeds, cpuProvider);
    const found = await computed(graph, feeds, webgpuProvider(false));
    for (const [at, { name, dims, data }] of expected.entries()) {
      const other = found[at];
      expect(other?.dims, name).toEqual(dims);
      const size = Math.sqrt(data.reduce((sum, value) => sum + value * value, 0) / Math.max(1, data.length));
      const apart = data.map((value, index) => {
        const theirs = other?.data[index] as number;
        return Object.is(value, theirs) || value === theirs ? 0 : Math.abs(value - theirs);
      });
      for (const [index, by] of apart.entries()) {
        expect(by, `${name}, element ${index} of ${data.length}`).toBeLessThan(2e-5 * (size + 0.05));
      }
    }
  });
});

describe('what webgpu does not do right is left to the CPU', () => {
  const namesOf = (build: (builder: GraphBuilder) => Value): string[] => {
    const builder = new GraphBuilder('case');
    builder.output('y', build(builder));
    return leftToCpu(builder.finish());
  };
  const slice = (step: number) => (builder: GraphBuilder) =>
    builder.op('Slice', [
      builder.input('x', 'float', [9]),
      ...[[6], [0], [0], [step]].map((list) => builder.integers('list', list)),
    ]);
  const back = (groups: number) => (builder: GraphBuilder) =>
    builder.op('ConvTranspose', [builder.input('x', 'float', [2, 4, 5]), builder.input('w', 'float', [4, 1, 3])], {
      group: { int: groups },
    });

  it('by name, and nothing else', () => {
    expect(namesOf(slice(-2))).toEqual(['0.Slice']);
    expect(namesOf(slice(2))).toEqual([]);
    expect(namesOf(back(2))).toEqual(['0.ConvTranspose']);
    expect(namesOf(back(1))).toEqual([]);
    const scattered = (attributes: Attributes) => (b: GraphBuilder) =>
      b.op(
        'ScatterND',
        [b.input('x', 'float', [4]), b.input('places', 'int64', [3, 1]), b.input('updates', 'float', [3])],
        attributes,
      );
    expect(namesOf(scattered({ reduction: { string: 'add' } }))).toEqual(['0.ScatterND']);
    expect(namesOf(scattered({}))).toEqual([]);
    expect(namesOf((b) => b.op('Exp', [b.op('Sin', [b.input('x', 'float', [2])])]))).toEqual(['0.Sin']);
    expect(namesOf((b) => b.op('Pow', [b.input('x', 'float', [2, 3]), b.input('e', 'float', [3])]))).toEqual(['0.Pow']);
    expect(namesOf((b) => b.op('Pow', [b.input('x', 'float', [2, 3]), b.scalar(2)]))).toEqual([]);
    expect(
      namesOf((b) => b.op('Conv', [b.input('x', 'float', [2, 2, 4, 5, 3]), b.input('w', 'float', [3, 2, 2, 2, 2])])),
    ).toEqual(['0.Conv']);
  });

  it('is asked of the runtime for webgpu alone', () => {
    const builder = new GraphBuilder('case');
    builder.output('y', slice(-1)(builder));
    const graph = builder.finish();
    expect(sessionOptions(webgpuProvider(false), graph, 1).executionProviders).toEqual([
      { name: 'webgpu', forceCpuNodeNames: ['0.Slice'] },
    ]);
    expect(sessionOptions(cpuProvider, graph, 1).executionProviders).toEqual(['cpu']);
  });
});
