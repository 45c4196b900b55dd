import type {
  ColumnShift,
  Decision,
  DecisionKind,
  Estimate,
  Evidence,
  Reason,
  ReasonCode,
} from '../../shared/plan/judgement.ts';
import type { Policy } from '../../shared/plan/policy.ts';
import { canonicalDigest } from '../../shared/runtime/canonical.ts';
import { referenceName } from './reference-name.ts';

/** A rule of the decision table that applies, and what it asks for by itself. */
interface Finding extends Reason {
  readonly outcome: DecisionKind;
}

/** From mildest to strictest: the strictest outcome of any rule that applies is the decision. */
const severity: Readonly<Record<DecisionKind, number>> = { accept: 0, hold: 1, reject: 2 };
const dayMs = 86_400_000;

/**
 * Decides on a release: a pure function of the policy and the evidence, so that anybody who holds both can replay it byte for byte.
 * Every figure it compares with comes from the policy. Reject goes before hold, hold before accept; the reasons that decided come
 * first, then the others that apply, each group in the order of the decision table.
 */
export function decide(policy: Policy, evidence: Evidence): Decision {
  const findings = evidence.package.valid ? judgedFindings(policy, evidence) : packageFindings(evidence);
  let decision = findings.reduce<DecisionKind>(
    (strictest, { outcome }) => (severity[outcome] > severity[strictest] ? outcome : strictest),
    'accept',
  );
  const expired = decision === 'hold' ? expiry(policy, evidence) : null;
  if (expired !== null) {
    decision = 'reject';
    findings.unshift(expired);
  }
  if (decision === 'accept') findings.unshift(finding('accept', 'passed.all', 'Every rule of the policy is met.'));
  const ordered = findings
    .map((item, place) => ({ item, place }))
    .sort((a, b) => severity[b.item.outcome] - severity[a.item.outcome] || a.place - b.place);
  return {
    decision,
    reasons: ordered.map(({ item: { code, text, column } }) => ({
      code,
      text,
      ...(column === undefined ? {} : { column }),
    })),
    policy: canonicalDigest(policy),
    evidence: canonicalDigest(evidence),
  };
}

function finding(outcome: DecisionKind, code: ReasonCode, text: string, column?: string): Finding {
  return { outcome, code, text, ...(column === undefined ? {} : { column }) };
}

function packageFindings({ package: { problems } }: Evidence): Finding[] {
  const shown = problems.slice(0, 3).join('; ');
  const more = problems.length > 3 ? `; and ${problems.length - 3} more` : '';
  return [finding('reject', 'package.invalid', cut(`The release cannot be trusted or run: ${shown}${more}.`))];
}

/** The rows of the decision table, in its order. */
function judgedFindings(policy: Policy, evidence: Evidence): Finding[] {
  const binary = evidence.task === 'binary';
  return [
    ...(binary ? [...harm(policy, evidence), ...floor(policy, evidence), ...calibration(policy, evidence)] : []),
    ...missingRates(policy, evidence),
    ...unitChanges(policy, evidence),
    ...shifts(policy, evidence),
    ...(binary
      ? [
          ...counts(policy, evidence),
          ...floorUncertain(policy, evidence),
          ...nonInferiority(policy, evidence),
          ...undefinedFigures(evidence),
        ]
      : []),
    ...task(evidence),
    ...retrospective(policy, evidence),
    ...(evidence.current === null
      ? [
          finding(
            'accept',
            'noted.first_model',
            'This hospital uses no model of this plan yet, so there is none to compare the new one with.',
          ),
        ]
      : []),
  ];
}

function harm(policy: Policy, { difference: { twoSidedUpper } }: Evidence): Finding[] {
  if (twoSidedUpper === null || twoSidedUpper >= -policy.auroc.margin) return [];
  return [
    finding(
      'reject',
      'harm.auroc',
      `The new model is worse than the current one: the upper bound of the AUROC difference is ${figure(twoSidedUpper)}, below -${policy.auroc.margin}.`,
    ),
  ];
}

/** Missed as far as these patients can show: the whole interval lies below. From a handful of patients an estimate alone says little. */
function floor(policy: Policy, { auroc }: Evidence): Finding[] {
  const { value, low, high } = auroc.new;
  if (value === null || high === null || high >= policy.auroc.floor) return [];
  return [
    finding(
      'reject',
      'floor.auroc',
      `The AUROC of the new model is ${figure(value)} (${figure(low)} to ${figure(high)}), wholly below the floor of ${policy.auroc.floor}.`,
    ),
  ];
}

