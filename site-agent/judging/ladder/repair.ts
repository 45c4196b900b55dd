import type { LadderEvidence } from '../../../shared/plan/judgement.ts';
import type { LocalVariant } from '../../models/local-variant.ts';
import { calibrationMisses, type JudgedCalibration } from '../calibration-rule.ts';
import { type LadderInput, type LadderMeans, runLadder } from './run-ladder.ts';

/** What a site gives the gate so that it may repair a release. */
export interface LocalUpdates extends LadderMeans {
  /** Is handed the variant of the evidence, to be installed if the decision is for it. */
  keep(variant: LocalVariant): void;
}

/**
 * Evidence of the adaptation ladder, where it is asked for: the release's calibration misses the policy, the policy allows some update, and
 * the site can make one. Null otherwise.
 */
export async function repairEvidence(
  input: Omit<LadderInput, 'means'>,
  calibration: JudgedCalibration,
  updates: LocalUpdates | undefined,
  signal: AbortSignal = new AbortController().signal,
): Promise<LadderEvidence | null> {
  if (updates === undefined || input.policy.update.allowed.length === 0) return null;
  if (calibrationMisses(input.policy, calibration).length === 0) return null;
  const { evidence, variant } = await runLadder({ ...input, means: updates }, signal);
  if (variant !== null) updates.keep(variant);
  return evidence;
}
