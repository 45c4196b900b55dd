import type { Estimate, Evidence, Judgement, PackageRecord } from '../../shared/plan/judgement.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import type { Policy } from '../../shared/plan/policy.ts';
import type { Preprocessing } from '../../shared/plan/preprocessing.ts';
import { preprocessingSchema } from '../../shared/plan/preprocessing-schema.ts';
import type { SiteCells } from '../../shared/plan/shared-judgement.ts';
import type { Digest, SiteName } from '../../shared/runtime/ids.ts';
import { deriveSeed, randomStream } from '../../shared/runtime/random.ts';
import { aurocDifference } from '../../shared/statistics/discrimination.ts';
import { resolvableZ, undefinedEstimate } from '../../shared/statistics/estimate.ts';
import { wilsonInterval } from '../../shared/statistics/proportions.ts';
import type { SiteTable } from '../data/site-table.ts';
import { compare } from './comparison.ts';
import { dataEvidence } from './data-evidence.ts';
import { decide } from './decide.ts';
import { featuresOf } from './features.ts';
import { gapEvidence } from './gap.ts';
import { type JudgedRows, selectRows } from './judged-rows.ts';
import { labelShiftOf } from './label-shift.ts';
import { type LocalUpdates, repairEvidence } from './ladder/repair.ts';
import { multivariateShift } from './multivariate.ts';
import { performanceOf } from './performance.ts';
import { lookOf, powerOf } from './power.ts';
import { cutoffsOf, packageProblems, parentOf, preprocessingFile, type ReleasePackage } from './release-package.ts';
import { sampleOf } from './sample.ts';
import { type Scores, scoreCurrent, scoreRelease } from './score-rows.ts';
import { countSharedCells } from './share-cells.ts';
import { shiftReport } from './shift-report.ts';
import { subgroupEvidence } from './subgroups.ts';
import { unlabelledEvidence } from './unlabelled.ts';
import { whereItFails } from './where-it-fails.ts';

/** Rows of either side that are compared all columns at once; the report by columns takes every row. */
const comparedRows = 10_000;

export interface JudgeInput {
  readonly site: SiteName;
  readonly plan: Plan;
  readonly planDigest: Digest;
  /** The plan's policy, or the hospital's own stricter one. */
  readonly policy: Policy;
  readonly table: SiteTable;
  /** Rows that broke the contract and are not in the table. */
  readonly problemRows?: number;
  /** By column: numbers outside the plan's range in those rows, the usual sign of another unit. */
  readonly outOfRange?: ReadonlyMap<string, ArrayLike<number>>;
  /** By column: times of those rows whose level the plan does not know. */
  readonly unknownLevels?: ReadonlyMap<string, ArrayLike<number>>;
  /** The consortium's reference. Null: taken from the release's `preprocessing.json`, if it has one. */
  readonly preprocessing: Preprocessing | null;
  readonly release: ReleasePackage;
  /** The model this hospital uses; null when it uses none of this plan. */
  readonly current: ReleasePackage | null;
  readonly nowMs: number;
  /** Since when this very release is on hold here; null when it is not. */
  readonly heldSinceMs: number | null;
  /** Information fractions of the looks taken at this release before; absent for a first one. */
  readonly earlierLooks?: readonly number[];
  /** Megabytes that a model may take to score, or a step of training; the usual when undefined. */
  readonly memoryMegabytes?: number | undefined;
  /** How a local update may be made of the release, which the policy must allow; absent where none can be. */
  readonly updates?: LocalUpdates;
  /** Takes what is counted of the judged rows for sharing; never called for a package that cannot be used. */
  readonly takeCells?: (cells: SiteCells) => void;
}

/**
 * Judges a release on this hospital's own patients: checks the package, scores the judged rows with the new and the current model, builds
 * the evidence and decides by the policy. Nothing in the result is a row; `decide(policy, package, evidence)` gives the same decision again.
 * Rejects only when aborted or on a defect: what is wrong with a release is in the judgement.
 */
export async function judgeRelease(input: JudgeInput, signal?: AbortSignal): Promise<Judgement> {
  const { package: record, evidence } = await buildEvidence(input, signal);
  return { decision: decide(input.policy, record, evidence), package: record, evidence };
}

/** What every figure of the evidence is made of. */
interface Material {
  readonly input: JudgeInput;
  readonly reference: Preprocessing | null;
  readonly selection: JudgedRows;
  /** Rows that judge both models, and their outcomes. */
  readonly judged: Uint32Array;
  readonly labels: Float64Array;
  readonly now: Float64Array;
  /** Null without a usable current model; then `noCurrent` says why. */
  readonly before: Float64Array | null;
  readonly noCurrent: string;
  readonly earlier: Sample;
  readonly waiting: Sample;
  readonly shift: Evidence['shift'];
  readonly seed: number;
}

