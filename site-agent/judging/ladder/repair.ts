import type { LadderEvidence } from '../../../shared/plan/judgement.ts';
import type { LocalVariant } from '../../models/local-variant.ts';
import { calibrationMisses, type JudgedCalibration } from '../calibration-rule.ts';
import { modelFile, type ReleasePackage } from '../release-package.ts';
import { type LadderInput, type LadderMeans, runLadder } from './run-ladder.ts';
import { scoreModel } from './trained-steps.ts';

/** What a site gives the gate so that it may repair a release. */
export interface LocalUpdates extends LadderMeans {
  /** Is handed the variant of the evidence, to be installed if the decision is for it. */
  keep(variant: LocalVariant): void;
  /** Of a local variant that is judged: the release it was made of, which another one would be made of again. Absent when a release is judged. */
  readonly base?: ReleasePackage;
}

/**
 * Evidence of the adaptation ladder, where it is asked for: the calibration of what is judged misses the policy, the policy allows some
 * update, and the site can make one. Null otherwise. A variant that is judged again is not updated on top: the ladder starts at its release,
 * and the variant is the model in use it is compared with.
 */
export async function repairEvidence(
  input: Omit<LadderInput, 'means'>,
  calibration: JudgedCalibration,
  updates: LocalUpdates | undefined,
  signal: AbortSignal = new AbortController().signal,
): Promise<LadderEvidence | null> {
  if (updates === undefined || input.policy.update.allowed.length === 0) return null;
  if (calibrationMisses(input.policy, calibration).length === 0) return null;
  const { base } = updates;
  const { evidence, variant } = await runLadder(
    base === undefined
      ? { ...input, means: updates }
      : {
          ...input,
          means: updates,
          release: base,
          scores: await scoreModel(base.files.get(modelFile) as Uint8Array, input.table, input.judged, {
            memoryMegabytes: input.memoryMegabytes,
            signal,
          }),
          current: input.scores,
        },
    signal,
  );
  if (variant !== null) updates.keep(variant);
  return evidence;
}
