import type { ContinuousColumn, DataContract } from '../../../shared/plan/contract.ts';
import { binIndex } from '../../../shared/statistics/binning.ts';
import { cbpe } from '../../../shared/statistics/confidence-based.ts';
import { jensenShannonDistance } from '../../../shared/statistics/distances.ts';
import { fisherExact } from '../../../shared/statistics/fisher-exact.ts';
import { binnedKolmogorov } from '../../../shared/statistics/kolmogorov.ts';
import { bbseSoft } from '../../../shared/statistics/label-shift.ts';
import { benjaminiHochberg } from '../../../shared/statistics/multiplicity.ts';
import { normalQuantile } from '../../../shared/statistics/normal.ts';
import { binnedRankTest } from '../../../shared/statistics/rank-test.ts';
import { poolSparseBins, twoSampleChiSquare } from '../../../shared/statistics/shift.ts';
import { binnedWasserstein } from '../../../shared/statistics/wasserstein.ts';
import type { SiteTable } from '../../data/site-table.ts';
import { movedDistance, type Reading, readings, readingText, returnedDistance } from '../coding-change.ts';
import { type Baseline, type BaselineColumn, baselineCell } from './baseline.ts';
import { levelOfOne } from './budget.ts';
import { jointEmbedding, jointShift } from './joint-shift.ts';
import { type SignalPart, type SignalReading, worse } from './signal.ts';

/** Counts of one column among the rows of a window that is still open. */
interface ColumnCounts {
  readonly counts: readonly number[];
  /** Known values beyond the reference's least and largest. */
  readonly outside: number;
  /** The same of known values put through each reading of another unit; empty for levels. */
  readonly converted: readonly (readonly number[])[];
}

/** Rows scored since the last window closed: counts and predictions, never a feature of a patient. */
export interface RowWindow {
  readonly rows: number;
  readonly columns: readonly ColumnCounts[];
  readonly probabilities: readonly number[];
  /** Sum of the rows' embeddings, in grains; empty where the baseline has none. */
  readonly joint: readonly number[];
}

/** Signals of windows of rows. What a window found stays known when the next is quiet. */
export interface RowSignals {
  readonly open: RowWindow;
  readonly closed: number;
  /** Of the last closed window; empty before the first. */
  readonly last: readonly SignalReading[];
  /** Parts that have alarmed, as they stood then. */
  readonly alarms: readonly SignalReading[];
  /** Windows running, at the end, in which the estimate without outcomes lay below what was accepted. */
  readonly belowRunning: number;
}

/** Predictions and outcomes of the reference rows. */
export interface ReferenceScores {
  readonly probabilities: Float64Array;
  readonly labels: Float64Array;
}

function emptyWindow(contract: DataContract, baseline: Baseline): RowWindow {
  return {
    rows: 0,
    columns: baseline.columns.map(({ counts }, index) => {
      const column = contract.columns[index];
      const zeros = new Array<number>(counts.length).fill(0);
      return {
        counts: zeros,
        outside: 0,
        converted: column?.kind === 'continuous' ? readings(column).map(() => zeros) : [],
      };
    }),
    probabilities: [],
    joint: baseline.joint === null ? [] : baseline.joint.mean.map(() => 0),
  };
}

export function initRowSignals(contract: DataContract, baseline: Baseline): RowSignals {
  return { open: emptyWindow(contract, baseline), closed: 0, last: [], alarms: [], belowRunning: 0 };
}

/** A window that is filled in place, cell by cell. */
class Filling {
  rows: number;
  readonly #baseline: Baseline;
  readonly #readings: readonly (readonly Reading[])[];
  readonly #counts: number[][];
  readonly #outside: number[];
  readonly #converted: number[][][];
  readonly #probabilities: number[];
  readonly #embedding: ReturnType<typeof jointEmbedding>;
  readonly #joint: number[];

  constructor(from: RowWindow, contract: DataContract, baseline: Baseline) {
    this.rows = from.rows;
    this.#baseline = baseline;
    this.#readings = contract.columns.map((column) => (column.kind === 'continuous' ? readings(column) : []));
    this.#counts = from.columns.map(({ counts }) => [...counts]);
    this.#outside = from.columns.map(({ outside }) => outside);
    this.#converted = from.columns.map(({ converted }) => converted.map((cells) => [...cells]));
    this.#probabilities = [...from.probabilities];
    this.#embedding = baseline.joint === null ? null : jointEmbedding(baseline.columns);
    this.#joint = [...from.joint];
  }

