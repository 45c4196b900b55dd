import type { DecisionKind, Estimate } from '../../shared/plan/judgement.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import type { SharedReason } from '../../shared/plan/shared-judgement.ts';
import { type GapSplit, gapSplitFromCounts } from '../../shared/statistics/gap-split.ts';
import { type BoundedFigure, type SharedCounts, sharedCounts } from '../../shared/statistics/shared-counts.ts';
import { exclusionText } from '../../shared/wire/exclusion-text.ts';
import type { Exclusion, ReleaseDecision, ReleaseNotice, ReleaseView } from '../../shared/wire/operator-port.ts';
import { type Family, familyOf } from './family.ts';
import { pooledAuroc } from './pooled-auroc.ts';
import { type CommonHistograms, commonHistograms, summedHistogram } from './pooled-histogram.ts';
import { type SitePair, shiftBetween } from './shift-between.ts';

export interface SiteDecisionView {
  readonly site: string;
  readonly decision: DecisionKind;
  readonly receivedAt: string;
  readonly kind: 'prospective' | 'retrospective';
  readonly judgedFrom: string | null;
  /** Null where withheld. */
  readonly rows: number | null;
  readonly events: number | null;
  readonly auroc: Estimate;
  readonly difference: Estimate;
  readonly slope: Estimate;
  readonly reasons: readonly SharedReason[];
  readonly update: string | null;
  readonly review: boolean;
  readonly withheld: number;
}

/** Why a hospital's loss differs from that of all others together. Two readings; they do not add up to one another. */
export interface SiteReasons {
  readonly site: string;
  readonly against: readonly string[];
  /** Mean squared error, exact. */
  readonly loss: { readonly site: number | null; readonly others: number | null };
  /** Three terms over cells of like predicted risk; null with a reason where the histograms do not suffice. */
  readonly split: GapSplit | null;
  readonly reason: string | null;
  /** The hospital's loss if its share of events were that of the consortium's training rows. */
  readonly lossAtConsortiumPrevalence: number | null;
}

export interface ConsortiumView {
  readonly wardround: 'consortium-view/1';
  readonly plan: {
    readonly name: string;
    readonly digest: string;
    readonly minimumCount: number;
    readonly threshold: number | null;
  };
  readonly release: { readonly version: string; readonly digest: string; readonly releasedAt: string };
  readonly decisions: readonly SiteDecisionView[];
  readonly awaited: readonly string[];
  readonly notJudged: readonly Exclusion[];
  readonly pooled: {
    /** Of every hospital that shares a histogram, whatever its edges: tighter than that of the common cells. */
    readonly auroc: BoundedFigure;
    readonly sites: readonly string[];
    readonly leftOut: readonly string[];
    /** Cells of the common histogram. */
    readonly cells: number;
    readonly figures: SharedCounts;
    /** Exact, from the hospitals' sums of squared errors; null where one of them shares none. */
    readonly brier: number | null;
  } | null;
  readonly families: readonly Family[];
  readonly shift: readonly SitePair[];
  readonly reasons: readonly SiteReasons[];
  readonly notices: readonly ReleaseNotice[];
  /** What this view does not say, a sentence each. */
  readonly unknown: readonly string[];
}

const bySite = <One extends { readonly site: string }>(all: readonly One[]): One[] =>
  [...all].sort((a, b) => (a.site < b.site ? -1 : 1));

const withEnds = (edges: readonly number[]): readonly number[] => [0, ...edges, 1];

/**
 * The consortium's view of a release, from what its sites share and nothing else. Pure, and the same for the same judgements in any order.
 * @param plan the release's
 */
export function consortiumView(plan: Plan, release: ReleaseView): ConsortiumView {
  const decisions = bySite(release.decisions);
  const histograms = commonHistograms(decisions);
  const { threshold } = plan.gate.netBenefit;
  const families = familiesOf(decisions);
  const pooled =
    histograms.sites.length === 0
      ? null
      : {
          sites: histograms.sites.map(({ site }) => site),
          leftOut: histograms.leftOut,
          auroc: pooledAuroc(
            decisions.flatMap(({ judgement }) => {
              const cells = judgement.cells.scores.new;
              return cells === null ? [] : [{ cells, auroc: judgement.evidence.auroc.new }];
            }),
          ),
          cells: histograms.edges.length + 1,
          brier: pooledLoss(
            decisions.filter(({ site }) => histograms.sites.some((one) => one.site === site)),
            'none',
          ),
          figures: sharedCounts(
            histograms.sites.map(({ cells }) => ({ ...cells, edges: withEnds(cells.edges) })),
            { thresholds: threshold === null || !(threshold > 0 && threshold < 1) ? [] : [threshold] },
          ),
        };
  const shift = decisions.flatMap((first, at) =>
    decisions.slice(at + 1).flatMap((second) => shiftBetween(first, second) ?? []),
  );
  return {
    wardround: 'consortium-view/1',
    plan: { name: plan.name, digest: release.plan, minimumCount: plan.federation.minimumCount, threshold },
    release: {
      version: release.version,
      digest: release.digest,
      releasedAt: new Date(release.createdMs).toISOString(),
    },
    decisions: decisions.map(decisionView),
    awaited: [...release.awaited].sort(),
    notJudged: bySite(release.notJudged),
    pooled,
    families,
    shift,
    reasons: decisions.map((decision) => reasonsOf(decision, decisions)),
    notices: release.notices,
    unknown: unknownOf(plan, release, decisions, histograms, shift),
  };
}

