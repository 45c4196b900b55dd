import type { DataContract } from '../../../shared/plan/contract.ts';
import type { Digest } from '../../../shared/runtime/ids.ts';
import { binIndex } from '../../../shared/statistics/binning.ts';
import { meanAndVariance } from '../../../shared/statistics/exact-sum.ts';
import type { DayCount } from '../../data/predictions.ts';
import { readings } from '../coding-change.ts';
import type { Baseline } from './baseline.ts';
import { levelOfOne } from './budget.ts';
import { otherUnit } from './row-window.ts';
import { type SignalPart, upperPart } from './signal.ts';

const dayMs = 86_400_000;
/** Days of a week, over which volume is averaged; and passes after which delays are known. */
const week = 7;
/** So many values outside the plan's range that another unit brings back are no slip of the pen. */
const fewestOutOfRange = 10;

/** What one pass over the site's rows found out about the pipe that delivers them. */
export interface PassFacts {
  readonly nowMs: number;
  /** Digest of query and declared units; null for a file. */
  readonly schema: Digest | null;
  /** By column: numbers outside the plan's range in rows later than the reference. */
  readonly outOfRange: ReadonlyMap<string, ArrayLike<number>>;
  /** By column: rows later than the reference that were left out for a level the plan does not know. */
  readonly unknownLevels: ReadonlyMap<string, number>;
}

/** Rows that were scored since the monitor last looked. */
export interface Delivery {
  readonly rows: number;
  /** Mean time from prediction to scoring, in days; null without rows, or without times. */
  readonly meanDelayDays: number | null;
  /** Sequence of the last of them. */
  readonly sequence: number;
  /** New rows in all, since watching began. */
  readonly newRows: number;
}

/** State of the pipe; numbers and parts only. */
export interface PipeSignals {
  /** Sequence of the last prediction that was looked at. */
  readonly sequence: number;
  /** Mean delay of each pass that brought rows: the first seven are what later ones are compared with. */
  readonly learned: readonly number[];
  readonly recent: readonly number[];
  readonly schemaChanged: boolean;
  /** Code of the error the last pass ended in; null when it went well. */
  readonly failure: string | null;
  readonly unknownLevels: readonly SignalPart[];
  /** Units that came to light in rows outside the plan's range. They stay known. */
  readonly units: readonly SignalPart[];
}

export function initPipeSignals(sequence: number): PipeSignals {
  return { sequence, learned: [], recent: [], schemaChanged: false, failure: null, unknownLevels: [], units: [] };
}

export function stepPipeSignals(
  state: PipeSignals,
  contract: DataContract,
  baseline: Baseline,
  facts: PassFacts,
  delivery: Delivery,
): PipeSignals {
  const delay = delivery.meanDelayDays;
  const learns = state.learned.length < week;
  const units = contract.columns.flatMap((planned, index) => {
    const values = Array.from(facts.outOfRange.get(planned.name) ?? []).filter((value) => Number.isFinite(value));
    const column = baseline.columns[index];
    if (planned.kind !== 'continuous' || column === undefined || values.length < fewestOutOfRange) return [];
    const countsOf = (convert: (value: number) => number): number[] => {
      const counts = new Array<number>(column.counts.length - 1).fill(0);
      for (const value of values) {
        const bin = binIndex(convert(value), column.edges);
        counts[bin] = (counts[bin] as number) + 1;
      }
      return counts;
    };
    const part = otherUnit(
      planned,
      column,
      countsOf((value) => value),
      readings(planned).map(({ factor, offset }) => countsOf((value) => value * factor + offset)),
    );
    return part === null ? [] : [part];
  });
  return {
    sequence: Math.max(state.sequence, delivery.sequence),
    learned: delay !== null && learns ? [...state.learned, delay] : state.learned,
    recent: delay === null || learns ? state.recent : [...state.recent, delay].slice(-week),
    schemaChanged: facts.schema === null ? state.schemaChanged : facts.schema !== baseline.schema,
    failure: null,
    unknownLevels: [...facts.unknownLevels]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, rows]) =>
        upperPart(`${name}: unknown levels`, rows / (rows + delivery.newRows), {
          warn: baseline.maximumUnseenShare,
          alarm: null,
        }),
      ),
    units: [...state.units, ...units.filter(({ name }) => state.units.every((known) => known.name !== name))],
  };
}

/** Notes a pass that ended in an error: no rows could be had. */
export function failPipe(state: PipeSignals, code: string): PipeSignals {
  return { ...state, failure: code };
}

interface Volume {
  /** Expected rows of each weekday, Sunday first. */
  readonly ofWeekday: readonly number[];
  readonly mean: number;
  readonly sd: number;
}

