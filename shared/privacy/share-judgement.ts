import type {
  CalibrationFigures,
  ColumnShift,
  Estimate,
  Judgement,
  PairedFigure,
  Performance,
} from '../plan/judgement.ts';
import type { Plan } from '../plan/plan.ts';
import type {
  ScoreCells,
  SharedCells,
  SharedEvidence,
  SharedJudgement,
  SharedPerformance,
  SharedSubgroup,
  SharingHistory,
  SiteCells,
  Withheld,
  WithholdingReason,
} from '../plan/shared-judgement.ts';
import { type RandomStream, randomStream } from '../runtime/random.ts';
import { populationStability } from '../statistics/shift.ts';
import { groupScores } from './score-groups.ts';
import { sharedExplanation, sharedReasons } from './shared-reasons.ts';
import { type ColumnTable, columnTable, publishedColumn } from './subgroup-table.ts';
import { effectiveMinimum } from './suppression.ts';
import { isSmallStep, suppressCounts, withholdUntilSafe } from './table-suppression.ts';

const withheldEstimate: Estimate = { value: null, low: null, high: null, standardError: null, reason: 'withheld' };

/** Why rows are not judged that are of the time, or part, that trains: as a rule those of a summary, and a few more. */
const earlierRows: ReadonlySet<string> = new Set(['before_cutoff', 'not_in_holdout']);

/** Decimals of a shared figure: enough to read it, too few to solve for the counts behind it. */
const decimals = 4;

function rounded(value: number): number;
function rounded(value: number | null): number | null;
function rounded(value: number | null): number | null {
  if (value === null) return null;
  const scaled = Math.round(value * 10 ** decimals) / 10 ** decimals;
  return Object.is(scaled, -0) ? 0 : scaled;
}

function significant(value: number): number;
function significant(value: number | null): number | null;
function significant(value: number | null): number | null {
  return value === null ? null : Number(value.toPrecision(3));
}

function firstDigit(value: number | null): number | null {
  return value === null ? null : Number(value.toPrecision(1));
}

function roundedEstimate({ value, low, high, standardError, reason }: Estimate): Estimate {
  return {
    value: rounded(value),
    low: rounded(low),
    high: rounded(high),
    ...(standardError === undefined ? {} : { standardError: rounded(standardError) }),
    ...(reason === undefined ? {} : { reason }),
  };
}

function roundedPair({ estimate, oneSidedLower, twoSidedUpper }: PairedFigure): PairedFigure {
  return {
    estimate: roundedEstimate(estimate),
    oneSidedLower: rounded(oneSidedLower),
    twoSidedUpper: rounded(twoSidedUpper),
  };
}

/** Rounds every number of plain figures, however deep. Counts are not among them. */
function roundedAll<Figures>(figures: Figures): Figures {
  const walk = (value: unknown): unknown => {
    if (typeof value === 'number') return rounded(value);
    if (Array.isArray(value)) return value.map(walk);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, walk(inner)]));
  };
  return walk(figures) as Figures;
}

/** Takes note of what stays here, each thing once. */
function withholdings(): { note(what: string, why: WithholdingReason): void; list(): readonly Withheld[] } {
  const found = new Map<string, Withheld>();
  return {
    note(what, why) {
      if (!found.has(what)) found.set(what, { what: what.slice(0, 1000), why });
    },
    list: () => [...found.values()],
  };
}

/**
 * What may leave a site of a judgement. Counts of 1 to minimum - 1 patients go, and as many others as it takes until the release checker
 * can derive none from the rest, this judgement's tables and all that was shared before under the plan taken together; rates stay only
 * where their counts do; figures are rounded. The decision, its codes and its digests are as they were made; the reasons' sentences are
 * fixed ones. Pure: the same judgement, cells and history give the same.
 *
 * @param cells counted from the judged rows; null where there are none any more: then no count is shared.
 */