/** Rows beside the judged ones, with the new model's risks. */
interface Sample {
  readonly rows: Uint32Array;
  readonly risks: Float64Array;
}

async function buildEvidence(
  input: JudgeInput,
  signal?: AbortSignal,
): Promise<Pick<Judgement, 'package' | 'evidence'>> {
  const { plan, planDigest, policy, table, release, current } = input;
  const selection = selectRows(table, plan.data, {
    cutoffs: [plan.data.trainingCutoff, ...[release, ...(current === null ? [] : [current])].flatMap(cutoffsOf)],
    nowMs: input.nowMs,
    updateShare: Math.max(release.updateShare ?? 0, current?.updateShare ?? 0),
  });
  const seed = deriveSeed(plan.training.seed, 'judgement');
  const sampled = (rows: Uint32Array, name: string): Uint32Array =>
    sampleOf(rows, comparedRows, randomStream(seed, 'sample', name));
  const groups = [selection.judged, sampled(selection.training, 'earlier'), sampled(selection.waiting, 'waiting')];
  const problems = packageProblems(release, planDigest);
  const reference = problems.length > 0 ? null : referenceOf(input);
  if (typeof reference === 'string') problems.push(reference);
  const scores: Scores =
    problems.length > 0
      ? { problems, values: null }
      : await scoreRelease(release, plan, table, concatenated(groups), input, signal);

  const record: PackageRecord = {
    wardround: 'package/1',
    version: release.ref.version,
    digest: release.ref.digest,
    plan: planDigest,
    parent: parentOf(release),
    trainingCutoff: release.trainingCutoff,
    valid: scores.problems.length === 0,
    problems: scores.problems.slice(0, 100).map((text) => text.slice(0, 500)),
  };
  const base = {
    wardround: 'evidence/2',
    site: input.site,
    plan: planDigest,
    release: { version: release.ref.version, digest: release.ref.digest },
    current: current === null ? null : { version: current.ref.version, digest: current.ref.digest },
    kind: selection.kind,
    judgedFrom: selection.judgedFromMs === null ? null : new Date(selection.judgedFromMs).toISOString(),
    judgedAt: new Date(input.nowMs).toISOString(),
    task: plan.task.kind,
    ...(input.heldSinceMs === null
      ? {}
      : {
          held: { since: new Date(input.heldSinceMs).toISOString(), judgedAt: new Date(input.nowMs).toISOString() },
        }),
  } as const;
  const excluded: Record<string, number> = {
    ...selection.excluded,
    ...(input.problemRows === undefined || input.problemRows === 0 ? {} : { problem: input.problemRows }),
  };
  const without = (reason: string, rows: Uint32Array, shift: Evidence['shift']): Evidence => ({
    ...base,
    ...nothingComputed(reason, input),
    rows: rows.length,
    events: null,
    nonEvents: null,
    excluded,
    shift,
    data: dataEvidence(table, plan.data, selection, rows, input.unknownLevels ?? new Map(), input.nowMs),
  });
  if (scores.values === null || typeof reference === 'string') {
    return { package: record, evidence: without('package_invalid', new Uint32Array(0), []) };
  }

  const ofCurrent = current === null ? null : await scoreCurrent(current, plan, table, selection.judged, input, signal);
  const pairs = completePairs(selection.judged, ofCurrent);
  const judged = pairs.rows;
  if (judged.length < selection.judged.length) excluded.score_undefined = selection.judged.length - judged.length;
  const shift = shiftReport({
    plan,
    policy,
    preprocessing: reference,
    table,
    judged,
    training: selection.training,
    seed: deriveSeed(seed, 'shift report'),
    ...(input.outOfRange === undefined ? {} : { outOfRange: input.outOfRange }),
  });
  if (plan.task.kind !== 'binary') {
    input.takeCells?.(countSharedCells({ plan, preprocessing: reference, table, judged, scores: null }));
    return { package: record, evidence: without('task_not_judged', judged, shift) };
  }

  const risksOf = (group: number): Float64Array => {
    const from = groups.slice(0, group).reduce((total, { length }) => total + length, 0);
    return (scores.values as Float64Array).subarray(from, from + (groups[group]?.length ?? 0));
  };
  const now = gathered(risksOf(0), pairs.places);
  const before = ofCurrent === null ? null : gathered(ofCurrent, pairs.places);
  input.takeCells?.(
    countSharedCells({ plan, preprocessing: reference, table, judged, scores: { new: now, current: before } }),
  );
  const figures = await computed(
    {
      input,
      reference,
      selection,
      judged,
      labels: gathered(table.labels, judged),
      now,
      before,
      noCurrent: current === null ? 'no_current_model' : 'current_model_unusable',
      earlier: { rows: groups[1] as Uint32Array, risks: risksOf(1) },
      waiting: { rows: groups[2] as Uint32Array, risks: risksOf(2) },
      shift,
      seed,
    },
    signal,
  );
  return { package: record, evidence: { ...base, ...figures, excluded, shift } };
}

