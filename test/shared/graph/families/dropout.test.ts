import { describe, expect, it } from 'vitest';
import { dropout } from '../../../../shared/graph/families/dropout.ts';
import { groupsOf } from '../../../../shared/graph/families/normalisation.ts';
import { GraphBuilder } from '../../../../shared/graph/graph-builder.ts';
import { buildObjective } from '../../../../shared/graph/training/objective.ts';
import { modelPlan, smallModels } from '../../../support/model-plans.ts';
import { runOnnx } from '../../../support/run-onnx.ts';

/** Values after dropout, and the shape the uniforms were asked for in. */
async function dropped(
  layer: ReturnType<typeof dropout>,
  shape: readonly number[],
  uniforms: readonly number[],
): Promise<{ readonly values: number[]; readonly asked: readonly number[] }> {
  const builder = new GraphBuilder('dropout');
  let asked: readonly number[] = [];
  const random = (wanted: readonly number[]) => {
    asked = wanted;
    return builder.constant('uniforms', wanted, Float32Array.from(uniforms));
  };
  const use = { builder, weights: new Map(), random, buffers: new Map() };
  builder.output('y', layer.apply(use, builder.input('x', 'float', shape)));
  const data = Float32Array.from(uniforms, (_, at) => at + 1);
  const { y } = await runOnnx(builder.finish(), { x: { shape, data } });
  return { values: Array.from(y?.data ?? []), asked };
}

describe('dropout', () => {
  it('drops what falls below the share and scales the rest up', async () => {
    // A uniform equal to the share is kept: [0, share) has that probability.
    const { values, asked } = await dropped(dropout(0.25), [2, 3], [0, 0.2499, 0.25, 0.6, 0.999, 0.1]);
    expect(asked).toEqual([2, 3]);
    const kept = Math.fround(1 / 0.75);
    expect(values).toEqual([0, 0, 3, 4, 5, 0].map((value) => Math.fround(value * kept)));
  });

  it('asks for uniforms with the rows first, wherever the rows of the values are', async () => {
    // Values [steps 2, rows 3]; uniforms [rows 3, steps 2], row by row.
    const { values, asked } = await dropped(dropout(0.5, [1, 0]), [2, 3], [0.9, 0.1, 0.1, 0.9, 0.9, 0.9]);
    expect(asked).toEqual([3, 2]);
    expect(values).toEqual([2, 0, 6, 0, 10, 12]);
    const layers = buildObjective(modelPlan({ ...smallModels.gru, dropout: 0.1 }), { rows: 5 });
    expect(layers.random.map(({ shape }) => shape)).toEqual([
      [5, 7, 3],
      [5, 3],
    ]);
  });

  it('does nothing and draws nothing at inference, or without a share', () => {
    const builder = new GraphBuilder('none');
    const x = builder.input('x', 'float', ['N', 3]);
    const use = { builder, weights: new Map(), buffers: new Map() };
    expect(dropout(0.5).apply({ ...use, random: null }, x)).toBe(x);
    const refuse = () => {
      throw new Error('drawn');
    };
    expect(dropout(undefined).apply({ ...use, random: refuse }, x)).toBe(x);
    expect(dropout(0).apply({ ...use, random: refuse }, x)).toBe(x);
  });
});

it('channels are parted into at most 8 groups of equal size', () => {
  expect([1, 3, 4, 6, 7, 8, 9, 10, 11, 12, 16, 20, 64].map(groupsOf)).toEqual([1, 3, 4, 6, 7, 8, 3, 5, 1, 6, 8, 5, 8]);
});
