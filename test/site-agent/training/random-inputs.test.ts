import { describe, expect, it } from 'vitest';
import { buildObjective } from '../../../shared/graph/training/objective.ts';
import { checkRandomByRows, drawRandom } from '../../../site-agent/training/random-inputs.ts';
import { modelPlan, smallModels } from '../../support/model-plans.ts';

const shaped = (shapeOf: (rows: number) => number[]) => (rows: number) => [{ name: 'random/0', shape: shapeOf(rows) }];

describe('random values of a batch that is cut', () => {
  it('begin with the axis of the rows, in every family', () => {
    for (const kind of ['mlp', 'tcn', 'gru', 'transformer', 'cnn'] as const) {
      const plan = modelPlan({ ...smallModels[kind], dropout: 0.2 });
      const inputs = (rows: number) => buildObjective(plan, { rows }).random;
      expect(inputs(4).length, kind).toBeGreaterThan(0);
      checkRandomByRows(inputs, 4);
    }
    checkRandomByRows(
      shaped((rows) => [rows * 3, 2]),
      4,
    );
  });

  it.each([
    ['the rows along another axis, behind one that they divide', (rows: number) => [8, rows]],
    ['the same for every row', () => [8, 3]],
    ['one for all', () => []],
  ])('are refused with %s', (_, shapeOf) => {
    expect(() => checkRandomByRows(shaped(shapeOf), 4)).toThrow(
      expect.objectContaining({ code: 'batch_whole', message: expect.stringContaining('random/0') }),
    );
  });

  it('are the same for the same seed and step, and others for other steps, all in [0, 1)', () => {
    const inputs = [
      { name: 'random/0', shape: [5, 40] },
      { name: 'random/1', shape: [5, 40] },
    ];
    const values = (seed: number, step: number) =>
      [...drawRandom(inputs, seed, step).values()].map((data) => [...data].join());
    expect(values(1, 2)).toEqual(values(1, 2));
    expect(new Set([...values(1, 2), ...values(1, 3), ...values(2, 2)]).size).toBe(6);
    const [drawn] = drawRandom(inputs, 1, 2).values();
    expect(drawn?.every((value) => value >= 0 && value < 1 && Number.isInteger(value * 2 ** 24))).toBe(true);
  });
});
