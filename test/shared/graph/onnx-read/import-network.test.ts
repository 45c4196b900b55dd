import '../../../../shared/runtime/no-telemetry.ts';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../../shared/graph/graph-builder.ts';
import { networkOf } from '../../../../shared/graph/network.ts';
import { encodeOnnx } from '../../../../shared/graph/onnx-file.ts';
import { OnnxError, type OnnxErrorCode } from '../../../../shared/graph/onnx-read/onnx-error.ts';
import { readOnnx } from '../../../../shared/graph/onnx-read/read-onnx.ts';
import type { NetworkSpec } from '../../../../shared/plan/network.ts';
import { type Plan, planSchema } from '../../../../shared/plan/plan.ts';
import type { NamedTensors } from '../../../../shared/tensors/tensor.ts';
import { broughtPlan, exportedFile, images, series } from '../../../support/brought-plans.ts';
import {
  attributes,
  linearFile,
  node,
  type OnnxParts,
  onnxFile,
  tensor,
  types,
  value,
} from '../../../support/onnx-bytes.ts';

const wave = (count: number): Float32Array => Float32Array.from({ length: count }, (_, at) => Math.sin(at * 1.7) * 1.5);
const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/** What the brought network puts out for `rows` rows of a wave; with the rows free as in a release, or fixed as in training. */
async function outputs(plan: Plan, weights: NamedTensors, rows: number, named: boolean): Promise<Float32Array> {
  const network = networkOf(plan);
  const builder = new GraphBuilder('test');
  const inputs = new Map(
    network.inputs.map(
      ({ name, shape }) => [name, builder.input(name, 'float', [named ? 'N' : rows, ...shape])] as const,
    ),
  );
  const values = new Map(
    network.parameters.map(({ name, shape }) => [name, builder.input(name, 'float', shape)] as const),
  );
  builder.output('outputs', network.forward({ builder, inputs, weights: values, random: null }).outputs);
  const session = await InferenceSession.create(encodeOnnx(builder.finish()), { logSeverityLevel: 3 });
  const feeds: Record<string, Tensor> = {};
  for (const [name, { shape, data }] of weights) feeds[name] = new Tensor('float32', data, shape);
  for (const { name, shape } of network.inputs) {
    feeds[name] = new Tensor('float32', wave(rows * sizeOf(shape)), [rows, ...shape]);
  }
  const result = await session.run(Object.fromEntries(session.inputNames.map((name) => [name, feeds[name] as Tensor])));
  await session.release();
  return result.outputs?.data as Float32Array;
}

/** What the runtime makes of the file itself. */
async function original(file: Uint8Array, shape: readonly number[], output = 0): Promise<number[]> {
  const session = await InferenceSession.create(file, { logSeverityLevel: 3 });
  const name = session.inputNames[0] as string;
  const result = await session.run({ [name]: new Tensor('float32', wave(sizeOf(shape)), shape) });
  await session.release();
  return Array.from(result[session.outputNames[output] as string]?.data as Float32Array, Number);
}

function expectClose(found: ArrayLike<number>, expected: readonly number[]): void {
  expect(found.length).toBe(expected.length);
  for (const [at, one] of expected.entries()) expect(Math.abs((found[at] as number) - one)).toBeLessThan(2e-6);
}

function refusal(action: () => unknown): OnnxError {
  try {
    action();
  } catch (error) {
    if (error instanceof OnnxError) return error;
    throw error;
  }
  throw new Error('was not refused');
}

/** A file over series [rows, 12, 5] whose nodes lead from x to a value h of `width` numbers a row, with a layer upon it. */
function overSeries(width: number, nodes: readonly Uint8Array[], change: OnnxParts = {}): Uint8Array {
  return onnxFile({
    inputs: [value('x', ['rows', 12, 5])],
    outputs: [value('logits', ['rows', 1])],
    ...change,
    nodes: [...nodes, node('Flatten', ['h'], ['flat']), node('Gemm', ['flat', 'weight'], ['logits'])],
    tensors: [
      tensor('weight', [width, 1], wave(width).map((one) => one / width) as unknown as number[]),
      ...(change.tensors ?? []),
    ],
  });
}

const ints = (name: string, values: readonly number[]): Uint8Array =>
  tensor(name, [values.length], values, types.int64);

