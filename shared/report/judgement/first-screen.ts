import type { ColumnShift, Decision, DecisionKind, Estimate, Judgement, Reason } from '../../plan/judgement.ts';
import type { Policy } from '../../plan/policy.ts';
import { countOf, countText, estimateText, figure, instantText, percentText } from '../figures.ts';
import { type Html, html, trusted } from '../html.ts';
import { type IntervalDot, intervalDots } from '../interval-dots.ts';
import { decisionWords, stepWords, undefinedText } from '../words.ts';
import { sortedReasons } from './decision-rows.ts';

const dayMs = 86_400_000;
const shownReasons = 4;
const shownChanges = 3;

// Told apart by outline and sign: a circle with a tick, a square with the two bars of a pause, an octagon with a cross.
const shapes: Readonly<Record<DecisionKind, string>> = {
  accept: '<circle cx="28" cy="28" r="26" class="shape"/><path d="M16 29l8 8 16-17" class="shape-in"/>',
  hold: '<rect x="3" y="3" width="50" height="50" rx="7" class="shape"/><path d="M21 17v22M35 17v22" class="shape-in"/>',
  reject:
    '<path d="M18 2h20l16 16v20L38 54H18L2 38V18Z" class="shape"/><path d="M19 19l18 18M37 19L19 37" class="shape-in"/>',
};

function shape(decision: DecisionKind): Html {
  return trusted(`<svg viewBox="0 0 56 56" aria-hidden="true" focusable="false">${shapes[decision]}</svg>`);
}

/** What the decision means for who works with the model, in a sentence or two. */
function consequence({ decision, evidence }: Judgement, judgedInUse: boolean): Html {
  const { version } = evidence.release;
  const inUse = evidence.current?.version ?? null;
  if (judgedInUse) return consequenceInUse(decision, version);
  if (decision.decision === 'accept') {
    const how =
      decision.update === null
        ? 'as it is'
        : `with a local update (${stepWords[decision.update]}${evidence.update?.variant ? `, ${evidence.update.variant.version}` : ''})`;
    return html`${version} may be used at this hospital ${how}${inUse === null ? '; it is the first model of this plan here' : `, in place of ${inUse}`}.`;
  }
  const stays =
    inUse === null
      ? 'No model of this plan is in use here, and none comes into use.'
      : `${inUse} stays in use; nothing changes for patients.`;
  return decision.decision === 'hold'
    ? html`${version} is not used for care now. ${stays}`
    : html`${version} is not used at this hospital. ${stays}`;
}

const showsHarm = (decision: Decision): boolean => has(decision, 'harm.auroc', 'harm.net_benefit');

/** The same of a model that was in use when it was judged anew: what it was compared with is not in use. */
function consequenceInUse(decision: Decision, version: string): Html {
  if (decision.decision === 'accept') return html`${version} was in use here, was judged anew, and stays in use.`;
  if (decision.decision === 'hold')
    return html`${version} is in use here and was judged anew. It stays in use meanwhile.`;
  return showsHarm(decision)
    ? html`${version} was in use here and was judged anew. Harm is shown: it is taken out of use.`
    : html`${version} is in use here and was judged anew. It stays in use until people take it out of use.`;
}

function reasonList(reasons: readonly Reason[]): Html {
  return html`<ul>${reasons.slice(0, shownReasons).map(({ text }) => html`<li>${text}</li>`)}</ul>${
    reasons.length > shownReasons
      ? html`<p class="faint">And ${countOf(reasons.length - shownReasons, 'more finding')} of the same weight, in section 1.</p>`
      : null
  }`;
}

function why(decision: Decision, policy: Policy): Html {
  const { deciding, also, noted } = sortedReasons(decision, policy);
  const also_ =
    also.length === 0
      ? null
      : html`<p class="faint">By themselves ${countOf(also.length, 'further finding')} would hold the release; see section 1.</p>`;
  const more =
    decision.decision === 'accept' && noted.length > 0
      ? html`<p class="faint">${countOf(noted.length, 'finding was', 'findings were')} noted that did not stand in the way; see below and section 1.</p>`
      : null;
  return html`${reasonList(deciding)}${also_}${more}`;
}

type Met = IntervalDot['verdict'];

function has(decision: Decision, ...codes: readonly string[]): boolean {
  return decision.reasons.some(({ code }) => codes.includes(code));
}

