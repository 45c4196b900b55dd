import type {
  ColumnShift,
  Decision,
  DecisionKind,
  Estimate,
  Evidence,
  LadderStep,
  PackageRecord,
  Reason,
  ReasonCode,
} from '../../shared/plan/judgement.ts';
import type { Policy } from '../../shared/plan/policy.ts';
import { canonicalDigest } from '../../shared/runtime/canonical.ts';
import { calibrationMisses } from './calibration-rule.ts';
import { ladderIsPowered, ladderStepPasses } from './ladder/ladder-step-passes.ts';
import { referenceName } from './reference-name.ts';
import { judgedSubgroups } from './subgroup-rule.ts';

/** A rule of the decision table that applies, and what it asks for by itself. */
interface Finding extends Reason {
  readonly outcome: DecisionKind;
}

/** From mildest to strictest: the strictest outcome of any rule that applies is the decision. */
const severity: Readonly<Record<DecisionKind, number>> = { accept: 0, hold: 1, reject: 2 };
const dayMs = 86_400_000;
const slicesNamed = 3;
/** Information fractions nearer to 1 than this are 1. */
const spentTolerance = 1e-3;

/**
 * Decides on a release: a pure function of the policy, the package and the evidence, so that anybody who holds the three can replay it
 * byte for byte. Every figure it compares with comes from the policy. Reject goes before hold, hold before accept; the reasons that
 * decided come first, then the others that apply, each group in the order of the decision table.
 */
export function decide(policy: Policy, modelPackage: PackageRecord, evidence: Evidence): Decision {
  const repair = modelPackage.valid ? repairOf(policy, evidence) : null;
  const findings = modelPackage.valid ? judgedFindings(policy, evidence, repair) : packageFindings(modelPackage);
  let decision = findings.reduce<DecisionKind>(
    (strictest, { outcome }) => (severity[outcome] > severity[strictest] ? outcome : strictest),
    'accept',
  );
  const expired = decision === 'hold' ? expiry(policy, evidence) : null;
  if (expired !== null) {
    decision = 'reject';
    findings.unshift(expired);
  }
  const update = decision === 'accept' && repair !== null ? repair.step : null;
  if (decision === 'accept') {
    findings.unshift(
      update === null
        ? finding('accept', 'passed.all', 'Every rule of the policy is met.')
        : finding('accept', 'passed.with_update', withUpdateText(update, evidence)),
    );
  }
  const review = isStrongShift(policy, evidence);
  const ordered = findings
    .map((item, place) => ({ item, place }))
    .sort((a, b) => severity[b.item.outcome] - severity[a.item.outcome] || a.place - b.place);
  return {
    decision,
    reasons: ordered.map(({ item: { outcome: _, ...reason } }) => reason),
    update,
    review,
    revalidateDays:
      decision === 'accept' ? Math.max(1, Math.floor(policy.monitor.maximumDays / (review ? 2 : 1))) : null,
    policy: canonicalDigest(policy),
    package: canonicalDigest(modelPackage),
    evidence: canonicalDigest(evidence),
  };
}

function finding(
  outcome: DecisionKind,
  code: ReasonCode,
  text: string,
  more: { readonly column?: string; readonly subgroup?: string; readonly settles?: string } = {},
): Finding {
  return { outcome, code, text: cut(text), ...more };
}

function packageFindings({ problems }: PackageRecord): Finding[] {
  const shown = problems.slice(0, 3).join('; ');
  const more = problems.length > 3 ? `; and ${problems.length - 3} more` : '';
  return [finding('reject', 'package.invalid', `The release cannot be trusted or run: ${shown}${more}.`)];
}

