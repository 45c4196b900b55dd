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
  type: 'float' | 'int64' | 'int32' | 'bool' = 'float',
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

  it.each([
    ['as large as half an image', 251, 1],
    ['laid side by side', 250, 250],
  ])(
    'for a largest value over windows %s, whose derivative would tell each place from every other',
    (_, side, stride) => {
      const pooled = (kernel: number): NetworkSpec =>
        written({
          constants: [
            constant('single', [4], [-1, 1, 1, 1], 'int64'),
            constant('wide', [4], [1, 1, 500, 500], 'int64'),
          ],
          nodes: [
            { operator: 'Reshape', inputs: ['y0', 'single'], outputs: ['one'] },
            { operator: 'Expand', inputs: ['one', 'wide'], outputs: ['image'] },
            {
              operator: 'MaxPool',
              inputs: ['image'],
              outputs: ['pooled'],
              attributes: { kernel_shape: { ints: [kernel, kernel] }, strides: { ints: [stride, stride] } },
            },
            {
              operator: 'ReduceMean',
              inputs: ['pooled'],
              outputs: ['mean'],
              attributes: { axes: { ints: [1, 2, 3] }, keepdims: { int: 0 } },
            },
            { operator: 'Reshape', inputs: ['mean', 'column'], outputs: ['y'] },
          ],
        });
      const taken = (kernel: number): string => {
        const network = pooled(kernel);
        return refused({ ...network, constants: [...network.constants, constant('column', [2], [-1, 1], 'int64')] });
      };
      expect(taken(side)).toBe('over_limit');
      expect(taken(3)).toBe('taken');
    },
  );

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

type Nodes = NetworkSpec['nodes'];
const node = (operator: string, inputs: string[], output: string, attributes?: Nodes[number]['attributes']) => ({
  operator,
  inputs,
  outputs: [output],
  ...(attributes === undefined ? {} : { attributes }),
});
const integers = (name: string, ...values: number[]) => constant(name, [values.length], values, 'int64');
const addTo = (name: string): Nodes[number] => node('Add', ['y0', name], 'y');

/** Two values a row: `turned` has those of all rows one after the other, `beside` the two of each row; both [2 rows, 1]. */
const twoOrders = {
  parameters: [
    { name: 'b', shape: [1], role: 'bias' as const },
    { name: 'two', shape: [features, 2], role: 'weight' as const },
    { name: 'v', shape: [1, 1], role: 'weight' as const },
    { name: 'w', shape: [features, 1], role: 'weight' as const },
  ],
  constants: [integers('column', -1, 1), integers('halves', 2, -1, 1), integers('zero', 0), integers('one', 1)],
  before: [
    node('MatMul', ['features', 'two'], 'h'),
    node('Transpose', ['h'], 'ht', { perm: { ints: [1, 0] } }),
    node('Reshape', ['ht', 'column'], 'turned'),
    node('Reshape', ['h', 'column'], 'beside'),
  ],
  after: [
    node('Reshape', ['joined', 'halves'], 'parts'),
    node('Slice', ['parts', 'zero', 'one', 'zero'], 'first'),
    node('Squeeze', ['first', 'zero'], 's'),
    addTo('s'),
  ],
};
const joining = (how: Nodes[number]): NetworkSpec =>
  written({
    parameters: twoOrders.parameters,
    constants: twoOrders.constants,
    nodes: [...twoOrders.before, how, ...twoOrders.after],
  });

/** The last state of an LSTM over two rows of each patient, whose first state is laid out as `state` is. */
const recurrent = (state: 'turned' | 'beside'): NetworkSpec =>
  written({
    parameters: [
      { name: 'R', shape: [1, 4, 1], role: 'weight' },
      { name: 'W', shape: [1, 4, 1], role: 'weight' },
      ...twoOrders.parameters,
    ],
    constants: [...twoOrders.constants, constant('zeros', [1, 1], [0]), integers('eight', 1, 8)],
    nodes: [
      ...twoOrders.before,
      node('Unsqueeze', ['turned', 'zero'], 'x'),
      node('Unsqueeze', [state, 'zero'], 'start'),
      node('Expand', ['zeros', 'eight'], 'B'),
      { ...node('LSTM', ['x', 'W', 'R', 'B', 'start'], 'all', { hidden_size: { int: 1 } }), outputs: ['all', 'last'] },
      node('Squeeze', ['last', 'zero'], 'joined'),
      ...twoOrders.after,
    ],
  });

