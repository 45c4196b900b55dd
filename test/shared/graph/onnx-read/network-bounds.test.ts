import { describe, expect, it } from 'vitest';
import { encodedFeatures } from '../../../../shared/graph/encoding.ts';
import { checkNetwork } from '../../../../shared/graph/onnx-read/check-network.ts';
import { OnnxError } from '../../../../shared/graph/onnx-read/onnx-error.ts';
import { type NetworkSpec, networkSchema } from '../../../../shared/plan/network.ts';
import { planAround, series } from '../../../support/brought-plans.ts';

const plan = planAround({});
const features = encodedFeatures(plan).length;

const refused = (network: NetworkSpec, around = plan): string => {
  try {
    checkNetwork(network, around);
    return 'taken';
  } catch (error) {
    if (!(error instanceof OnnxError)) throw error;
    return error.code;
  }
};

type Parts = Pick<NetworkSpec, 'nodes'> & Partial<NetworkSpec>;

/** A network that a hostile consortium wrote by hand: a linear model y0, and what the nodes add to it. */
const written = ({ nodes, ...others }: Parts): NetworkSpec =>
  networkSchema.parse({
    source: { sha256: 'a'.repeat(64), producer: '', operatorSet: 17 },
    inputs: [{ name: 'features', shape: [features] }],
    parameters: [
      { name: 'b', shape: [1], role: 'bias' },
      { name: 'w', shape: [features, 1], role: 'weight' },
    ],
    constants: [],
    nodes: [
      { operator: 'MatMul', inputs: ['features', 'w'], outputs: ['m'] },
      { operator: 'Add', inputs: ['m', 'b'], outputs: ['y0'] },
      ...nodes,
    ],
    output: 'y',
    outputs: 1,
    lastLayer: [],
    ...others,
  });

const constant = (
  name: string,
  shape: number[],
  values: NetworkSpec['constants'][number]['values'],
  type: 'float' | 'int64' = 'float',
) => ({ name, type, shape, values });

const meanInto = (name: string): NetworkSpec['nodes'] => [
  { operator: 'ReduceMean', inputs: [name], outputs: ['mean'], attributes: { keepdims: { int: 0 } } },
  { operator: 'Add', inputs: ['y0', 'mean'], outputs: ['y'] },
];

describe('a network in a plan is refused before anything is built', () => {
  it('for a single number that stands for a tensor of a gigabyte', () => {
    const network = written({ constants: [constant('c', [67_108_864], [1])], nodes: meanInto('c') });
    expect(refused(network)).toBe('over_limit');
  });

  it('for many constants that are too large together', () => {
    const constants = Array.from({ length: 5 }, (_, at) => constant(`c${at}`, [1_000_000], [at]));
    expect(refused(written({ constants, nodes: meanInto('c0') }))).toBe('over_limit');
  });

  it.each([
    ['a product of two long vectors', { operator: 'MatMul', inputs: ['long', 'wide'], outputs: ['o'] }],
    ['one value repeated', { operator: 'Expand', inputs: ['b', 'shape'], outputs: ['o'] }],
  ])('for %s, which no row is in and every batch needs whole', (_, node) => {
    const network = written({
      constants: [
        constant('long', [32_000, 1], [1]),
        constant('wide', [1, 32_000], [1]),
        constant('shape', [2], [32_000, 32_000], 'int64'),
      ],
      nodes: [node, ...meanInto('o')],
    });
    expect(refused(network)).toBe('over_limit');
  });

  it('for recurrent layers that are short each and long together', () => {
    const layer = (from: string, weight: string, at: number): NetworkSpec['nodes'] => [
      {
        operator: 'GRU',
        inputs: [from, weight, 'r'],
        outputs: [`q${at}`, `h${at}`],
        attributes: { hidden_size: { int: 1 } },
      },
      { operator: 'Squeeze', inputs: [`q${at}`, 'one'], outputs: [`s${at}`] },
    ];
    const stacked = (layers: number): NetworkSpec =>
      networkSchema.parse({
        ...written({ nodes: [] }),
        inputs: [{ name: 'payload', shape: [12, 5] }],
        parameters: [
          { name: 'r', shape: [1, 3, 1], role: 'weight' },
          { name: 'u', shape: [1, 3, 1], role: 'weight' },
          { name: 'w', shape: [1, 3, 5], role: 'weight' },
        ],
        constants: [constant('one', [1], [1], 'int64'), constant('zero', [1], [0], 'int64')],
        nodes: [
          { operator: 'Transpose', inputs: ['payload'], outputs: ['t'], attributes: { perm: { ints: [1, 0, 2] } } },
          ...layer('t', 'w', 0),
          ...Array.from({ length: layers - 1 }, (_, at) => layer(`s${at}`, 'u', at + 1)).flat(),
          { operator: 'Squeeze', inputs: [`h${layers - 1}`, 'zero'], outputs: ['y'] },
        ],
      });
    const around = planAround({ payload: series });
    expect(checkNetwork(stacked(42), around).mixesRows).toBeNull();
    expect(refused(stacked(43), around)).toBe('over_limit');
  });
});

describe('a network in a plan is checked', () => {
  it('without copying a constant for each node that uses it', () => {
    const shapes = Array.from({ length: 3000 }, (_, at) => ({
      operator: 'Shape',
      inputs: ['c'],
      outputs: [`k${at}`],
    }));
    const network = written({
      constants: [constant('c', [4_000_000], [1], 'int64')],
      nodes: [...shapes, { operator: 'Identity', inputs: ['y0'], outputs: ['y'] }],
    });
    expect(checkNetwork(network, plan).mixesRows).toBeNull();
  });
});
