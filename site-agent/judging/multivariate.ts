import type { ContractColumn } from '../../shared/plan/contract.ts';
import type { MultivariateShift } from '../../shared/plan/judgement.ts';
import { domainClassifier } from '../../shared/statistics/domain-classifier.ts';
import { energyTest } from '../../shared/statistics/energy.ts';
import { undefinedEstimate } from '../../shared/statistics/estimate.ts';
import { blackBoxShift } from '../../shared/statistics/label-shift.ts';
import { columnOf } from '../../shared/statistics/matrix.ts';
import { mmdTest } from '../../shared/statistics/mmd.ts';
import { reconstructionChange } from '../../shared/statistics/reconstruction.ts';
import { completed, type Features } from './features.ts';

/** Rows of either side: what grows with their square is made on few, the classifier on more. */
const pairwiseRows = 500;
const classifierRows = 3000;
/** Fewer cannot tell a shift from chance. */
const fewestRows = 50;
const leadingColumns = 5;

export interface ShiftSample {
  /** Null where the plan has too many columns. */
  readonly features: Features | null;
  /** Risk of the new model [rows]. */
  readonly risks: Float64Array;
}

/**
 * All columns at once: judged rows against this site's own earlier rows, all of it on seeded subsamples, without a rule on significance:
 * figures to look at beside the report by columns.
 */
export function multivariateShift(
  reference: ShiftSample,
  current: ShiftSample,
  columns: readonly ContractColumn[],
  seed: number,
): MultivariateShift {
  const scores = blackBoxShift(columnOf(reference.risks), columnOf(current.risks)).outputs[0];
  const ofScores =
    scores === undefined || scores.statistic === null || scores.p === null
      ? null
      : { distance: scores.statistic, p: scores.p };
  const none = (reason: string): MultivariateShift => ({
    domainClassifier: undefinedEstimate(reason),
    leading: [],
    meanDiscrepancy: null,
    energy: null,
    reconstruction: null,
    scores: ofScores,
  });
  if (reference.features === null || current.features === null) return none('too_many_columns');
  const [before, now] = [reference.features.matrix, current.features.matrix];
  if (Math.min(before.rows, now.rows) === 0) return none('no_rows');
  if (Math.min(before.rows, now.rows) < fewestRows) return none('too_few_rows');
  const classifier = domainClassifier(before, now, { seed, maximumRows: classifierRows });
  const full = completed(before, now);
  const pairwise = { seed, maximumRows: pairwiseRows };
  const mmd = mmdTest(full.reference, full.current, pairwise);
  const energy = energyTest(full.reference, full.current, pairwise);
  const pca = reconstructionChange(full.reference, full.current, { seed });
  return {
    domainClassifier: classifier.auroc,
    leading: leading(classifier.coefficients, reference.features.columns, columns),
    meanDiscrepancy:
      mmd.squared === null || mmd.p === null ? null : { value: mmd.squared, p: mmd.p, rows: sum(mmd.used.rows) },
    energy:
      energy.distance === null || energy.p === null
        ? null
        : { value: energy.distance, p: energy.p, rows: sum(energy.used.rows) },
    reconstruction: pca.change === null || pca.p === null ? null : { value: pca.change, p: pca.p },
    scores: ofScores,
  };
}

/** The plan's columns by their largest standardised weight, whichever of their levels has it. */
function leading(
  coefficients: readonly { readonly column: number; readonly coefficient: number }[],
  origin: readonly number[],
  columns: readonly ContractColumn[],
): MultivariateShift['leading'] {
  const weights = new Map<string, number>();
  for (const { column, coefficient } of coefficients) {
    const name = columns[origin[column] as number]?.name;
    if (name === undefined) continue;
    const held = weights.get(name);
    if (held === undefined || Math.abs(coefficient) > Math.abs(held)) weights.set(name, coefficient);
  }
  return [...weights]
    .map(([column, weight]) => ({ column, weight }))
    .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight) || (a.column < b.column ? -1 : 1))
    .slice(0, leadingColumns);
}

function sum([first, second]: readonly [number, number]): number {
  return first + second;
}
