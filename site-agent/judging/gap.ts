import type { GapEvidence } from '../../shared/plan/judgement.ts';
import { meanAndVariance } from '../../shared/statistics/exact-sum.ts';
import { gapSplit, labelShare } from '../../shared/statistics/gap-split.ts';
import { readShift } from '../../shared/statistics/shift-reading.ts';
import type { Features } from './features.ts';

const splitRows = 3000;
const readRows = 5000;

/** Rows of one side with the new model's risks. */
export interface GapSample {
  readonly features: Features | null;
  readonly risks: Float64Array;
  readonly labels: Float64Array;
}

/** Squared error of each row. */
export function squaredErrors(risks: Float64Array, labels: Float64Array): Float64Array {
  return risks.map((risk, row) => (risk - (labels[row] as number)) ** 2);
}

/**
 * Why the model's mean squared error on the judged rows differs from that on this site's own training rows, in two framings that do not
 * add up to one another: DISDE's three terms, and what prevalence alone would do. The training rows may have trained the model, so the
 * reference is a little flattered where the model is large for its data.
 *
 * @returns null without rows on either side.
 */
export function gapEvidence(reference: GapSample, site: GapSample, seed: number): GapEvidence | null {
  if (reference.labels.length === 0 || site.labels.length === 0) return null;
  const losses = {
    reference: squaredErrors(reference.risks, reference.labels),
    site: squaredErrors(site.risks, site.labels),
  };
  const events = site.labels.reduce((sum, label) => sum + label, 0);
  const split = splitOf(reference, site, losses, seed);
  const reading = readShift(side(reference, site.features === null), side(site, reference.features === null), {
    seed,
    maximumRows: readRows,
  });
  return {
    against: 'own-training',
    loss: { reference: meanAndVariance(losses.reference).mean, site: meanAndVariance(losses.site).mean },
    ...split,
    labelShare: labelShare(losses.reference, reference.labels, events / site.labels.length),
    reading: reading.name,
    tests: {
      covariates: reading.tests.features.p,
      conditional: reading.tests.outcomeGivenFeatures.p,
      withinClass: reading.tests.featuresGivenOutcome.p,
    },
    text: reading.sentence,
  };
}

function side({ features, labels, risks }: GapSample, without: boolean) {
  return { features: without ? null : (features?.matrix ?? null), labels, probabilities: risks };
}

function splitOf(
  reference: GapSample,
  site: GapSample,
  losses: { readonly reference: Float64Array; readonly site: Float64Array },
  seed: number,
): Pick<GapEvidence, 'terms' | 'termsReason'> {
  if (reference.features === null || site.features === null) return { terms: null, termsReason: 'too_many_columns' };
  const { terms, effectiveRows, reason } = gapSplit(
    { features: reference.features.matrix, losses: losses.reference },
    { features: site.features.matrix, losses: losses.site },
    { seed, maximumRows: splitRows },
  );
  if (terms === null || effectiveRows === null) return { terms: null, termsReason: reason ?? 'not_converged' };
  return {
    terms: {
      covariateToShared: terms.sourceToShared,
      conditional: terms.outcomeGivenFeatures,
      covariateFromShared: terms.sharedToTarget,
      effectiveRows: { reference: effectiveRows.source, site: effectiveRows.target },
    },
  };
}