/** Rows that both models give a figure for: one that either has none for judges neither. */
function completePairs(
  rows: Uint32Array,
  current: Float64Array | null,
): { readonly rows: Uint32Array; readonly places: Uint32Array } {
  const places = new Uint32Array(rows.length);
  let length = 0;
  for (let place = 0; place < rows.length; place++) {
    if (current === null || Number.isFinite(current[place])) places[length++] = place;
  }
  const kept = places.slice(0, length);
  return { rows: Uint32Array.from(kept, (place) => rows[place] as number), places: kept };
}

type Figures = Omit<
  Evidence,
  | 'wardround'
  | 'site'
  | 'plan'
  | 'release'
  | 'current'
  | 'kind'
  | 'judgedFrom'
  | 'judgedAt'
  | 'task'
  | 'excluded'
  | 'shift'
  | 'held'
>;

/** Every figure of a two-class model. */
async function computed(material: Material, signal?: AbortSignal): Promise<Figures> {
  const { input, selection, judged, labels, now, before, seed } = material;
  const { plan, policy, table } = input;
  const rows = judged.length;
  let events = 0;
  for (const label of labels) events += label;
  const noCurrent = undefinedEstimate(material.noCurrent);
  // The look's levels follow from the standard error, which does not depend on them.
  const atFullLevel = before === null ? null : aurocDifference(now, before, labels);
  const standardError = atFullLevel?.estimate.standardError ?? null;
  const look = lookOf(policy, standardError, { events, nonEvents: rows - events }, input.earlierLooks ?? []);
  const levels = { oneSided: look.oneSidedLevel, twoSided: look.twoSidedLevel };
  const difference = before === null ? null : aurocDifference(now, before, labels, levels);
  const comparison =
    before === null || difference === null
      ? null
      : compare({ now, before }, labels, difference, { policy, levels, seed: deriveSeed(seed, 'bootstrap') });
  signal?.throwIfAborted();

  const curveSeed = deriveSeed(seed, 'calibration curve');
  const performance = {
    new: performanceOf(now, labels, policy, curveSeed),
    current: before === null ? null : performanceOf(before, labels, policy, curveSeed),
  };
  signal?.throwIfAborted();
  const where = whereItFails(
    table,
    plan.data,
    { rows: judged, labels, risks: now },
    { policy, seed: deriveSeed(seed, 'where') },
  );
  signal?.throwIfAborted();
  const why = whyItShifted(material);
  signal?.throwIfAborted();
  const { site, planDigest, release } = input;
  const update = await repairEvidence(
    {
      site,
      plan,
      planDigest,
      policy,
      table,
      judged,
      training: selection.training,
      kind: selection.kind,
      scores: now,
      current: before,
      release,
      preprocessing: material.reference,
      reading: why.gap?.reading ?? null,
      levels,
      memoryMegabytes: input.memoryMegabytes,
    },
    performance.new.calibration,
    input.updates,
    signal,
  );
  return {
    rows,
    events,
    nonEvents: rows - events,
    auroc: {
      new: performance.new.auroc,
      current: performance.current?.auroc ?? noCurrent,
      difference: difference?.estimate ?? noCurrent,
    },
    difference: {
      oneSidedLower: difference?.oneSidedLower ?? null,
      twoSidedUpper: difference?.twoSidedUpper ?? null,
    },
    brier: { new: performance.new.brier, current: performance.current?.brier ?? noCurrent },
    calibration: { slope: performance.new.calibration.slope, intercept: performance.new.calibration.intercept },
    performance,
    comparison,
    subgroups: subgroupEvidence(
      table,
      plan.data,
      { rows: judged, labels, now, before, noCurrent: material.noCurrent },
      policy,
    ),
    ...where,
    prevalence: {
      site: wilsonInterval(events, rows),
      consortium: shareOfEvents(material.reference?.labelCounts ?? null),
      ownTraining: shareOfEvents(labelCountsOf(table, selection.training)),
    },
    ...why,
    update,
    data: dataEvidence(table, plan.data, selection, judged, input.unknownLevels ?? new Map(), input.nowMs),
    resolvableMargin: standardError === null ? null : resolvableZ * standardError,
    power: powerOf(policy, gathered(table.times, judged), events, difference?.estimate ?? null, comparison),
    look,
  };
}