const around = (estimate: Estimate, ...more: readonly number[]): readonly [number, number] => {
  const values = [estimate.value, estimate.low, estimate.high, ...more].filter(
    (value): value is number => value !== null,
  );
  const low = values.reduce((a, b) => Math.min(a, b), values[0] ?? 0);
  const high = values.reduce((a, b) => Math.max(a, b), values[0] ?? 1);
  const margin = Math.max(1e-6, (high - low) * 0.12);
  return [low - margin, high + margin];
};

/** A difference of AUROCs in words; one that rounds to nothing is neither better nor worse. */
function orderedText(difference: number, other: string): string {
  const pairs = figure(Math.abs(100 * difference), 1);
  return Number(pairs) === 0
    ? `On the same patients the new model orders pairs as well as ${other}.`
    : `On the same patients the new model orders about ${pairs} pairs in 100 ${difference < 0 ? 'worse' : 'better'} than ${other}.`;
}

function undefinedWhere(estimate: Estimate): { readonly text?: string } {
  return estimate.value === null ? { text: `not known: ${undefinedText(estimate.reason)}` } : {};
}

function keyFigures({ decision, evidence }: Judgement, policy: Policy): readonly IntervalDot[] {
  const { auroc, performance, comparison, current, difference } = evidence;
  const open: Met = { met: 'open', word: 'not known' };
  const pairs = auroc.new.value === null ? null : Math.round(100 * auroc.new.value);
  const rows: IntervalDot[] = [
    {
      name: 'Does it tell patients apart?',
      measure: 'AUROC',
      meaning:
        pairs === null
          ? 'Of two patients, one with and one without the event: how often the model gives the first the higher risk.'
          : `Of two patients, one with and one without the event, the model gives the first the higher risk ${pairs} times in 100.`,
      estimate: auroc.new,
      domain: [Math.min(0.5, (auroc.new.low ?? 0.5) - 0.02), 1],
      allowed: [policy.auroc.floor, 1],
      rule: `at least ${policy.auroc.floor}`,
      verdict:
        auroc.new.value === null
          ? open
          : has(decision, 'floor.auroc')
            ? { met: 'missed', word: 'below the floor' }
            : has(decision, 'floor.uncertain')
              ? { met: 'open', word: 'not shown to reach the floor' }
              : { met: 'met', word: 'met' },
      ...undefinedWhere(auroc.new),
    },
  ];
  if (current !== null) {
    const { value } = auroc.difference;
    rows.push({
      name: 'Is it as good as the model in use?',
      measure: 'change of AUROC',
      meaning:
        value === null
          ? 'New model less the one in use, on the same patients.'
          : `${orderedText(value, current.version)} Lower bound for the rule: ${figure(difference.oneSidedLower)}.`,
      estimate: auroc.difference,
      domain: around(auroc.difference, -policy.auroc.margin, 0),
      allowed: [-policy.auroc.margin, Math.max(1, auroc.difference.high ?? 1)],
      rule: `not worse by ${policy.auroc.margin}`,
      decimals: 3,
      verdict: has(decision, 'harm.auroc')
        ? { met: 'missed', word: 'worse: harm is shown' }
        : has(decision, 'noninferiority.not_shown')
          ? { met: 'open', word: 'not shown to be as good' }
          : value === null
            ? open
            : { met: 'met', word: 'shown to be as good' },
      ...undefinedWhere(auroc.difference),
    });
  }
  const ratio = performance?.new.calibration.observedExpected;
  if (ratio !== undefined) {
    const [low, high] = policy.calibration.observedExpected;
    rows.push({
      name: 'Are its risks true to size?',
      measure: 'observed over expected',
      meaning:
        ratio.value === null
          ? 'Events that happened, for each event the model expects.'
          : `For 100 events the model expects, ${Math.round(100 * ratio.value)} happened.${calibrationNote(decision)}`,
      estimate: ratio,
      domain: around(ratio, low, high),
      allowed: [low, high],
      rule: sizeRule(decision, low, high),
      verdict: sizeVerdict(decision, ratio, policy),
      ...undefinedWhere(ratio),
    });
  }
  const gain = comparison?.netBenefit.estimate ?? performance?.new.netBenefit;
  if (policy.netBenefit.threshold !== null && gain !== undefined) {
    const compared = comparison !== null;
    const level = percentText(policy.netBenefit.threshold, 0);
    rows.push({
      name: `Does acting from ${level} do good?`,
      measure: compared ? 'change of net benefit' : 'net benefit',
      meaning:
        gain.value === null
          ? 'True positives, less false positives at their weight, in each patient.'
          : compared
            ? `In 1000 patients as if ${figure(Math.abs(1000 * gain.value), 0)} ${gain.value < 0 ? 'fewer' : 'more'} with the event were found, with as many false alarms.`
            : `In 1000 patients as good as finding ${figure(1000 * gain.value, 0)} with the event without any false alarm.`,
      estimate: gain,
      domain: around(gain, compared ? -policy.netBenefit.margin : 0, 0),
      allowed: compared ? [-policy.netBenefit.margin, Math.max(1, gain.high ?? 1)] : null,
      rule: compared
        ? `not worse by ${policy.netBenefit.margin}`
        : current === null
          ? 'no model in use to compare with'
          : 'no comparison could be made',
      decimals: 4,
      verdict: !compared
        ? { met: 'none', word: 'told, not judged' }
        : has(decision, 'harm.net_benefit')
          ? { met: 'missed', word: 'worse: harm is shown' }
          : has(decision, 'net_benefit.not_shown')
            ? { met: 'open', word: 'not shown to be as good' }
            : gain.value === null
              ? open
              : { met: 'met', word: 'shown to be as good' },
      ...undefinedWhere(gain),
    });
  } else if (performance !== null) {
    const { slope } = performance.new.calibration;
    const [low, high] = policy.calibration.slope;
    rows.push({
      name: 'Is the spread of its risks right?',
      measure: 'calibration slope',
      meaning: 'One is right. Below one, high risks are too high and low ones too low; above one, the other way round.',
      estimate: slope,
      domain: around(slope, low, high),
      allowed: [low, high],
      rule: `interval must reach ${low} to ${high}`,
      verdict: rangeVerdict(slope, policy.calibration.slope),
      ...undefinedWhere(slope),
    });
  }
  return rows;
}