export function shareJudgement(
  judgement: Judgement,
  cells: SiteCells | null,
  plan: Plan,
  history: SharingHistory,
): SharedJudgement {
  const { evidence, decision } = judgement;
  const minimum = effectiveMinimum(plan.federation.minimumCount);
  const { threshold } = plan.gate.netBenefit;
  const withheld = withholdings();
  const earlier = history.judgements;
  const streamFor = (purpose: string): RandomStream =>
    randomStream(plan.training.seed, 'share', cells?.secret ?? '', purpose);
  const isSmall = (count: number): boolean => count > 0 && count < minimum;

  /** A count by itself: nothing else is known to add up to anything with it. */
  const single = (
    what: string,
    count: number,
    before: (judgement: SharedJudgement) => number | null | undefined,
  ): number | null => {
    if (isSmall(count)) {
      withheld.note(what, 'small_cell');
      return null;
    }
    if (earlier.some((one) => isSmallStep(before(one), count, minimum))) {
      withheld.note(what, 'too_little_new');
      return null;
    }
    return count;
  };

  const rows = single('evidence.rows', evidence.rows, (one) => one.evidence.rows);
  const judged =
    cells !== null && cells.rows === evidence.rows && rows !== null && rows > 0 ? { ...cells, rows } : null;
  if (judged === null && rows !== null && rows > 0) withheld.note('cells', 'not_in_plan');
  if (rows === null) withheld.note('cells', 'from_small_cell');

  const classes = judged === null ? null : shareClasses(judged);
  const binaryClasses: readonly [number, number] | null =
    plan.task.kind === 'binary' && classes?.length === 2 ? [classes[0] as number, classes[1] as number] : null;
  const fewRisks = judged?.fewRisks === true;
  const classesShown = evidence.events === null || evidence.rows === 0 || binaryClasses !== null;
  // Without events and non-events known, every figure of outcomes would tell of them; with few risks, of who has which.
  const outcomesShown = classesShown && !fewRisks;
  if (!classesShown) withheld.note('evidence.events', 'small_cell');
  if (!outcomesShown) withheld.note('evidence.performance', 'from_small_cell');
  if (fewRisks) withheld.note('evidence.multivariate', 'from_small_cell');

  const columns = judged === null ? [] : shareColumns(judged);
  const scores = {
    new: shareScores('new', evidence.release.digest),
    current: shareScores('current', evidence.current?.digest ?? null),
  };
  const sharedCells: SharedCells = {
    minimum: plan.federation.minimumCount,
    rows,
    classes,
    columns: columns.map(({ name, counts }) => ({ name, counts })),
    scores,
    embedding: judged?.embedding ?? null,
    sums: judged === null || !outcomesShown ? [] : roundedSums(judged.sums),
  };

  const shared = shareEvidence();
  // So few figures that whoever knows the rest could try every small count until the digest agrees.
  const isPoor = evidence.performance === null || fewRisks;
  if (isPoor) withheld.note('decision.evidence', 'small_cell');
  const { problems: _, ...record } = judgement.package;
  return {
    wardround: 'shared-judgement/1',
    decision: {
      decision: decision.decision,
      reasons: sharedReasons(decision.reasons, shared),
      update: decision.update,
      review: decision.review,
      revalidateDays: decision.revalidateDays,
      policy: decision.policy,
      package: decision.package,
      evidence: isPoor ? null : decision.evidence,
    },
    package: record,
    evidence: shared,
    cells: sharedCells,
    withheld: withheld.list(),
  };

  function shareClasses({ classes: counts, rows: total }: SiteCells): readonly number[] | null {
    if (counts === null) return null;
    const before = earlier.flatMap(({ cells: then }) =>
      then.classes === null || then.rows === null ? [] : [{ counts: then.classes, total: then.rows }],
    );
    const names = counts.map((_, at) => String(at));
    const published = withholdUntilSafe(
      {
        name: 'classes',
        figures: [
          ...counts.map((value, at) => ({ name: String(at), cells: [String(at)], value, giveUp: 0 })),
          { name: 'rows', cells: names, value: total, giveUp: null },
        ],
        earlier: before.map((then) => [
          ...then.counts.map((value, at) => ({ name: String(at), cells: [String(at)], value })),
          { name: 'rows', cells: names, value: then.total },
        ]),
      },
      minimum,
      streamFor('classes'),
    );
    const shown = published === null ? [] : published.slice(0, counts.length).map(({ value }) => value);
    if (shown.length === 0 || shown.includes(null)) {
      withheld.note('cells.classes', 'small_cell');
      return null;
    }
    return [...counts];
  }

  function shareColumns(site: SiteCells & { readonly rows: number }): readonly {
    readonly name: string;
    readonly counts: readonly (number | null)[];
    readonly table: { readonly of: ColumnTable; readonly shown: ReadonlyMap<string, number | null> } | null;
  }[] {
    return site.columns.map(({ name, counts }, index) => {
      const strata = site.strata.find(({ column }) => column === name);
      let shown: readonly (number | null)[];
      let table: { readonly of: ColumnTable; readonly shown: ReadonlyMap<string, number | null> } | null = null;
      if (strata === undefined) {
        shown = suppressCounts(counts, {
          minimum,
          lastIsReserved: true,
          earlier: earlier.flatMap(({ cells: then }) => {
            const column = then.columns[index];
            return column?.name === name && then.rows !== null ? [{ counts: column.counts, total: then.rows }] : [];
          }),
          stream: streamFor(`column ${name}`),
        });
      } else {
        const of = columnTable(strata, counts, { rows: site.rows, classes: binaryClasses });
        const published = withholdUntilSafe(
          {
            name,
            figures: of.figures,
            earlier: earlier.flatMap((then) => publishedColumn(of, then, name, index) ?? []),
            alsoProtected: of.alsoProtected,
          },
          minimum,
          streamFor(`column ${name}`),
        );
        const values = new Map(published?.map((figure) => [figure.name, figure.value]) ?? []);
        shown = counts.map((_, bin) => values.get(`cell ${bin}`) ?? null);
        table = { of, shown: values };
      }
      if (shown.includes(null)) withheld.note(`cells.columns.${name}`, 'small_cell');
      return { name, counts: shown, table };
    });
  }

  function shareScores(which: 'new' | 'current', model: string | null): ScoreCells | null {
    const fine = judged?.scores[which] ?? null;
    if (fine === null || model === null) return null;
    const what = `cells.scores.${which}`;
    if (binaryClasses === null) {
      withheld.note(what, 'from_small_cell');
      return null;
    }
    const grouped = groupScores(fine, {
      minimum,
      threshold,
      earlier: earlier.flatMap(({ evidence: then, cells: { scores: told } }) => [
        ...(then.release.digest === model && told.new !== null ? [told.new] : []),
        ...(then.current?.digest === model && told.current !== null ? [told.current] : []),
      ]),
      stream: streamFor(what),
    });
    if (grouped === null) withheld.note(what, 'too_little_new');
    else if (grouped.edges.length < fine.edges.length) withheld.note(`${what}, neighbouring cells apart`, 'small_cell');
    return grouped;
  }

  function shareEvidence(): SharedEvidence {
    const figure = (estimate: Estimate): Estimate => (outcomesShown ? roundedEstimate(estimate) : keepReason(estimate));
    const compared = (given: { new: Estimate; current: Estimate; difference: Estimate }) => ({
      new: figure(given.new),
      current: figure(given.current),
      difference: figure(given.difference),
    });
    const events = binaryClasses?.[1] ?? (evidence.events === 0 ? rowsZero(evidence.rows) : null);
    const nonEvents = binaryClasses?.[0] ?? (evidence.nonEvents === 0 ? rowsZero(evidence.rows) : null);
    const { performance, comparison, update } = evidence;
    withheld.note('evidence.performance.decisionCurve', 'finer_than_plan');
    withheld.note('evidence.performance.calibration.curve', 'single_patients');
    withheld.note('evidence.lossTree', 'finer_than_plan');
    withheld.note('evidence.data.latestRowAt', 'single_patients');
    if (comparison !== null) {
      withheld.note('evidence.comparison.netBenefit', 'from_small_cell');
      withheld.note('evidence.comparison.sensitivity', 'from_small_cell');
      withheld.note('evidence.comparison.specificity', 'from_small_cell');
      withheld.note('evidence.power.eventsForNetBenefit', 'from_small_cell');
    }
    return {
      wardround: 'shared-evidence/1',
      site: evidence.site,
      plan: evidence.plan,
      release: evidence.release,
      current: evidence.current,
      kind: evidence.kind,
      judgedFrom: evidence.judgedFrom,
      judgedAt: evidence.judgedAt,
      task: evidence.task,
      rows,
      events,
      nonEvents,
      excluded: Object.fromEntries(
        Object.entries(evidence.excluded).map(([reason, count]) => [
          reason,
          earlierRows.has(reason) && history.summaries.some((then) => isSmallStep(then.rows, count, minimum))
            ? leftBehind(`evidence.excluded.${reason}`)
            : single(`evidence.excluded.${reason}`, count, (one) => one.evidence.excluded[reason]),
        ]),
      ),
      auroc: compared(evidence.auroc),
      difference: outcomesShown ? roundedAll(evidence.difference) : { oneSidedLower: null, twoSidedUpper: null },
      brier: { new: figure(evidence.brier.new), current: figure(evidence.brier.current) },
      calibration: { slope: figure(evidence.calibration.slope), intercept: figure(evidence.calibration.intercept) },
      performance:
        performance === null || !outcomesShown
          ? null
          : {
              new: sharePerformance(performance.new, 'new'),
              current: performance.current === null ? null : sharePerformance(performance.current, 'current'),
            },
      comparison:
        comparison === null || !outcomesShown
          ? null
          : {
              auroc: roundedPair(comparison.auroc),
              bootstrap:
                comparison.bootstrap === null
                  ? null
                  : {
                      estimate: roundedEstimate(comparison.bootstrap.estimate),
                      resamples: comparison.bootstrap.resamples,
                    },
            },
      subgroups: evidence.subgroups.map((subgroup): SharedSubgroup => {
        const counts = subgroupCounts(subgroup.name);
        const complete = counts.rows !== null && counts.events !== null && counts.nonEvents !== null;
        if (!complete) withheld.note(`evidence.subgroups.${subgroup.name}`, 'small_cell');
        const enough = complete && (counts.events ?? 0) >= minimum && (counts.nonEvents ?? 0) >= minimum;
        const own = (estimate: Estimate): Estimate => (enough ? figure(estimate) : keepReason(estimate));
        return {
          name: subgroup.name,
          ...counts,
          auroc: {
            new: own(subgroup.auroc.new),
            current: own(subgroup.auroc.current),
            difference: own(subgroup.auroc.difference),
          },
          // Their numerators are no published cells.
          sensitivity: { new: withheldEstimate, current: withheldEstimate, difference: withheldEstimate },
          specificity: { new: withheldEstimate, current: withheldEstimate, difference: withheldEstimate },
          observedExpected: own(subgroup.observedExpected),
          resolvableMargin: enough && outcomesShown ? rounded(subgroup.resolvableMargin) : null,
        };
      }),
      slices: evidence.slices
        .filter(
          ({ rows: within, events: eventsWithin }) =>
            outcomesShown &&
            rows !== null &&
            within >= minimum &&
            rows - within >= minimum &&
            eventsWithin >= minimum &&
            within - eventsWithin >= minimum,
        )
        // The loss elsewhere would tell the patients within: the losses of both add up to the Brier score.
        .map(({ conditions, loss, adjustedP }) => ({
          conditions,
          loss: rounded(loss),
          adjustedP: significant(adjustedP),
        })),
      prevalence: {
        site: binaryClasses === null ? keepReason(evidence.prevalence.site) : roundedEstimate(evidence.prevalence.site),
        // Of the consortium's own reference, which every site has.
        consortium: evidence.prevalence.consortium,
        ownTraining: ownTrainingPrevalence(),
      },
      shift: evidence.shift.map(shareShift),
      multivariate:
        evidence.multivariate === null || rows === null || fewRisks
          ? null
          : {
              domainClassifier: roundedEstimate(evidence.multivariate.domainClassifier),
              leading: roundedAll(evidence.multivariate.leading),
              meanDiscrepancy: distance(evidence.multivariate.meanDiscrepancy),
              energy: distance(evidence.multivariate.energy),
              reconstruction: distance(evidence.multivariate.reconstruction),
              scores: roundedAll(evidence.multivariate.scores),
            },
      labelShift: evidence.labelShift === null || !outcomesShown ? null : roundedAll(evidence.labelShift),
      // Its sentence may hold figures that are not shared.
      gap: evidence.gap === null || !outcomesShown ? null : { ...roundedAll(evidence.gap), text: null },
      unlabelled: shareUnlabelled(),
      update:
        update === null || !outcomesShown
          ? null
          : {
              ...ladderCounts(),
              judgedFrom: update.judgedFrom === null ? null : `${update.judgedFrom.slice(0, 10)}T00:00:00.000Z`,
              steps: shareSteps(),
              chosen: update.chosen,
              variant: update.variant,
            },
      data: {
        unseenLevels: evidence.data.unseenLevels.flatMap(({ column }) => unseenLevelsOf(column)),
        pendingShare: pendingShare(),
      },
      resolvableMargin: outcomesShown ? rounded(evidence.resolvableMargin) : null,
      power: outcomesShown
        ? {
            // With the events known it tells the time between the first and the last patient: to a digit, not to the day.
            eventsPerWeek: firstDigit(evidence.power.eventsPerWeek),
            eventsForMargin: significant(evidence.power.eventsForMargin),
            // Its standard error is made of the few patients whom the two models classify differently.
            eventsForNetBenefit: null,
          }
        : { eventsPerWeek: null, eventsForMargin: null, eventsForNetBenefit: null },
      look: outcomesShown ? roundedLook() : { ...evidence.look, informationFraction: null, earlier: [] },
      ...(evidence.held === undefined ? {} : { held: evidence.held }),
    };

    function roundedLook(): SharedEvidence['look'] {
      const { number, informationFraction, oneSidedLevel, twoSidedLevel, earlier: looks } = evidence.look;
      return {
        number,
        informationFraction: rounded(informationFraction),
        oneSidedLevel,
        twoSidedLevel,
        earlier: looks.map((fraction) => rounded(fraction)),
      };
    }

    /** Rows of the time that trains, less those of the summary, are the few whose outcome is not known. */
    function leftBehind(what: string): null {
      withheld.note(what, 'from_small_cell');
      return null;
    }

    function shareUnlabelled(): SharedEvidence['unlabelled'] {
      if (evidence.unlabelled === null || fewRisks) return null;
      // Rows that wait, less the patients who do, are the few who have two.
      const { window_open: open = 0, label_missing: missing = 0 } = evidence.excluded;
      const { rows: waiting } = evidence.unlabelled;
      if ([open, missing, open + missing].some((count) => isSmallStep(count, waiting, minimum))) {
        withheld.note('evidence.unlabelled', 'from_small_cell');
        return null;
      }
      const count = single(
        'evidence.unlabelled.rows',
        evidence.unlabelled.rows,
        (one) => one.evidence.unlabelled?.rows,
      );
      if (count === null) return null;
      return { ...roundedAll(evidence.unlabelled), rows: count };
    }

    /** Intervals tell the counts behind them, and what could not be fitted tells how few there were: without the counts no step is told. */
    function shareSteps(): NonNullable<SharedEvidence['update']>['steps'] {
      return update === null || ladderCounts().rows === null ? [] : roundedAll(update.steps);
    }

    function ladderCounts(): {
      updateRows: number | null;
      updateEvents: number | null;
      rows: number | null;
      events: number | null;
    } {
      const none = { updateRows: null, updateEvents: null, rows: null, events: null };
      if (update === null) return none;
      const counts = {
        updateRows: update.updateRows,
        updateEvents: update.updateEvents,
        rows: update.rows,
        events: update.events,
      };
      const now = ladderFigures(update);
      const parts = [...now, evidence.rows - update.updateRows - update.rows].filter((count) => count !== null);
      // Those who fit an update are the earliest of the judged patients: perhaps all of an earlier judgement, and a few more.
      const stepped = earlier.some(({ evidence: then }) =>
        [ladderFigures(then.update), [then.rows, then.events, then.nonEvents]].some((before) =>
          before.some((count, at) => isSmallStep(count, now[at] ?? 0, minimum)),
        ),
      );
      if (!parts.some(isSmall) && !stepped) return counts;
      withheld.note('evidence.update, counts', stepped ? 'too_little_new' : 'small_cell');
      return none;
    }

    /**
     * Which columns, where the decision says so anyway, and never how many patients: that a count is withheld would say that it is at most
     * minimum - 1, and the reason that it is above the policy's share.
     */
    function unseenLevelsOf(column: string): SharedEvidence['data']['unseenLevels'] {
      withheld.note(`evidence.data.unseenLevels, counts`, 'from_small_cell');
      const isSaid = decision.reasons.some(
        (reason) => reason.code === 'data.unseen_levels' && reason.column === column,
      );
      return isSaid ? [{ column, rows: null, share: null }] : [];
    }

    function pendingShare(): number | null {
      if (evidence.data.pendingShare === null || evidence.data.pendingShare === 0) return evidence.data.pendingShare;
      withheld.note('evidence.data.pendingShare', 'from_small_cell');
      return null;
    }
  }

  /**
   * Whether the own earlier rows are those of the summary, as far as their figures show: of others, figures would tell of the few that came
   * since.
   */
  function isOfSummary(
    row: ColumnShift,
    reference: readonly (number | null)[],
    now: readonly (number | null)[],
    isLabel: boolean,
  ): boolean {
    const known = (counts: readonly (number | null)[]): number[] => counts.map((count) => count ?? 0);
    const total = known(reference).reduce((sum, count) => sum + count, 0);
    const missing = isLabel ? null : (reference.at(-1) ?? 0) / total;
    return (
      total > 0 &&
      (evidence.prevalence.ownTraining === null || ownTrainingPrevalence() !== null) &&
      row.referenceMissingRate === missing &&
      row.psi === populationStability(known(reference), known(now))
    );
  }

  function ownTrainingPrevalence(): number | null {
    const counts = history.summaries.at(-1)?.labelCounts ?? null;
    const told = evidence.prevalence.ownTraining;
    if (told === null || counts?.length !== 2 || counts.includes(null)) return null;
    const [nonEventsThen, eventsThen] = counts as [number, number];
    // Of rows that are not the ones of the summary it would tell of those that came since.
    return eventsThen / (eventsThen + nonEventsThen) === told ? told : null;
  }

  function rowsZero(count: number): 0 | null {
    return count === 0 ? 0 : null;
  }

  function distance(test: { readonly value: number; readonly p: number } | null) {
    return test === null ? null : { value: rounded(test.value), p: significant(test.p) };
  }

  function subgroupCounts(name: string): Pick<SharedSubgroup, 'rows' | 'events' | 'nonEvents'> {
    for (const { table } of columns) {
      if (table === null) continue;
      const names = table.of.subgroup(name);
      if (!table.shown.has(names.rows)) continue;
      return {
        rows: table.shown.get(names.rows) ?? null,
        events: binaryClasses === null ? null : (table.shown.get(names.events) ?? null),
        nonEvents: binaryClasses === null ? null : (table.shown.get(names.nonEvents) ?? null),
      };
    }
    return { rows: null, events: null, nonEvents: null };
  }

  function sharePerformance(figures: Performance, which: 'new' | 'current'): SharedPerformance {
    const told = scores[which];
    // Counts at the threshold are sums of published cells where it is an edge of theirs.
    const confusionShown = threshold !== null && told?.edges.includes(threshold) === true;
    if (threshold !== null && !confusionShown) {
      withheld.note(`evidence.performance.${which}.classification`, 'from_small_cell');
      withheld.note(`evidence.performance.${which}.netBenefit`, 'from_small_cell');
    }
    const { curve: _curve, ...calibration }: CalibrationFigures = figures.calibration;
    return {
      auroc: roundedEstimate(figures.auroc),
      aurocPlain: roundedEstimate(figures.aurocPlain),
      averagePrecision: roundedEstimate(figures.averagePrecision),
      brier: roundedEstimate(figures.brier),
      scaledBrier: roundedEstimate(figures.scaledBrier),
      logLoss: roundedEstimate(figures.logLoss),
      calibration: roundedAll(calibration),
      netBenefit:
        threshold === null || confusionShown ? roundedEstimate(figures.netBenefit) : keepReason(figures.netBenefit),
      classification: confusionShown ? roundedClassification(figures.classification) : null,
    };
  }

  function roundedClassification(figures: Performance['classification']): Performance['classification'] {
    // The threshold is the plan's and stays as it is.
    return figures === null ? null : { ...roundedAll(figures), threshold: figures.threshold };
  }

  function shareShift(row: ColumnShift): ColumnShift {
    const explanation = row.found ? sharedExplanation(row.kind, row.column, row.against) : null;
    const isLabel = row.column === plan.data.label.name && !plan.data.columns.some(({ name }) => name === row.column);
    const counts = isLabel ? classes : (columns.find(({ name }) => name === row.column)?.counts ?? null);
    const reference = isLabel
      ? (history.summaries.at(-1)?.labelCounts ?? null)
      : (history.summaries.at(-1)?.columns.find(({ name }) => name === row.column)?.counts ?? null);
    const shownHere = counts !== null && !counts.includes(null);
    const shownThere =
      row.against === 'consortium' ||
      (shownHere && reference !== null && !reference.includes(null) && isOfSummary(row, reference, counts, isLabel));
    const missing = isLabel ? undefined : counts?.at(-1);
    const missingRate = typeof missing === 'number' && rows !== null && rows > 0 ? missing / rows : null;
    if (shownHere && shownThere) {
      return {
        ...row,
        statistic: rounded(row.statistic),
        p: significant(row.p),
        adjustedP: significant(row.adjustedP),
        psi: rounded(row.psi),
        jensenShannon: rounded(row.jensenShannon),
        scaledWasserstein: rounded(row.scaledWasserstein),
        kolmogorov: rounded(row.kolmogorov),
        missingRate: row.missingRate === null ? null : rounded(row.missingRate),
        referenceMissingRate: rounded(row.referenceMissingRate),
        explanation,
      };
    }
    // Each of these figures is an equation in the cells that are hidden.
    withheld.note(`evidence.shift.${row.column}.${row.against}`, 'from_small_cell');
    return {
      column: row.column,
      against: row.against,
      ...(row.referenceSites === undefined ? {} : { referenceSites: row.referenceSites }),
      statistic: null,
      // How many cells are not empty.
      degreesOfFreedom: null,
      p: null,
      adjustedP: null,
      psi: null,
      jensenShannon: null,
      scaledWasserstein: null,
      kolmogorov: null,
      missingRate: row.missingRate === null ? null : rounded(missingRate),
      referenceMissingRate: row.against === 'consortium' ? rounded(row.referenceMissingRate) : null,
      found: row.found,
      large: row.large,
      kind: row.kind,
      explanation,
      reason: 'withheld',
    };
  }
}

/** Those who fitted an update, with the event and without, then the same of those who judged it. */
function ladderFigures(
  ladder: {
    readonly updateRows: number | null;
    readonly updateEvents: number | null;
    readonly rows: number | null;
    readonly events: number | null;
  } | null,
): readonly (number | null)[] {
  if (ladder === null) return [];
  const { updateRows, updateEvents, rows, events } = ladder;
  const less = (all: number | null, some: number | null): number | null =>
    all === null || some === null ? null : all - some;
  return [updateRows, updateEvents, less(updateRows, updateEvents), rows, events, less(rows, events)];
}

/** An undefined figure says why it is undefined; a defined one that it is withheld. */
function keepReason(estimate: Estimate): Estimate {
  return estimate.value === null ? { ...withheldEstimate, reason: estimate.reason ?? 'withheld' } : withheldEstimate;
}

function roundedSums(sums: SiteCells['sums']): SharedCells['sums'] {
  return sums.map(({ weighting, weight, weightedLoss, squaredWeight }) => ({
    weighting,
    weight: rounded(weight),
    weightedLoss: rounded(weightedLoss),
    squaredWeight: rounded(squaredWeight),
  }));
}
