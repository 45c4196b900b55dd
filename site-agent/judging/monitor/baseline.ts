import type { DataContract } from '../../../shared/plan/contract.ts';
import type { Policy } from '../../../shared/plan/policy.ts';
import type { Digest, ReleaseVersion } from '../../../shared/runtime/ids.ts';
import { deriveSeed, permutation, randomStream } from '../../../shared/runtime/random.ts';
import { binIndex } from '../../../shared/statistics/binning.ts';
import { brierScore } from '../../../shared/statistics/brier.ts';
import { cusumThreshold } from '../../../shared/statistics/cusum.ts';
import { aurocEstimate } from '../../../shared/statistics/discrimination.ts';
import { quantileEdges } from '../../../shared/statistics/distances.ts';
import { exactSum, meanAndVariance } from '../../../shared/statistics/exact-sum.ts';
import { applyRecalibration, fitInterceptUpdate, fitLogisticUpdate } from '../../../shared/statistics/recalibration.ts';
import type { Recalibration } from '../../../shared/statistics/recalibration-kinds.ts';
import type { SiteTable } from '../../data/site-table.ts';
import { JudgingError } from '../judging-error.ts';
import { type Budget, type BudgetLine, splitBudget } from './budget.ts';
import { type JointReference, jointReference } from './joint-shift.ts';

export type MonitorSettings = Policy['monitor'];

/** Counts of one column among the reference rows. Its edges are quantiles of them; that is all that is kept of their values. */
export interface BaselineColumn {
  readonly name: string;
  readonly kind: 'continuous' | 'categorical';
  /** Inner edges; empty for levels. */
  readonly edges: readonly number[];
  /** A cell a bin or level, and the last for missing. */
  readonly counts: readonly number[];
  /** Sample standard deviation and ends of the known values; null for levels and without values. */
  readonly spread: { readonly sd: number; readonly least: number; readonly largest: number } | null;
}

export interface BaselineSubgroup {
  readonly name: string;
  /** In the plan's list. */
  readonly position: number;
  /** Reference rows in it. */
  readonly rows: number;
  /** Upper end of the 95% interval of its Brier score; null when it is not watched, then `reason` says why. */
  readonly brier: number | null;
  /** On top of the baseline's: what was off in the group when the release was accepted is no change either. */
  readonly recalibration: Recalibration;
  readonly reason: string | null;
}

/**
 * What a model in use is measured against: figures of the rows that judged it when it was accepted. Made once for each acceptance,
 * stored at the site, and never sent.
 */
export interface Baseline {
  readonly wardround: 'monitor-baseline/1';
  readonly release: { readonly version: ReleaseVersion; readonly digest: Digest };
  /** The version before, scored in silence; null when there is none. */
  readonly against: { readonly version: ReleaseVersion; readonly digest: Digest } | null;
  readonly settings: MonitorSettings;
  readonly falseDiscoveryRate: number;
  readonly maximumUnseenShare: number;
  readonly budget: Budget;
  /** Windows of rows in a lifetime. */
  readonly windows: number;
  readonly rows: number;
  readonly events: number;
  readonly accepted: {
    readonly brier: number;
    readonly brierHigh: number | null;
    readonly auroc: number | null;
    readonly aurocLow: number | null;
    readonly prevalence: number;
  };
  /** Fitted on the reference rows, for the charts of calibration. */
  readonly recalibration: Recalibration;
  /** Standard error of its level, in log odds: 1 / √Σp(1 - p). So much is granted to it before odds count as changed. */
  readonly recalibrationError: number;
  readonly charts: readonly { readonly oddsRatio: number; readonly threshold: number; readonly simulations: number }[];
  readonly columns: readonly BaselineColumn[];
  /** All of them together; null where none varies. */
  readonly joint: JointReference | null;
  readonly subgroups: readonly BaselineSubgroup[];
  /** Day (since the epoch) of the first and the latest reference row; null without times. */
  readonly days: { readonly first: number; readonly last: number } | null;
  /** Digest of query and declared units. */
  readonly schema: Digest;
  /** When the release was validated, ms since the epoch, and for how many days that holds. */
  readonly validatedMs: number;
  readonly revalidateDays: number;
  readonly madeMs: number;
}