/** An estimate below the floor whose interval reaches it, or that has none: no ground to accept, and none to reject before the hold ends. */
function floorUncertain(policy: Policy, { auroc }: Evidence): Finding[] {
  const { value, low, high, reason } = auroc.new;
  if (value === null || value >= policy.auroc.floor || (high !== null && high < policy.auroc.floor)) return [];
  const reach =
    high === null
      ? `it has no interval (${reason ?? 'undefined'})`
      : `its interval, ${figure(low)} to ${figure(high)}, reaches it`;
  return [
    finding(
      'hold',
      'floor.uncertain',
      `The AUROC of the new model is ${figure(value)}, below the floor of ${policy.auroc.floor}, but ${reach}: more patients must tell.`,
    ),
  ];
}

function calibration(policy: Policy, { calibration: { slope, intercept } }: Evidence): Finding[] {
  const missed = (name: string, estimate: Estimate, [low, high]: readonly [number, number]): Finding[] => {
    if (estimate.low === null || estimate.high === null || (estimate.high >= low && estimate.low <= high)) return [];
    return [
      finding(
        policy.calibration.onFailure,
        'calibration.failed',
        `The calibration ${name} is ${figure(estimate.value)} (${figure(estimate.low)} to ${figure(estimate.high)}), wholly outside ${low} to ${high}.`,
      ),
    ];
  };
  return [
    ...missed('slope', slope, policy.calibration.slope),
    ...missed('intercept', intercept, policy.calibration.intercept),
  ];
}

function missingRates(policy: Policy, { shift, rows }: Evidence): Finding[] {
  if (rows === 0) return [];
  const { maximumRate, referenceMultiple, onFailure } = policy.missingness;
  const hold = onFailure === 'hold';
  return shift
    .filter((row) => row.against === 'consortium' && row.missingRate !== null)
    .flatMap((row) => {
      const allowed = Math.max(maximumRate, referenceMultiple * (row.referenceMissingRate ?? 0));
      const rate = row.missingRate as number;
      if (rate <= allowed) return [];
      const reference =
        row.referenceMissingRate === null
          ? `unknown in ${referenceName(row)}`
          : `${percent(row.referenceMissingRate)} in ${referenceName(row)}`;
      return [
        finding(
          hold ? 'hold' : 'accept',
          hold ? 'data.missing_rate' : 'noted.missing_rate',
          `${row.column} is missing in ${percent(rate)} of the judged patients (${reference}); the policy allows ${percent(allowed)}.`,
          row.column,
        ),
      ];
    });
}

function isCodingChange({ kind, against }: ColumnShift): boolean {
  return against === 'own-training' && (kind === 'unit' || kind === 'coding' || kind === 'constant');
}

function unitChanges(policy: Policy, { shift }: Evidence): Finding[] {
  const hold = policy.shift.onUnitChange === 'hold';
  return shift
    .filter(isCodingChange)
    .map((row) =>
      finding(
        hold ? 'hold' : 'accept',
        hold ? 'data.unit_change' : 'noted.unit_change',
        cut(row.explanation ?? `${row.column} looks as if its unit or coding had changed.`),
        row.column,
      ),
    );
}

function shifts(policy: Policy, { shift }: Evidence): Finding[] {
  const hold = policy.shift.onFound === 'hold';
  return shift.flatMap((row) => {
    if (isCodingChange(row) || row.adjustedP === null || row.adjustedP > policy.shift.falseDiscoveryRate) return [];
    const large = row.psi !== null && row.psi >= policy.shift.psi;
    const reference = referenceName(row);
    const figures = `(PSI ${figure(row.psi)}, adjusted p ${pText(row.adjustedP)})`;
    if (row.kind === 'prevalence') {
      const text = cut(`${row.explanation ?? `The outcome is not as frequent as in ${reference}.`} ${figures}`);
      return [
        large && hold
          ? finding('hold', 'data.shift', text, row.column)
          : finding(
              'accept',
              row.against === 'consortium' ? 'noted.prevalence' : 'noted.prevalence_change',
              text,
              row.column,
            ),
      ];
    }
    if (!large) return [];
    const text = cut(`${row.explanation ?? `${row.column} is distributed otherwise than in ${reference}.`} ${figures}`);
    return [finding(hold ? 'hold' : 'accept', hold ? 'data.shift' : 'noted.shift', text, row.column)];
  });
}