// Each form of an operator, in the set it belongs to, against the runtime on the same file.
const forms: readonly (readonly [string, number, () => Uint8Array])[] = [
  ['Gelu, set 20', 20, () => overSeries(60, [node('Gelu', ['x'], ['h'])], { operatorSet: 20 })],
  [
    'Gelu by tanh, set 20',
    20,
    () => overSeries(60, [node('Gelu', ['x'], ['h'], attributes.text('approximate', 'tanh'))], { operatorSet: 20 }),
  ],
  ['Mish, set 18', 18, () => overSeries(60, [node('Mish', ['x'], ['h'])], { operatorSet: 18 })],
  [
    'ReduceMean with axes as input, set 18',
    18,
    () =>
      overSeries(5, [node('ReduceMean', ['x', 'axes'], ['h'], attributes.int('keepdims', 0))], {
        operatorSet: 18,
        tensors: [ints('axes', [1])],
      }),
  ],
  [
    'ReduceMax with axes as attribute, set 17',
    17,
    () => overSeries(12, [node('ReduceMax', ['x'], ['h'], attributes.ints('axes', [-1]))]),
  ],
  [
    'ReduceLogSum',
    17,
    () => overSeries(12, [node('Exp', ['x'], ['e']), node('ReduceLogSum', ['e'], ['h'], attributes.ints('axes', [2]))]),
  ],
  ['ReduceL2', 17, () => overSeries(12, [node('ReduceL2', ['x'], ['h'], attributes.ints('axes', [2]))])],
  [
    'Split by num_outputs, set 18',
    18,
    () =>
      overSeries(
        36,
        [
          node('Split', ['x'], ['a', 'b'], attributes.int('axis', 2), attributes.int('num_outputs', 2)),
          node('Identity', ['a'], ['h']),
        ],
        { operatorSet: 18 },
      ),
  ],
  [
    'Pad of named axes, set 18',
    18,
    () =>
      overSeries(75, [node('Pad', ['x', 'pads', '', 'axes'], ['h'])], {
        operatorSet: 18,
        tensors: [ints('pads', [1, 2]), ints('axes', [1])],
      }),
  ],
  [
    'Clip with one bound',
    17,
    () => overSeries(60, [node('Clip', ['x', '', 'high'], ['h'])], { tensors: [tensor('high', [], [0.4])] }),
  ],
  [
    'Clip with the other',
    17,
    () => overSeries(60, [node('Clip', ['x', 'low'], ['h'])], { tensors: [tensor('low', [], [0.1])] }),
  ],
  [
    'GroupNormalization with a number a channel, set 21',
    21,
    () =>
      overSeries(60, [node('GroupNormalization', ['x', 'scale', 'shift'], ['h'], attributes.int('num_groups', 3))], {
        operatorSet: 21,
        tensors: [tensor('scale', [12], Array.from(wave(12))), tensor('shift', [12], Array.from(wave(12)))],
      }),
  ],
  ['Sum of three', 17, () => overSeries(60, [node('Sum', ['x', 'x', 'x'], ['h'])])],
  [
    'Mean of two',
    17,
    () => overSeries(60, [node('Neg', ['x'], ['n']), node('Abs', ['n'], ['a']), node('Mean', ['x', 'a'], ['h'])]),
  ],
  [
    'Slice to the end backwards',
    17,
    () =>
      overSeries(30, [node('Slice', ['x', 's', 'e', 'a', 'd'], ['h'])], {
        tensors: [
          ints('s', [-1]),
          tensor('e', [1], new Uint8Array(BigInt64Array.of(-9223372036854775807n).buffer), types.int64),
          ints('a', [1]),
          ints('d', [-2]),
        ],
      }),
  ],
  [
    'a constant in a node',
    17,
    () =>
      overSeries(60, [
        node('Constant', [], ['c'], attributes.tensor('value', tensor('', [5], [1, 2, 3, 4, 5]))),
        node('Mul', ['x', 'c'], ['h']),
      ]),
  ],
  [
    'lengths worked out from Shape',
    17,
    () =>
      overSeries(
        60,
        [
          node('Shape', ['x'], ['s']),
          node('Gather', ['s', 'zero'], ['n']),
          node('Unsqueeze', ['n', 'zeros'], ['n1']),
          node('Concat', ['n1', 'rest'], ['target'], attributes.int('axis', 0)),
          node('Reshape', ['x', 'target'], ['r']),
          node('Transpose', ['r'], ['t'], attributes.ints('perm', [0, 2, 1, 3])),
          node('Reshape', ['t', 'target2'], ['h']),
        ],
        {
          tensors: [
            tensor('zero', [], new Uint8Array(8), types.int64),
            ints('zeros', [0]),
            ints('rest', [12, 1, 5]),
            ints('target2', [-1, 60]),
          ],
        },
      ),
  ],
  [
    'a class token repeated for every row',
    17,
    () =>
      overSeries(
        65,
        [
          node('Shape', ['x'], ['s']),
          node('Slice', ['s', 'z', 'o'], ['n']),
          node('Concat', ['n', 'rest'], ['shape'], attributes.int('axis', 0)),
          node('Expand', ['token', 'shape'], ['tokens']),
          node('Concat', ['tokens', 'x'], ['h'], attributes.int('axis', 1)),
        ],
        {
          tensors: [ints('z', [0]), ints('o', [1]), ints('rest', [1, 5]), tensor('token', [1, 1, 5], [1, 2, 3, 4, 5])],
        },
      ),
  ],
  [
    'a GRU that begins where it is told, in reverse',
    17,
    () =>
      overSeries(
        4,
        [
          node('Transpose', ['x'], ['t'], attributes.ints('perm', [1, 0, 2])),
          node(
            'GRU',
            ['t', 'W', 'R', 'B'],
            ['', 'h0'],
            attributes.int('hidden_size', 4),
            attributes.text('direction', 'reverse'),
          ),
          node('Transpose', ['h0'], ['h'], attributes.ints('perm', [1, 0, 2])),
        ],
        {
          tensors: [
            tensor('W', [1, 12, 5], Array.from(wave(60))),
            tensor('R', [1, 12, 4], Array.from(wave(48))),
            tensor('B', [1, 24], Array.from(wave(24))),
          ],
        },
      ),
  ],
];