function calibrationNote(decision: Decision): string {
  if (has(decision, 'passed.with_update')) return ' The local update mends this; see section 8.';
  return '';
}

/** Whether another figure of calibration than this one decided: a tick beside it would contradict the reasons given. */
function otherwiseMissed(decision: Decision): boolean {
  return has(decision, 'calibration.failed', 'calibration.to_update', 'passed.with_update');
}

function sizeRule(decision: Decision, low: number, high: number): string {
  const rule = `interval must reach ${low} to ${high}`;
  return otherwiseMissed(decision) ? `${rule}, and all other figures of calibration theirs` : rule;
}

function sizeVerdict(decision: Decision, ratio: Estimate, policy: Policy): Met {
  if (has(decision, 'passed.with_update')) return { met: 'open', word: 'only with the local update' };
  if (otherwiseMissed(decision)) return { met: 'missed', word: 'missed; see why' };
  return rangeVerdict(ratio, policy.calibration.observedExpected);
}

function rangeVerdict({ value, low, high }: Estimate, [least, most]: readonly [number, number]): Met {
  if (value === null || low === null || high === null) return { met: 'open', word: 'not known' };
  if (high < least || low > most) return { met: 'missed', word: 'missed' };
  // The rule asks no more of the interval than to reach the range; a tick would say more than these patients can.
  return value >= least && value <= most ? { met: 'met', word: 'met' } : { met: 'open', word: 'not shown to miss' };
}

/** Found shifts worth naming first: large before small, this hospital's own change before the difference from others, then by size. */
export function leadingShifts(shift: readonly ColumnShift[]): readonly ColumnShift[] {
  const seen = new Set<string>();
  return shift
    .filter(({ found, explanation }) => found && explanation !== null)
    .map((row, place) => ({ row, place }))
    .sort(
      (a, b) =>
        Number(b.row.large) - Number(a.row.large) ||
        Number(b.row.against === 'own-training') - Number(a.row.against === 'own-training') ||
        (b.row.psi ?? 0) - (a.row.psi ?? 0) ||
        a.place - b.place,
    )
    .map(({ row }) => row)
    .filter(({ column, kind }) => {
      const key = `${column}\n${kind === 'prevalence'}`;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    });
}