/** Rows a day in the reference's time, its first and last day left out: they may not be whole. Null for less than four weeks. */
function referenceVolume(baseline: Baseline, days: readonly DayCount[]): Volume | null {
  if (baseline.days === null) return null;
  const { first, last } = baseline.days;
  const from = first + 1;
  const to = last - 1;
  if (to - from + 1 < 4 * week) return null;
  const rows = new Float64Array(to - from + 1);
  for (const { day, rows: count } of days) if (day >= from && day <= to) rows[day - from] = count;
  const { mean, varianceOfMean } = meanAndVariance(rows);
  const ofWeekday = Array.from({ length: week }, (_, weekday) => {
    const own = rows.filter((_, place) => weekdayOf(from + place) === weekday);
    return own.reduce((total, count) => total + count, 0) / own.length;
  });
  return { ofWeekday, mean, sd: Math.sqrt((varianceOfMean ?? 0) * rows.length) };
}

/** The epoch was a Thursday. */
function weekdayOf(day: number): number {
  return (((day + 4) % week) + week) % week;
}

/**
 * Volume: the mean of the last seven whole days, in standard deviations of the reference's daily rows. Gaps: days in a row without a
 * single row, where the chance of that under a Poisson law with the reference's mean of each weekday is below the level that one of a
 * lifetime's days has of the signal's share; a weekday that is always empty counts for nothing. The last days count as missing only
 * once rows usually would have come.
 */
export function readPipeSignals(
  state: PipeSignals,
  baseline: Baseline,
  days: readonly DayCount[],
  nowMs: number,
): readonly SignalPart[] {
  const { settings } = baseline;
  const parts: SignalPart[] = [...state.units];
  if (state.failure !== null) {
    parts.push({ name: `rows could not be read (${state.failure})`, figure: 1, warn: 1, alarm: null, level: 'warn' });
  }
  if (state.schemaChanged) {
    parts.push({ name: 'query or units changed', figure: 1, warn: 1, alarm: null, level: 'warn' });
  }
  const bounds = { warn: settings.volumeDeviations, alarm: null };
  const delayed = delayDeviation(state);
  parts.push(upperPart('delay until scoring', delayed, bounds, 'learning'));
  const volume = referenceVolume(baseline, days);
  if (volume === null || baseline.days === null) {
    parts.push(upperPart('daily volume', null, bounds, baseline.days === null ? 'no_times' : 'reference_too_short'));
    return parts;
  }
  const from = baseline.days.last + 1;
  const usualDelay = state.learned.length === 0 ? 0 : Math.max(...state.learned);
  // The last day that is over, and whose rows would have come; later rows show that they would.
  const latest = days.at(-1)?.day ?? 0;
  const until = Math.max(latest - 1, Math.floor((nowMs - usualDelay * dayMs) / dayMs) - 1);
  const rowsOf = new Map(days.map(({ day, rows }) => [day, rows]));
  const whole = Array.from({ length: Math.max(0, until - from + 1) }, (_, place) => from + place);
  const lastWeek = whole.slice(-week).map((day) => rowsOf.get(day) ?? 0);
  const mean = lastWeek.reduce((total, rows) => total + rows, 0) / week;
  parts.push(
    lastWeek.length < week || volume.sd === 0
      ? upperPart('daily volume', null, bounds, lastWeek.length < week ? 'learning' : 'zero_variance')
      : upperPart('daily volume', Math.abs(mean - volume.mean) / volume.sd, bounds),
  );
  const lifetimeDays = Math.max(1, Math.ceil(settings.lifetimePatients / Math.max(volume.mean, 1e-9)));
  const bound = -Math.log(levelOfOne(baseline.budget.pipe as number, lifetimeDays));
  let gap = 0;
  let worst = 0;
  for (const day of whole) {
    gap = (rowsOf.get(day) ?? 0) > 0 ? 0 : gap + (volume.ofWeekday[weekdayOf(day)] as number);
    worst = Math.max(worst, gap);
  }
  // In expected rows: the chance of none is exp(-rows).
  parts.push(upperPart('rows missing in a row', worst, { warn: null, alarm: bound }));
  return parts;
}

/** Deviation of the mean delay of the last seven passes from that of the first seven, in the latter's standard deviations. */
function delayDeviation({ learned, recent }: PipeSignals): number | null {
  if (learned.length < week || recent.length < week) return null;
  const { mean, varianceOfMean } = meanAndVariance(Float64Array.from(learned));
  const sd = Math.sqrt((varianceOfMean ?? 0) * week);
  const now = meanAndVariance(Float64Array.from(recent)).mean;
  if (sd === 0) return now === mean ? 0 : null;
  return Math.abs(now - mean) / sd;
}