describe('a network brought as an ONNX file puts out what the file does', () => {
  it.each(forms)('%s', async (_, __, file) => {
    const bytes = file();
    const { plan, weights } = broughtPlan(bytes, { payload: series });
    const expected = await original(bytes, [3, 12, 5]);
    expectClose(await outputs(plan, weights, 3, false), expected);
    expectClose(await outputs(plan, weights, 3, true), expected);
  });

  it.each(['grouped-dynamo', 'gru', 'gru-dynamo', 'lstm', 'transformer', 'transformer-dynamo'])(
    '%s of PyTorch',
    async (name) => {
      const image = name.startsWith('grouped');
      const { plan, weights } = broughtPlan(exportedFile(name), { payload: image ? images : series });
      const expected = await original(exportedFile(name), image ? [3, 1, 8, 8] : [3, 12, 5]);
      expectClose(await outputs(plan, weights, 3, true), expected);
    },
  );

  it('written for one row, with the one written into its lengths', async () => {
    const fixed = overSeries(60, [node('Reshape', ['x', 'target'], ['r']), node('Relu', ['r'], ['h'])], {
      inputs: [value('x', [1, 12, 5])],
      tensors: [ints('target', [1, 60])],
    });
    const { plan, weights } = broughtPlan(fixed, { payload: series });
    const free = overSeries(60, [node('Relu', ['x'], ['h'])]);
    expectClose(await outputs(plan, weights, 3, true), await original(free, [3, 12, 5]));
    expect((plan.model as { network: NetworkSpec }).network.changes).toEqual([
      'the file was written for 1 row(s) at a time; it is taken for any number',
    ]);
  });

  it('that takes series as [rows, channels, steps]', async () => {
    const file = overSeries(60, [node('Relu', ['x'], ['h'])], { inputs: [value('x', ['rows', 5, 12])] });
    const { plan } = broughtPlan(file, { payload: series });
    const { network } = plan.model as { network: NetworkSpec };
    expect(network.nodes[0]).toMatchObject({
      operator: 'Transpose',
      inputs: ['payload'],
      attributes: { perm: { ints: [0, 2, 1] } },
    });
  });
});

