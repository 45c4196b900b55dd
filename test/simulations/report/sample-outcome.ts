import { readFileSync } from 'node:fs';
import type { ColumnShift, DecisionKind, Estimate } from '../../../shared/plan/judgement.ts';
import { loadPlan } from '../../../shared/plan/load-plan.ts';
import type { SharedJudgement, SharedReason } from '../../../shared/plan/shared-judgement.ts';
import { digestOf } from '../../../shared/runtime/digest.ts';
import type { ReleaseVersion, RunId, SiteName } from '../../../shared/runtime/ids.ts';
import type { ReleaseView, RoundView } from '../../../shared/wire/operator-port.ts';
import type { Outcome, RunOutcome } from '../../../simulations/report/outcome.ts';
import { emptySharedEvidence, sharedJudgement } from '../../support/shared-judgements.ts';

const planFile = new URL('../../../simulations/scenarios/heart-disease.plan.yaml', import.meta.url);
const loaded = loadPlan(readFileSync(planFile, 'utf8'), 'heart-disease.plan.yaml');
const sites = ['cleveland', 'hungarian', 'long-beach', 'switzerland'] as SiteName[];

function estimate(value: number | null, half = 0.04): Estimate {
  return value === null
    ? { value: null, low: null, high: null, reason: 'no_current_model' }
    : { value, low: value - half, high: value + half };
}

function shift(column: string, psi: number, found: boolean, against: ColumnShift['against']): ColumnShift {
  return {
    column,
    against,
    statistic: 12.5 + psi,
    degreesOfFreedom: 7,
    p: found ? 1e-7 : 0.2,
    adjustedP: found ? 2e-6 : 0.31,
    psi,
    jensenShannon: psi / 4,
    scaledWasserstein: null,
    kolmogorov: null,
    missingRate: 0.02,
    referenceMissingRate: 0.01,
    found,
    large: found,
    kind: found ? 'unit' : null,
    explanation: found ? `${column} looks as if it were in another unit: <mmol/L> & not mg/dL.` : null,
  };
}

function judgement(
  site: SiteName,
  release: { version: ReleaseVersion },
  decision: DecisionKind,
  index: number,
): SharedJudgement {
  const texts: Record<DecisionKind, SharedReason[]> = {
    accept: [{ code: 'passed.all', text: 'Every condition of the policy is met.' }],
    hold: [
      { code: 'evidence.too_few_non_events', text: '42 judged patients without the outcome; the policy asks for 100.' },
      { code: 'noted.shift', text: 'The column chol differs from the consortium.', column: 'chol' },
    ],
    reject: [
      { code: 'harm.auroc', text: 'The new model is worse: the upper bound −0.06 lies below the margin −0.02.' },
    ],
  };
  const current = release.version.endsWith('/1') ? null : 0.84;
  const shared = emptySharedEvidence(site, {
    plan: loaded.digest,
    release: { version: release.version, digest: digestOf(release.version) },
    rows: 600 + index,
    events: 300,
    nonEvents: 300 + index,
    excluded: { before_cutoff: 1200 },
    auroc: {
      new: estimate(0.9 - index / 20),
      current: estimate(current),
      difference: estimate(current === null ? null : 0.9 - index / 20 - current),
    },
    brier: { new: estimate(0.14, 0.01), current: estimate(null) },
    calibration: { slope: estimate(1.02, 0.1), intercept: estimate(-0.03, 0.1) },
    prevalence: { site: estimate(0.5), consortium: 0.55, ownTraining: 0.5 },
    shift: loaded.plan.data.columns.flatMap(({ name }, at) => [
      shift(name, ((at * 7 + index * 3) % 10) / 20, name === 'chol' && index === 1, 'own-training'),
      shift(name, ((at * 3 + index * 7) % 10) / 15, name === 'age' && index === 2, 'consortium'),
    ]),
    resolvableMargin: 0.031,
  });
  return sharedJudgement(shared, {
    decision: { decision, reasons: texts[decision], evidence: digestOf(`evidence ${site}`) },
  });
}

function round(number: number): RoundView {
  return {
    round: number,
    phase: 'published',
    attempt: 1,
    sites: number === 3 ? sites.slice(1) : sites,
    excluded:
      number === 3 ? [{ site: sites[0] as SiteName, reason: 'late', detail: 'came 3 s after <the deadline>' }] : [],
    offered: sites,
    received: sites,
    bytesUp: 4 * 1500,
    bytesDown: 4 * 1800,
    startedMs: 1_000 * number,
    durationMs: number === 0 ? 900 : 320,
    metrics: number === 0 ? {} : { lossFirst: 0.7 / Math.sqrt(number), lossLast: 0.66 / Math.sqrt(number) },
    weights: number === 0 ? null : digestOf(`weights ${number}`),
  };
}

function run(index: number, title: string, decisions: readonly DecisionKind[]): RunOutcome {
  const version = `heart-disease/${index}` as ReleaseVersion;
  const id = `heart-disease-${index}` as RunId;
  const release: ReleaseView = {
    version,
    digest: digestOf(version),
    run: id,
    plan: loaded.digest,
    createdMs: 1_767_225_600_000,
    files: [{ name: 'model.onnx', digest: digestOf('model'), bytes: 4021 }],
    decisions: decisions.map((decision, at) => ({
      site: sites[at] as SiteName,
      decision,
      receivedMs: 1_767_225_601_000,
      judgement: judgement(sites[at] as SiteName, { version }, decision, at),
    })),
    notices: [],
    awaited: [],
    notJudged: [{ site: 'budapest' as SiteName, reason: 'declined', detail: 'too_few_rows' }],
  };
  return {
    title,
    seed: null,
    plan: loaded.plan,
    view: {
      run: id,
      plan: loaded.digest,
      planName: loaded.plan.name,
      status: 'finished',
      reason: null,
      rounds: Array.from({ length: 11 }, (_, at) => round(at)),
      roundsPlanned: 10,
      release: version,
      createdMs: 1_767_225_600_000,
      finishedMs: 1_767_225_602_000,
    },
    releases: [release],
  };
}

/** Two runs with every kind of decision, texts that must be escaped, and figures that are unknown. */
export function sampleOutcome(): Outcome {
  return {
    kind: 'demo',
    title: 'Four hospitals <train> together',
    description: 'A sample with "quotes" & angle brackets.',
    remarks: ['One remark <script>alert(1)</script>.'],
    runs: [
      run(1, 'Before', ['accept', 'accept', 'accept', 'hold']),
      run(2, 'After', ['reject', 'accept', 'accept', 'hold']),
    ],
  };
}
