import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cases, planFor } from '../../bench/engines/cases.ts';
import type { Attributes, Value } from '../../shared/graph/graph.ts';
import { GraphBuilder } from '../../shared/graph/graph-builder.ts';
import { buildTrainingStep } from '../../shared/graph/training/training-step.ts';
import { forwardWork, tooMuchWork, workOf } from '../../shared/graph/work.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import { broughtPlan, exportedFile, images, series } from '../support/brought-plans.ts';

interface Counted {
  readonly forward: number;
  readonly training: number;
}

/** Multiply-adds as PyTorch counts them: `python test/parity/work-reference.py > test/parity/generated/work-pytorch.json`, torch 2.13. */
const reference = JSON.parse(readFileSync(new URL('generated/work-pytorch.json', import.meta.url), 'utf8')) as {
  readonly families: Readonly<Record<string, Counted>>;
  readonly exported: Readonly<Record<string, Counted>>;
  readonly resnet50: Counted;
  readonly operators: Readonly<Record<string, number>>;
};

/**
 * Products that PyTorch makes with a first state of zeros, and that are left out here: three or four gates, hidden x hidden, of each layer or
 * direction. Backward it makes as many again for the weights; the gradient by that state nobody asks for.
 */
const ofFirstState: Readonly<Record<string, number>> = {
  'gru 48x40': 3 * 64 * 64,
  gru: 2 * 3 * 12 * 12,
  lstm: 2 * 4 * 8 * 8,
};

function agrees(plan: Plan, counted: Counted, firstState = 0): void {
  expect(forwardWork(plan).multiplyAdds).toBe(counted.forward - firstState);
  const trained = workOf(buildTrainingStep(plan, { rows: 1 }).graph.nodes).multiplyAdds;
  const expected = counted.training - 2 * firstState;
  // Some sums, such as a bias's gradient, are products with ones here, which PyTorch adds up.
  expect(trained).toBeGreaterThanOrEqual(expected);
  expect(trained).toBeLessThanOrEqual(1.03 * expected);
}

describe('multiply-adds as PyTorch counts them', () => {
  it.each(cases.map((one) => [one.name, one] as const))('of %s', (name, one) => {
    agrees(planFor(one), reference.families[name] as Counted, ofFirstState[name]);
  });

  it.each([
    'residual',
    'grouped',
    'grouped-dynamo',
    'gru',
    'gru-dynamo',
    'lstm',
    'lstm-dynamo',
    'transformer',
    'transformer-dynamo',
  ])('of the exported %s', (file) => {
    const name = file.replace('-dynamo', '');
    const payload = name === 'residual' || name === 'grouped' ? images : series;
    agrees(broughtPlan(exportedFile(file), { payload }).plan, reference.exported[name] as Counted, ofFirstState[name]);
  });

  it('of a ResNet-50 on 224 x 224 pixels, which may be fifty times as large', () => {
    const builder = new GraphBuilder('resnet50');
    let weights = 0;
    const conv = (x: Value, outputs: number, kernel: number, stride = 1): Value => {
      const weight = builder.input(`w${weights++}`, 'float', [outputs, x.shape[1] as number, kernel, kernel]);
      const border = Math.floor(kernel / 2);
      return builder.op('Conv', [x, weight], {
        strides: { ints: [stride, stride] },
        pads: { ints: [border, border, border, border] },
      });
    };
    const relu = (x: Value): Value => builder.op('Relu', [x]);
    let x = relu(conv(builder.input('x', 'float', [1, 3, 224, 224]), 64, 7, 2));
    x = builder.op('MaxPool', [x], {
      kernel_shape: { ints: [3, 3] },
      strides: { ints: [2, 2] },
      pads: { ints: [1, 1, 1, 1] },
    });
    for (const [stage, [width, blocks]] of [
      [64, 3] as const,
      [128, 4] as const,
      [256, 6] as const,
      [512, 3] as const,
    ].entries()) {
      for (let block = 0; block < blocks; block++) {
        const stride = stage > 0 && block === 0 ? 2 : 1;
        const inner = conv(relu(conv(relu(conv(x, width, 1)), width, 3, stride)), 4 * width, 1);
        x = relu(builder.add(inner, block === 0 ? conv(x, 4 * width, 1, stride) : x));
      }
    }
    const pooled = builder.op('Flatten', [builder.op('GlobalAveragePool', [x])]);
    builder.op('MatMul', [pooled, builder.input('last', 'float', [2048, 1000])]);
    const work = workOf(builder.nodes);
    expect(work.multiplyAdds).toBe(reference.resnet50.forward);
    expect(
      tooMuchWork({ multiplyAdds: 48 * work.multiplyAdds, elementOperations: 48 * work.elementOperations }),
    ).toBeNull();
  });

  const ints = (...values: number[]) => ({ ints: values });
  const of = (equation: string): Attributes => ({ equation: { string: equation } });
  const uses: readonly (readonly [string, number[], number[], Attributes])[] = [
    ['Conv of a line', [1, 6, 50], [8, 6, 5], { strides: ints(2), pads: ints(3, 3) }],
    [
      'Conv of groups, with holes',
      [1, 12, 17, 23],
      [20, 3, 3, 4],
      { group: { int: 4 }, dilations: ints(2, 1), pads: ints(1, 2, 1, 2) },
    ],
    ['Conv of a volume', [1, 2, 9, 8, 7], [4, 2, 3, 2, 1], { strides: ints(1, 2, 3) }],
    ['ConvTranspose with stride', [1, 6, 9, 8], [6, 4, 3, 5], { strides: ints(2, 2), pads: ints(1, 1, 1, 1) }],
    ['ConvTranspose of groups', [1, 6, 11], [6, 5, 4], { group: { int: 3 }, dilations: ints(2) }],
    ['MatMul', [7, 5], [5, 11], {}],
    ['MatMul, batched', [3, 4, 7, 5], [3, 4, 5, 11], {}],
    ['MatMul, broadcast', [3, 4, 7, 5], [5, 11], {}],
    ['MatMul of a vector', [5], [5, 11], {}],
    ['Einsum bhqd,bhkd->bhqk', [2, 3, 7, 5], [2, 3, 9, 5], of('bhqd,bhkd->bhqk')],
    ['Einsum bij,jkl->bikl', [2, 3, 4], [4, 5, 6], of('bij,jkl->bikl')],
    ['Einsum ij,ik->jk', [8, 3], [8, 5], of('ij,ik->jk')],
  ];

  it.each(uses)('of %s', (name, first, second, attributes) => {
    const builder = new GraphBuilder('one');
    const operator = name.split(/[ ,]/)[0] as string;
    builder.op(operator, [builder.input('x', 'float', first), builder.input('w', 'float', second)], attributes);
    expect(workOf(builder.nodes).multiplyAdds).toBe(reference.operators[name]);
  });

  it('of every operator in the list', () => {
    expect(uses.map(([name]) => name).sort()).toEqual(Object.keys(reference.operators).sort());
  });
});
