import type { Estimate, Evidence, Judgement, PackageRecord } from '../../shared/plan/judgement.ts';
import { type Plan, planSchema } from '../../shared/plan/plan.ts';
import type { Policy } from '../../shared/plan/policy.ts';
import type { Preprocessing } from '../../shared/plan/preprocessing.ts';
import { preprocessingSchema } from '../../shared/plan/preprocessing-schema.ts';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import type { Digest, SiteName } from '../../shared/runtime/ids.ts';
import { brierScore } from '../../shared/statistics/brier.ts';
import { calibrate } from '../../shared/statistics/calibration.ts';
import { aurocDifference, aurocEstimate } from '../../shared/statistics/discrimination.ts';
import { undefinedEstimate } from '../../shared/statistics/estimate.ts';
import { wilsonInterval } from '../../shared/statistics/proportions.ts';
import type { SiteTable } from '../data/site-table.ts';
import { decide } from './decide.ts';
import { selectRows } from './judged-rows.ts';
import { JudgingError } from './judging-error.ts';
import type { LocalUpdates } from './ladder/repair.ts';
import {
  cutoffsOf,
  modelFile,
  packageProblems,
  parentOf,
  planFile,
  preprocessingFile,
  type ReleasePackage,
} from './release-package.ts';
import { interfaceProblem, openScorer } from './scorer.ts';
import { shiftReport } from './shift-report.ts';

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
  /** How a local update may be made of the release, which the policy must allow; absent where none can be. */
  readonly updates?: LocalUpdates;
}

/**
 * Judges a release on this hospital's own patients: checks the package, scores the judged rows with the new and the current model, builds
 * the evidence and decides by the policy. Nothing in the result is a row; `decide(policy, evidence)` gives the same decision again.
 * Rejects only when aborted or on a defect: what is wrong with a release is in the judgement.
 */
export async function judgeRelease(input: JudgeInput, signal?: AbortSignal): Promise<Judgement> {
  const { package: record, evidence } = await buildEvidence(input, signal);
  return { decision: decide(input.policy, record, evidence), package: record, evidence };
}

interface Scores {
  readonly problems: readonly string[];
  readonly values: Float32Array | null;
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
  const raw = rawRows(table, selection.judged);
  const problems = packageProblems(release, planDigest);
  const reference = problems.length > 0 ? null : referenceOf(input);
  if (typeof reference === 'string') problems.push(reference);
  let scores: Scores = { problems, values: null };
  if (problems.length === 0) scores = await scoreWith(release, plan, raw, selection.judged.length, signal);

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
  if (scores.values === null || typeof reference === 'string') {
    return {
      package: record,
      evidence: {
        ...base,
        ...nothingComputed('package_invalid'),
        rows: 0,
        events: null,
        nonEvents: null,
        excluded,
        shift: [],
      },
    };
  }

  const currentScores =
    current === null ? null : await scoreCurrent(current, plan, raw, selection.judged.length, signal);
  // Complete pairs: a row the current model gives no figure for judges neither model.
  const complete = Array.from(selection.judged.keys()).filter(
    (place) => currentScores?.values == null || Number.isFinite(currentScores.values[place]),
  );
  const incomplete = selection.judged.length - complete.length;
  if (incomplete > 0) excluded.score_undefined = incomplete;
  const judged = Uint32Array.from(complete, (place) => selection.judged[place] as number);
  const shift = shiftReport({
    plan,
    policy,
    preprocessing: reference,
    table,
    judged,
    training: selection.training,
    ...(input.outOfRange === undefined ? {} : { outOfRange: input.outOfRange }),
  });
  if (plan.task.kind !== 'binary') {
    return {
      package: record,
      evidence: {
        ...base,
        ...nothingComputed('task_not_judged'),
        rows: judged.length,
        events: null,
        nonEvents: null,
        excluded,
        shift,
      },
    };
  }