describe('the parameters of a brought network', () => {
  const spec = (file: Uint8Array, changes: Parameters<typeof broughtPlan>[1] = { payload: series }): NetworkSpec =>
    (broughtPlan(file, changes).plan.model as { network: NetworkSpec }).network;

  it('keep names and values of the file, and are weights, biases or buffers', () => {
    const { plan, weights } = broughtPlan(exportedFile('residual'), { payload: images });
    const { parameters, lastLayer } = (plan.model as { network: NetworkSpec }).network;
    const roles = Object.fromEntries(parameters.map(({ name, role }) => [name, role]));
    expect(roles).toMatchObject({
      'stem.weight': 'weight',
      'stem_norm.weight': 'bias',
      'stem_norm.running_mean': 'buffer',
      'stem_norm.running_var': 'buffer',
      'fc.weight': 'weight',
      'fc.bias': 'bias',
    });
    expect(lastLayer).toEqual(['fc.bias', 'fc.weight']);
    const stored = readOnnx(exportedFile('residual')).initializers.get('stem_norm.running_var');
    expect(weights.get('stem_norm.running_var')?.data).toEqual(stored?.data);
    expect(networkOf(plan).mixesRows).toBe('BatchNormalization');
  });

  it('are apart where the exporter stored equal tensors once and points to them', () => {
    const file = overSeries(
      60,
      [
        node('Identity', ['first'], ['second']),
        node('Add', ['x', 'first'], ['a']),
        node('Mul', ['a', 'second'], ['h']),
      ],
      { tensors: [tensor('first', [5], [1, 1, 1, 1, 1])] },
    );
    expect(spec(file).parameters.map(({ name }) => name)).toEqual(['first', 'second', 'weight']);
  });

  it('that several layers use are said to be one', () => {
    const file = overSeries(60, [node('Mul', ['x', 'both'], ['a']), node('Add', ['a', 'both'], ['h'])], {
      tensors: [tensor('both', [5], [1, 2, 3, 4, 5])],
    });
    expect(spec(file).changes).toEqual([
      // PyTorch 2.13's other exporter does not heed training=TRAINING: fresh LayerNorms come out as one tensor.
      expect.stringMatching(
        /^both: used by several layers and trained as one.* dynamo=False and training=TrainingMode\.TRAINING$/,
      ),
    ]);
    expect(spec(exportedFile('gru')).changes).toEqual([]);
  });

  it('are not single numbers, integers or what is only compared with', () => {
    const file = overSeries(
      60,
      [
        node('Div', ['x', 'scale'], ['d']),
        node('Greater', ['d', 'limits'], ['g']),
        node('Where', ['g', 'd', 'x'], ['h']),
      ],
      { tensors: [tensor('scale', [], [2]), tensor('limits', [5], [0, 0, 0, 0, 0])] },
    );
    const { parameters, constants } = spec(file);
    expect(parameters.map(({ name }) => name)).toEqual(['weight']);
    expect(constants.map(({ shape, values }) => [shape, values])).toEqual([
      [[], [2]],
      [[5], [0]],
      [[2], [0, -1]],
    ]);
  });

  it('of a dropout: none; it is drawn in training and absent from a release', () => {
    const file = overSeries(60, [node('Dropout', ['x', 'ratio', 'on'], ['h'])], {
      tensors: [tensor('ratio', [], [0.25]), tensor('on', [], Uint8Array.of(1), types.bool)],
    });
    const { plan } = broughtPlan(file, { payload: series });
    const network = networkOf(plan);
    const asked: (readonly number[])[] = [];
    const builder = new GraphBuilder('test');
    const inputs = new Map([['payload', builder.input('payload', 'float', [4, 12, 5])]]);
    const weights = new Map([['weight', builder.input('weight', 'float', [60, 1])]]);
    network.forward({
      builder,
      inputs,
      weights,
      random(shape) {
        asked.push(shape);
        return builder.input('random/0', 'float', shape);
      },
    });
    expect(asked).toEqual([[4, 60]]);
    expect(
      spec(
        overSeries(60, [node('Dropout', ['x', 'ratio'], ['h'])], { tensors: [tensor('ratio', [], [0.25])] }),
      ).nodes.map(({ operator }) => operator),
    ).toEqual(['Reshape', 'Gemm']);
  });
});