export interface BaselineInput {
  readonly release: Baseline['release'];
  readonly against: Baseline['against'];
  readonly contract: DataContract;
  readonly policy: Policy;
  /** Rows of the site; only `reference` is looked at. */
  readonly table: SiteTable;
  /** Rows that judged the release, with known outcomes. */
  readonly reference: Uint32Array;
  /** Of each reference row, by the release in use. */
  readonly probabilities: ArrayLike<number>;
  readonly schema: Digest;
  readonly validatedMs: number;
  readonly revalidateDays: number;
  readonly nowMs: number;
}

const referenceBins = 20;
/** Lifetimes simulated: so many that a rate as small as the share can be bounded with some twenty of them above. */
const exceedancesWanted = 20;
/** The threshold is read from a sample of the reference predictions; more of them do not change their distribution. */
const scoresDrawn = 20_000;

const dayMs = 86_400_000;
export const dayOf = (timeMs: number): number => Math.floor(timeMs / dayMs);

/** Whether a row belongs to a subgroup of the plan. @param row index of the table */
export function inSubgroup(table: SiteTable, contract: DataContract, position: number, row: number): boolean {
  const group = contract.subgroups[position];
  if (group === undefined) return false;
  const index = contract.columns.findIndex(({ name }) => name === group.column);
  const column = contract.columns[index];
  const value = table.columns[index]?.values[row];
  if (column === undefined || value === undefined || Number.isNaN(value)) return false;
  if ('level' in group) return column.kind === 'categorical' && column.levels[value] === group.level;
  return (group.atLeast === undefined || value >= group.atLeast) && (group.below === undefined || value < group.below);
}

/** Cell of a value in a baseline column's counts. */
export function baselineCell(column: Pick<BaselineColumn, 'kind' | 'edges' | 'counts'>, value: number): number {
  if (column.kind === 'continuous') return binIndex(value, column.edges);
  return Number.isNaN(value) ? column.counts.length - 1 : value;
}

function baselineColumn(column: DataContract['columns'][number], values: Float64Array): BaselineColumn {
  const known = values.filter((value) => !Number.isNaN(value));
  const edges = column.kind === 'continuous' ? quantileEdges(known, referenceBins) : [];
  const cells = (column.kind === 'continuous' ? edges.length + 1 : column.levels.length) + 1;
  const counts = new Array<number>(cells).fill(0);
  const shape = { kind: column.kind, edges, counts };
  for (const value of values) {
    const cell = baselineCell(shape, value);
    counts[cell] = (counts[cell] as number) + 1;
  }
  const { variance } = meanAndSpread(known);
  return {
    name: column.name,
    ...shape,
    spread:
      column.kind === 'categorical' || variance === null
        ? null
        : { sd: Math.sqrt(variance), least: leastOf(known), largest: -leastOf(known.map((value) => -value)) },
  };
}

function meanAndSpread(values: Float64Array): { readonly variance: number | null } {
  const { varianceOfMean } = meanAndVariance(values);
  return { variance: varianceOfMean === null ? null : varianceOfMean * values.length };
}

function leastOf(values: Float64Array): number {
  return values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
}

/**
 * Makes the baseline of a release from the rows that judged it. The order of the rows changes nothing.
 * @throws JudgingError `monitor_reference` where the reference rows hold no event or no other patient: nothing can be watched against
 */
