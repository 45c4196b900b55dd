import type { Estimate, UnlabelledEvidence } from '../../shared/plan/judgement.ts';
import { cbpe, pape, type UnlabelledPerformance } from '../../shared/statistics/confidence-based.ts';
import { undefinedEstimate } from '../../shared/statistics/estimate.ts';
import type { GapSample } from './gap.ts';
import type { ShiftSample } from './multivariate.ts';

const adaptedRows = 3000;

/**
 * Performance to expect on patients whose outcome is not there yet, if the outcome still depends on the score as it does among the judged
 * ones: confidence based, and adapted to how these patients differ.
 *
 * @param judged rows with outcomes. @param waiting rows without; null is returned when there are none.
 */
export function unlabelledEvidence(judged: GapSample, waiting: ShiftSample, seed: number): UnlabelledEvidence | null {
  const rows = waiting.risks.length;
  if (rows === 0) return null;
  const reference = { probabilities: judged.risks, labels: judged.labels };
  const plain = cbpe(reference, waiting.risks);
  const adapted =
    judged.features === null || waiting.features === null
      ? null
      : pape(
          { ...reference, features: judged.features.matrix },
          { probabilities: waiting.risks, features: waiting.features.matrix },
          { seed, maximumRows: adaptedRows },
        );
  const of = (figures: UnlabelledPerformance | null, which: 'auroc' | 'brier'): Estimate =>
    figures?.[which] ?? undefinedEstimate('too_many_columns');
  return {
    rows,
    auroc: { confidenceBased: of(plain, 'auroc'), adapted: of(adapted, 'auroc') },
    brier: { confidenceBased: of(plain, 'brier'), adapted: of(adapted, 'brier') },
  };
}