/** The rows of the decision table, in its order. */
function judgedFindings(policy: Policy, evidence: Evidence, repair: Repair | null): Finding[] {
  const binary = evidence.task === 'binary';
  return [
    ...(binary
      ? [
          ...harm(policy, evidence),
          ...netBenefitHarm(policy, evidence),
          ...floor(policy, evidence),
          ...subgroupsWorse(policy, evidence),
          ...calibration(policy, evidence, repair),
        ]
      : []),
    ...missingRates(policy, evidence),
    ...dataRules(policy, evidence),
    ...unitChanges(policy, evidence),
    ...shifts(policy, evidence),
    ...(binary
      ? [
          ...counts(policy, evidence),
          ...floorUncertain(policy, evidence),
          ...nonInferiority(policy, evidence),
          ...netBenefitShown(policy, evidence),
          ...looks(policy, evidence),
          ...undefinedFigures(evidence),
        ]
      : []),
    ...task(evidence),
    ...retrospective(policy, evidence),
    ...(binary ? protectedSubgroups(policy, evidence) : []),
    ...strongShift(policy, evidence),
    ...slices(policy, evidence),
    ...(evidence.current === null
      ? [
          finding(
            'accept',
            'noted.first_model',
            'No other model of this plan is in use at this hospital, so there is none to compare this one with.',
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

function netBenefitHarm(policy: Policy, { comparison }: Evidence): Finding[] {
  const { threshold, margin } = policy.netBenefit;
  const upper = comparison?.netBenefit.twoSidedUpper ?? null;
  if (threshold === null || upper === null || upper >= -margin) return [];
  return [
    finding(
      'reject',
      'harm.net_benefit',
      `Acting on the new model at a risk of ${threshold} does less good than on the current one: the upper bound of the difference of net benefit is ${fine(upper)}, below -${margin}.`,
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
      { settles: 'More judged patients: an AUROC at or above the floor, or an interval wholly below it.' },
    ),
  ];
}

function subgroupsWorse(policy: Policy, evidence: Evidence): Finding[] {
  return judgedSubgroups(policy, evidence).flatMap(({ name, measure, difference, adjustedP, shown }) => {
    const { value, low, high } = difference;
    if (shown) {
      return [
        finding(
          'reject',
          'subgroup.worse',
          `Among ${name} the ${measure} of the new model is lower by ${figure(-(value as number))} (change ${figure(low)} to ${figure(high)}), more than ${policy.subgroups.margin} (p ${pText(adjustedP as number)} over all subgroups).`,
          { subgroup: name },
        ),
      ];
    }
    if (value === null || value >= -policy.subgroups.margin) return [];
    return [
      finding(
        'accept',
        'noted.subgroup',
        `Among ${name} the ${measure} of the new model is lower by ${figure(-value)} (change ${figure(low)} to ${figure(high)}); these patients are too few to show a loss above ${policy.subgroups.margin}.`,
        { subgroup: name },
      ),
    ];
  });
}

/** Row 10 of the table: an allowed update that repairs what calibration misses, on later patients. */
interface Repair {
  readonly step: LadderStep;
}

/** @returns null when calibration misses nothing, no update is allowed, or none passes. */
function repairOf(policy: Policy, { performance, update, task: kind }: Evidence): Repair | null {
  if (kind !== 'binary' || performance === null || update === null || update.chosen === null) return null;
  if (calibrationMisses(policy, performance.new.calibration).length === 0) return null;
  const chosen = update.steps.find(({ step }) => step === update.chosen);
  if (chosen === undefined || update.variant === null) return null;
  return ladderIsPowered(policy, update) && ladderStepPasses(policy, chosen) ? { step: chosen.step } : null;
}

function calibration(policy: Policy, evidence: Evidence, repair: Repair | null): Finding[] {
  const { performance, update } = evidence;
  if (performance === null || repair !== null) return [];
  const misses = calibrationMisses(policy, performance.new.calibration);
  if (misses.length === 0) return [];
  if (policy.update.allowed.length > 0 && (update === null || !ladderIsPowered(policy, update))) {
    const share = 1 - policy.update.updateShare;
    return misses.map((text) =>
      finding('hold', 'calibration.to_update', `${text} An update is allowed, and cannot be judged yet.`, {
        settles: `At least ${Math.ceil(policy.minimumEvents * share)} events and ${Math.ceil(policy.minimumNonEvents * share)} patients without the event among the later ${percent(share)} of the judged patients.`,
      }),
    );
  }
  const tried = policy.update.allowed.length > 0 ? ' No allowed update repairs it on later patients.' : '';
  return misses.map((text) =>
    finding(
      policy.calibration.onFailure,
      'calibration.failed',
      `${text}${tried}`,
      policy.calibration.onFailure === 'hold'
        ? { settles: 'A person who recalibrates the model, or another release.' }
        : {},
    ),
  );
}

function withUpdateText(step: LadderStep, { update, performance }: Evidence): string {
  const judged = update?.steps.find((other) => other.step === step);
  const before = performance?.new.calibration.observedExpected.value ?? null;
  return (
    `The release is true to size here only with a local update (${stepNames[step]}), fitted on ${update?.updateRows} earlier patients ` +
    `and judged on ${update?.rows} later ones: observed over expected events ${figure(judged?.calibration.observedExpected.value ?? null)} ` +
    `instead of ${figure(before)}. Every other rule of the policy is met.`
  );
}

/** Local updates in words. */
export const stepNames: Readonly<Record<LadderStep, string>> = {
  none: 'none',
  intercept: 'a new intercept',
  prior: 'an adjustment to the share of events here',
  logistic: 'a new intercept and slope',
  isotonic: 'isotonic recalibration',
  last_layer: 'a last layer trained here',
  full: 'all layers trained on here',
};

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
          { column: row.column, ...(hold ? { settles: `Values of ${row.column}, or a query that finds them.` } : {}) },
        ),
      ];
    });
}

