import type { Estimate, Evidence } from '../../shared/plan/judgement.ts';
import type { Policy } from '../../shared/plan/policy.ts';
import { holm } from '../../shared/statistics/multiplicity.ts';
import { normalUpper } from '../../shared/statistics/normal.ts';

/** One comparison of the new with the current model within a subgroup that has events and non-events enough. */
export interface SubgroupTest {
  readonly name: string;
  readonly measure: 'AUROC' | 'sensitivity';
  readonly difference: Estimate;
  /** Holm over all subgroups and measures; null where the difference has no standard error. */
  readonly adjustedP: number | null;
  /** Whether a loss beyond the policy's margin is shown. */
  readonly shown: boolean;
}

/**
 * Tests in every powered subgroup whether AUROC or sensitivity fell by more than the policy's margin: one-sided,
 * p = P(Z < (difference + margin) / SE), corrected by Holm (1979) over all of them.
 */
export function judgedSubgroups(policy: Policy, { subgroups, current }: Evidence): SubgroupTest[] {
  if (current === null) return [];
  const { minimumEvents, margin, alpha } = policy.subgroups;
  const tests = subgroups
    .filter(({ events, nonEvents }) => events >= minimumEvents && nonEvents >= minimumEvents)
    .flatMap(({ name, auroc, sensitivity }) => [
      { name, measure: 'AUROC' as const, difference: auroc.difference },
      { name, measure: 'sensitivity' as const, difference: sensitivity.difference },
    ])
    .filter(({ difference }) => difference.value !== null);
  const adjusted = holm(tests.map(({ difference }) => worseP(difference, margin)));
  return tests.map((test, index) => {
    const adjustedP = adjusted[index] ?? null;
    return { ...test, adjustedP, shown: adjustedP !== null && adjustedP <= alpha };
  });
}

function worseP({ value, standardError }: Estimate, margin: number): number | null {
  if (value === null || standardError === null || standardError === undefined) return null;
  // Equal predictions differ by exactly nothing.
  if (standardError === 0) return value < -margin ? 0 : 1;
  return normalUpper(-(value + margin) / standardError);
}