/** All columns at once, on at most so many rows of either side. */
function whyItShifted({
  input,
  judged,
  now,
  earlier,
  waiting,
  seed,
}: Material): Pick<Evidence, 'multivariate' | 'labelShift' | 'gap' | 'unlabelled'> {
  const { plan, policy, table } = input;
  const { columns } = plan.data;
  const places = Uint32Array.from(judged, (_, place) => place);
  const drawn = sampleOf(places, comparedRows, randomStream(seed, 'sample', 'judged'));
  const rows = Uint32Array.from(drawn, (place) => judged[place] as number);
  const site = {
    features: featuresOf(table, columns, rows),
    risks: gathered(now, drawn),
    labels: gathered(table.labels, rows),
  };
  const reference = {
    features: featuresOf(table, columns, earlier.rows),
    risks: earlier.risks,
    labels: gathered(table.labels, earlier.rows),
  };
  const unlabelled = { features: featuresOf(table, columns, waiting.rows), risks: waiting.risks };
  return {
    multivariate: multivariateShift(reference, site, columns, deriveSeed(seed, 'multivariate')),
    labelShift: labelShiftOf(reference, site.risks, policy),
    gap: gapEvidence(reference, site, deriveSeed(seed, 'gap')),
    unlabelled: unlabelledEvidence(site, unlabelled, deriveSeed(seed, 'unlabelled')),
  };
}

/** The consortium's reference, null when there is none, or what is wrong with the one the release carries. */
function referenceOf({ preprocessing, release, plan, planDigest }: JudgeInput): Preprocessing | null | string {
  let reference = preprocessing;
  if (reference === null) {
    const bytes = release.files.get(preprocessingFile);
    if (bytes === undefined) return null;
    try {
      reference = preprocessingSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    } catch {
      return `${preprocessingFile} of the release is not of the form preprocessing/1`;
    }
  }
  if (reference.plan !== planDigest) return `the preprocessing is of plan ${reference.plan}, not ${planDigest}`;
  const expected = plan.data.columns.map(({ name }) => name).join(', ');
  const found = reference.columns.map(({ name }) => name).join(', ');
  return expected === found
    ? reference
    : `the preprocessing has columns [${found}], the plan [${expected}]`.slice(0, 500);
}

/** Figures of which none is defined, and why. */
function nothingComputed(reason: string, input: JudgeInput): Omit<Figures, 'rows' | 'events' | 'nonEvents' | 'data'> {
  const none: Estimate = undefinedEstimate(reason);
  return {
    auroc: { new: none, current: none, difference: none },
    difference: { oneSidedLower: null, twoSidedUpper: null },
    brier: { new: none, current: none },
    calibration: { slope: none, intercept: none },
    performance: null,
    comparison: null,
    subgroups: [],
    slices: [],
    lossTree: [],
    prevalence: { site: none, consortium: null, ownTraining: null },
    multivariate: null,
    labelShift: null,
    gap: null,
    unlabelled: null,
    update: null,
    resolvableMargin: null,
    power: { eventsPerWeek: null, eventsForMargin: null, eventsForNetBenefit: null },
    look: lookOf(input.policy, null, { events: 0, nonEvents: 0 }, input.earlierLooks ?? []),
  };
}

function labelCountsOf(table: SiteTable, rows: Uint32Array): number[] {
  let events = 0;
  for (const row of rows) if (table.labels[row] === 1) events++;
  return [rows.length - events, events];
}

function shareOfEvents(counts: readonly number[] | null): number | null {
  if (counts === null || counts.length !== 2) return null;
  const [nonEvents, events] = counts as [number, number];
  return nonEvents + events === 0 ? null : events / (nonEvents + events);
}

function gathered(values: Float64Array, rows: Uint32Array): Float64Array {
  const picked = new Float64Array(rows.length);
  for (let place = 0; place < rows.length; place++) picked[place] = values[rows[place] as number] as number;
  return picked;
}

function concatenated(parts: readonly Uint32Array[]): Uint32Array {
  const whole = new Uint32Array(parts.reduce((total, { length }) => total + length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