function counts(policy: Policy, evidence: Evidence): Finding[] {
  const { rows, events, nonEvents } = evidence;
  const found: Finding[] = [];
  if (rows === 0) found.push(finding('hold', 'evidence.no_rows', 'No patient could be judged.'));
  if ((events ?? 0) < policy.minimumEvents) {
    found.push(
      finding(
        'hold',
        'evidence.too_few_events',
        `${events ?? 0} events among the judged patients; the policy asks for ${policy.minimumEvents}, so ${policy.minimumEvents - (events ?? 0)} more are needed.${resolvable(evidence)}`,
      ),
    );
  }
  if ((nonEvents ?? 0) < policy.minimumNonEvents) {
    found.push(
      finding(
        'hold',
        'evidence.too_few_non_events',
        `${nonEvents ?? 0} patients without the event among those judged; the policy asks for ${policy.minimumNonEvents}, so ${policy.minimumNonEvents - (nonEvents ?? 0)} more are needed.`,
      ),
    );
  }
  return found;
}

function nonInferiority(policy: Policy, evidence: Evidence): Finding[] {
  const { current, difference, auroc } = evidence;
  if (current === null) return [];
  const { oneSidedLower } = difference;
  if (oneSidedLower !== null && oneSidedLower > -policy.auroc.margin) return [];
  const why =
    oneSidedLower === null
      ? `the AUROC difference has no bound (${auroc.difference.reason ?? 'undefined'})`
      : `the one-sided 95% lower bound of the AUROC difference is ${figure(oneSidedLower)}, not above -${policy.auroc.margin}`;
  return [
    finding(
      'hold',
      'noninferiority.not_shown',
      `It is not shown that the new model is as good as the current one: ${why}.${resolvable(evidence)}`,
    ),
  ];
}

function resolvable({ resolvableMargin }: Evidence): string {
  if (resolvableMargin === null) return '';
  return ` With these patients a loss of ${figure(resolvableMargin)} in AUROC could be ruled out four times in five.`;
}

function undefinedFigures({ auroc, calibration: { slope, intercept }, rows }: Evidence): Finding[] {
  if (rows === 0) return [];
  const undefinedWhen = (name: string, missing: boolean, estimate: Estimate): Finding[] =>
    missing
      ? [
          finding(
            'hold',
            'evidence.undefined',
            `The ${name} cannot be computed from these patients (${estimate.reason ?? 'undefined'}).`,
          ),
        ]
      : [];
  return [
    ...undefinedWhen('AUROC of the new model', auroc.new.value === null, auroc.new),
    ...undefinedWhen('interval of the calibration slope', slope.low === null || slope.high === null, slope),
    ...undefinedWhen(
      'interval of the calibration intercept',
      intercept.low === null || intercept.high === null,
      intercept,
    ),
  ];
}

function task({ task: kind, rows }: Evidence): Finding[] {
  if (kind === 'binary') return [];
  return [
    ...(rows === 0 ? [finding('hold', 'evidence.no_rows', 'No patient could be judged.')] : []),
    finding(
      'hold',
      'evidence.task_not_judged',
      `The performance of a ${kind} model is not judged by this version; a person has to look at it.`,
    ),
  ];
}

function retrospective(policy: Policy, { kind }: Evidence): Finding[] {
  if (kind !== 'retrospective' || policy.acceptRetrospective) return [];
  return [
    finding(
      'hold',
      'evidence.retrospective',
      'The judged patients are a declared holdout, not later patients, and the policy does not accept on those.',
    ),
  ];
}

function expiry(policy: Policy, { held }: Evidence): Finding | null {
  if (held === undefined) return null;
  const days = (Date.parse(held.judgedAt) - Date.parse(held.since)) / dayMs;
  if (!(days >= policy.holdDays)) return null;
  return finding(
    'reject',
    'hold.expired',
    `This release has been on hold for ${Math.floor(days)} days; the policy ends a hold after ${policy.holdDays}.`,
  );
}

function figure(value: number | null): string {
  return value === null ? 'unknown' : value.toFixed(3);
}

function pText(p: number): string {
  return p < 0.001 ? 'below 0.001' : p.toFixed(3);
}

function percent(rate: number): string {
  return `${(100 * rate).toFixed(1)}%`;
}

/** Reasons have a bounded length on the wire. */
function cut(text: string): string {
  return text.length <= 900 ? text : `${text.slice(0, 899)}…`;
}
