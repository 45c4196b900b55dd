import type { BinomialGroups } from './binomial-groups.ts';
import { calibrateGroups } from './calibration.ts';
import { calibrationErrorOfGroups } from './calibration-error.ts';
import type { ScoreHistogram } from './score-histogram.ts';
import { type ScoreMasses, scoreMasses } from './score-masses.ts';
import {
  aurocBounds,
  brierBounds,
  calibrationErrorBounds,
  deLongErrorBounds,
  interceptBounds,
  netBenefitBounds,
  observedExpectedBounds,
  type Range,
  scaledBrierBounds,
  slopeBounds,
} from './shared-counts-bounds.ts';
import { StatisticsError } from './statistics-error.ts';

/** A figure and where the pooled rows' own figure can lie. Without cells withheld and with rounded predictions all three are equal. */
export interface BoundedFigure {
  /** With rows at the middle of their cells and withheld rows spread evenly; null when undefined. */
  readonly value: number | null;
  /** The figure of the rows themselves is never below, whatever they were; null where nothing can be said. */
  readonly low: number | null;
  readonly high: number | null;
  /** Largest distance from value to low or high; 0 only when exact. */
  readonly errorBound: number | null;
  /** Why something is null: `no_rows`, `single_class`, `totals_unknown`, `unbounded`, or as of the figure itself. */
  readonly reason: string | null;
}

export interface SharedCounts {
  /** Whether every figure is that of the pooled rows, but for rounding. */
  readonly exact: boolean;
  readonly sites: number;
  /** Known rows of each outcome, and how many more there may be in withheld cells. */
  readonly events: number;
  readonly nonEvents: number;
  readonly unknownEvents: number;
  readonly unknownNonEvents: number;
  readonly auroc: BoundedFigure;
  /** DeLong's standard error of the AUROC. */
  readonly aurocStandardError: BoundedFigure;
  readonly brier: BoundedFigure;
  readonly scaledBrier: BoundedFigure;
  /** Ten bins of equal width. */
  readonly calibrationError: BoundedFigure;
  readonly observedExpected: BoundedFigure;
  readonly calibrationSlope: BoundedFigure;
  readonly calibrationIntercept: BoundedFigure;
  /** Standard errors of the two; null unless exact. */
  readonly slopeStandardError: number | null;
  readonly interceptStandardError: number | null;
  /** In the order of the thresholds asked for; a row is treated when its prediction reaches the threshold. */
  readonly netBenefit: readonly { readonly threshold: number; readonly figure: BoundedFigure }[];
}

/**
 * Figures of the pooled rows of several hospitals from their counts alone. Every figure is a function of the counts of each prediction by
 * outcome, so with rounded predictions the sums over hospitals give what the pooled rows would: AUROC and DeLong's variance (1988, Biometrics
 * 44:837), Brier, net benefit (A. J. Vickers, E. B. Elkin 2006, Med. Decis. Making 26:565), Cox recalibration. Otherwise each figure comes
 * with bounds over every place the rows can have in their cells, and withheld rows in the cells withheld: attained for AUROC, Brier, net
 * benefit, O/E and the intercept (with totals), safe but wider for the rest.
 *
 * @param thresholds inside (0, 1).
 * @throws StatisticsError for edges, counts or thresholds out of range, hospitals with other edges, and withheld cells that neither totals
 *   nor a maximum bound.
 */
export function sharedCounts(
  histograms: readonly ScoreHistogram[],
  { thresholds }: { readonly thresholds: readonly number[] },
): SharedCounts {
  for (const threshold of thresholds) {
    if (!(threshold > 0 && threshold < 1)) {
      throw new StatisticsError('out_of_range', `sharedCounts: threshold ${threshold} is not inside (0, 1)`);
    }
  }
  const masses = scoreMasses(histograms);
  const { central } = masses;
  const { exact } = masses;
  const events = known(masses, 1);
  const nonEvents = known(masses, 0);
  const figure = (value: number | null, bounds: () => Range | string, reason: string): BoundedFigure =>
    boundedFigure(exact, value, bounds, reason);
  const none = central.totalRows === 0 ? 'no_rows' : 'single_class';

  const ranking = deLongOfGroups(central);
  const calibration = calibrateGroups(central);
  const brier = brierOfGroups(central);
  const prevalence = central.totalEvents / central.totalRows;
  const mixed = central.totalEvents > 0 && central.totalEvents < central.totalRows;
  let expected = 0;
  for (let group = 0; group < central.rows.length; group++) {
    expected += (central.rows[group] as number) * (central.probabilities[group] as number);
  }
  return {
    exact,
    sites: histograms.length,
    events,
    nonEvents,
    unknownEvents: masses.extra[1]?.rows ?? 0,
    unknownNonEvents: masses.extra[0]?.rows ?? 0,
    auroc: figure(ranking?.auroc ?? null, () => aurocBounds(masses), none),
    aurocStandardError: figure(
      ranking?.standardError ?? null,
      () => deLongErrorBounds(masses),
      ranking === null ? none : 'too_few_for_interval',
    ),
    brier: figure(brier, () => brierBounds(masses), 'no_rows'),
    scaledBrier: figure(
      brier === null || !mixed ? null : 1 - brier / (prevalence * (1 - prevalence)),
      () => scaledBrierBounds(masses),
      none,
    ),
    calibrationError: figure(calibrationErrorOfGroups(central).value, () => calibrationErrorBounds(masses), 'no_rows'),
    observedExpected: figure(
      expected > 0 ? central.totalEvents / expected : null,
      () => observedExpectedBounds(masses),
      central.totalRows === 0 ? 'no_rows' : 'nothing_expected',
    ),
    calibrationSlope: figure(calibration.slope.value, () => slopeBounds(masses), calibration.slope.reason ?? none),
    calibrationIntercept: figure(
      calibration.intercept.value,
      () => interceptBounds(masses),
      calibration.intercept.reason ?? none,
    ),
    slopeStandardError: exact ? (calibration.slope.standardError ?? null) : null,
    interceptStandardError: exact ? (calibration.intercept.standardError ?? null) : null,
    netBenefit: thresholds.map((threshold) => ({
      threshold,
      figure: figure(netBenefitOfGroups(central, threshold), () => netBenefitBounds(masses, threshold), 'no_rows'),
    })),
  };
}

