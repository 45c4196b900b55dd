import { describe, expect, it } from 'vitest';
import { initialWeights } from '../../../shared/graph/families.ts';
import { buildInferenceModel } from '../../../shared/graph/inference-model.ts';
import type { Plan } from '../../../shared/plan/plan.ts';
import { randomStream } from '../../../shared/runtime/random.ts';
import { interfaceProblem, openScorer } from '../../../site-agent/judging/scorer.ts';
import { gatherPayload, type RawPayload, type RawRows } from '../../../site-agent/training/raw-rows.ts';
import { imagePlan, seriesPlan } from '../../support/payload-plans.ts';
import { heartPlan } from '../../support/plans.ts';
import { preprocessingFor } from '../../support/preprocessing.ts';

const modelOf = (plan: Plan): Uint8Array =>
  buildInferenceModel(
    plan,
    preprocessingFor(plan, plan.data.columns[0]?.name === 'age' ? { age: [50, 10] } : {}),
    initialWeights(plan),
  );

function seriesRows(rows: number, of: Uint32Array | null = null): RawRows {
  const random = randomStream(1, 'rows');
  const held = of === null ? rows : 10;
  return {
    rows,
    features: Float32Array.from({ length: rows * 3 }, () => 50),
    payload: {
      shape: [4, 2],
      values: Float32Array.from({ length: held * 8 }, () => random.normal()),
      rows: of,
    },
  };
}

describe('gatherPayload', () => {
  it('copies a stretch, or the rows asked for, as float32', () => {
    const payload = { shape: [1, 2], values: Uint8Array.of(1, 2, 3, 4, 5, 255), rows: null };
    expect([...gatherPayload(payload, 1, 3)]).toEqual([3, 4, 5, 255]);
    const some = { ...payload, rows: Uint32Array.of(2, 0, 1) };
    expect([...gatherPayload(some, 0, 2)]).toEqual([5, 255, 1, 2]);
    expect(gatherPayload(some, 0, 2)).toBeInstanceOf(Float32Array);
  });
});

describe('a scorer of a model with a payload', () => {
  it('gives a row the same figure whatever stands beside it', async () => {
    const scorer = await openScorer(modelOf(seriesPlan()));
    try {
      expect([scorer.columns, scorer.payload]).toEqual([3, [4, 2]]);
      const all = await scorer.score(seriesRows(10));
      expect(new Set(all).size).toBe(10);
      const some = await scorer.score(seriesRows(3, Uint32Array.of(7, 0, 7)));
      expect([...some]).toEqual([all[7], all[0], all[7]]);
      expect(await scorer.score(seriesRows(0))).toHaveLength(0);
    } finally {
      await scorer.dispose();
    }
  });

  it('cuts large images into calls that memory holds, with the same figures', async () => {
    const large = imagePlan({ payload: { width: 512, height: 512 } });
    const scorer = await openScorer(modelOf(large));
    try {
      // 16 images a call: 2^22 numbers.
      const values = Uint8Array.from({ length: 20 * 512 * 512 }, (_, place) => (place * 31 + (place >> 18)) % 251);
      const payload = { shape: [1, 512, 512], values, rows: null };
      const features = new Float32Array(20);
      const all = await scorer.score({ rows: 20, features, payload });
      const last = await scorer.score({
        rows: 1,
        features: features.subarray(0, 1),
        payload: { ...payload, rows: Uint32Array.of(19) },
      });
      expect(last[0]).toBeCloseTo(all[19] as number, 6);
      expect(all).toHaveLength(20);
    } finally {
      await scorer.dispose();
    }
  });

  it('refuses rows without a payload, of another shape or another number', async () => {
    const scorer = await openScorer(modelOf(seriesPlan()));
    const whole = seriesRows(4);
    const { payload: _, ...without } = whole;
    const shaped = { ...whole, payload: { ...(whole.payload as RawPayload), shape: [2, 4] } };
    const fewer = seriesRows(4, Uint32Array.of(0));
    try {
      for (const bad of [without, shaped, fewer]) {
        await expect(scorer.score(bad)).rejects.toMatchObject({ code: 'wrong_shape' });
      }
    } finally {
      await scorer.dispose();
    }
  });

  it('says where a model is not of the plan', async () => {
    const series = await openScorer(modelOf(seriesPlan()));
    const table = await openScorer(modelOf(heartPlan()));
    try {
      expect(interfaceProblem(series, seriesPlan())).toBeNull();
      expect(interfaceProblem(table, heartPlan())).toBeNull();
      expect(interfaceProblem(table, seriesPlan())).toBe('the model takes a payload of none, the plan has [4, 2]');
      expect(interfaceProblem(series, heartPlan())).toBe('the model takes a payload of [4, 2], the plan has none');
      expect(interfaceProblem(series, imagePlan())).toContain('the plan has [1, 4, 6]');
    } finally {
      await series.dispose();
      await table.dispose();
    }
  });
});
