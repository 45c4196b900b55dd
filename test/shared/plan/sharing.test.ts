import { describe, expect, it } from 'vitest';
import { planFindings } from '../../../shared/plan/check-plan.ts';
import { planSchema } from '../../../shared/plan/plan.ts';
import { defaultScoreEdges, sharingRules } from '../../../shared/plan/sharing.ts';
import { heartPlan } from '../../support/plans.ts';

describe('what a plan lets sites share', () => {
  it('is histograms of 32 cells even on log odds, and no embedding, where it says nothing', () => {
    const rules = sharingRules(heartPlan());
    expect(rules).toEqual({ scoreEdges: defaultScoreEdges, embedding: null });
    expect(defaultScoreEdges).toHaveLength(31);
    expect(defaultScoreEdges[15]).toBe(0.5);
    // 1 / (1 + e^4.5) and 1 / (1 + e^-0.3), to four decimals.
    expect([defaultScoreEdges[0], defaultScoreEdges[16]]).toEqual([0.011, 0.5744]);
    const steps = defaultScoreEdges.map((edge) => Math.log(edge / (1 - edge)));
    for (let at = 1; at < steps.length; at++)
      expect((steps[at] as number) - (steps[at - 1] as number)).toBeCloseTo(0.3, 1);
  });

  it('has the operating threshold among the edges, once and in order', () => {
    const gate = (threshold: number) => ({ netBenefit: { threshold } }) as never;
    expect(sharingRules(heartPlan({ gate: gate(0.137) })).scoreEdges.filter((edge) => edge === 0.137)).toHaveLength(1);
    expect(sharingRules(heartPlan({ gate: gate(0.5) })).scoreEdges).toEqual(defaultScoreEdges);
    const own = heartPlan({ gate: gate(0.3), federation: { sharing: { scoreEdges: [0.2, 0.4], embedding: null } } });
    expect(sharingRules(own).scoreEdges).toEqual([0.2, 0.3, 0.4]);
  });

  it('must have ascending edges inside 0 and 1, and an embedding within its bounds', () => {
    const plan = heartPlan({ federation: { sharing: { scoreEdges: [0.2, 0.4], embedding: null } } });
    const turned = {
      ...plan,
      federation: { ...plan.federation, sharing: { scoreEdges: [0.4, 0.2], embedding: null } },
    };
    expect(planFindings(turned)).toMatchObject([{ path: ['federation', 'sharing', 'scoreEdges', 1] }]);
    const refused = (sharing: unknown): boolean =>
      !planSchema.safeParse({ ...plan, federation: { ...plan.federation, sharing } }).success;
    expect(refused({ scoreEdges: [0, 0.5] })).toBe(true);
    expect(refused({ scoreEdges: [] })).toBe(true);
    expect(refused({ embedding: { features: 64, epsilon: 0, delta: 1e-6 } })).toBe(true);
    expect(refused({ embedding: { features: 64, epsilon: 1, delta: 1e-6 } })).toBe(false);
    expect(refused({ rows: true })).toBe(true);
  });
});
