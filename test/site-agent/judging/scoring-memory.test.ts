import { describe, expect, it } from 'vitest';
import { cases, planFor } from '../../../bench/engines/cases.ts';
import { initialWeights } from '../../../shared/graph/families.ts';
import type { Value } from '../../../shared/graph/graph.ts';
import { GraphBuilder } from '../../../shared/graph/graph-builder.ts';
import { buildInferenceModel } from '../../../shared/graph/inference-model.ts';
import { encodeOnnx } from '../../../shared/graph/onnx-file.ts';
import { modelLimits } from '../../../shared/graph/onnx-read/limits.ts';
import { readOnnx } from '../../../shared/graph/onnx-read/read-onnx.ts';
import { payloadShape } from '../../../shared/plan/payload.ts';
import type { Plan } from '../../../shared/plan/plan.ts';
import { randomStream } from '../../../shared/runtime/random.ts';
import { JudgingError } from '../../../site-agent/judging/judging-error.ts';
import { openScorer, type Scorer } from '../../../site-agent/judging/scorer.ts';
import { scoringMemory } from '../../../site-agent/judging/scoring-memory.ts';
import { broughtPlan, exportedFile, series } from '../../support/brought-plans.ts';
import { longModels } from '../../support/long-networks.ts';
import { attributes, node, onnxFile, tensor, types, value } from '../../support/onnx-bytes.ts';
import { imagePlan, seriesPlan } from '../../support/payload-plans.ts';
import { preprocessingFor } from '../../support/preprocessing.ts';

const megabyte = 1024 ** 2;

/** A model of one column whose answer is the largest of the values that `make` has it hold. */
function modelHolding(make: (b: GraphBuilder, one: Value, features: Value) => Value): Uint8Array {
  const builder = new GraphBuilder('crafted');
  const features = builder.input('features', 'float', ['N', 1]);
  const held = builder.op('ReduceMax', [make(builder, builder.sum(features), features)], { keepdims: { int: 0 } });
  builder.output('probability', builder.squeeze(builder.mul(features, held), 1));
  return encodeOnnx(builder.finish());
}

/** 50 GiB of float32. */
const fifty = [50 * 256, megabyte];
const crafted: readonly (readonly [string, Uint8Array])[] = [
  ['values made of its rows', modelHolding((b, one) => b.op('Expand', [one, b.integers('shape', fifty)]))],
  [
    'values a runtime makes when it opens the file',
    modelHolding((b, one) => b.mul(one, b.op('ConstantOfShape', [b.integers('shape', fifty)]))),
  ],
  [
    'one sum, for which an operator lays 50 GiB of products out',
    // 2047 x 2047 places, 57 x 57 numbers of the kernel: 50.7 GiB; of the 2103 x 2103 sums four in the middle are kept.
    modelHolding((b, one) =>
      b.op(
        'ConvTranspose',
        [
          b.op('Expand', [one, b.integers('shape', [1, 1, 2047, 2047])]),
          b.constant('kernel', [1, 1, 57, 57], new Float32Array(57 * 57)),
        ],
        { pads: { ints: [1050, 1050, 1051, 1051] } },
      ),
    ),
  ],
];

/** A file of these nodes over one column, with some constants. */
function byHand(
  nodes: readonly Uint8Array[],
  operatorSet = 17,
  shape: readonly (number | string)[] = ['N', 1],
): Uint8Array {
  return onnxFile({
    nodes,
    tensors: [
      tensor('one', [1], [1]),
      tensor('single', [1], [1], types.int64),
      tensor('most', [1], [2 ** 33], types.int64),
      tensor('flat', [1], [-1], types.int64),
    ],
    inputs: [value('features', shape)],
    outputs: [value('probability', ['N'])],
    operatorSet,
  });
}

async function refusal(model: Uint8Array, memoryMegabytes?: number): Promise<JudgingError> {
  const opened = await openScorer(model, { model: 'heart/3', memoryMegabytes }).catch((error: unknown) => error);
  if (opened instanceof JudgingError) return opened;
  throw new Error('the model was opened', { cause: opened });
}

const highWaterMegabytes = (): number => process.resourceUsage().maxRSS / 1024;

const modelOf = (plan: Plan, weights = initialWeights(plan)): Uint8Array =>
  buildInferenceModel(
    plan,
    preprocessingFor(
      plan,
      Object.fromEntries(
        plan.data.columns.flatMap(({ name, kind }) => (kind === 'continuous' ? [[name, [0, 1]]] : [])),
      ),
    ),
    weights,
  );