function changes({ decision, evidence }: Judgement, policy: Policy): Html {
  const { prevalence, multivariate } = evidence;
  const { review } = decision;
  const told = new Set(sortedReasons(decision, policy).deciding.flatMap(({ column }) => column ?? []));
  const found = leadingShifts(evidence.shift).filter(
    // The share of events has its own line above.
    ({ column, kind }) => kind !== 'prevalence' && !told.has(column),
  );
  const events =
    prevalence.site.value === null
      ? null
      : html`<li>The outcome is seen in ${percentText(prevalence.site.value)} of the judged patients${
          prevalence.ownTraining === null
            ? null
            : html`, ${percentText(prevalence.ownTraining)} of this hospital's training rows`
        }${prevalence.consortium === null ? null : html`, ${percentText(prevalence.consortium)} in the consortium`}.</li>`;
  const strong =
    review && multivariate !== null
      ? html`<li>All in all these patients can be told from earlier ones (AUROC ${estimateText(multivariate.domainClassifier, 2)}): a person should look.</li>`
      : null;
  return html`<ul>${events}${strong}${found.slice(0, shownChanges).map(({ explanation }) => html`<li>${explanation}</li>`)}${
    found.length === 0 && told.size === 0
      ? html`<li>No column was found to be distributed otherwise, as far as these patients can show.</li>`
      : null
  }</ul>${
    found.length > shownChanges
      ? html`<p class="faint">${countOf(found.length - shownChanges, 'more column')} differ; see section 6.</p>`
      : null
  }`;
}

function deadline({ evidence }: Judgement, { holdDays }: Policy): string {
  const since = Date.parse(evidence.held?.since ?? evidence.judgedAt);
  return new Date(since + holdDays * dayMs).toISOString().slice(0, 10);
}

function settles(judgement: Judgement, policy: Policy, inUse: boolean): Html | null {
  if (judgement.decision.decision !== 'hold') return null;
  const wanted = sortedReasons(judgement.decision, policy).deciding.flatMap(({ settles: text }) =>
    text === undefined ? [] : [text],
  );
  const unique = [...new Set(wanted)];
  return html`<section><h3>What would settle it</h3>${
    unique.length === 0
      ? html`<p>A person who looks at the findings.</p>`
      : html`<ul>${unique.slice(0, 5).map((text) => html`<li>${text}</li>`)}</ul>`
  }${unique.length > 5 ? html`<p class="faint">And ${unique.length - 5} more; see section 1.</p>` : null}${
    inUse
      ? null
      : html`<p>This hold ends on <strong>${deadline(judgement, policy)}</strong>, ${countOf(policy.holdDays, 'day')} after it began; then the release is rejected.</p>`
  }</section>`;
}

function next(judgement: Judgement, { judgesAgainAt, inUse }: FirstScreenContext): Html {
  const { decision, evidence } = judgement;
  const review = decision.review
    ? html`<li><strong>A person reviews the shift</strong> (sections 6 and 7) before relying on the figures.</li>`
    : null;
  if (decision.decision === 'accept') {
    const due =
      decision.revalidateDays === null
        ? null
        : new Date(Date.parse(evidence.judgedAt) + decision.revalidateDays * dayMs).toISOString().slice(0, 10);
    return html`<ul>${review}<li>Tell the people who use it that the model changes, and what it is for.</li>${
      due === null
        ? null
        : html`<li>Validate it again by <strong>${due}</strong>, or earlier when the monitor asks.</li>`
    }<li>The monitor watches it on new patients; <code>wardround site score</code> runs it, <code>wardround site monitor</code> shows how it stands.</li></ul>`;
  }
  if (inUse) return nextInUse(decision, evidence.release.version, review);
  if (decision.decision === 'hold') {
    const again =
      judgesAgainAt === undefined
        ? null
        : judgesAgainAt === null
          ? html`<li>It is not judged again by itself: what holds it needs a person.</li>`
          : html`<li>The agent judges it again by itself, from <strong>${judgesAgainAt.slice(0, 10)}</strong>, when enough patients are expected.</li>`;
    return html`<ul>${review}<li>Go on with ${evidence.current === null ? 'care as it is, without this model' : evidence.current.version}.</li><li>See to what would settle it: patients, outcomes, mended data, or a person.</li>${again}</ul>`;
  }
  return html`<ul>${review}<li>Go on with ${evidence.current === null ? 'care as it is, without this model' : evidence.current.version}.</li><li>Tell the consortium what was found: it has the decision and its reasons.</li><li>Wait for another release; this one is not judged again.</li></ul>`;
}

/** What to do about a model in use that did not pass when it was judged anew. */
function nextInUse(decision: Decision, version: string, review: Html | null): Html {
  if (showsHarm(decision))
    return html`<ul>${review}<li><strong>Do not rely on ${version}.</strong> What is in use instead: <code>wardround site models</code>.</li><li>Tell the people who used it. The consortium is told of it.</li></ul>`;
  const stop = html`<li>Decide whether it stays in use until then: <code>wardround site rollback</code> puts the version before back, <code>wardround site withdraw</code> leaves none.</li>`;
  return decision.decision === 'hold'
    ? html`<ul>${review}${stop}<li>See to what would settle it: patients, outcomes, mended data, or a person; then <code>wardround site judge ${version}</code>.</li></ul>`
    : html`<ul>${review}${stop}<li>Tell the people who use it what was found.</li></ul>`;
}

function mayOverride({ decision }: Decision, { override }: Policy, inUse: boolean): Html {
  const stricter = html`<p>Whoever answers for its use may always be stricter: take a model out of use, or not use it.</p>`;
  if (decision === 'accept' || inUse) return stricter;
  if (decision === 'reject') return html`<p>Nobody: a rejection stands.</p>${stricter}`;
  return override.roles.length < 2
    ? html`<p>Nobody may accept it against the table: the signed policy names fewer than two roles.</p>${stricter}`
    : html`<p>Two people together, with two different roles of these: <strong>${override.roles.join(', ')}</strong>. It is recorded with their names and reason, and told to the consortium by role.</p>${stricter}`;
}

/** What the evidence does not hold; `judgesAgainAt` and `inUse` as in `JudgementReportInput`, `peopleDecided` points to what they did. */
export interface FirstScreenContext {
  readonly judgesAgainAt: string | null | undefined;
  readonly peopleDecided: boolean;
  readonly inUse: boolean;
}

/** The first screen: for a clinician with two minutes. Everything else on it follows from the decision, the policy and the evidence. */
export function firstScreen(judgement: Judgement, policy: Policy, context: FirstScreenContext): Html {
  const { peopleDecided, inUse } = context;
  const { decision, evidence } = judgement;
  const { rows, events, nonEvents } = evidence;
  const counted =
    events === null || nonEvents === null
      ? countOf(rows, 'patient')
      : `${countOf(rows, 'patient')}, ${countText(events)} with the event and ${countText(nonEvents)} without`;
  const facts = [
    ['prospective', 'seen after the model was trained'],
    ['retrospective', 'from a declared holdout, not later patients'],
  ].find(([kind]) => kind === evidence.kind)?.[1] as string;
  return html`<header><p class="faint">Model judgement at <strong>${evidence.site}</strong> · ${instantText(evidence.judgedAt)}</p><h1>${evidence.release.version}</h1></header>
<div class="verdict ${decision.decision}">${shape(decision.decision)}<p class="word">${decisionWords[decision.decision]}</p><p>${consequence(judgement, inUse)}</p></div>${peopleDecided ? html`<p class="open">People have decided on this since; see <a href="#people">what they decided</a>.</p>` : null}
<p class="faint">Judged on ${counted}, ${facts}.</p>
<div class="first">
<div><section><h3>Why</h3>${why(decision, policy)}</section>
${settles(judgement, policy, inUse)}
<section><h3>What changed or differs at this hospital</h3>${changes(judgement, policy)}</section>
<section><h3>What to do next</h3>${next(judgement, context)}</section></div>
<div><section><h3>The figures that matter</h3>${
    evidence.task === 'binary'
      ? html`${intervalDots(keyFigures(judgement, policy))}<p class="key">Dot: estimate; line: 95% interval; shaded: what the signed policy allows.</p>`
      : html`<p>The performance of a ${evidence.task} model is not judged by this version.</p>`
  }</section>
<section><h3>Who may decide otherwise</h3>${mayOverride(decision, policy, inUse)}</section></div>
</div>`;
}