  add(table: SiteTable, row: number, probability: number): void {
    this.rows++;
    this.#probabilities.push(probability);
    const cellOf = (index: number): number =>
      baselineCell(this.#baseline.columns[index] as BaselineColumn, table.columns[index]?.values[row] as number);
    this.#embedding?.add(cellOf, this.#joint);
    for (const [index, column] of this.#baseline.columns.entries()) {
      const value = table.columns[index]?.values[row] as number;
      const cell = baselineCell(column, value);
      const counts = this.#counts[index] as number[];
      counts[cell] = (counts[cell] as number) + 1;
      if (Number.isNaN(value)) continue;
      const { spread } = column;
      if (spread !== null && (value < spread.least || value > spread.largest)) {
        this.#outside[index] = (this.#outside[index] as number) + 1;
      }
      for (const [place, { factor, offset }] of (this.#readings[index] as readonly Reading[]).entries()) {
        const cells = this.#converted[index]?.[place] as number[];
        const bin = binIndex(value * factor + offset, column.edges);
        cells[bin] = (cells[bin] as number) + 1;
      }
    }
  }

  finish(): RowWindow {
    return {
      rows: this.rows,
      columns: this.#counts.map((counts, index) => ({
        counts,
        outside: this.#outside[index] as number,
        converted: this.#converted[index] as number[][],
      })),
      probabilities: this.#probabilities,
      joint: this.#joint,
    };
  }
}

/**
 * Takes rows in the order given; a window closes with its last row, and the next begins. Splitting the rows into several calls
 * changes nothing.
 * @param rows indices of the table. @param probabilities of each of them
 */
export function stepRowSignals(
  state: RowSignals,
  contract: DataContract,
  baseline: Baseline,
  reference: ReferenceScores,
  table: SiteTable,
  rows: ArrayLike<number>,
  probabilities: ArrayLike<number>,
): RowSignals {
  let now = state;
  let filling = new Filling(state.open, contract, baseline);
  for (let place = 0; place < rows.length; place++) {
    filling.add(table, rows[place] as number, probabilities[place] as number);
    if (filling.rows < baseline.settings.windowPatients) continue;
    now = closeWindow(now, contract, baseline, reference, filling.finish());
    filling = new Filling(emptyWindow(contract, baseline), contract, baseline);
  }
  return { ...now, open: filling.finish() };
}

function closeWindow(
  state: RowSignals,
  contract: DataContract,
  baseline: Baseline,
  reference: ReferenceScores,
  window: RowWindow,
): RowSignals {
  const inputs = inputParts(baseline, window);
  const outside = outsideSupport(baseline, window, inputs);
  const unlabelled = unlabelledParts(baseline, reference, window, state.belowRunning, outside);
  const last: SignalReading[] = [
    { signal: 'inputs', parts: [...inputs, ...jointParts(baseline, window)] },
    { signal: 'prior', parts: priorParts(baseline, reference, window) },
    { signal: 'unlabelled', parts: unlabelled.parts },
    { signal: 'pipe', parts: unitParts(contract, baseline, window) },
  ];
  const alarms = last.flatMap(({ signal, parts }) => {
    const before = state.alarms.find((alarm) => alarm.signal === signal)?.parts ?? [];
    const fresh = parts.filter((part) => part.level === 'revalidate' && before.every(({ name }) => name !== part.name));
    return before.length + fresh.length === 0 ? [] : [{ signal, parts: [...before, ...fresh] }];
  });
  return { open: state.open, closed: state.closed + 1, last, alarms, belowRunning: unlabelled.belowRunning };
}

const sum = (cells: readonly number[]): number => cells.reduce((total, count) => total + count, 0);
const doubled = (p: number | null): number | null => (p === null ? null : Math.min(1, 2 * p));

function chiSquareP(first: readonly number[], second: readonly number[]): number | null {
  const pooled = poolSparseBins(first, second, 5);
  return twoSampleChiSquare(pooled.first, pooled.second).p;
}

function missingP(reference: readonly number[], current: readonly number[]): number | null {
  const [a, b] = [reference.at(-1) as number, sum(reference) - (reference.at(-1) as number)];
  const [c, d] = [current.at(-1) as number, sum(current) - (current.at(-1) as number)];
  if (a + c === 0 || b + d === 0) return null;
  return fisherExact(a, b, c, d).p;
}

