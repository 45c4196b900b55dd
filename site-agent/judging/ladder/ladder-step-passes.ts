import type { LadderEvidence, LadderStep, LadderStepEvidence } from '../../../shared/plan/judgement.ts';
import type { Policy } from '../../../shared/plan/policy.ts';
import { calibrationMisses } from '../calibration-rule.ts';

/** From the simplest; the order in which steps are tried. */
export const ladderOrder: readonly LadderStep[] = [
  'none',
  'intercept',
  'prior',
  'logistic',
  'isotonic',
  'last_layer',
  'full',
];

/** Steps that change the order of patients, and must therefore show again that they are as good as the model in use. */
const retrained: ReadonlySet<LadderStep> = new Set(['last_layer', 'full']);

/**
 * Whether one step repairs the release on the later rows under a policy: every calibration figure is defined and meets its range, the
 * AUROC reaches the floor, and for steps that train, non-inferiority to the model in use is shown and no more is forgotten than allowed.
 */
export function ladderStepPasses(policy: Policy, step: LadderStepEvidence): boolean {
  if (step.reason !== null || step.step === 'none') return false;
  if (!(policy.update.allowed as readonly string[]).includes(step.step)) return false;
  const { slope, intercept, observedExpected, ici, iciNull } = step.calibration;
  const known = [slope, intercept, observedExpected].every(({ low, high }) => low !== null && high !== null);
  if (!known || ici.value === null || iciNull === null || calibrationMisses(policy, step.calibration).length > 0) {
    return false;
  }
  if (step.auroc.value === null || step.auroc.value < policy.auroc.floor) return false;
  if (!retrained.has(step.step)) return true;
  const { oneSidedLower, estimate } = step.difference;
  const compared =
    estimate.reason === 'no_current_model' || (oneSidedLower !== null && oneSidedLower > -policy.auroc.margin);
  return compared && step.forgetting.value !== null && step.forgetting.value >= -policy.update.forgettingMargin;
}

/** Whether the later rows are enough to judge an update on: the policy's counts, less the share that fitted it. */
export function ladderIsPowered(policy: Policy, { rows, events }: Pick<LadderEvidence, 'rows' | 'events'>): boolean {
  const share = 1 - policy.update.updateShare;
  return events >= policy.minimumEvents * share && rows - events >= policy.minimumNonEvents * share;
}
