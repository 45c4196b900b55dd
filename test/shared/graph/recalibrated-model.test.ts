import { describe, expect, it } from 'vitest';
import { buildInferenceModel } from '../../../shared/graph/inference-model.ts';
import { recalibratedModel } from '../../../shared/graph/recalibrated-model.ts';
import { randomStream } from '../../../shared/runtime/random.ts';
import { applyRecalibration } from '../../../shared/statistics/recalibration.ts';
import type { Recalibration } from '../../../shared/statistics/recalibration-kinds.ts';
import { openScorer } from '../../../site-agent/judging/scorer.ts';
import { multiclassPlan, regressionPlan } from '../../support/families.ts';
import { consortiumReference, logisticWeights, smallPlan } from '../../support/judging.ts';
import { preprocessingFor } from '../../support/preprocessing.ts';
import { drawnWeights } from '../../support/training.ts';

const plan = smallPlan();
const reference = consortiumReference(plan);
const release = buildInferenceModel(plan, reference, logisticWeights(plan, reference, 0.08, 1, -0.7));

/** Ages from -900 to 900, so that risks reach 0 and 1 in float32, with ties and a row that breaks the contract. */
const rows = 601;
const raw = Float32Array.from({ length: rows * 3 }, (_, at) => {
  const row = Math.floor(at / 3);
  if (at % 3 === 0) return row < 400 ? -900 + (row / 399) * 1800 : 30 + (row % 60);
  if (at % 3 === 1) return 200;
  return row === 600 ? 7 : row % 2;
});

const stream = randomStream(5, 'knots');
const many = Array.from({ length: 700 }, () => Math.fround(stream.uniform())).sort((a, b) => a - b);
const recalibrations: Readonly<Record<string, Recalibration>> = {
  none: { kind: 'none' },
  intercept: { kind: 'intercept', intercept: -0.8 },
  prior: { kind: 'prior', trainingPrevalence: 0.45, targetPrevalence: 0.08 },
  logistic: { kind: 'logistic', intercept: 0.3, slope: 0.4 },
  'steep logistic': { kind: 'logistic', intercept: -2, slope: 3.7 },
  temperature: { kind: 'temperature', temperature: 2.5 },
  'isotonic of one point': { kind: 'isotonic', scores: [0.3], values: [0.2] },
  'isotonic with steps': {
    kind: 'isotonic',
    scores: [0, 0.1, 0.25, 0.5, 0.75, 1],
    values: [0.001, 0.02, 0.02, 0.6, 0.6, 0.97],
  },
  'isotonic of many points': { kind: 'isotonic', scores: many, values: many.map((score) => score ** 2) },
};

async function outputsOf(model: Uint8Array): Promise<Float32Array> {
  const scorer = await openScorer(model);
  try {
    return await scorer.score({ rows, features: raw });
  } finally {
    await scorer.dispose();
  }
}

describe('a release with a recalibration at its end', () => {
  it.each(Object.keys(recalibrations))('%s gives what applyRecalibration gives', async (name) => {
    const recalibration = recalibrations[name] as Recalibration;
    const before = await outputsOf(release);
    expect(Math.min(...before.slice(0, 600))).toBe(0);
    expect(Math.max(...before.slice(0, 600))).toBe(1);
    const model = recalibratedModel(release, recalibration);
    const after = await outputsOf(model);
    const expected = applyRecalibration(recalibration, before.slice(0, 600));
    for (const [row, value] of expected.entries()) expect(Math.abs((after[row] as number) - value)).toBeLessThan(1e-7);
    expect(after[600]).toBeNaN();
    expect(Buffer.compare(recalibratedModel(release, recalibration), model)).toBe(0);
  });

  it('refuses what Wardround did not write, and models without a probability', () => {
    const update: Recalibration = { kind: 'intercept', intercept: 1 };
    const codeOf = (model: Uint8Array): string => {
      try {
        recalibratedModel(model, update);
      } catch (error) {
        return (error as { code: string }).code;
      }
      return 'nothing was thrown';
    };
    expect(codeOf(Uint8Array.of(1, 2, 3))).toBe('not_extendable');
    expect(codeOf(recalibratedModel(release, update))).toBe('not_extendable');
    // Field 4 of ModelProto, model_version: valid ONNX, and not among the fields Wardround writes.
    expect(codeOf(Buffer.concat([release, Uint8Array.of(0x28, 1)]))).toBe('not_extendable');
    const regression = regressionPlan();
    expect(codeOf(buildInferenceModel(regression, preprocessingFor(regression), drawnWeights(regression)))).toBe(
      'not_extendable',
    );
    const multiclass = multiclassPlan();
    expect(() =>
      recalibratedModel(buildInferenceModel(multiclass, preprocessingFor(multiclass), drawnWeights(multiclass)), {
        kind: 'isotonic',
        scores: [],
        values: [],
      }),
    ).toThrow();
  });
});