function dataRules(policy: Policy, { data, rows, judgedAt }: Evidence): Finding[] {
  const { maximumUnseenShare, maximumPendingShare, maximumAgeDays, onFailure } = policy.data;
  const hold = onFailure === 'hold';
  const say = (code: ReasonCode, text: string, settles: string, column?: string): Finding =>
    finding(hold ? 'hold' : 'accept', hold ? code : 'noted.data', text, {
      ...(column === undefined ? {} : { column }),
      ...(hold ? { settles } : {}),
    });
  const found = data.unseenLevels
    .filter(({ share }) => share > maximumUnseenShare)
    .map(({ column, share }) =>
      say(
        'data.unseen_levels',
        `${column} has levels the plan does not know in ${percent(share)} of the patients; the policy allows ${percent(maximumUnseenShare)}.`,
        `A query that maps ${column} to the plan's levels.`,
        column,
      ),
    );
  if (data.pendingShare !== null && data.pendingShare > maximumPendingShare) {
    found.push(
      say(
        'data.outcomes_pending',
        `The outcome of ${percent(data.pendingShare)} of the patients is not there although its time has come; the policy allows ${percent(maximumPendingShare)}.`,
        'The outcomes that are missing.',
      ),
    );
  }
  if (rows > 0 && data.latestRowAt !== null) {
    const days = (Date.parse(judgedAt) - Date.parse(data.latestRowAt)) / dayMs;
    if (days > maximumAgeDays) {
      found.push(
        say(
          'data.stale',
          `The latest judged patient is ${Math.floor(days)} days old; the policy allows ${maximumAgeDays}.`,
          'Rows of recent patients.',
        ),
      );
    }
  }
  return found;
}

function isCodingChange({ kind, against }: ColumnShift): boolean {
  return against === 'own-training' && (kind === 'unit' || kind === 'coding' || kind === 'constant');
}

function unitChanges(policy: Policy, { shift }: Evidence): Finding[] {
  const hold = policy.shift.onUnitChange === 'hold';
  return shift.filter(isCodingChange).map((row) =>
    finding(
      hold ? 'hold' : 'accept',
      hold ? 'data.unit_change' : 'noted.unit_change',
      row.explanation ?? `${row.column} looks as if its unit or coding had changed.`,
      {
        column: row.column,
        ...(hold ? { settles: `Rows in which ${row.column} is recorded as before, in the plan's unit.` } : {}),
      },
    ),
  );
}

