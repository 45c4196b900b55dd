import { describe, expect, it } from 'vitest';
import { gradients } from '../../../../shared/graph/reverse-mode.ts';
import { tfjsGradients, tfjsValues } from '../../../../site-agent/training/tfjs/oracle.ts';
import { largeCases } from '../../../support/large-cases.ts';
import { builtCase, type OperatorCase } from '../../../support/operator-cases.ts';
import { byOnnxruntime, distance, weightedLoss } from '../../../support/operator-results.ts';
import { installedTfjsBackends } from '../../../support/tfjs.ts';

const backends = await installedTfjsBackends();
const cases = largeCases.map((one) => [`${one.operator}, ${one.what}`, one] as const);

describe.each(backends.map((backend) => [backend.name, backend] as const))('large operators on %s', (_, backend) => {
  it.each(cases)('%s: the values of onnxruntime, and our gradients', async (__, one) => {
    const built = builtCase(one);
    const { builder, inputs, outputs, feeds } = built;
    const varied = inputs.filter(({ type }, at) => type === 'float' && one.inputs[at]?.varied !== false);
    const variables = varied.map(({ name }) => name);
    const loss = weightedLoss(built, one);
    const part = { nodes: [...builder.nodes], inputs };
    const before = backend.library.memory().numTensors;
    const values = await tfjsValues(backend, part, feeds, outputs);
    const found = await tfjsGradients(backend, part, feeds, loss, variables);
    expect(backend.library.memory().numTensors).toBe(before);

    for (const [at, output] of outputs.entries()) builder.output(`result${at}`, output);
    for (const [at, value] of gradients(builder, loss, varied).entries()) builder.output(`gradient${at}`, value);
    const expected = await byOnnxruntime(builder.finish(), feeds);
    for (const [at, { name }] of outputs.entries()) {
      const mine = values.get(name);
      expect(mine?.shape, `shape of output ${at}`).toEqual(expected[at]?.dims);
      expect(distance(mine?.data ?? [], expected[at]?.data ?? []), `output ${at}`).toBeLessThan(5e-6);
    }
    for (const [at, name] of variables.entries()) {
      const theirs = expected[outputs.length + at]?.data ?? [];
      expect(distance(found.gradients.get(name) ?? [], theirs), `gradient by ${name}`).toBeLessThan(1e-5);
    }
  });
});

describe.each(backends.map((backend) => [backend.name, backend] as const))(
  'the same bits each time on %s',
  (_, backend) => {
    const twice: readonly OperatorCase[] = [
      { operator: 'MatMul', what: 'of 4,096 products', inputs: [{ shape: [48, 4096] }, { shape: [4096, 48] }] },
      {
        operator: 'Gather',
        what: 'of 5 rows asked 4,000 times',
        inputs: [{ shape: [5, 8] }, { shape: [4000], type: 'int64', draw: { below: 5 } }],
        attributes: { axis: { int: 0 } },
      },
    ];
    it.each(twice.map((one) => [`${one.operator} ${one.what}`, one] as const))('%s', async (__, one) => {
      const built = builtCase(one);
      const loss = weightedLoss(built, one);
      const part = { nodes: [...built.builder.nodes], inputs: built.inputs };
      const seen = new Set<string>();
      for (let time = 0; time < 4; time++) {
        const values = await tfjsValues(backend, part, built.feeds, built.outputs);
        const { gradients: found } = await tfjsGradients(backend, part, built.feeds, loss, ['input0']);
        const all = [...values.values(), { data: found.get('input0') as Float32Array }].map(({ data }) =>
          Array.from(data),
        );
        seen.add(JSON.stringify(all));
      }
      expect(seen.size).toBe(1);
    });
  },
);