describe('what scoring with a model takes', () => {
  it.each(crafted)('is known of a small file of %s, which no runtime sees', async (_, model) => {
    expect(model.byteLength).toBeLessThan(16 * 1024);
    const before = highWaterMegabytes();
    const error = await refusal(model, 16 * 1024);
    expect(error.code).toBe('model_too_large');
    expect(error.details).toMatchObject({ model: 'heart/3', rows: 1, limitMegabytes: 16 * 1024 });
    expect(Number(error.details.neededMegabytes)).toBeGreaterThanOrEqual(50 * 1024);
    expect(error.message).toMatch(/^heart\/3 takes about [\d,]+ MB .* gives it 16,384 MB/);
    expect(highWaterMegabytes() - before).toBeLessThan(256);
  });

  it.each(longModels)('is refused a model of %s, which no runtime sees', async (_, make) => {
    const model = make();
    const error = await refusal(model, 1_000_000);
    expect(error.code).toBe('model_too_slow');
    expect(error.message).toMatch(
      /^(computing|opening)( with)? heart\/3 takes .* for one row, and the most is (200|4) billion; it was not opened/,
    );
  });

  it('is counted in work: as many rows a call as take what one may', () => {
    // 2000 times 1000 x 1000 multiply-adds a row, 2e9: a hundred rows make the 2e11 that a call may take; 64 are the power of two below.
    const builder = new GraphBuilder('counted');
    const weight = builder.op('ConstantOfShape', [builder.integers('shape', [1000, 1000])]);
    let wide = builder.input('features', 'float', ['N', 1000]);
    for (let at = 0; at < 2000; at++) wide = builder.op('MatMul', [wide, weight]);
    builder.output('probability', builder.op('ReduceMax', [wide], { axes: { ints: [1] }, keepdims: { int: 0 } }));
    const file = readOnnx(encodeOnnx(builder.finish()), modelLimits);
    const { rowsPerCall } = scoringMemory(file, { model: 'm', mostRows: 4096 });
    expect(rowsPerCall).toBe(64);
  });

  it('tells where computing at each call what depends on no input would take longer than a row', () => {
    const lightly = (products: number): boolean => {
      const builder = new GraphBuilder('opened');
      let fixed = builder.op('ConstantOfShape', [builder.integers('shape', [8, 8])]);
      for (let at = 0; at < products; at++) fixed = builder.op('MatMul', [fixed, fixed]);
      let wide = builder.input('features', 'float', ['N', 8]);
      // Eight rows' products are as many multiply-adds as one of the fixed.
      for (let at = 0; at < 24; at++) wide = builder.op('MatMul', [wide, fixed]);
      builder.output('probability', builder.op('ReduceMax', [wide], { axes: { ints: [1] }, keepdims: { int: 0 } }));
      const file = readOnnx(encodeOnnx(builder.finish()), modelLimits);
      return scoringMemory(file, { model: 'm', mostRows: 4096 }).opensLightly;
    };
    expect([0, 2, 4].map(lightly)).toEqual([true, true, false]);
  });

  it('is counted in bytes: values alive at once, weights thrice', () => {
    // Per row: features 4 numbers, the product with [4, 1000] 1000 numbers, the largest of them 1.
    const builder = new GraphBuilder('counted');
    const features = builder.input('features', 'float', ['N', 4]);
    const wide = builder.op('MatMul', [features, builder.constant('w', [4, 1000], new Float32Array(4000))]);
    const most = builder.op('ReduceMax', [wide], { axes: { ints: [1] }, keepdims: { int: 0 } });
    builder.output('probability', most);
    const file = readOnnx(encodeOnnx(builder.finish()), modelLimits);
    const refused = (rows: number, memoryMegabytes: number): unknown => {
      try {
        scoringMemory(file, { model: 'm', memoryMegabytes, mostRows: rows }).check(rows);
        return null;
      } catch (error) {
        return (error as JudgingError).details.neededMegabytes;
      }
    };
    // 2^20 rows x 4 bytes x (4 + 1000 + 1) and 3 x 16,000 bytes: 4020.05 MB.
    expect(refused(2 ** 20, 4020)).toBe(4021);
    expect(refused(2 ** 20, 4021)).toBeNull();
    // 128 MB of them are 33,387 rows; the power of two below is given to one call.
    expect(scoringMemory(file, { model: 'm', memoryMegabytes: 8192, mostRows: 2 ** 20 }).rowsPerCall).toBe(32_768);
    // With 17 MB, all but the weights: 4,434 rows.
    expect(scoringMemory(file, { model: 'm', memoryMegabytes: 17, mostRows: 2 ** 20 }).rowsPerCall).toBe(4096);
    expect(scoringMemory(file, { model: 'm', memoryMegabytes: 17, mostRows: 100 }).rowsPerCall).toBe(100);
  });

  it('is asked anew for a last call of fewer rows, which may want more', async () => {
    // (rows - 1) 2^33 / rows^2 numbers: none for one row, 8 GB for two, 8 MB for 4096.
    const model = byHand([
      node('Shape', ['features'], ['rows'], attributes.int('end', 1)),
      node('Sub', ['rows', 'single'], ['others']),
      node('Mul', ['others', 'most'], ['times']),
      node('Mul', ['rows', 'rows'], ['square']),
      node('Div', ['times', 'square'], ['wide']),
      node('Expand', ['one', 'wide'], ['held']),
      node('ReduceSum', ['held'], ['sum'], attributes.int('keepdims', 0)),
      node('Mul', ['features', 'sum'], ['all']),
      node('Reshape', ['all', 'flat'], ['probability']),
    ]);
    const scorer = await openScorer(model, { model: 'heart/3', memoryMegabytes: 1024 });
    expect(await scorer.score({ rows: 4096, features: new Float32Array(4096) })).toHaveLength(4096);
    await expect(scorer.score({ rows: 4098, features: new Float32Array(4098) })).rejects.toMatchObject({
      code: 'model_too_large',
      details: { rows: 2, neededMegabytes: 8193 },
    });
    await scorer.dispose();
  });

  it('keeps rows of a call few, and their figures the same', async () => {
    const plan = seriesPlan({
      payload: { steps: 96 },
      rest: { model: { family: 'transformer', width: 64, heads: 4, blocks: 1 } },
    });
    const model = modelOf(plan);
    const rows = 300;
    const random = randomStream(1, 'rows');
    const shape = payloadShape(plan.data.payload as NonNullable<Plan['data']['payload']>);
    const size = shape.reduce((product, length) => product * length, 1);
    const values = Float32Array.from({ length: rows * size }, () => random.normal());
    const features = new Float32Array(rows * plan.data.columns.length);
    const memory = (memoryMegabytes: number) =>
      scoringMemory(readOnnx(model, modelLimits), { model: 'm', memoryMegabytes, mostRows: 4096 });
    expect(memory(8).rowsPerCall).toBeLessThan(32);
    expect(memory(8192).rowsPerCall).toBeLessThan(4096);
    const figures = async (memoryMegabytes: number): Promise<Float32Array> => {
      const scorer: Scorer = await openScorer(model, { memoryMegabytes });
      try {
        return await scorer.score({ rows, features, payload: { shape, values, rows: null } });
      } finally {
        await scorer.dispose();
      }
    };
    const [few, many] = [await figures(8), await figures(8192)];
    expect(new Set(many).size).toBeGreaterThan(250);
    for (const [at, figure] of few.entries()) expect(figure).toBeCloseTo(many[at] as number, 6);
  });

  it.each(cases.map((one) => [one.name, planFor(one)] as const))('lets %s be scored in 1 GB', async (_, plan) => {
    const scorer = await openScorer(modelOf(plan), { memoryMegabytes: 1024 });
    await scorer.dispose();
  });

  it('lets networks that were brought, and large images, be scored in 1 GB', async () => {
    for (const name of ['gru', 'transformer']) {
      const { plan, weights } = broughtPlan(exportedFile(name), { payload: series });
      await (await openScorer(modelOf(plan, weights), { memoryMegabytes: 1024 })).dispose();
    }
    const large = imagePlan({ payload: { width: 1024, height: 1024 } });
    await (await openScorer(modelOf(large), { memoryMegabytes: 1024 })).dispose();
  });

  it('is refused a model of more nodes than a runtime opens in time, which no runtime sees', async () => {
    const builder = new GraphBuilder('many');
    const features = builder.input('features', 'float', ['N', 1]);
    let sum: Value = features;
    for (let at = 0; at < 40_000; at++) sum = builder.op('Add', [sum, features]);
    builder.output(
      'probability',
      builder.op('ReduceSum', [sum, builder.integers('axes', [1])], { keepdims: { int: 0 } }),
    );
    await expect(openScorer(encodeOnnx(builder.finish()))).rejects.toMatchObject({
      code: 'model_unreadable',
      message: expect.stringContaining('more than 40000 nodes'),
    });
  });

  it.each([
    [
      'how many values there are follows from the rows themselves',
      byHand([
        node('Cast', ['features'], ['wide'], attributes.int('to', 7)),
        node('Reshape', ['wide', 'flat'], ['lengths']),
        node('Expand', ['one', 'lengths'], ['held']),
        node('ReduceSum', ['held'], ['probability']),
      ]),
      'dynamic_shape',
    ],
    [
      'it is of another operator set',
      byHand([node('Reshape', ['features', 'flat'], ['probability'])], 18),
      'unsupported_version',
    ],
    [
      'an input is left out in the middle',
      byHand([node('Clip', ['features', '', 'one'], ['probability'])]),
      'unsupported_form',
    ],
    [
      'an integer is divided by what its rows say, which may end the process',
      byHand([
        node('Cast', ['features'], ['whole'], attributes.int('to', 7)),
        node('Div', ['most', 'whole'], ['divided']),
        node('Cast', ['divided'], ['back'], attributes.int('to', 1)),
        node('Reshape', ['back', 'flat'], ['probability']),
      ]),
      'unsupported_form',
    ],
  ])('is not guessed where %s', async (_, model, code) => {
    const error = await refusal(model);
    expect(error).toMatchObject({ code: 'model_unreadable', cause: { code } });
  });

  it('is no bound that a file could pass by leaving lengths of its inputs open', async () => {
    const nodes = [node('Reshape', ['features', 'flat'], ['probability'])];
    expect((await refusal(byHand(nodes, 17, ['N', 'M']))).code).toBe('model_interface');
  });
});