function shifts(policy: Policy, { shift }: Evidence): Finding[] {
  const hold = policy.shift.onFound === 'hold';
  return shift.flatMap((row) => {
    if (isCodingChange(row) || row.adjustedP === null) return [];
    if (row.adjustedP > policy.shift.falseDiscoveryRate) return [];
    const large = row.psi !== null && row.psi >= policy.shift.psi;
    const reference = referenceName(row);
    const figures = `(PSI ${figure(row.psi)}, adjusted p ${pText(row.adjustedP)})`;
    const holding = { column: row.column, settles: 'A person who has looked at the shift and decides.' };
    if (row.kind === 'prevalence') {
      const text = `${row.explanation ?? `The outcome is not as frequent as in ${reference}.`} ${figures}`;
      return [
        large && hold
          ? finding('hold', 'data.shift', text, holding)
          : finding('accept', row.against === 'consortium' ? 'noted.prevalence' : 'noted.prevalence_change', text, {
              column: row.column,
            }),
      ];
    }
    if (!large) return [];
    const text = `${row.explanation ?? `${row.column} is distributed otherwise than in ${reference}.`} ${figures}`;
    return [
      hold
        ? finding('hold', 'data.shift', text, holding)
        : finding('accept', 'noted.shift', text, { column: row.column }),
    ];
  });
}

function counts(policy: Policy, evidence: Evidence): Finding[] {
  const { rows, events, nonEvents, power } = evidence;
  const found: Finding[] = [];
  if (rows === 0) {
    found.push(
      finding('hold', 'evidence.no_rows', 'No patient could be judged.', {
        settles: 'Later patients with an outcome.',
      }),
    );
  }
  if ((events ?? 0) < policy.minimumEvents) {
    const more = policy.minimumEvents - (events ?? 0);
    found.push(
      finding(
        'hold',
        'evidence.too_few_events',
        `${events ?? 0} events among the judged patients; the policy asks for ${policy.minimumEvents}, so ${more} more are needed.${resolvable(evidence)}`,
        { settles: `${more} more events${weeks(more, power.eventsPerWeek)}.` },
      ),
    );
  }
  if ((nonEvents ?? 0) < policy.minimumNonEvents) {
    const more = policy.minimumNonEvents - (nonEvents ?? 0);
    const perWeek =
      power.eventsPerWeek === null || events === null || events === 0 || nonEvents === null
        ? null
        : (power.eventsPerWeek * nonEvents) / events;
    found.push(
      finding(
        'hold',
        'evidence.too_few_non_events',
        `${nonEvents ?? 0} patients without the event among those judged; the policy asks for ${policy.minimumNonEvents}, so ${more} more are needed.`,
        { settles: `${more} more patients without the event${weeks(more, perWeek)}.` },
      ),
    );
  }
  return found;
}

function nonInferiority(policy: Policy, evidence: Evidence): Finding[] {
  const { current, difference, auroc, look } = evidence;
  if (current === null) return [];
  const { oneSidedLower } = difference;
  if (oneSidedLower !== null && oneSidedLower > -policy.auroc.margin) return [];
  const level = percent(1 - look.oneSidedLevel);
  const why =
    oneSidedLower === null
      ? `the AUROC difference has no bound (${auroc.difference.reason ?? 'undefined'})`
      : `the one-sided ${level} lower bound of the AUROC difference is ${figure(oneSidedLower)}, not above -${policy.auroc.margin}`;
  return [
    finding(
      'hold',
      'noninferiority.not_shown',
      `It is not shown that the new model is as good as the current one: ${why}.${resolvable(evidence)}`,
      {
        settles: eventsSettle(evidence.power.eventsForMargin, evidence, `a margin of ${policy.auroc.margin} in AUROC`),
      },
    ),
  ];
}

function netBenefitShown(policy: Policy, evidence: Evidence): Finding[] {
  const { threshold, margin } = policy.netBenefit;
  const { current, comparison } = evidence;
  if (threshold === null || current === null) return [];
  const lower = comparison?.netBenefit.oneSidedLower ?? null;
  if (lower !== null && lower > -margin) return [];
  const why =
    lower === null
      ? `its difference has no bound (${comparison?.netBenefit.estimate.reason ?? 'undefined'})`
      : `the one-sided ${percent(1 - evidence.look.oneSidedLevel)} lower bound of its difference is ${fine(lower)}, not above -${margin}`;
  return [
    finding(
      'hold',
      'net_benefit.not_shown',
      `It is not shown that acting on the new model at a risk of ${threshold} does as much good as on the current one: ${why}.`,
      { settles: eventsSettle(evidence.power.eventsForNetBenefit, evidence, `a margin of ${margin} in net benefit`) },
    ),
  ];
}