describe('the head of a brought network', () => {
  const head = (file: Uint8Array, changes: Parameters<typeof broughtPlan>[1] = {}): NetworkSpec =>
    (broughtPlan(file, changes).plan.model as { network: NetworkSpec }).network;
  const two = {
    tensors: [tensor('weight', [18, 2], Array.from(wave(36))), tensor('bias', [2], [0.5, 1])],
    outputs: [value('y', ['rows', 2])],
  };

  it('loses its sigmoid: the loss takes logits', () => {
    const file = linearFile(18, {
      nodes: [node('Gemm', ['x', 'weight', 'bias'], ['z']), node('Sigmoid', ['z'], ['y'])],
      outputs: [value('y', ['rows', 1])],
    });
    const { nodes, changes } = head(file);
    expect(nodes.map(({ operator }) => operator)).toEqual(['Gemm']);
    expect(changes).toEqual(['the final Sigmoid is left out: the loss takes logits']);
  });

  it('of two classes becomes one logit', async () => {
    const file = linearFile(18, {
      ...two,
      nodes: [node('Gemm', ['x', 'weight', 'bias'], ['z']), node('Softmax', ['z'], ['y'])],
    });
    const { plan, weights } = broughtPlan(file);
    const p = await original(file, [3, 18]);
    const logits = await outputs(plan, weights, 3, true);
    expectClose(
      logits.map((z) => 1 / (1 + Math.exp(-z))),
      [p[1], p[3], p[5]] as number[],
    );
  });

  it('of a regression keeps its sigmoid', () => {
    const file = linearFile(18, {
      nodes: [node('Gemm', ['x', 'weight', 'bias'], ['z']), node('Sigmoid', ['z'], ['y'])],
      outputs: [value('y', ['rows', 1])],
    });
    const label = { name: 'days', unit: 'd', range: [0, 1] };
    expect(head(file, { task: { kind: 'regression' }, data: { label } }).nodes.map(({ operator }) => operator)).toEqual(
      ['Gemm', 'Sigmoid'],
    );
  });

  it('of an ordinal task gets thresholds that cannot cross', () => {
    const label = { name: 'grade', levels: ['mild', 'moderate', 'severe', 'worst'] };
    const { parameters, outputs: width } = head(linearFile(18), { task: { kind: 'ordinal' }, data: { label } });
    expect(width).toBe(3);
    expect(parameters.map(({ name, shape }) => [name, shape])).toContainEqual(['ordinal.gap', [2]]);
  });

  it('with one axis gets a second', () => {
    const file = linearFile(18, {
      nodes: [node('Gemm', ['x', 'weight', 'bias'], ['z']), node('Squeeze', ['z', 'one'], ['y'])],
      tensors: [tensor('weight', [18, 1], Array.from(wave(18))), tensor('bias', [1], [0.5]), ints('one', [1])],
      outputs: [value('y', ['rows'])],
    });
    expect(head(file).nodes.at(-1)).toMatchObject({ operator: 'Reshape' });
  });
});

