import type { DataContract } from '../../shared/plan/contract.ts';
import type { Estimate, SubgroupEvidence } from '../../shared/plan/judgement.ts';
import type { Policy } from '../../shared/plan/policy.ts';
import { observedExpected } from '../../shared/statistics/calibration.ts';
import { classify } from '../../shared/statistics/classification.ts';
import { aurocDifference, aurocEstimate } from '../../shared/statistics/discrimination.ts';
import { resolvableZ, undefinedEstimate } from '../../shared/statistics/estimate.ts';
import { pairedClassification } from '../../shared/statistics/paired-classification.ts';
import type { SiteTable } from '../data/site-table.ts';
import { operatingThreshold } from './performance.ts';

type Subgroup = DataContract['subgroups'][number];

/** The judged rows with both models' risks; `before` is null without a usable current model, and `noCurrent` says why. */
export interface JudgedRisks {
  readonly rows: Uint32Array;
  readonly labels: Float64Array;
  readonly now: Float64Array;
  readonly before: Float64Array | null;
  readonly noCurrent: string;
}

/** Figures of every subgroup of the plan, with 95% intervals, and the smallest AUROC loss its patients could show. */
export function subgroupEvidence(
  table: SiteTable,
  contract: DataContract,
  judged: JudgedRisks,
  policy: Policy,
): SubgroupEvidence[] {
  const threshold = operatingThreshold(policy);
  return contract.subgroups.map((subgroup): SubgroupEvidence => {
    const places = membersOf(table, contract, subgroup, judged.rows);
    const pick = (values: Float64Array): Float64Array => Float64Array.from(places, (place) => values[place] as number);
    const labels = pick(judged.labels);
    const now = pick(judged.now);
    const before = judged.before === null ? null : pick(judged.before);
    const events = labels.reduce((sum, label) => sum + label, 0);
    const missing = undefinedEstimate(judged.noCurrent);
    const difference = before === null ? null : aurocDifference(now, before, labels);
    const standardError = difference?.estimate.standardError ?? null;
    const classified = (which: 'sensitivity' | 'specificity'): SubgroupEvidence['sensitivity'] => {
      const of = (risks: Float64Array): Estimate =>
        threshold === null ? undefinedEstimate('no_threshold') : classify(risks, labels, threshold)[which];
      return {
        new: of(now),
        current: before === null ? missing : of(before),
        difference:
          before === null
            ? missing
            : threshold === null
              ? undefinedEstimate('no_threshold')
              : pairedClassification(now, before, labels, threshold)[which].change,
      };
    };
    return {
      name: subgroup.name,
      rows: places.length,
      events,
      nonEvents: places.length - events,
      auroc: {
        new: aurocEstimate(now, labels),
        current: before === null ? missing : aurocEstimate(before, labels),
        difference: difference?.estimate ?? missing,
      },
      sensitivity: classified('sensitivity'),
      specificity: classified('specificity'),
      observedExpected: observedExpected(now, labels),
      resolvableMargin: standardError === null ? null : resolvableZ * standardError,
    };
  });
}

/** Places among the rows of those in the subgroup; a missing value is in none. */
function membersOf(table: SiteTable, contract: DataContract, subgroup: Subgroup, rows: Uint32Array): Uint32Array {
  const index = contract.columns.findIndex(({ name }) => name === subgroup.column);
  const column = contract.columns[index];
  const values = table.columns[index]?.values;
  if (column === undefined || values === undefined) return new Uint32Array(0);
  const belongs = (value: number): boolean => {
    if (!('level' in subgroup)) return value >= (subgroup.atLeast ?? -Infinity) && value < (subgroup.below ?? Infinity);
    return column.kind === 'categorical' && column.levels[value] === subgroup.level;
  };
  const members = new Uint32Array(rows.length);
  let length = 0;
  for (let place = 0; place < rows.length; place++) {
    if (belongs(values[rows[place] as number] as number)) members[length++] = place;
  }
  return members.slice(0, length);
}