/**
 * Distances that samples of these sizes show without any change: mean and two standard deviations of the chi-square law for the
 * Jensen-Shannon distance (divergence ≈ chi-square / (8 ln 2) · (1/n + 1/m) bits), twice the mean of ∫|F - G| for Wasserstein's.
 */
export function chanceFloor(
  column: Pick<BaselineColumn, 'edges' | 'spread'>,
  reference: readonly number[],
  current: readonly number[],
): number {
  const sizes = 1 / sum(reference) + 1 / sum(current);
  if (column.edges.length === 0 || column.spread === null) {
    const df = Math.max(1, reference.filter((count, cell) => count + (current[cell] as number) > 0).length - 1);
    return Math.sqrt(((df + 2 * Math.sqrt(2 * df)) * sizes) / (8 * Math.LN2));
  }
  const { least, largest, sd } = column.spread;
  const points = [least, ...column.edges, largest];
  const total = sum(reference);
  let below = 0;
  let integral = 0;
  for (const [bin, count] of reference.entries()) {
    const middle = (below + count / 2) / total;
    integral += ((points[bin + 1] as number) - (points[bin] as number)) * Math.sqrt(middle * (1 - middle));
    below += count;
  }
  return (2 * Math.sqrt(2 / Math.PI) * integral * Math.sqrt(sizes)) / sd;
}

/**
 * Every column's values and missing rate against the reference: rank and chi-square tests on the reference's own quantile bins (the
 * smaller p, doubled), Fisher's exact test of missing, Benjamini-Hochberg over all. A column warns at the level that all windows of a
 * lifetime leave to one window, and alarms at the level of the signal's share when also the effect is large.
 */
function inputParts(baseline: Baseline, window: RowWindow): SignalPart[] {
  const { settings, windows } = baseline;
  const warnAt = levelOfOne(settings.falseAlarmRate, windows);
  const alarmAt = levelOfOne(baseline.budget.inputs as number, windows);
  const tests = baseline.columns.flatMap((column, index) => {
    const current = (window.columns[index] as ColumnCounts).counts;
    const [knownBefore, knownNow] = [column.counts.slice(0, -1), current.slice(0, -1)];
    const chi = chiSquareP(knownBefore, knownNow);
    const rank = column.kind === 'continuous' ? binnedRankTest(knownBefore, knownNow).p : null;
    const values =
      column.kind === 'continuous' && chi !== null && rank !== null ? doubled(Math.min(chi, rank)) : (chi ?? rank);
    const missing = (cells: readonly number[]): number[] => [
      sum(cells) - (cells.at(-1) as number),
      cells.at(-1) as number,
    ];
    const shares = { edges: [], spread: null };
    return [
      {
        name: column.name,
        p: values,
        effect: effectOf(column, knownBefore, knownNow),
        bound: Math.max(
          column.kind === 'continuous' ? settings.scaledWasserstein : settings.jensenShannon,
          chanceFloor(column, knownBefore, knownNow),
        ),
      },
      {
        name: `${column.name} missing`,
        p: missingP(column.counts, current),
        effect: jensenShannonDistance(missing(column.counts), missing(current)).value,
        bound: Math.max(settings.jensenShannon, chanceFloor(shares, missing(column.counts), missing(current))),
      },
    ];
  });
  const adjusted = benjaminiHochberg(tests.map(({ p }) => p));
  return tests.map(({ name, effect, bound }, index): SignalPart => {
    const p = adjusted[index] ?? null;
    if (p === null || effect === null) {
      return { name, figure: effect, warn: null, alarm: bound, level: 'quiet', reason: 'not_testable' };
    }
    const large = effect >= bound && p <= alarmAt;
    return {
      name,
      figure: effect,
      warn: null,
      alarm: bound,
      level: large ? 'revalidate' : p <= warnAt ? 'warn' : 'quiet',
    };
  });
}

/**
 * All columns together (maximum mean discrepancy): warns at the level that all windows of a lifetime leave to one. It has no size that a
 * policy could bound, so that by itself it asks for no new judgement.
 */