describe('a network of a plan keeps rows apart', () => {
  it.each([
    ['turned round', [node('Slice', ['y0', 'last', 'lowest', 'zero', 'last'], 'r')]],
    ['pushed into the place of the next', [node('Pad', ['y0', 'shift'], 'r')]],
    ['cut off where a batch is long', [node('Slice', ['y0', 'zero', 'far', 'zero'], 'r')]],
    ['taken from the end of a long batch', [node('Slice', ['y0', 'back', 'end', 'zero'], 'r')]],
  ])('none is %s', (_, nodes) => {
    const constants = [
      integers('last', -1),
      integers('lowest', -(2 ** 31 - 1)),
      integers('end', 2 ** 31 - 1),
      integers('zero', 0),
      integers('far', 200),
      integers('back', -200),
      integers('shift', 1, 0, -1, 0),
    ];
    expect(refused(written({ constants, nodes: [...nodes, addTo('r')] }))).toBe('rows_mixed');
  });

  it('a slice or pad that takes nothing of the rows is taken', () => {
    const constants = [integers('zero', 0, 0), integers('end', 2 ** 31 - 1, 1), integers('none', 0, 0, 0, 0)];
    const nodes = [node('Slice', ['y0', 'zero', 'end'], 'r'), node('Pad', ['r', 'none'], 'p'), addTo('p')];
    expect(refused(written({ constants, nodes }))).toBe('taken');
  });

  it.each([
    ['what Gemm adds', node('Gemm', ['turned', 'v', 'beside'], 'joined'), 'rows_mixed'],
    ['what Gemm adds, as it should be', node('Gemm', ['turned', 'v', 'turned'], 'joined'), 'taken'],
    [
      'a product of Einsum',
      node('Einsum', ['turned', 'beside'], 'joined', { equation: { string: 'ij,ij->ij' } }),
      'rows_mixed',
    ],
    [
      'a product of Einsum, as it should be',
      node('Einsum', ['turned', 'turned'], 'joined', { equation: { string: 'ij,ij->ij' } }),
      'taken',
    ],
    ['a sum', node('Add', ['turned', 'beside'], 'joined'), 'rows_mixed'],
  ])('in %s', (_, how, expected) => {
    expect(refused(joining(how))).toBe(expected);
  });

  it('in the first state of a recurrent layer', () => {
    expect(refused(recurrent('turned'))).toBe('taken');
    expect(refused(recurrent('beside'))).toBe('rows_mixed');
  });

  it.each([
    ['cast', [node('Cast', ['rows'], 'count', { to: { int: 1 } })]],
    ['read at', [node('Gather', ['table', 'rows'], 'count')]],
    ['summed', [node('Mul', ['rows', 'rows'], 'square'), node('Cast', ['square'], 'count', { to: { int: 1 } })]],
  ])('the number of rows is not %s', (_, nodes) => {
    const constants = [constant('rows', [1], [{ rows: 1 }], 'int64'), constant('table', [300], [1])];
    expect(refused(written({ constants, nodes: [...nodes, addTo('count')] }))).toBe('rows_mixed');
  });

  it('by the places of maxima, which are counted through the batch', () => {
    const nodes = [
      node('Unsqueeze', ['features', 'one'], 'channel'),
      { ...node('MaxPool', ['channel'], 'p', { kernel_shape: { ints: [3] } }), outputs: ['p', 'places'] },
      node('ReduceMax', ['places'], 'furthest', { keepdims: { int: 0 } }),
      node('Cast', ['furthest'], 'count', { to: { int: 1 } }),
      addTo('count'),
    ];
    expect(refused(written({ constants: [integers('one', 1)], nodes }))).toBe('unsupported_form');
  });
});

