import type { Estimate, Reason, ReasonCode } from '../plan/judgement.ts';
import type { SharedEvidence, SharedReason } from '../plan/shared-judgement.ts';

const number = (value: number): string => String(Number(value.toFixed(3)));

/** ` 0.81 (0.78 to 0.84)` of a figure that may be shared; nothing where it is withheld or undefined. */
function shown(estimate: Estimate | undefined): string {
  if (estimate === undefined || estimate.value === null) return '';
  const { value, low, high } = estimate;
  return low === null || high === null ? ` ${number(value)}` : ` ${number(value)} (${number(low)} to ${number(high)})`;
}

type Sentence = (evidence: SharedEvidence, subject: string) => string;

/**
 * What a site says of a reason outside: a sentence of ours for each code, with figures that are shared anyway. The sentences of the
 * decision itself may hold counts, so they stay at the site.
 */
const sentences: Readonly<Record<ReasonCode, Sentence>> = {
  'package.invalid': () => 'The package does not hold: signature, digests, model or lineage.',
  'harm.auroc': ({ auroc }) => `Harm is shown: AUROC against the model in use${shown(auroc.difference)}.`,
  'harm.net_benefit': () => 'Harm is shown: net benefit below that of the model in use.',
  'floor.auroc': ({ auroc }) => `AUROC below the floor${shown(auroc.new)}.`,
  'subgroup.worse': (_, subject) => `Worse than the model in use in the subgroup${subject}.`,
  'calibration.failed': ({ calibration }) =>
    `Predicted risks are not true to size: slope${shown(calibration.slope)}, intercept${shown(calibration.intercept)}.`,
  'data.missing_rate': (_, subject) => `Too many values are missing in the column${subject}.`,
  'data.unseen_levels': (_, subject) => `Levels that the plan does not know in the column${subject}.`,
  'data.outcomes_pending': () => 'Too many outcomes are not there yet.',
  'data.stale': () => 'The latest judged patients are too long ago.',
  'data.unit_change': (_, subject) => `The column${subject} looks like another unit or coding.`,
  'data.shift': (_, subject) => `The column${subject} is distributed otherwise.`,
  'evidence.no_rows': () => 'No patient could be judged.',
  'evidence.too_few_events': ({ events }) => `Too few events for a judgement${events === null ? '' : `: ${events}`}.`,
  'evidence.too_few_non_events': ({ nonEvents }) =>
    `Too few patients without the event for a judgement${nonEvents === null ? '' : `: ${nonEvents}`}.`,
  'floor.uncertain': ({ auroc }) => `Whether the AUROC${shown(auroc.new)} reaches the floor cannot be told yet.`,
  'noninferiority.not_shown': ({ auroc }) =>
    `Non-inferiority to the model in use is not shown: AUROC difference${shown(auroc.difference)}.`,
  'net_benefit.not_shown': () => 'Non-inferiority of the net benefit is not shown.',
  'looks.spent': () => 'The looks that the policy allows have been taken.',
  'evidence.undefined': () => 'A figure that the policy needs is undefined.',
  'evidence.task_not_judged': () => 'The gate does not judge this kind of task.',
  'evidence.retrospective': () => 'A holdout of earlier patients may not accept under this policy.',
  'subgroup.not_judged': (_, subject) => `Too few patients to judge the protected subgroup${subject}.`,
  'hold.expired': () => 'The time the policy allows for a hold is over.',
  'passed.all': () => 'Every rule of the policy is met.',
  'passed.with_update': () => 'Every rule of the policy is met by the release with the local update.',
  'calibration.to_update': () => 'Predicted risks are not true to size; an update is to be tried on later patients.',
  'noted.shift': (_, subject) => `The column${subject} is distributed otherwise.`,
  'noted.unit_change': (_, subject) => `The column${subject} looks like another unit or coding.`,
  'noted.prevalence': () => "The share of events is not that of the consortium's training rows.",
  'noted.prevalence_change': () => "The share of events is not that of this hospital's earlier rows.",
  'noted.missing_rate': (_, subject) => `Many values are missing in the column${subject}: more than the policy allows.`,
  'noted.data': (_, subject) =>
    `The data miss a rule of the policy${subject === '' ? '' : ` in the column${subject}`}.`,
  'noted.subgroup': (_, subject) => `A subgroup needs attention${subject === '' ? '' : `:${subject}`}.`,
  'noted.strong_shift': ({ multivariate }) =>
    `The patients differ strongly from earlier ones: domain classifier AUROC${shown(multivariate?.domainClassifier)}.`,
  'noted.slice': () => 'There are patients among whom the model does worse than among the rest.',
  'noted.first_model': () => 'No other model is in use here to compare with.',
};

/** Reasons as they may leave the site. */
export function sharedReasons(reasons: readonly Reason[], evidence: SharedEvidence): readonly SharedReason[] {
  return reasons.map(({ code, column, subgroup }) => ({
    code,
    text: sentences[code](evidence, subgroup !== undefined ? ` ${subgroup}` : column !== undefined ? ` ${column}` : ''),
    ...(column === undefined ? {} : { column }),
    ...(subgroup === undefined ? {} : { subgroup }),
  }));
}

/** What a shift looks like, without figures, levels or edges of single cells. */
export function sharedExplanation(
  kind: SharedEvidence['shift'][number]['kind'],
  column: string,
  against: 'consortium' | 'own-training',
): string | null {
  const there = against === 'consortium' ? "the consortium's training rows" : "this hospital's own training rows";
  switch (kind) {
    case null:
      return null;
    case 'unit':
      return `${column} looks like another unit of measurement than in ${there}.`;
    case 'coding':
      return `One value of ${column} stands in many rows that hardly knew it in ${there}.`;
    case 'constant':
      return `${column} no longer varies as in ${there}.`;
    case 'levels':
      return `${column} has levels that do not occur in ${there}.`;
    case 'missingness':
      return `The missing rate of ${column} is not that of ${there}.`;
    case 'prevalence':
      return `The outcome ${column} is not as frequent as in ${there}.`;
    case 'distribution':
      return `${column} is distributed otherwise than in ${there}.`;
  }
}
