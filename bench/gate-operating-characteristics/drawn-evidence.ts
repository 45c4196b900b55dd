import type { Decision, Evidence, PackageRecord } from '../../shared/plan/judgement.ts';
import { type Policy, policySchema } from '../../shared/plan/policy.ts';
import type { Digest, ReleaseVersion, SiteName } from '../../shared/runtime/ids.ts';
import { randomStream } from '../../shared/runtime/random.ts';
import { brierScore } from '../../shared/statistics/brier.ts';
import { calibrate } from '../../shared/statistics/calibration.ts';
import { aurocDifference, aurocEstimate } from '../../shared/statistics/discrimination.ts';
import { undefinedEstimate } from '../../shared/statistics/estimate.ts';
import { normalQuantile } from '../../shared/statistics/normal.ts';
import { wilsonInterval } from '../../shared/statistics/proportions.ts';
import { compare } from '../../site-agent/judging/comparison.ts';
import { decide } from '../../site-agent/judging/decide.ts';
import { performanceOf } from '../../site-agent/judging/performance.ts';
import { lookOf, powerOf } from '../../site-agent/judging/power.ts';

/** A hospital's judged patients under two models, drawn from normal scores within each class. */
export interface Draw {
  readonly seed: number;
  readonly events: number;
  readonly nonEvents: number;
  /** True AUROCs of the current and of the new model. */
  readonly current: number;
  readonly fresh: number;
  /** Correlation of the two scores within a class. */
  readonly correlation: number;
  /** Factor on the odds of the event that the new model does not know of: 1 leaves it perfectly calibrated. */
  readonly oddsShift: number;
}

export interface Patients {
  readonly fresh: Float64Array;
  readonly current: Float64Array;
  readonly labels: Float64Array;
  readonly timesMs: Float64Array;
}

/** Two classes one standard deviation wide and so far apart have this AUROC. */
function separation(auroc: number): number {
  return Math.SQRT2 * normalQuantile(auroc);
}

/**
 * Patients with predicted risks that are the true ones under each model (times the planted shift of odds): for normal classes the log odds are
 * logit(prevalence) + d·x - d²/2.
 */
export function drawPatients(draw: Draw): Patients {
  const { events, nonEvents, correlation, oddsShift } = draw;
  const rows = events + nonEvents;
  const stream = randomStream(draw.seed, 'patients', events, nonEvents, draw.fresh, correlation);
  const fresh = new Float64Array(rows);
  const current = new Float64Array(rows);
  const labels = new Float64Array(rows);
  const timesMs = new Float64Array(rows);
  const odds = Math.log(events / nonEvents / oddsShift);
  const apartCurrent = separation(draw.current);
  const apartFresh = separation(draw.fresh);
  const own = Math.sqrt(1 - correlation * correlation);
  const risk = (x: number, apart: number): number => 1 / (1 + Math.exp(-(odds + apart * x - (apart * apart) / 2)));
  for (let row = 0; row < rows; row++) {
    const label = row < events ? 1 : 0;
    const common = stream.normal();
    labels[row] = label;
    current[row] = risk(common + apartCurrent * label, apartCurrent);
    fresh[row] = risk(correlation * common + own * stream.normal() + apartFresh * label, apartFresh);
    // Ten patients a week.
    timesMs[row] = Date.UTC(2024, 0, 1) + row * 60_480_000;
  }
  return { fresh, current, labels, timesMs };
}

const digest = (letter: string): Digest => letter.repeat(64) as Digest;
const record: PackageRecord = {
  wardround: 'package/1',
  version: 'drawn/2' as ReleaseVersion,
  digest: digest('b'),
  plan: digest('a'),
  parent: 'drawn/1' as ReleaseVersion,
  trainingCutoff: '2024-01-01',
  valid: true,
  problems: [],
};

/**
 * What the gate would see of these patients, and decide: the parts of the evidence that need no table, as the agent builds them.
 * @param calibration false leaves out what is not asked for and takes longest: no rule of calibration applies then.
 */
export function judgePatients(
  policy: Policy,
  patients: Patients,
  seed: number,
  { calibration }: { readonly calibration: boolean } = { calibration: true },
): { readonly evidence: Evidence; readonly decision: Decision } {
  const { fresh, current, labels, timesMs } = patients;
  let events = 0;
  for (const label of labels) events += label;
  const nonEvents = labels.length - events;
  const full = aurocDifference(fresh, current, labels);
  const look = lookOf(policy, full.estimate.standardError ?? null, { events, nonEvents }, []);
  const levels = { oneSided: look.oneSidedLevel, twoSided: look.twoSidedLevel };
  const difference = aurocDifference(fresh, current, labels, levels);
  const comparison = compare({ now: fresh, before: current }, labels, difference, { policy, levels, seed });
  const performance = calibration ? { new: performanceOf(fresh, labels, policy, seed), current: null } : null;
  const none = undefinedEstimate('no_rows');
  const evidence: Evidence = {
    wardround: 'evidence/2',
    site: 'drawn' as SiteName,
    plan: digest('a'),
    release: { version: record.version, digest: record.digest },
    current: { version: 'drawn/1' as ReleaseVersion, digest: digest('c') },
    kind: 'prospective',
    judgedFrom: '2024-01-01T00:00:00.000Z',
    judgedAt: '2025-01-01T00:00:00.000Z',
    task: 'binary',
    rows: labels.length,
    events,
    nonEvents,
    excluded: {},
    auroc: {
      new: aurocEstimate(fresh, labels),
      current: aurocEstimate(current, labels),
      difference: difference.estimate,
    },
    difference: { oneSidedLower: difference.oneSidedLower, twoSidedUpper: difference.twoSidedUpper },
    brier: { new: brierScore(fresh, labels), current: brierScore(current, labels) },
    calibration: calibrate(fresh, labels),
    performance,
    comparison,
    subgroups: [],
    slices: [],
    lossTree: [],
    prevalence: { site: wilsonInterval(events, labels.length), consortium: null, ownTraining: null },
    shift: [],
    multivariate: null,
    labelShift: { hard: none, soft: none, expectationMaximisation: none },
    gap: null,
    unlabelled: null,
    update: null,
    data: { unseenLevels: [], pendingShare: null, latestRowAt: null },
    resolvableMargin: difference.resolvableMargin,
    power: powerOf(policy, timesMs, events, difference.estimate, comparison),
    look,
  };
  return { evidence, decision: decide(policy, record, evidence) };
}

export function policyWith(change: Record<string, unknown>): Policy {
  return policySchema.parse({ wardround: 'policy/1', ...change });
}