  const pick = (values: Float32Array): Float64Array => Float64Array.from(complete, (place) => values[place] as number);
  const labels = Float64Array.from(judged, (row) => table.labels[row] as number);
  const events = labels.reduce((sum, label) => sum + label, 0);
  const now = pick(scores.values);
  const before = currentScores?.values == null ? null : pick(currentScores.values);
  const noCurrent = undefinedEstimate(current === null ? 'no_current_model' : 'current_model_unusable');
  const difference = before === null ? null : aurocDifference(now, before, labels);
  const { slope, intercept } = calibrate(now, labels);
  const evidence: Evidence = {
    ...base,
    ...nothingComputed('no_rows'),
    rows: judged.length,
    events,
    nonEvents: judged.length - events,
    excluded,
    auroc: {
      new: aurocEstimate(now, labels),
      current: before === null ? noCurrent : aurocEstimate(before, labels),
      difference: difference?.estimate ?? noCurrent,
    },
    difference: {
      oneSidedLower: difference?.oneSidedLower ?? null,
      twoSidedUpper: difference?.twoSidedUpper ?? null,
    },
    brier: { new: brierScore(now, labels), current: before === null ? noCurrent : brierScore(before, labels) },
    calibration: { slope, intercept },
    prevalence: {
      site: wilsonInterval(events, judged.length),
      consortium: shareOfEvents(reference?.labelCounts ?? null),
      ownTraining: shareOfEvents(labelCountsOf(table, selection.training)),
    },
    shift,
    resolvableMargin: difference?.resolvableMargin ?? null,
  };
  return { package: record, evidence };
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

/** Scores every judged row with the release's model. A model that cannot be run, or gives no probability, is a problem of the package. */
async function scoreWith(
  release: ReleasePackage,
  plan: Plan,
  raw: Float32Array,
  rows: number,
  signal?: AbortSignal,
): Promise<Scores> {
  try {
    const scorer = await openScorer(release.files.get(modelFile) as Uint8Array);
    try {
      const wrong = interfaceProblem(scorer, plan);
      if (wrong !== null) return { problems: [wrong], values: null };
      const values = await scorer.score(raw, rows, signal);
      const width = rows === 0 ? 1 : values.length / rows;
      const expected =
        plan.task.kind === 'multiclass' && 'levels' in plan.data.label ? plan.data.label.levels.length : 1;
      if (rows > 0 && width !== expected) {
        return { problems: [`the model gives ${width} figures a row, the task needs ${expected}`], values: null };
      }
      const bad = values.filter((value) =>
        plan.task.kind === 'regression' ? !Number.isFinite(value) : !(value >= 0 && value <= 1),
      ).length;
      if (bad > 0) {
        return { problems: [`the model gives no usable figure for ${bad} of ${values.length} outputs`], values: null };
      }
      return { problems: [], values };
    } finally {
      await scorer.dispose();
    }
  } catch (error) {
    if (error instanceof JudgingError) return { problems: [error.message], values: null };
    if (signal?.aborted) throw error;
    // The runtime throws plain errors, and their text may come from the model: only that it failed is kept.
    return { problems: ['the model fails when it is run'], values: null };
  }
}

/** Scores of the model in use, NaN where it gives none; null values when it cannot be used at all. */
async function scoreCurrent(
  current: ReleasePackage,
  plan: Plan,
  raw: Float32Array,
  rows: number,
  signal?: AbortSignal,
): Promise<{ readonly values: Float32Array | null }> {
  if (packageProblems(current, null).length > 0 || !takesSameRows(current, plan)) return { values: null };
  try {
    const scorer = await openScorer(current.files.get(modelFile) as Uint8Array);
    try {
      if (interfaceProblem(scorer, plan) !== null) return { values: null };
      const values = await scorer.score(raw, rows, signal);
      if (values.length !== rows) return { values: null };
      return { values: values.map((value) => (value >= 0 && value <= 1 ? value : Number.NaN)) };
    } finally {
      await scorer.dispose();
    }
  } catch (error) {
    if (signal?.aborted) throw error;
    return { values: null };
  }
}

/** Whether a model, perhaps of an earlier plan, takes the very columns of this one and predicts the same outcome. */
function takesSameRows(current: ReleasePackage, plan: Plan): boolean {
  const bytes = current.files.get(planFile);
  if (bytes === undefined) return false;
  try {
    const earlier = planSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    const shape = ({ task, data }: Plan): string =>
      canonicalJson({
        task: task.kind,
        label: 'levels' in data.label ? data.label.levels : data.label.unit,
        labelName: data.label.name,
        columns: data.columns.map((column) =>
          column.kind === 'continuous' ? [column.name, column.unit] : [column.name, column.levels],
        ),
      });
    return shape(earlier) === shape(plan);
  } catch {
    return false;
  }
}

type Computed = Omit<
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
  | 'rows'
  | 'events'
  | 'nonEvents'
  | 'excluded'
  | 'shift'
  | 'held'
>;

/** Evidence of which no figure is defined, and why. */
function nothingComputed(reason: string): Computed {
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
    data: { unseenLevels: [], pendingShare: null, latestRowAt: null },
    resolvableMargin: null,
    power: { eventsPerWeek: null, eventsForMargin: null, eventsForNetBenefit: null },
    look: { number: 1, informationFraction: null, oneSidedLevel: 0.05, twoSidedLevel: 0.05, earlier: [] },
  };
}

/** Raw values row-major [rows, columns] in float32: what a released model takes. */
function rawRows(table: SiteTable, rows: Uint32Array): Float32Array {
  const { columns } = table;
  const raw = new Float32Array(rows.length * columns.length);
  for (const [column, { values }] of columns.entries()) {
    for (let place = 0; place < rows.length; place++) {
      raw[place * columns.length + column] = values[rows[place] as number] as number;
    }
  }
  return raw;
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
