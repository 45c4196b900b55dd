import type { Plan } from './plan.ts';

/** What sites may share of a judgement, with every default filled in. */
export interface SharingRules {
  /** Inner edges of the score histograms: probabilities, ascending, in (0, 1). The operating threshold is one of them. */
  readonly scoreEdges: readonly number[];
  /** Mean of random Fourier features with Gaussian noise; null where the plan does not allow it. */
  readonly embedding: { readonly features: number; readonly epsilon: number; readonly delta: number } | null;
}

/**
 * Every 0.3 from -4.5 to 4.5 on log odds, as probabilities of four decimals: finer where patients differ most. With equal bins of the
 * probability few of them would hold the many low risks, and the AUROC's error bound would be wide.
 */
export const defaultScoreEdges: readonly number[] = Array.from(
  { length: 31 },
  (_, step) => Math.round(1e4 / (1 + Math.exp(-0.3 * (step - 15)))) / 1e4,
);

/** The sharing rules of a plan. Without a section of its own the default edges hold and no embedding is shared. */
export function sharingRules(plan: Plan): SharingRules {
  const { sharing } = plan.federation;
  const { threshold } = plan.gate.netBenefit;
  const edges = new Set(sharing?.scoreEdges ?? defaultScoreEdges);
  if (threshold !== null && threshold > 0 && threshold < 1) edges.add(threshold);
  return { scoreEdges: [...edges].sort((a, b) => a - b), embedding: sharing?.embedding ?? null };
}
