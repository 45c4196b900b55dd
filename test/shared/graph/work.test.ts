import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cases, planFor } from '../../../bench/engines/cases.ts';
import type { Attributes, GraphNode, Value } from '../../../shared/graph/graph.ts';
import { GraphBuilder } from '../../../shared/graph/graph-builder.ts';
import { knownOperators } from '../../../shared/graph/operators.ts';
import {
  countText,
  excessOf,
  forwardWork,
  mostTrainingWorkPerRow,
  mostWorkPerRow,
  timesWork,
  tooMuchWork,
  workOf,
  workText,
} from '../../../shared/graph/work.ts';
import { planFindings } from '../../../shared/plan/check-plan.ts';
import { broughtPlan, exportedFile, planAround, series } from '../../support/brought-plans.ts';
import { longPlans } from '../../support/long-networks.ts';
import { imagePlan, seriesPlan } from '../../support/payload-plans.ts';

/** One operator on values of these shapes. */
function workOn(operator: string, shapes: readonly (readonly number[])[], attributes: Attributes = {}) {
  const builder = new GraphBuilder('one');
  builder.op(
    operator,
    shapes.map((shape, at) => builder.input(`x${at}`, 'float', shape)),
    attributes,
  );
  return workOf(builder.nodes);
}

describe('the work of an operator', () => {
  it('is numbers read or written, whichever are more, where nothing is multiplied and added', () => {
    expect(workOn('Relu', [[3, 4]])).toEqual({ multiplyAdds: 0, elementOperations: 12 });
    // [3, 1] and [1, 4] give [3, 4].
    expect(
      workOn('Add', [
        [3, 1],
        [1, 4],
      ]).elementOperations,
    ).toBe(12);
    // 12 read, 3 written.
    expect(workOn('ReduceMax', [[3, 4]], { axes: { ints: [1] } }).elementOperations).toBe(12);
    // Two numbers read for one written.
    expect(
      workOn('Add', [
        [3, 4],
        [3, 4],
      ]).elementOperations,
    ).toBe(12);
    // Three maxima, each of two values of 12 numbers.
    expect(workOn('Max', [[3, 4], [1], [3, 1], [4]]).elementOperations).toBe(36);
  });

  it('of a pool is all its windows', () => {
    const attributes = { kernel_shape: { ints: [3, 2] } };
    // Of [5, 6] there are [3, 5] windows of 6 numbers, for each of 2 channels.
    expect(workOn('MaxPool', [[1, 2, 5, 6]], attributes).elementOperations).toBe(2 * 15 * 6);
    expect(workOn('AveragePool', [[1, 2, 5, 6]], attributes).elementOperations).toBe(2 * 15 * 6);
    expect(workOn('GlobalAveragePool', [[1, 2, 5, 6]]).elementOperations).toBe(60);
  });

  it('of a part is that part, and of a step of a long series not all its steps', () => {
    const builder = new GraphBuilder('part');
    const x = builder.input('x', 'float', [512, 1, 64]);
    builder.op('Slice', [x, builder.integers('from', [4]), builder.integers('to', [5]), builder.integers('axes', [0])]);
    expect(workOf(builder.nodes).elementOperations).toBe(64);
  });

  it('of an Einsum is the product of all its indices, for each operand after the first', () => {
    const equation = (text: string): Attributes => ({ equation: { string: text } });
    expect(
      workOn(
        'Einsum',
        [
          [2, 3],
          [3, 5],
        ],
        equation('ij,jk->ik'),
      ).multiplyAdds,
    ).toBe(30);
    expect(workOn('Einsum', [[2], [3], [5]], equation('a,b,c->')).multiplyAdds).toBe(60);
    expect(
      workOn(
        'Einsum',
        [
          [7, 3],
          [7, 3],
        ],
        equation('...a,...b->...ab'),
      ).multiplyAdds,
    ).toBe(63);
    expect(workOn('Einsum', [[4, 4]], equation('ii->'))).toEqual({ multiplyAdds: 0, elementOperations: 16 });
  });

  // Seconds at the bound of four billion, before these were counted: onnxruntime 1.30, one thread, each operator alone, its time by the work counted.
  it('of many small products, of windows of many axes and of single places is counted for each: they took minutes', () => {
    const operations = (...given: Parameters<typeof workOn>): number => workOn(...given).elementOperations;
    const equation = (text: string): Attributes => ({ equation: { string: text } });
    // 457 s: a stack of products of one number each; by one matrix it is a single product.
    const stack = [400, 1, 1];
    expect(operations('MatMul', [stack, stack])).toBe(400 + 40 * 399);
    expect(operations('MatMul', [stack, [1, 1]])).toBe(400);
    expect(operations('MatMul', [stack, [1]])).toBe(400);
    expect(operations('MatMul', [[1], stack])).toBe(400 + 40 * 399);
    // 289 s, and 324 s where every index is in all terms.
    expect(operations('Einsum', [stack, stack], equation('bij,bjk->bik'))).toBe(400 + 40 * 399);
    expect(operations('Einsum', [stack, stack], equation('bij,bij->jib'))).toBe(400 + 40 * 399);
    expect(operations('Einsum', [stack, stack], equation('bij,ckl->bc'))).toBe(160_000);
    // 499 s and 336 s: of a number for each channel.
    const channels = [1, 400, 1, 1];
    const kernels = [400, 1, 1, 1];
    expect(operations('Conv', [channels, kernels], { group: { int: 400 } })).toBe(400 + 40 * 399);
    expect(operations('ConvTranspose', [channels, kernels], { group: { int: 400 } })).toBe(400 + 40 * 399);
    // 1,896 s: six axes; of three they are laid out as fast as they are multiplied.
    const pads = (axes: number): Attributes => ({ pads: { ints: Array.from({ length: 2 * axes }, () => 1) } });
    expect(
      operations(
        'Conv',
        [
          [1, 1, 8, 8, 8],
          [1, 1, 3, 3, 3],
        ],
        pads(3),
      ),
    ).toBe(8 ** 3);
    const six = Array.from({ length: 6 }, () => 3);
    expect(
      operations(
        'Conv',
        [
          [1, 1, ...six],
          [1, 1, ...six],
        ],
        pads(6),
      ),
    ).toBe(4 * 3 ** 12);
    // 187 s: of twenty axes.
    expect(
      operations('GatherElements', [
        [5, 7],
        [5, 2],
      ]),
    ).toBe(10 + 8 * 10);
  });

  it('of a Scan is that of its body, once for each element of its sequence', () => {
    const body = new GraphBuilder('body');
    const state = body.input('state', 'float', [1, 4]);
    body.input('element', 'float', [1, 4]);
    body.output('next', body.op('MatMul', [state, body.input('inside', 'float', [4, 4])]));
    const value = (name: string, shape: number[]): Value => ({ name, type: 'float', shape });
    const scan: GraphNode = {
      operator: 'Scan',
      inputs: [value('s', [1, 4]), value('x', [9, 1, 4])],
      outputs: [value('y', [1, 4])],
      attributes: { body: { graph: body.finish() } },
    };
    expect(workOf([scan]).multiplyAdds).toBe(9 * 16);
  });

  it('is never below 0, never NaN, and never less for a longer axis, however long', () => {
    const length = fc.oneof(fc.constantFrom(0, 1, 2, 2 ** 31, Number.MAX_SAFE_INTEGER), fc.nat({ max: 5000 }));
    const shape = fc.array(length, { maxLength: 16 });
    const value = (dimensions: readonly number[], at: number): Value => ({
      name: `${at}`,
      type: 'float',
      shape: dimensions,
    });
    const attributes: Attributes = {
      kernel_shape: { ints: [Number.MAX_SAFE_INTEGER, 7] },
      equation: { string: '...,...,...->...' },
      group: { int: Number.MAX_SAFE_INTEGER },
    };
    fc.assert(
      fc.property(
        fc.constantFrom(...knownOperators().filter((name) => name !== 'Einsum')),
        fc.array(shape, { maxLength: 4 }),
        fc.array(shape, { minLength: 1, maxLength: 2 }),
        (operator, inputs, outputs) => {
          const of = (factor: number) =>
            workOf([
              {
                operator,
                inputs: inputs.map((dimensions, at) =>
                  value(
                    dimensions.map((one) => factor * one),
                    at,
                  ),
                ),
                outputs: outputs.map((dimensions, at) =>
                  value(
                    dimensions.map((one) => factor * one),
                    at,
                  ),
                ),
                attributes,
              },
            ]);
          const [work, more] = [of(1), of(2)];
          for (const figure of ['multiplyAdds', 'elementOperations'] as const) {
            expect(work[figure]).toBeGreaterThanOrEqual(0);
            expect(more[figure]).toBeGreaterThanOrEqual(work[figure]);
          }
          expect(excessOf(work, mostWorkPerRow)).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });

  it('of an Einsum of more places than a number can tell is refused, and nothing of one without any', () => {
    const letters = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'];
    const operands = [letters.slice(0, 16), letters.slice(16, 32), letters.slice(32, 48)];
    const equation = { equation: { string: `${operands.map((one) => one.join('')).join(',')}->a` } };
    const long = operands.map((one) => one.map(() => 2 ** 40));
    const work = workOn('Einsum', long, equation);
    expect(work.multiplyAdds).toBe(Number.POSITIVE_INFINITY);
    expect(tooMuchWork(work)).toMatch(/multiply-adds for one row, and the most is 200 billion$/);
    const empty = long.map((shape, at) => (at === 2 ? [...shape.slice(1), 0] : shape));
    expect(workOn('Einsum', empty, equation).multiplyAdds).toBe(0);
    expect(timesWork(work, 0).multiplyAdds).toBe(0);
  });
});

describe('the work of a row', () => {
  const within = (plan: Parameters<typeof forwardWork>[0]): number => excessOf(forwardWork(plan), mostWorkPerRow);

  it.each(cases.map((one) => [one.name, planFor(one)] as const))('of %s is far within the bound', (_, plan) => {
    expect(within(plan)).toBeLessThan(0.01);
  });

  it('of every family at the sizes a hospital may ask for is within it', () => {
    const image = (size: number, model: object) =>
      imagePlan({ payload: { width: size, height: size }, rest: { model } });
    const long = (steps: number, model: object) => seriesPlan({ payload: { steps }, rest: { model } });
    const plans = [
      image(1024, { family: 'cnn', channels: [64, 128, 256, 512], hidden: [] }),
      image(1024, { family: 'resnet', channels: [16, 32, 64], blocks: 2 }),
      image(512, { family: 'resnet', channels: [64, 128, 256, 512], blocks: 2 }),
      long(4096, { family: 'transformer', width: 256, heads: 8, blocks: 6 }),
      long(512, { family: 'transformer', width: 768, heads: 12, blocks: 12 }),
      long(512, { family: 'gru', hidden: 2048 }),
      long(4096, { family: 'tcn', channels: [256, 256, 256, 256], kernel: 16 }),
      planAround({ model: { family: 'mlp', hidden: [8192, 8192, 8192, 8192] } }),
    ];
    for (const plan of plans) {
      expect(within(plan)).toBeLessThan(1);
      expect(planFindings(plan)).toEqual([]);
    }
  });

  it.each(['gru', 'lstm', 'transformer', 'gru-dynamo'])('of the exported %s is within it', (name) => {
    expect(within(broughtPlan(exportedFile(name), { payload: series }).plan)).toBeLessThan(0.001);
  });

  it.each(longPlans)('is refused for %s', (_, make) => {
    const plan = make();
    expect(within(plan)).toBeGreaterThan(1);
    const [finding, ...others] = planFindings(plan);
    expect(others).toEqual([]);
    expect(finding?.path).toEqual(['model']);
    expect(finding?.message).toMatch(
      /^the network takes [\d.,e+]+( \w+)? (multiply-adds|element operations) for one row, and the most is (200|4) billion; choose fewer/,
    );
  });

  it('of a training step may be four times as much', () => {
    expect(mostTrainingWorkPerRow.multiplyAdds).toBe(8e11);
    const work = { multiplyAdds: 3e11, elementOperations: 0 };
    expect(tooMuchWork(work)).toBe('300 billion multiply-adds for one row, and the most is 200 billion');
    expect(tooMuchWork(work, mostTrainingWorkPerRow)).toBeNull();
  });
});

describe('work in words', () => {
  it.each([
    [0, '0'],
    [4544, '4,544'],
    [27_300, '27.3 thousand'],
    [999_900, '1 million'],
    [4_089_184_256, '4.09 billion'],
    [2.5e13, '25 trillion'],
    [2.5e20, '2.5e+20'],
    [Number.POSITIVE_INFINITY, 'more than 1e+308'],
  ])('%d is %s', (count, text) => {
    expect(countText(count)).toBe(text);
  });

  it('says a row and a round of epochs, of steps, and of all rows', () => {
    const [small] = cases;
    const plan = planFor(small as (typeof cases)[number]);
    // 16 x 16 + 16 x 16 + 16 multiply-adds; four epochs of 1000 rows, forward and backward thrice that: 6,336,000.
    expect(workText(plan)).toMatch(
      /^528 multiply-adds and \d+ element operations a row; a local round, 4 epochs over 1,000 rows, about 6\.34 million multiply-adds$/,
    );
    const changed = (training: object) => workText({ ...plan, training: { ...plan.training, ...training } });
    // 20 x 32 x 528 x 3 = 1,013,760.
    expect(changed({ work: { steps: 20 }, batch: 32 })).toMatch(/round, 20 steps of 32 rows, about 1\.01 million/);
    // 1000 x 528 x 3 = 1,584,000.
    expect(changed({ work: { steps: 1 }, batch: 'full' })).toMatch(
      /round, one step over 1,000 rows, about 1\.58 million/,
    );
  });
});
