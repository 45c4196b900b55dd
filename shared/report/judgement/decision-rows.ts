import type { Decision, DecisionKind, Reason, ReasonCode } from '../../plan/judgement.ts';
import type { Policy } from '../../plan/policy.ts';

/** One row of the decision table: its condition, its figures in this policy, and the reasons that mean it applies. */
export interface DecisionRow {
  readonly number: number | null;
  readonly condition: string;
  readonly outcome: string;
  readonly codes: readonly ReasonCode[];
  figures(policy: Policy): string;
}

const share = (value: number): string => `${Math.round(value * 1000) / 10}%`;

/** The decision table in its order; the deadline of a hold stands at the end, without a number. */
export const decisionRows: readonly DecisionRow[] = [
  {
    number: 1,
    condition: 'The package is not what it says: signature, digests, schema, lineage',
    outcome: 'reject',
    codes: ['package.invalid'],
    figures: () => 'none',
  },
  {
    number: 2,
    condition: 'Harm is shown: worse than the model in use beyond the margin, with any number of patients',
    outcome: 'reject',
    codes: ['harm.auroc', 'harm.net_benefit'],
    figures: ({ auroc, netBenefit }) =>
      `AUROC margin ${auroc.margin}${netBenefit.threshold === null ? '' : `; net benefit margin ${netBenefit.margin} at ${netBenefit.threshold}`}`,
  },
  {
    number: 3,
    condition: 'The absolute floor is missed',
    outcome: 'reject',
    codes: ['floor.auroc'],
    figures: ({ auroc }) => `AUROC at least ${auroc.floor}`,
  },
  {
    number: 4,
    condition: 'A subgroup with patients enough is worse beyond the margin, after correction',
    outcome: 'reject',
    codes: ['subgroup.worse'],
    figures: ({ subgroups }) =>
      `margin ${subgroups.margin} in AUROC or sensitivity; ${subgroups.minimumEvents} events and as many without; Holm at ${subgroups.alpha}`,
  },
  {
    number: 5,
    condition: 'Calibration fails, and no allowed update repaired it on later patients',
    outcome: 'reject or hold',
    codes: ['calibration.failed'],
    figures: ({ calibration }) =>
      `slope ${calibration.slope.join(' to ')}, intercept ${calibration.intercept.join(' to ')}, observed over expected ${calibration.observedExpected.join(' to ')}, ICI up to ${calibration.ici}; then ${calibration.onFailure}`,
  },
  {
    number: 6,
    condition:
      'The data cannot be relied on: missing values, unknown levels, outcomes that have not come, old rows, changed units',
    outcome: 'hold',
    codes: [
      'data.missing_rate',
      'data.unseen_levels',
      'data.outcomes_pending',
      'data.stale',
      'data.unit_change',
      'data.shift',
    ],
    figures: ({ missingness, data, shift }) =>
      `missing up to ${share(missingness.maximumRate)} or ${missingness.referenceMultiple} times the reference (${missingness.onFailure}); unknown levels up to ${share(data.maximumUnseenShare)}, outcomes pending up to ${share(data.maximumPendingShare)}, at most ${data.maximumAgeDays} days old (${data.onFailure}); unit or coding: ${shift.onUnitChange}; shift from PSI ${shift.psi}: ${shift.onFound}`,
  },
  {
    number: 7,
    condition: 'Too few events or patients without',
    outcome: 'hold',
    codes: ['evidence.no_rows', 'evidence.too_few_events', 'evidence.too_few_non_events'],
    figures: ({ minimumEvents, minimumNonEvents }) => `${minimumEvents} events, ${minimumNonEvents} without`,
  },
  {
    number: 8,
    condition: 'It is not shown that the new model is as good, or the figures for it are not there',
    outcome: 'hold',
    codes: [
      'floor.uncertain',
      'noninferiority.not_shown',
      'net_benefit.not_shown',
      'looks.spent',
      'evidence.undefined',
      'evidence.task_not_judged',
      'evidence.retrospective',
    ],
    figures: ({ auroc, netBenefit, looks, acceptRetrospective }) =>
      `AUROC margin ${auroc.margin}${netBenefit.threshold === null ? '' : `, net benefit margin ${netBenefit.margin}`}; ${looks.maximum} looks at most; retrospective rows ${acceptRetrospective ? 'may' : 'may not'} accept`,
  },
  {
    number: 9,
    condition: 'A protected subgroup cannot be judged',
    outcome: 'hold or report',
    codes: ['subgroup.not_judged'],
    figures: ({ subgroups }) =>
      subgroups.protected.length === 0
        ? 'none protected'
        : `${subgroups.protected.join(', ')}: ${subgroups.onUnjudged}`,
  },
  {
    number: 10,
    condition: 'Calibration fails, and an allowed update repairs it on later patients, or may do so',
    outcome: 'accept with update, or hold',
    codes: ['passed.with_update', 'calibration.to_update'],
    figures: ({ update }) =>
      update.allowed.length === 0 ? 'no update allowed' : `allowed: ${update.allowed.join(', ')}`,
  },
  {
    number: 11,
    condition: 'Everything passes',
    outcome: 'accept',
    codes: ['passed.all'],
    figures: ({ monitor }) => `valid again after at most ${monitor.maximumDays} days`,
  },
  {
    number: null,
    condition: 'A hold has reached its deadline',
    outcome: 'reject',
    codes: ['hold.expired'],
    figures: ({ holdDays }) => `${holdDays} days`,
  },
];

/** Codes that reject by themselves; `calibration.failed` does what the policy says. */
const rejecting: ReadonlySet<ReasonCode> = new Set([
  'package.invalid',
  'harm.auroc',
  'harm.net_benefit',
  'floor.auroc',
  'subgroup.worse',
  'hold.expired',
]);

/** What a reason asks for by itself under a policy; `noted.*` and `passed.*` ask for nothing that keeps a release out. */
export function outcomeOf(code: ReasonCode, policy: Policy): DecisionKind {
  if (code.startsWith('noted.') || code.startsWith('passed.')) return 'accept';
  if (code === 'calibration.failed') return policy.calibration.onFailure;
  return rejecting.has(code) ? 'reject' : 'hold';
}

/** The reasons of a decision in three parts: those that decided, those that by themselves ask for less, and what was found and said. */
export function sortedReasons(
  { decision, reasons }: Decision,
  policy: Policy,
): { readonly deciding: readonly Reason[]; readonly also: readonly Reason[]; readonly noted: readonly Reason[] } {
  const isNote = ({ code }: Reason): boolean => code.startsWith('noted.');
  const deciding = reasons.filter((reason) => !isNote(reason) && outcomeOf(reason.code, policy) === decision);
  return {
    deciding,
    also: reasons.filter((reason) => !isNote(reason) && !deciding.includes(reason)),
    noted: reasons.filter(isNote),
  };
}
