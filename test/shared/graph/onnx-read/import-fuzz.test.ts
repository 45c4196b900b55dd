import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkNetwork } from '../../../../shared/graph/onnx-read/check-network.ts';
import { importNetwork } from '../../../../shared/graph/onnx-read/import-network.ts';
import { defaultLimits } from '../../../../shared/graph/onnx-read/limits.ts';
import { OnnxError } from '../../../../shared/graph/onnx-read/onnx-error.ts';
import { type NetworkSpec, networkSchema } from '../../../../shared/plan/network.ts';
import { broughtPlan, exportedFile, images, planAround, series } from '../../../support/brought-plans.ts';

const limits = { ...defaultLimits, elements: 500_000 };
const cases = [
  { file: exportedFile('gru-dynamo'), plan: planAround({ payload: series }) },
  { file: exportedFile('lstm-dynamo'), plan: planAround({ payload: series }) },
  { file: exportedFile('grouped-dynamo'), plan: planAround({ payload: images }) },
  { file: exportedFile('residual'), plan: planAround({ payload: images }) },
  { file: exportedFile('sklearn-mlp'), plan: planAround({}) },
  { file: exportedFile('sklearn-logistic'), plan: planAround({}) },
];

/** Whether it was taken or refused with a code of the catalogue; anything else is thrown. */
function closed(action: () => unknown): boolean {
  try {
    action();
  } catch (error) {
    if (!(error instanceof OnnxError)) throw error;
  }
  return true;
}

describe('whatever was damaged', () => {
  it('an ONNX file is imported or refused with a code', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...cases),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }),
        ({ file, plan }, changes) => {
          const damaged = Uint8Array.from(file);
          for (const [at, byte] of changes) damaged[at % damaged.length] = byte;
          return closed(() => {
            const { network } = importNetwork(damaged, plan, limits);
            expect(networkSchema.safeParse(network).success).toBe(true);
          });
        },
      ),
      { numRuns: 600 },
    );
  });

  it('a network in a plan is checked or refused with a code', () => {
    const networks = [
      broughtPlan(exportedFile('gru'), { payload: series }).plan,
      broughtPlan(exportedFile('transformer-dynamo'), { payload: series }).plan,
    ].map((plan) => ({ plan, network: (plan.model as { network: NetworkSpec }).network }));
    const lengths = fc.oneof(fc.integer({ min: -5, max: 70 }), fc.constantFrom(2 ** 31 - 1, 67_108_864, 0.5));
    fc.assert(
      fc.property(
        fc.constantFrom(...networks),
        fc.nat(),
        fc.nat(),
        fc.nat(),
        lengths,
        ({ plan, network }, a, b, c, length) => {
          const changed = structuredClone(network);
          const node = changed.nodes[a % changed.nodes.length] as NetworkSpec['nodes'][number];
          const other = changed.nodes[b % changed.nodes.length] as NetworkSpec['nodes'][number];
          const constant = changed.constants[b % changed.constants.length] as NetworkSpec['constants'][number];
          const parameter = changed.parameters[b % changed.parameters.length] as NetworkSpec['parameters'][number];
          [
            () => {
              node.operator = other.operator;
            },
            () => {
              node.inputs = other.inputs;
            },
            () => {
              if (other.attributes !== undefined) node.attributes = other.attributes;
            },
            () => {
              constant.values = constant.values.map(() => length);
            },
            () => {
              parameter.shape = parameter.shape.map((one, axis) => (axis === 0 ? Math.abs(Math.trunc(length)) : one));
            },
            () => {
              node.inputs = node.inputs.slice(1);
            },
            () => {
              node.attributes = { axis: { int: Math.trunc(length) }, hidden_size: { int: Math.trunc(length) } };
            },
          ][c % 7]?.();
          const parsed = networkSchema.safeParse(changed);
          return !parsed.success || closed(() => checkNetwork(parsed.data, plan, limits));
        },
      ),
      { numRuns: 800 },
    );
  });
});