/** Tested as often as the policy allows: no further test can accept it, whatever the data say. */
function looks(policy: Policy, { look }: Evidence): Finding[] {
  if (look.earlier.some((fraction) => fraction >= 1 - spentTolerance)) {
    return [
      finding(
        'hold',
        'looks.spent',
        'An earlier look had patients enough to resolve the margin and did not show it: the 5% error is spent.',
        { settles: 'Another release; this hold ends at its deadline.' },
      ),
    ];
  }
  if (look.number <= policy.looks.maximum) return [];
  return [
    finding(
      'hold',
      'looks.spent',
      `This release has been tested ${look.number - 1} times on growing data, as often as the policy allows.`,
      { settles: 'Another release; this hold ends at its deadline.' },
    ),
  ];
}

function eventsSettle(needed: number | null, { events, power }: Evidence, what: string): string {
  if (needed === null || events === null) return 'Unknown: the standard error of the difference cannot be computed.';
  const more = Math.ceil(needed) - events;
  if (more <= 0) return `These patients could resolve ${what}; more of them, or a better model.`;
  return `About ${more} more events${weeks(more, power.eventsPerWeek)} to resolve ${what} four times in five.`;
}

function weeks(more: number, perWeek: number | null): string {
  if (perWeek === null || perWeek <= 0) return '';
  return ` (about ${Math.ceil(more / perWeek)} weeks at ${perWeek.toPrecision(2)} a week)`;
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
            { settles: 'More judged patients, with and without the event.' },
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
      { settles: 'A person who judges it by other means.' },
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
      { settles: 'A time of prediction in the data, and patients after the training cut-off.' },
    ),
  ];
}

/** Row 9: a group the policy protects and these patients cannot judge. */
function protectedSubgroups(policy: Policy, { subgroups, rows }: Evidence): Finding[] {
  if (rows === 0) return [];
  const { minimumEvents, onUnjudged } = policy.subgroups;
  const hold = onUnjudged === 'hold';
  return policy.subgroups.protected.flatMap((name) => {
    const group = subgroups.find((other) => other.name === name);
    const events = group?.events ?? 0;
    const nonEvents = group?.nonEvents ?? 0;
    if (group !== undefined && events >= minimumEvents && nonEvents >= minimumEvents) return [];
    return [
      finding(
        hold ? 'hold' : 'accept',
        hold ? 'subgroup.not_judged' : 'noted.subgroup',
        `The protected subgroup ${name} cannot be judged: ${events} events and ${nonEvents} without, and ${minimumEvents} of each are needed.`,
        {
          subgroup: name,
          ...(hold
            ? {
                settles: `${Math.max(0, minimumEvents - events)} more events and ${Math.max(0, minimumEvents - nonEvents)} more patients without among ${name}.`,
              }
            : {}),
        },
      ),
    ];
  });
}

function isStrongShift(policy: Policy, { multivariate }: Evidence): boolean {
  const value = multivariate?.domainClassifier.value ?? null;
  return value !== null && value >= policy.review.domainClassifier;
}

/** A strong shift never decides by itself: a person looks, and the next validation comes sooner. */
function strongShift(policy: Policy, evidence: Evidence): Finding[] {
  if (!isStrongShift(policy, evidence)) return [];
  const { value, low, high } = (evidence.multivariate as NonNullable<Evidence['multivariate']>).domainClassifier;
  return [
    finding(
      'accept',
      'noted.strong_shift',
      `These patients can be told from earlier ones with an AUROC of ${figure(value)} (${figure(low)} to ${figure(high)}), at or above ${policy.review.domainClassifier}: a person should look, and the time to revalidation is halved.`,
    ),
  ];
}

function slices(policy: Policy, evidence: Evidence): Finding[] {
  return evidence.slices
    .filter(({ adjustedP }) => adjustedP <= policy.slices.falseDiscoveryRate)
    .slice(0, slicesNamed)
    .map(({ conditions, loss, lossElsewhere, rows }) =>
      finding(
        'accept',
        'noted.slice',
        `The model errs more where ${conditions.map(({ text }) => text).join(' and ')} (${rows} patients): mean squared error ${figure(loss)} against ${figure(lossElsewhere)} elsewhere.`,
      ),
    );
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

/** Net benefits are small. */
function fine(value: number): string {
  return value.toFixed(4);
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