function jointParts(baseline: Baseline, window: RowWindow): SignalPart[] {
  if (baseline.joint === null) return [];
  const { value, p } = jointShift(baseline.joint, window.joint, window.rows);
  const level = p <= levelOfOne(baseline.settings.falseAlarmRate, baseline.windows) ? 'warn' : 'quiet';
  return [{ name: 'all columns together', figure: value, warn: null, alarm: null, level }];
}

function effectOf(column: BaselineColumn, before: readonly number[], now: readonly number[]): number | null {
  if (column.kind === 'categorical') return jensenShannonDistance(before, now).value;
  if (column.spread === null || column.edges.length === 0) {
    // A column that did not vary: any other distribution is as far as can be.
    return column.spread === null ? null : jensenShannonDistance(before, now).value;
  }
  const { sd, least, largest } = column.spread;
  return binnedWasserstein(column.edges, before, now, { referenceSd: sd, range: [least, largest] }).scaled;
}

/**
 * Whether the shift leaves what the reference knew: levels or values beyond any it had, in more rows than the policy lets pass, in a column
 * that shifted.
 */
function outsideSupport(baseline: Baseline, window: RowWindow, inputs: readonly SignalPart[]): boolean {
  return baseline.columns.some((column, index) => {
    const shifted = inputs.some(({ name, level }) => name === column.name && level !== 'quiet');
    const { counts, outside } = window.columns[index] as ColumnCounts;
    const levels = counts.reduce((rows, count, cell) => rows + (column.counts[cell] === 0 ? count : 0), 0);
    const unknown = Math.max(outside, levels);
    return shifted && unknown > baseline.maximumUnseenShare * window.rows;
  });
}

/**
 * p that predictions of the window come from where the reference's do: Wilcoxon's rank test on all distinct values. The error of the share
 * itself is far from normal in the tails that a lifetime's windows ask for; this test holds there, and a change of the share moves ranks.
 */
function samePredictionsP(reference: ArrayLike<number>, window: readonly number[]): number {
  const values = [...new Set([...Array.from(reference), ...window])].sort((a, b) => a - b);
  const place = new Map(values.map((value, index) => [value, index]));
  const count = (predictions: ArrayLike<number>): Float64Array => {
    const counts = new Float64Array(values.length);
    for (let row = 0; row < predictions.length; row++) {
      const index = place.get(predictions[row] as number) as number;
      counts[index] = (counts[index] as number) + 1;
    }
    return counts;
  };
  return binnedRankTest(count(reference), count(window)).p ?? 1;
}

/**
 * Share of events read from the predictions alone (black-box shift estimation, soft). Warns when, at the level of one of a
 * lifetime's windows, the predictions are not those of the reference; alarms at the level of the signal's share when the ratio also leaves the policy's range.
 */
function priorParts(baseline: Baseline, reference: ReferenceScores, window: RowWindow): SignalPart[] {
  const { settings, windows, accepted } = baseline;
  const [low, high] = settings.priorRatio;
  const { raw, priors, explained, reason } = bbseSoft(reference, window.probabilities);
  const estimate = priors?.[1];
  const none = { name: '', warn: low, alarm: high };
  // Where no mixture of the outcomes explains the predictions, the share is no share: then the inputs have changed.
  if (explained === false) return [{ ...none, figure: null, level: 'quiet', reason: 'not_label_shift' }];
  if (raw == null || estimate?.value == null || estimate.standardError == null) {
    return [{ ...none, figure: null, level: 'quiet', reason: reason ?? estimate?.reason ?? 'undefined' }];
  }
  const ratio = estimate.value / accepted.prevalence;
  const p = samePredictionsP(reference.probabilities, window.probabilities);
  const far = ratio < low || ratio > high;
  const alarms = far && p <= levelOfOne(baseline.budget.prior as number, windows);
  const warns = p <= levelOfOne(settings.falseAlarmRate, windows);
  return [{ ...none, figure: ratio, level: alarms ? 'revalidate' : warns ? 'warn' : 'quiet' }];
}

/**
 * Performance expected without outcomes (confidence-based), while the shift is inside what the reference knew. A window lies below what
 * was accepted when the whole band, at the level of one of a lifetime's windows, is worse than the accepted 95% bound; two running alarm.
 */