function known(masses: ScoreMasses, label: 0 | 1): number {
  return masses.fixed.reduce((sum, mass) => sum + (mass.label === label ? mass.rows : 0), 0);
}

function boundedFigure(
  exact: boolean,
  value: number | null,
  bounds: () => Range | string,
  reason: string,
): BoundedFigure {
  if (value === null) return { value: null, low: null, high: null, errorBound: null, reason };
  if (exact) return { value, low: value, high: value, errorBound: 0, reason: null };
  const range = bounds();
  if (typeof range === 'string') return { value, low: null, high: null, errorBound: null, reason: range };
  // The bounds are found by other sums than the value, so they may cross it by a rounding error.
  const low = range.low === null ? null : Math.min(range.low, value);
  const high = range.high === null ? null : Math.max(range.high, value);
  if (low === null || high === null) return { value, low, high, errorBound: null, reason: 'unbounded' };
  return { value, low, high, errorBound: Math.max(value - low, high - value), reason: null };
}

/** AUROC and DeLong's standard error of rows grouped by prediction; null without both classes. */
function deLongOfGroups(
  groups: BinomialGroups,
): { readonly auroc: number; readonly standardError: number | null } | null {
  const events = groups.totalEvents;
  const nonEvents = groups.totalRows - events;
  if (!(events > 0 && nonEvents > 0)) return null;
  let pairs = 0;
  let nonEventsBelow = 0;
  for (let group = 0; group < groups.rows.length; group++) {
    const e = groups.events[group] as number;
    const u = (groups.rows[group] as number) - e;
    pairs += e * (nonEventsBelow + u / 2);
    nonEventsBelow += u;
  }
  const auroc = pairs / (events * nonEvents);
  if (events < 2 || nonEvents < 2) return { auroc, standardError: null };
  let ofEvents = 0;
  let ofNonEvents = 0;
  nonEventsBelow = 0;
  let eventsBelow = 0;
  for (let group = 0; group < groups.rows.length; group++) {
    const e = groups.events[group] as number;
    const u = (groups.rows[group] as number) - e;
    ofEvents += e * ((nonEventsBelow + u / 2) / nonEvents - auroc) ** 2;
    ofNonEvents += u * ((events - eventsBelow - e / 2) / events - auroc) ** 2;
    nonEventsBelow += u;
    eventsBelow += e;
  }
  const variance = ofEvents / (events - 1) / events + ofNonEvents / (nonEvents - 1) / nonEvents;
  return { auroc, standardError: Math.sqrt(variance) };
}

function brierOfGroups(groups: BinomialGroups): number | null {
  if (groups.totalRows === 0) return null;
  let sum = 0;
  for (let group = 0; group < groups.rows.length; group++) {
    const p = groups.probabilities[group] as number;
    const e = groups.events[group] as number;
    sum += e * (1 - p) ** 2 + ((groups.rows[group] as number) - e) * p * p;
  }
  return sum / groups.totalRows;
}

function netBenefitOfGroups(groups: BinomialGroups, threshold: number): number | null {
  if (groups.totalRows === 0) return null;
  let benefit = 0;
  for (let group = 0; group < groups.rows.length; group++) {
    if ((groups.probabilities[group] as number) < threshold) continue;
    const e = groups.events[group] as number;
    benefit += e - ((groups.rows[group] as number) - e) * (threshold / (1 - threshold));
  }
  return benefit / groups.totalRows;
}