export function makeBaseline(input: BaselineInput): Baseline {
  const { contract, policy, table, reference } = input;
  const settings = policy.monitor;
  // In the order of predictions, so that sums and simulations do not depend on that of the rows.
  const order = [...reference.keys()].sort(
    (a, b) =>
      (input.probabilities[a] as number) - (input.probabilities[b] as number) ||
      (table.labels[reference[a] as number] as number) - (table.labels[reference[b] as number] as number),
  );
  const probabilities = Float64Array.from(order, (place) => input.probabilities[place] as number);
  const labels = Float64Array.from(order, (place) => table.labels[reference[place] as number] as number);
  const events = labels.reduce((sum, label) => sum + label, 0);
  if (events === 0 || events === labels.length) {
    throw new JudgingError(
      'monitor_reference',
      `${input.release.version}: ${labels.length} rows judged it, ${events} of them with the event; both outcomes are needed to watch it against`,
    );
  }
  const columns = contract.columns.map((column, index) =>
    baselineColumn(
      column,
      Float64Array.from(reference, (row) => table.columns[index]?.values[row] as number),
    ),
  );
  const recalibration: Recalibration = fitLogisticUpdate(probabilities, labels).recalibration ?? { kind: 'none' };
  const calibrated = applyRecalibration(recalibration, probabilities);
  const subgroups = contract.subgroups.map((group, position): BaselineSubgroup => {
    const within = [...reference.keys()].filter((place) =>
      inSubgroup(table, contract, position, reference[place] as number),
    );
    const own = Float64Array.from(within, (place) => table.labels[reference[place] as number] as number);
    const ownEvents = own.reduce((sum, label) => sum + label, 0);
    const { minimumEvents } = policy.subgroups;
    const unwatched = {
      name: group.name,
      position,
      rows: own.length,
      brier: null,
      recalibration: { kind: 'none' },
    } as const;
    if (ownEvents < minimumEvents || own.length - ownEvents < minimumEvents) {
      return { ...unwatched, reason: 'too_few_events' };
    }
    const predicted = Float64Array.from(within, (place) => input.probabilities[place] as number);
    const brier = brierScore(predicted, own);
    const level = brier.high ?? brier.value;
    return level === null || !(level + settings.brierTolerance < 1 && level + settings.brierTolerance > 0)
      ? { ...unwatched, reason: brier.reason ?? 'undefined' }
      : {
          ...unwatched,
          brier: level,
          recalibration: fitInterceptUpdate(applyRecalibration(recalibration, predicted), own).recalibration ?? {
            kind: 'none',
          },
          reason: null,
        };
  });
  const watched: BudgetLine[] = ['performance', 'harm', 'calibration', 'window', 'unlabelled', 'inputs', 'prior'];
  if (subgroups.some(({ brier }) => brier !== null)) watched.push('subgroup');
  const dated = contract.time !== null;
  if (dated) watched.push('pipe');
  const budget = splitBudget(settings.falseAlarmRate, watched);

  const brier = brierScore(probabilities, labels);
  const auroc = aurocEstimate(probabilities, labels);
  const times = Float64Array.from(reference, (row) => table.times[row] as number).sort();
  return {
    wardround: 'monitor-baseline/1',
    release: input.release,
    against: input.against,
    settings,
    falseDiscoveryRate: policy.shift.falseDiscoveryRate,
    maximumUnseenShare: policy.data.maximumUnseenShare,
    budget,
    windows: Math.ceil(settings.lifetimePatients / settings.windowPatients),
    rows: labels.length,
    events,
    accepted: {
      brier: brier.value as number,
      brierHigh: brier.high,
      auroc: auroc.value,
      aurocLow: auroc.low,
      prevalence: events / labels.length,
    },
    recalibration,
    recalibrationError: 1 / Math.sqrt(exactSum(calibrated.map((p) => p * (1 - p)))),
    charts: chartsOf(calibrated, settings, (budget.calibration as number) / 2),
    columns,
    joint: jointReference(columns, table, reference, (column, row) =>
      baselineCell(columns[column] as BaselineColumn, table.columns[column]?.values[row] as number),
    ),
    subgroups,
    days: dated && times.length > 0 ? { first: dayOf(times[0] as number), last: dayOf(times.at(-1) as number) } : null,
    schema: input.schema,
    validatedMs: input.validatedMs,
    revalidateDays: input.revalidateDays,
    madeMs: input.nowMs,
  };
}

/** A chart for raised and one for lowered odds, each with half of the share, on the site's own predictions. */
function chartsOf(scores: Float64Array, settings: MonitorSettings, alpha: number): Baseline['charts'] {
  const { oddsRatio, lifetimePatients } = settings;
  const seed = deriveSeed(0, 'monitor', lifetimePatients);
  const drawn =
    scores.length <= scoresDrawn
      ? scores
      : Float64Array.from(
          permutation(scores.length, randomStream(seed, 'scores')).slice(0, scoresDrawn),
          (place) => scores[place] as number,
        );
  return [oddsRatio, 1 / oddsRatio].map((ratio) => {
    const { threshold, simulations } = cusumThreshold({
      scores: drawn,
      lifetimePatients,
      alpha,
      oddsRatio: ratio,
      seed,
      simulations: Math.ceil(exceedancesWanted / alpha),
    });
    return { oddsRatio: ratio, threshold, simulations };
  });
}