describe('a network of a plan is refused', () => {
  it.each(['Div', 'Mod'])('for a %s of integers by -1, which ends the process', (operator) => {
    const divided = (by: number) =>
      refused(
        written({
          constants: [integers('by', by)],
          nodes: [
            node('Cast', ['y0'], 'i', { to: { int: 7 } }),
            node(operator, ['i', 'by'], 'q'),
            node('Cast', ['q'], 'f', { to: { int: 1 } }),
            addTo('f'),
          ],
        }),
      );
    expect([divided(3), divided(-1), divided(0)]).toEqual(['taken', 'unsupported_form', 'unsupported_form']);
  });

  it('for a Div of integers by what the rows hold', () => {
    const nodes = [
      node('Cast', ['y0'], 'i', { to: { int: 7 } }),
      node('Div', ['one', 'i'], 'q'),
      node('Cast', ['q'], 'f', { to: { int: 1 } }),
      addTo('f'),
    ];
    expect(refused(written({ constants: [integers('one', 1)], nodes }))).toBe('unsupported_form');
  });

  it.each(['none', 'add', 'mul', 'min', 'max'])(
    'for a ScatterND (%s) of which two updates go to one place',
    (reduction) => {
      // Places of a [2, 3] table: 1, 1 is the fifth of six, counted from either end.
      const scattered = (shape: number[], places: number[]): string =>
        refused(
          written({
            constants: [
              constant('table', [2, 3], [0, 0, 0, 0, 0, 0]),
              constant('updates', [...shape.slice(0, -1), ...[2, 3].slice(shape.at(-1))], [1]),
              constant('places', shape, places, 'int64'),
            ],
            nodes: [
              node('ScatterND', ['table', 'places', 'updates'], 's', { reduction: { string: reduction } }),
              ...meanInto('s'),
            ],
          }),
        );
      expect(scattered([2, 2], [1, 1, 0, 1])).toBe('taken');
      expect(scattered([2, 1], [0, 1])).toBe('taken');
      expect(scattered([2, 2], [1, 1, -1, -2])).toBe('unsupported_form');
      expect(scattered([2, 1], [1, 1])).toBe('unsupported_form');
      expect(scattered([2, 1], [1, -1])).toBe('unsupported_form');
    },
  );

  it('for a ScatterND to places that a weight decides, with the operator that does it right', () => {
    const nodes = [
      node('ArgMax', ['w'], 'place', { axis: { int: 0 }, keepdims: { int: 0 } }),
      node('Unsqueeze', ['place', 'zero'], 'places'),
      node('ScatterND', ['table', 'places', 'updates'], 's', { reduction: { string: 'add' } }),
      ...meanInto('s'),
    ];
    const constants = [integers('zero', 0), constant('table', [18], [0]), constant('updates', [1], [1])];
    const network = written({ constants, nodes });
    expect(refused(network)).toBe('unsupported_form');
    expect(() => checkNetwork(network, plan)).toThrow(/node 4 \(ScatterND\) .*ScatterElements/);
    const elements = nodes.map((one) => (one.operator === 'ScatterND' ? { ...one, operator: 'ScatterElements' } : one));
    expect(
      refused(
        written({
          constants,
          nodes: elements
            .filter(({ operator }) => operator !== 'Unsqueeze')
            .map((one) => ({ ...one, inputs: one.inputs.map((name) => (name === 'places' ? 'place' : name)) })),
        }),
      ),
    ).toBe('taken');
  });

  it.each([
    ['int64', 2 ** 53],
    ['int32', 2 ** 31],
    ['bool', 2],
  ] as const)('for a constant of %s that would be another number there', (type, value) => {
    const constants = [constant('c', [1], [value], type)];
    expect(refused(written({ constants, nodes: meanInto('b') }))).toBe('unsupported_form');
  });

  it('for an axis of rows that one row alone would lose', () => {
    const nodes = [node('Squeeze', ['y0'], 'q'), node('Unsqueeze', ['q', 'one'], 'y')];
    expect(refused(written({ constants: [integers('one', 1)], nodes }))).toBe('unsupported_form');
  });

  it.each(['labels', 'next/w', 'control/w', 'relu#3', '%1'])('for a parameter called %s', (name) => {
    const parameters = [
      { name: 'b', shape: [1], role: 'bias' as const },
      { name, shape: [1], role: 'bias' as const },
      { name: 'w', shape: [features, 1], role: 'weight' as const },
    ].sort((one, other) => (one.name < other.name ? -1 : 1));
    expect(refused(written({ parameters, nodes: [addTo(name)] }))).toBe('name_invalid');
  });

  it('for products whose parts in between would take gigabytes', () => {
    const factors = ['i', 'j', 'k'].map((name) => ({ name: `p${name}`, shape: [2000, 2000], role: 'weight' as const }));
    const network = written({
      parameters: [
        { name: 'b', shape: [1], role: 'bias' },
        ...factors,
        { name: 'w', shape: [features, 1], role: 'weight' },
      ],
      nodes: [node('Einsum', ['pi', 'pj', 'pk'], 'o', { equation: { string: 'ab,cd,bd->ac' } }), ...meanInto('o')],
    });
    expect(refused(network)).toBe('over_limit');
  });

  it('for running statistics that would be kept in a tensor that trains', () => {
    const statistics = (mean: string, momentum: number, outputs: string[]) =>
      refused(
        written({
          parameters: [
            { name: 'b', shape: [1], role: 'bias' },
            { name: 'mean', shape: [1], role: 'buffer' },
            { name: 'variance', shape: [1], role: 'buffer' },
            { name: 'w', shape: [features, 1], role: 'weight' },
          ],
          nodes: [
            {
              operator: 'BatchNormalization',
              inputs: ['y0', 'b', 'b', mean, 'variance'],
              outputs,
              attributes: { training_mode: { int: 1 }, momentum: { float: momentum } },
            },
            node('Add', ['n', outputs[1] ?? 'b'], 'y'),
          ],
        }),
      );
    expect(statistics('mean', 0.9, ['n'])).toBe('taken');
    expect(statistics('b', 0.9, ['n'])).toBe('unsupported_form');
    expect(statistics('mean', -3, ['n'])).toBe('unsupported_form');
    expect(statistics('mean', 0.9, ['n', 'later', 'spread'])).toBe('unsupported_form');
  });

  it('for the mask of a dropout', () => {
    const nodes = [
      { ...node('Dropout', ['y0'], 'd', { ratio: { float: 0.5 } }), outputs: ['d', 'mask'] },
      node('Cast', ['mask'], 'm', { to: { int: 1 } }),
      addTo('m'),
    ];
    expect(refused(written({ nodes }))).toBe('unsupported_form');
  });
});