function unlabelledParts(
  baseline: Baseline,
  reference: ReferenceScores,
  window: RowWindow,
  runningBefore: number,
  outside: boolean,
): { readonly parts: readonly SignalPart[]; readonly belowRunning: number } {
  const { accepted, windows } = baseline;
  const warn = { warn: null, level: 'quiet' as const };
  if (outside) {
    const reason = 'outside_support';
    return {
      parts: [{ name: 'AUROC', figure: null, alarm: accepted.aurocLow, ...warn, reason }],
      belowRunning: 0,
    };
  }
  const expected = cbpe(reference, window.probabilities);
  // Two running are asked for, so the level of one window is the root of that of a pair.
  const reach = -normalQuantile(Math.sqrt(levelOfOne(baseline.budget.unlabelled as number, windows)));
  const figures = [
    { name: 'AUROC', estimate: expected.auroc, bound: accepted.aurocLow, sign: 1 },
    { name: 'Brier score', estimate: expected.brier, bound: accepted.brierHigh, sign: -1 },
  ].map(({ name, estimate, bound, sign }) => {
    const { value, standardError } = estimate;
    const known = value !== null && standardError != null && bound !== null;
    const below = known && sign * (value - bound) < 0;
    const wholly = known && sign * (value - bound) + reach * standardError < 0;
    return {
      name,
      value,
      bound,
      below,
      wholly,
      reason: estimate.reason ?? (bound === null ? 'no_accepted_bound' : undefined),
    };
  });
  const belowRunning = figures.some(({ wholly }) => wholly) ? runningBefore + 1 : 0;
  const parts = figures.map(({ name, value, bound, below, wholly, reason }): SignalPart => {
    const alarms = wholly && belowRunning >= 2;
    return {
      name,
      figure: value,
      warn: bound,
      alarm: bound,
      level: alarms ? 'revalidate' : below ? 'warn' : 'quiet',
      ...(value === null || bound === null ? { reason: reason ?? 'undefined' } : {}),
    };
  });
  return { parts, belowRunning };
}

/**
 * The other unit that values of a column seem to be in: they moved far away, and its conversion brings them back. A fact about the
 * source, not a test. Counts are over the baseline's bins without the cell for missing.
 */
export function otherUnit(
  planned: ContinuousColumn,
  column: BaselineColumn,
  now: readonly number[],
  converted: readonly (readonly number[])[],
): SignalPart | null {
  const before = column.counts.slice(0, -1);
  if (sum(before) === 0 || sum(now) === 0) return null;
  const moved = binnedKolmogorov(before, now).statistic;
  if (moved === null || moved < movedDistance) return null;
  const critical = 1.36 * Math.sqrt(1 / sum(before) + 1 / sum(now));
  const bound = Math.min(Math.max(returnedDistance, critical), moved / 2);
  let nearest: { readonly reading: Reading; readonly distance: number } | null = null;
  for (const [place, reading] of readings(planned).entries()) {
    const distance = binnedKolmogorov(before, converted[place] as readonly number[]).statistic;
    if (distance === null) continue;
    if (nearest === null || distance < nearest.distance) nearest = { reading, distance };
  }
  if (nearest === null || nearest.distance >= bound) return null;
  const name = `unit of ${column.name}: its values ${readingText(planned, nearest.reading)} they match the reference`;
  return { name, figure: moved, warn: null, alarm: movedDistance, level: 'revalidate' };
}

function unitParts(contract: DataContract, baseline: Baseline, window: RowWindow): SignalPart[] {
  return baseline.columns.flatMap((column, index) => {
    const planned = contract.columns[index];
    if (planned?.kind !== 'continuous') return [];
    const { counts, converted } = window.columns[index] as ColumnCounts;
    const part = otherUnit(
      planned,
      column,
      counts.slice(0, -1),
      converted.map((cells) => cells.slice(0, -1)),
    );
    return part === null ? [] : [part];
  });
}

/** The last window's readings, with every part that has alarmed before at the level it had. */
export function readRowSignals(state: RowSignals): readonly SignalReading[] {
  return (['inputs', 'prior', 'unlabelled', 'pipe'] as const).map((signal) => {
    const now = state.last.find((reading) => reading.signal === signal)?.parts ?? [];
    const alarmed = state.alarms.find((reading) => reading.signal === signal)?.parts ?? [];
    const kept = now.map((part) => {
      const alarm = alarmed.find(({ name }) => name === part.name);
      return alarm === undefined ? part : { ...alarm, level: worse(alarm.level, part.level) };
    });
    return { signal, parts: [...kept, ...alarmed.filter(({ name }) => now.every((part) => part.name !== name))] };
  });
}