const refusals: readonly (readonly [string, OnnxErrorCode, () => Uint8Array, Parameters<typeof broughtPlan>[1]?])[] = [
  ['another number of columns', 'wrong_input', () => linearFile(17)],
  ['integers for input', 'wrong_input', () => linearFile(18, { inputs: [value('x', ['rows', 18], types.int64)] })],
  [
    'three outputs for a binary task',
    'wrong_output',
    () =>
      linearFile(18, { tensors: [tensor('weight', [18, 3], Array.from(wave(54))), tensor('bias', [3], [1, 2, 3])] }),
  ],
  [
    'two outputs of floats',
    'wrong_output',
    () =>
      linearFile(18, {
        nodes: [node('Gemm', ['x', 'weight', 'bias'], ['a']), node('Relu', ['a'], ['b'])],
        outputs: [value('a', ['rows', 1]), value('b', ['rows', 1])],
      }),
  ],
  [
    'an operator that is not on the list',
    'unsupported_operator',
    () =>
      linearFile(18, { nodes: [node('Gemm', ['x', 'weight', 'bias'], ['a']), node('Bernoulli', ['a'], ['logits'])] }),
  ],
  [
    'a weight that is not finite',
    'not_finite',
    () =>
      linearFile(18, {
        tensors: [tensor('weight', [18, 1], Array.from(wave(18)).with(3, Number.NaN)), tensor('bias', [1], [1])],
      }),
  ],
  [
    'nothing to train',
    'no_parameters',
    () => linearFile(18, { nodes: [node('ReduceMean', ['x'], ['logits'], attributes.ints('axes', [1]))], tensors: [] }),
  ],
  [
    'shapes that do not fit',
    'unsupported_form',
    () => linearFile(18, { tensors: [tensor('weight', [7, 1], Array.from(wave(7))), tensor('bias', [1], [1])] }),
  ],
  [
    'sums that threads lose a part of',
    'unsupported_form',
    () =>
      linearFile(18, {
        nodes: [
          node('ScatterND', ['weight', 'places', 'updates'], ['w'], attributes.text('reduction', 'add')),
          node('Gemm', ['x', 'w', 'bias'], ['logits']),
        ],
        tensors: [
          tensor('weight', [18, 1], Array.from(wave(18))),
          tensor('bias', [1], [1]),
          tensor('places', [2, 1], [3, 3], types.int64),
          tensor('updates', [2, 1], [1, 1]),
        ],
      }),
  ],
  [
    'a length that depends on the data',
    'unsupported_form',
    () =>
      linearFile(18, {
        nodes: [
          node('Cast', ['x'], ['i'], attributes.int('to', 7)),
          node('Reshape', ['x', 'i'], ['r']),
          node('Gemm', ['r', 'weight', 'bias'], ['logits']),
        ],
      }),
  ],
  [
    'a mean over the rows',
    'rows_mixed',
    () =>
      linearFile(18, {
        nodes: [
          node('ReduceMean', ['x'], ['m'], attributes.ints('axes', [0])),
          node('Sub', ['x', 'm'], ['d']),
          node('Gemm', ['d', 'weight', 'bias'], ['logits']),
        ],
      }),
  ],
  [
    'a softmax over the rows',
    'rows_mixed',
    () =>
      linearFile(18, {
        nodes: [
          node('Softmax', ['x'], ['s'], attributes.int('axis', 0)),
          node('Gemm', ['s', 'weight', 'bias'], ['logits']),
        ],
      }),
  ],
  [
    'each row beside every other',
    'rows_mixed',
    () =>
      linearFile(18, {
        nodes: [
          node('Transpose', ['x'], ['t'], attributes.ints('perm', [1, 0])),
          node('MatMul', ['x', 't'], ['g']),
          node('MatMul', ['g', 'x'], ['h']),
          node('Gemm', ['h', 'weight', 'bias'], ['logits']),
        ],
      }),
  ],
  [
    'rows scrambled by a reshape',
    'rows_mixed',
    () =>
      overSeries(
        60,
        [node('Transpose', ['x'], ['t'], attributes.ints('perm', [1, 0, 2])), node('Reshape', ['t', 'target'], ['h'])],
        { tensors: [ints('target', [-1, 60])] },
      ),
    { payload: series },
  ],
  // nn.GRU without batch_first reads rows as steps.
  [
    'a recurrent layer that takes rows for steps',
    'rows_mixed',
    () =>
      overSeries(
        48,
        [node('GRU', ['x', 'W', 'R'], ['g'], attributes.int('hidden_size', 4)), node('Squeeze', ['g', 'one'], ['h'])],
        {
          tensors: [
            tensor('W', [1, 12, 5], Array.from(wave(60))),
            tensor('R', [1, 12, 4], Array.from(wave(48))),
            ints('one', [1]),
          ],
        },
      ),
    { payload: series },
  ],
  [
    'another number of rows written into it',
    'fixed_rows',
    () =>
      overSeries(60, [node('Reshape', ['x', 'target'], ['h'])], {
        inputs: [value('x', [2, 12, 5])],
        tensors: [ints('target', [3, 40])],
      }),
    { payload: series },
  ],
  [
    // As attention of PyTorch is written when the number of rows is not left free: [steps, rows, heads, width].
    'another number of rows written behind the first length',
    'fixed_rows',
    () =>
      overSeries(
        60,
        [
          node('Transpose', ['x'], ['t'], attributes.ints('perm', [1, 0, 2])),
          node('Reshape', ['t', 'target'], ['s']),
          node('Transpose', ['s'], ['h'], attributes.ints('perm', [1, 0, 2, 3])),
        ],
        { inputs: [value('x', [2, 12, 5])], tensors: [ints('target', [12, 2, 5, 1])] },
      ),
    { payload: series },
  ],
  [
    'tables too large for a plan',
    'over_limit',
    () =>
      overSeries(60, [
        node('Constant', [], ['c'], attributes.tensor('value', tensor('', [21_000], Array.from(wave(21_000))))),
        node('ReduceMax', ['c'], ['m']),
        node('Mul', ['x', 'm'], ['h']),
      ]),
    { payload: series },
  ],
  [
    'half-width numbers',
    'unsupported_type',
    () =>
      linearFile(18, {
        tensors: [tensor('weight', [18, 1], new Uint8Array(36), types.float16), tensor('bias', [1], [1])],
      }),
  ],
];

