import type { DecisionKind, Estimate, ReasonCode, ShiftKind } from '../../shared/plan/judgement.ts';
import type { Exclusion, ReleaseDecision, ReleaseView, RoundView } from '../../shared/wire/operator-port.ts';
import type { BaselineKind, BaselineResult } from '../baselines/baseline.ts';
import type { Outcome, RunOutcome } from './outcome.ts';

interface Interval {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

interface ExclusionSummary {
  readonly site: string;
  readonly reason: string;
}

export interface RoundSummary {
  readonly round: number;
  readonly sites: readonly string[];
  readonly excluded: readonly ExclusionSummary[];
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly durationMs: number | null;
}

export interface DecisionSummary {
  readonly site: string;
  readonly decision: DecisionKind;
  /** Codes, each once, in the order of the decision table; the first decided. */
  readonly reasons: readonly ReasonCode[];
  readonly evidence: 'prospective' | 'retrospective';
  readonly auroc: { readonly new: Interval; readonly current: Interval; readonly difference: Interval };
  /** Against the consortium's reference counts, the outcome's own row included. */
  readonly shift: readonly {
    readonly column: string;
    readonly statistic: number | null;
    readonly p: number | null;
    readonly psi: number | null;
  }[];
  /** Every shift that was found and is large enough to be named, also against the site's own earlier rows. */
  readonly found: readonly {
    readonly column: string;
    readonly against: 'consortium' | 'own-training';
    readonly kind: ShiftKind | null;
    readonly explanation: string | null;
  }[];
}

export interface ReleaseSummary {
  readonly version: string;
  readonly digest: string;
  readonly decisions: readonly DecisionSummary[];
  /** Sites that were asked to judge it and have not. */
  readonly notJudged: readonly ExclusionSummary[];
}

export interface BaselineSummary {
  readonly kind: BaselineKind;
  readonly site: string;
  readonly trainingRows: number;
  readonly judgedRows: number;
  readonly events: number | null;
  /** Of the baseline. */
  readonly auroc: Interval;
  /** Of the run's release, on the same rows. */
  readonly federated: Interval;
  /** Federated less baseline, paired (DeLong). */
  readonly difference: Interval;
  /** Why the baseline's figure is null; null when it is not. */
  readonly reason: string | null;
  readonly weights: string | null;
}

export interface RunSummary {
  readonly run: string;
  /** Digest of the plan. */
  readonly plan: string;
  readonly seed: number;
  readonly title: string;
  readonly status: string;
  /** Training rounds; round 0, the summaries of the data, is not among them. */
  readonly rounds: readonly RoundSummary[];
  /** SHA-256 of the weights after the last round: equal for equal plan, data and seed, however the run was carried out. */
  readonly weights: string | null;
  readonly releases: readonly ReleaseSummary[];
  /** Only where the scenario asks for baselines. */
  readonly baselines?: readonly BaselineSummary[];
}

/**
 * `summary.json`. `run`, `plan` and `rounds` are those of the first run, `releases` those of the demo's two runs in order
 * or of a simulation's first seed; `runs` holds every run whole.
 */
export interface Summary {
  readonly run: string;
  readonly plan: string;
  readonly rounds: readonly RoundSummary[];
  readonly releases: readonly ReleaseSummary[];
  readonly runs: readonly RunSummary[];
}

function interval(estimate: Estimate): Interval {
  return { value: estimate.value, low: estimate.low, high: estimate.high };
}

const exclusionSummary = ({ site, reason }: Exclusion): ExclusionSummary => ({ site, reason });

function roundSummary(round: RoundView): RoundSummary {
  return {
    round: round.round,
    sites: round.sites,
    excluded: round.excluded.map(exclusionSummary),
    bytesUp: round.bytesUp,
    bytesDown: round.bytesDown,
    durationMs: round.durationMs,
  };
}

function decisionSummary(decision: ReleaseDecision): DecisionSummary {
  const { evidence } = decision.judgement;
  return {
    site: decision.site,
    decision: decision.decision,
    reasons: [...new Set(decision.judgement.decision.reasons.map(({ code }) => code))],
    evidence: evidence.kind,
    auroc: {
      new: interval(evidence.auroc.new),
      current: interval(evidence.auroc.current),
      difference: interval(evidence.auroc.difference),
    },
    shift: evidence.shift
      .filter((row) => row.against === 'consortium')
      .map(({ column, statistic, p, psi }) => ({ column, statistic, p, psi })),
    found: evidence.shift
      .filter((row) => row.large)
      .map(({ column, against, kind, explanation }) => ({ column, against, kind, explanation })),
  };
}

function releaseSummary(release: ReleaseView): ReleaseSummary {
  const decisions = [...release.decisions].sort((a, b) => (a.site < b.site ? -1 : 1));
  return {
    version: release.version,
    digest: release.digest,
    decisions: decisions.map(decisionSummary),
    notJudged: release.notJudged.map(exclusionSummary),
  };
}

function baselineSummary(one: BaselineResult): BaselineSummary {
  const { kind, site, trainingRows, judgedRows, events, weights } = one;
  return {
    kind,
    site,
    trainingRows,
    judgedRows,
    events,
    auroc: interval(one.auroc),
    federated: interval(one.federated),
    difference: interval(one.difference),
    reason: one.auroc.reason ?? null,
    weights,
  };
}

/** Training rounds of a run, first to last. */
export function trainingRounds(run: RunOutcome): RoundView[] {
  return run.view.rounds.filter((round) => round.round > 0);
}

function runSummary(run: RunOutcome): RunSummary {
  const rounds = trainingRounds(run);
  return {
    run: run.view.run,
    plan: run.view.plan,
    seed: run.plan.training.seed,
    title: run.title,
    status: run.view.status,
    rounds: rounds.map(roundSummary),
    weights: rounds.at(-1)?.weights ?? null,
    releases: run.releases.map(releaseSummary),
    ...(run.baselines === undefined ? {} : { baselines: run.baselines.map(baselineSummary) }),
  };
}

/**
 * The figures of a demo or a simulation, as `summary.json` holds them.
 * @throws RangeError when there is no run
 */
export function summariseOutcome(outcome: Outcome): Summary {
  const runs = outcome.runs.map(runSummary);
  const [first] = runs;
  if (first === undefined) throw new RangeError('summariseOutcome: there is no run');
  return {
    run: first.run,
    plan: first.plan,
    rounds: first.rounds,
    releases: outcome.kind === 'demo' ? runs.flatMap((run) => run.releases) : first.releases,
    runs,
  };
}