function decisionView({ site, decision, receivedMs, judgement }: ReleaseDecision): SiteDecisionView {
  const { evidence } = judgement;
  return {
    site,
    decision,
    receivedAt: new Date(receivedMs).toISOString(),
    kind: evidence.kind,
    judgedFrom: evidence.judgedFrom,
    rows: evidence.rows,
    events: evidence.events,
    auroc: evidence.auroc.new,
    difference: evidence.auroc.difference,
    slope: evidence.calibration.slope,
    reasons: judgement.decision.reasons,
    update: judgement.decision.update,
    review: judgement.decision.review,
    withheld: judgement.withheld.length,
  };
}

function familiesOf(decisions: readonly ReleaseDecision[]): readonly Family[] {
  const of = (pick: (evidence: ReleaseDecision['judgement']['evidence']) => Estimate | undefined) =>
    decisions.flatMap(({ site, judgement }) => {
      const estimate = pick(judgement.evidence);
      return estimate === undefined ? [] : [{ site: site as string, estimate }];
    });
  return [
    familyOf(
      'auroc',
      'logit',
      of(({ auroc }) => auroc.new),
    ),
    familyOf(
      'slope',
      'identity',
      of(({ calibration }) => calibration.slope),
    ),
    familyOf(
      'observedExpected',
      'log',
      of(({ performance }) => performance?.new.calibration.observedExpected),
    ),
  ];
}

/** Mean squared error over the patients of several hospitals, from their sums; null unless all of them share theirs. */
function pooledLoss(parts: readonly ReleaseDecision[], weighting: 'none' | 'label'): number | null {
  const sums = parts.flatMap((part) => part.judgement.cells.sums.filter((one) => one.weighting === weighting));
  const weight = sums.reduce((total, one) => total + one.weight, 0);
  if (sums.length < parts.length || !(weight > 0)) return null;
  return sums.reduce((total, one) => total + one.weightedLoss, 0) / weight;
}

function reasonsOf(decision: ReleaseDecision, decisions: readonly ReleaseDecision[]): SiteReasons {
  const { site } = decision;
  const histograms = commonHistograms(decisions, site);
  const others = decisions.filter((other) => other.site !== site);
  const own = histograms.sites.find((one) => one.site === site)?.cells;
  const rest = histograms.sites.filter((one) => one.site !== site);
  const base = {
    site: site as string,
    against: rest.map((one) => one.site),
    loss: {
      site: pooledLoss([decision], 'none'),
      others: pooledLoss(
        others.filter(({ judgement }) => judgement.cells.sums.length > 0),
        'none',
      ),
    },
    lossAtConsortiumPrevalence: pooledLoss([decision], 'label'),
  };
  if (own === undefined) return { ...base, split: null, reason: 'withheld' };
  if (rest.length === 0) return { ...base, split: null, reason: 'no_other_site' };
  const source = summedHistogram(
    rest.map(({ cells }) => cells),
    histograms.edges,
  );
  const split = gapSplitFromCounts(source, own, 'brier');
  return { ...base, split, reason: split.reason };
}

function unknownOf(
  plan: Plan,
  release: ReleaseView,
  decisions: readonly ReleaseDecision[],
  histograms: CommonHistograms,
  shift: readonly SitePair[],
): readonly string[] {
  const list = (sites: readonly string[]): string => sites.join(', ');
  const withoutScores = decisions
    .filter(({ judgement }) => judgement.cells.scores.new === null)
    .map(({ site }) => site);
  const retrospective = decisions.filter(({ judgement }) => judgement.evidence.kind === 'retrospective');
  const hidden = decisions.filter(({ judgement }) => judgement.evidence.rows === null).map(({ site }) => site);
  return [
    ...(decisions.length === 0 ? ['No hospital has judged this release yet.'] : []),
    ...(release.awaited.length > 0 ? [`Not judged yet: ${list([...release.awaited].sort())}.`] : []),
    ...(release.notJudged.length > 0
      ? [`Asked, and has not judged: ${list(bySite(release.notJudged).map((one) => exclusionText(one)))}.`]
      : []),
    ...(decisions.length > 0 && decisions.length < 3
      ? [
          `What a further hospital should expect cannot be told from ${decisions.length} ${decisions.length === 1 ? 'hospital' : 'hospitals'}; three are needed.`,
        ]
      : []),
    ...(decisions.length === 3
      ? ['Whether a hospital is out of family cannot be told: it takes three others to compare it with.']
      : []),
    ...(hidden.length > 0
      ? [`${list(hidden)} may not tell how many patients judged: too few, or too few since the last time.`]
      : []),
    ...(withoutScores.length > 0 && decisions.length > 0
      ? [`Predicted risks of ${list(withoutScores)} are in no pooled figure: they may not be shared.`]
      : []),
    ...(histograms.leftOut.length > 0
      ? [`${list(histograms.leftOut)} can show too few cells of risk; pooled figures are without them.`]
      : []),
    ...(retrospective.length > 0
      ? [`Judged on a holdout of earlier patients, not on later ones: ${list(retrospective.map(({ site }) => site))}.`]
      : []),
    ...(plan.federation.sharing?.embedding == null
      ? ['All columns at once are not compared between hospitals: the plan has no place for embeddings.']
      : shift.some(({ mmd }) => mmd === null)
        ? ['Not every hospital could share an embedding of its patients.']
        : []),
    ...(plan.gate.netBenefit.threshold === null
      ? ['Net benefit is not judged: the plan sets no operating threshold.']
      : []),
    'Splits of the gap compare patients of like predicted risk, for columns are shared one by one only.',
  ];
}