describe('a network is refused', () => {
  it.each(refusals.map(([what, code, file, changes]) => ({ what, code, file, changes })))(
    'for $what ($code)',
    ({ code, file, changes }) => {
      expect(refusal(() => broughtPlan(file(), changes)).code).toBe(code);
    },
  );
});

describe('a site checks the network of a plan again', () => {
  const { plan } = broughtPlan(exportedFile('gru'), { payload: series });
  const original = (plan.model as { network: NetworkSpec }).network;
  const changed = (change: (network: NetworkSpec) => void): (() => unknown) => {
    const network = structuredClone(original);
    change(network);
    return () => networkOf(planSchema.parse({ ...plan, model: { ...plan.model, network } }));
  };

  it.each<[string, OnnxErrorCode, (network: NetworkSpec) => void]>([
    [
      'an operator is exchanged',
      'unsupported_operator',
      (network) => {
        (network.nodes[0] as { operator: string }).operator = 'Loop';
      },
    ],
    [
      'an unknown operator',
      'unsupported_operator',
      (network) => {
        (network.nodes[0] as { operator: string }).operator = 'Fetch';
      },
    ],
    [
      'a value is made twice',
      'duplicate_name',
      (network) => network.nodes.push(structuredClone(original.nodes[0] as NetworkSpec['nodes'][number])),
    ],
    [
      'a value comes from nowhere',
      'undefined_value',
      (network) => {
        (network.nodes[3] as { inputs: string[] }).inputs[0] = 'nowhere';
      },
    ],
    ['the nodes are turned round', 'undefined_value', (network) => void network.nodes.reverse()],
    [
      'a weight is larger than any model',
      'over_limit',
      (network) => {
        (network.parameters[0] as { shape: number[] }).shape = [60_000_000, 60_000_000];
      },
    ],
    ['parameters out of order', 'malformed', (network) => void network.parameters.reverse()],
    [
      'a constant lies about its size',
      'tensor_size',
      (network) => {
        const [first] = network.constants as { shape: number[]; values: unknown[] }[];
        Object.assign(first ?? {}, { shape: [3, 3], values: [1, 2] });
      },
    ],
    [
      'another input',
      'wrong_input',
      (network) => {
        (network.inputs[0] as { shape: number[] }).shape = [13, 5];
      },
    ],
    [
      'another output',
      'wrong_output',
      (network) => {
        network.outputs = 2;
      },
    ],
    ['a last layer that is none', 'undefined_value', (network) => void network.lastLayer.push('elsewhere')],
    [
      'a huge expansion',
      'over_limit',
      (network) => {
        network.constants.push({ name: '#wide', type: 'int64', shape: [2], values: [60_000, 60_000] });
        network.constants.push({ name: '#one', type: 'float', shape: [], values: [1] });
        network.nodes.unshift({ operator: 'Expand', inputs: ['#one', '#wide'], outputs: ['huge'] });
      },
    ],
  ])('%s', (_, code, change) => {
    expect(refusal(changed(change)).code).toBe(code);
  });

  it('the plan schema refuses what is no network at all', () => {
    const odd = { ...original, nodes: [{ operator: 'Relu', inputs: ['payload'], outputs: ['y'], run: 'rm' }] };
    expect(planSchema.safeParse({ ...plan, model: { ...plan.model, network: odd } }).success).toBe(false);
  });
});
