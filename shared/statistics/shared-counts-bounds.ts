import { type BinomialGroups, logitOf } from './binomial-groups.ts';
import { fitLogisticIntercept, fitLogisticLine } from './calibration.ts';
import { equalWidthGroup } from './calibration-error.ts';
import { logistic } from './estimate.ts';
import type { ScoreMass, ScoreMasses } from './score-masses.ts';

/** Where a figure of the rows can lie; null where it is not bounded on that side. */
export interface Range {
  readonly low: number | null;
  readonly high: number | null;
}

function lowest({ edges }: ScoreMasses, mass: ScoreMass): number {
  return edges[mass.from] as number;
}

function highest({ edges, rounded }: ScoreMasses, mass: ScoreMass): number {
  return edges[rounded ? mass.to : mass.to + 1] as number;
}

/** Whether rows of a mass can have exactly its highest prediction: cells are half-open, but for rounded ones and the last. */
function reachesHighest({ edges, rounded }: ScoreMasses, mass: ScoreMass): boolean {
  return rounded || mass.to === edges.length - 2;
}

/**
 * Bounds over the number of rows that may or may not exist. A mean to which r rows of one value are added moves one way with r, so its
 * extremes stand where each outcome's unknown rows are all there or none is.
 */
function overUnknownRows(masses: ScoreMasses, bounds: (rows: readonly ScoreMass[]) => Range): Range {
  const [nonEvents, events] = masses.extra;
  const choices = (mass: ScoreMass | null): (readonly ScoreMass[])[] => (mass === null ? [[]] : [[], [mass]]);
  const ranges = choices(events).flatMap((some) =>
    choices(nonEvents).map((others) => bounds([...masses.fixed, ...some, ...others])),
  );
  const ends = (side: 'low' | 'high'): number | null =>
    ranges.reduce<number | null>((best, range) => {
      const end = range[side];
      if (best === null || end === null) return null;
      return side === 'low' ? Math.min(best, end) : Math.max(best, end);
    }, ranges[0]?.[side] ?? null);
  return { low: ends('low'), high: ends('high') };
}

function hasBothClasses({ fixed }: ScoreMasses): boolean {
  return fixed.some(({ label }) => label === 1) && fixed.some(({ label }) => label === 0);
}

function hasUnknownRows({ extra }: ScoreMasses): boolean {
  return extra.some((mass) => mass !== null);
}

function cellsOf({ edges, rounded }: ScoreMasses): number {
  return rounded ? edges.length : edges.length - 1;
}

/** Rows of an outcome by the cell they start or end in. */
function countsAt(rows: readonly ScoreMass[], label: 0 | 1, end: 'from' | 'to', cells: number): Float64Array {
  const counts = new Float64Array(cells);
  for (const mass of rows) if (mass.label === label) counts[mass[end]] = (counts[mass[end]] as number) + mass.rows;
  return counts;
}

/** Attained: events at one end of their cells and non-events at the other. */
export function aurocBounds(masses: ScoreMasses): Range | string {
  if (!hasBothClasses(masses)) return 'totals_unknown';
  const cells = cellsOf(masses);
  const bound = (rows: readonly ScoreMass[], side: 'low' | 'high'): number => {
    const events = countsAt(rows, 1, side === 'high' ? 'to' : 'from', cells);
    const nonEvents = countsAt(rows, 0, side === 'high' ? 'from' : 'to', cells);
    const tie = masses.rounded ? 0.5 : side === 'high' ? 1 : 0;
    let pairs = 0;
    let below = 0;
    let totalEvents = 0;
    for (let cell = 0; cell < cells; cell++) {
      pairs += (events[cell] as number) * (below + tie * (nonEvents[cell] as number));
      below += nonEvents[cell] as number;
      totalEvents += events[cell] as number;
    }
    return pairs / (totalEvents * below);
  };
  return overUnknownRows(masses, (rows) => ({ low: bound(rows, 'low'), high: bound(rows, 'high') }));
}

/** A mean over rows of a value that lies between two ends for each mass. */
function meanBounds(masses: ScoreMasses, ends: (mass: ScoreMass) => readonly [number, number]): Range {
  return overUnknownRows(masses, (rows) => {
    let low = 0;
    let high = 0;
    let n = 0;
    for (const mass of rows) {
      const [least, most] = ends(mass);
      low += mass.rows * least;
      high += mass.rows * most;
      n += mass.rows;
    }
    return n === 0 ? { low: null, high: null } : { low: low / n, high: high / n };
  });
}

/** Attained: squared error falls with the prediction of an event and rises with that of a non-event. */
export function brierBounds(masses: ScoreMasses): Range {
  return meanBounds(masses, (mass) => {
    const [near, far] =
      mass.label === 1
        ? [1 - highest(masses, mass), 1 - lowest(masses, mass)]
        : [lowest(masses, mass), highest(masses, mass)];
    return [near * near, far * far];
  });
}

/** 1 - Brier / (π(1 - π)); with the numbers of both outcomes known it is attained. */
export function scaledBrierBounds(masses: ScoreMasses): Range | string {
  if (!hasBothClasses(masses)) return 'totals_unknown';
  const brier = brierBounds(masses);
  const prevalence = meanBounds(masses, ({ label }) => [label, label]);
  if (brier.low === null || brier.high === null || prevalence.low === null || prevalence.high === null) {
    return { low: null, high: null };
  }
  const ends = [prevalence.low * (1 - prevalence.low), prevalence.high * (1 - prevalence.high)] as const;
  const most = prevalence.low <= 0.5 && prevalence.high >= 0.5 ? 0.25 : Math.max(...ends);
  return { low: 1 - brier.high / Math.min(...ends), high: 1 - brier.low / most };
}

/** Attained: each row is treated, untreated, or either. */
export function netBenefitBounds(masses: ScoreMasses, threshold: number): Range {
  const harm = threshold / (1 - threshold);
  return meanBounds(masses, (mass) => {
    const treated = mass.label === 1 ? 1 : -harm;
    if (lowest(masses, mass) >= threshold) return [treated, treated];
    const top = highest(masses, mass);
    const untreated = reachesHighest(masses, mass) ? top < threshold : top <= threshold;
    return untreated ? [0, 0] : [Math.min(0, treated), Math.max(0, treated)];
  });
}

/** Attained: expected events rise with every prediction. */
export function observedExpectedBounds(masses: ScoreMasses): Range {
  return overUnknownRows(masses, (rows) => {
    let observed = 0;
    let least = 0;
    let most = 0;
    for (const mass of rows) {
      observed += mass.label * mass.rows;
      least += mass.rows * lowest(masses, mass);
      most += mass.rows * highest(masses, mass);
    }
    return { low: most > 0 ? observed / most : null, high: least > 0 ? observed / least : null };
  });
}

/** Attained: the shift that makes Σp equal to the events falls with every prediction, rises with events and falls with non-events. */
export function interceptBounds(masses: ScoreMasses): Range | string {
  if (!hasBothClasses(masses)) return 'totals_unknown';
  const [nonEvents, events] = masses.extra;
  const shift = (rows: readonly ScoreMass[], place: typeof lowest): number | null => {
    const fit = fitLogisticIntercept(groupsAt(rows, (mass) => place(masses, mass)));
    return 'reason' in fit ? null : (fit.coefficients[0] as number);
  };
  return {
    low: shift(nonEvents === null ? masses.fixed : [...masses.fixed, nonEvents], highest),
    high: shift(events === null ? masses.fixed : [...masses.fixed, events], lowest),
  };
}

function groupsAt(rows: readonly ScoreMass[], place: (mass: ScoreMass) => number): BinomialGroups {
  const counts = Float64Array.from(rows, (mass) => mass.rows);
  const events = Float64Array.from(rows, (mass) => mass.label * mass.rows);
  return {
    probabilities: Float64Array.from(rows, place),
    events,
    rows: counts,
    totalRows: counts.reduce((sum, value) => sum + value, 0),
    totalEvents: events.reduce((sum, value) => sum + value, 0),
  };
}

const bins = 10;

/**
 * Attained where every cell lies inside one of the ten bins. A mass across bins may raise the error by its largest residual, and the error is
 * never below the difference of the totals (triangle inequality).
 */
export function calibrationErrorBounds(masses: ScoreMasses): Range | string {
  if (hasUnknownRows(masses)) return 'totals_unknown';
  const low = new Float64Array(bins);
  const high = new Float64Array(bins);
  let totalLow = 0;
  let totalHigh = 0;
  let across = 0;
  let n = 0;
  for (const mass of masses.fixed) {
    const from = lowest(masses, mass);
    const to = highest(masses, mass);
    const least = mass.rows * (mass.label - to);
    const most = mass.rows * (mass.label - from);
    n += mass.rows;
    totalLow += least;
    totalHigh += most;
    const first = equalWidthGroup(from, bins);
    const last = reachesHighest(masses, mass) ? equalWidthGroup(to, bins) : Math.max(first, Math.ceil(to * bins) - 1);
    if (first === last) {
      low[first] = (low[first] as number) + least;
      high[first] = (high[first] as number) + most;
    } else {
      across += Math.max(Math.abs(least), Math.abs(most));
    }
  }
  const nearest = (from: number, to: number): number => Math.max(0, from, -to);
  let least = -across;
  let most = across;
  for (let bin = 0; bin < bins; bin++) {
    least += nearest(low[bin] as number, high[bin] as number);
    most += Math.max(Math.abs(low[bin] as number), Math.abs(high[bin] as number));
  }
  return { low: Math.max(0, least, nearest(totalLow, totalHigh)) / n, high: Math.min(1, most / n) };
}

/** A value of `rows` rows somewhere between two ends. */
interface Box {
  readonly rows: number;
  readonly low: number;
  readonly high: number;
}

/** Safe: every structural component lies between its ends, and the variances of both outcomes are bounded over all such values. */
export function deLongErrorBounds(masses: ScoreMasses): Range | string {
  if (hasUnknownRows(masses)) return 'totals_unknown';
  const cells = cellsOf(masses);
  const { fixed } = masses;
  const boxes = (label: 0 | 1): Box[] => {
    const other = label === 1 ? 0 : 1;
    const from = countsAt(fixed, other, 'from', cells);
    const to = countsAt(fixed, other, 'to', cells);
    const total = from.reduce((sum, count) => sum + count, 0);
    const [belowFrom, belowTo] = [before(from), before(to)];
    const [least, most] = masses.rounded ? [0.5, 0.5] : [0, 1];
    return fixed.flatMap((mass) => {
      if (mass.label !== label) return [];
      // Share of the other outcome's rows that lie below this one's: for non-events one minus the component, with the same variance.
      return {
        rows: mass.rows,
        low: ((belowTo[mass.from] as number) + least * (to[mass.from] as number)) / total,
        high: ((belowFrom[mass.to] as number) + most * (from[mass.to] as number)) / total,
      };
    });
  };
  const [nonEvents, events] = [varianceOfMean(boxes(0)), varianceOfMean(boxes(1))];
  if (nonEvents === null || events === null) return 'too_few_for_interval';
  return { low: Math.sqrt(nonEvents.low + events.low), high: Math.sqrt(nonEvents.high + events.high) };
}

/** Sum of the counts before each cell. */
function before(counts: Float64Array): Float64Array {
  let sum = 0;
  return counts.map((count) => {
    const held = sum;
    sum += count;
    return held;
  });
}

/** Smallest and largest of sample variance / rows over all values in the boxes; the largest is safe and may not be attained. */
function varianceOfMean(boxes: readonly Box[]): { readonly low: number; readonly high: number } | null {
  const n = boxes.reduce((sum, { rows }) => sum + rows, 0);
  if (n < 2) return null;
  const scale = 1 / (n - 1) / n;
  // The smallest sum of squares is about the point for which every value is as near as it can be: convex in that point.
  const about = (centre: number): number =>
    boxes.reduce((sum, { rows, low, high }) => sum + rows * Math.max(0, low - centre, centre - high) ** 2, 0);
  let from = 0;
  let to = 1;
  for (let step = 0; step < 100; step++) {
    const [first, second] = [from + (to - from) / 3, to - (to - from) / 3];
    if (about(first) <= about(second)) to = second;
    else from = first;
  }
  // The largest: each value at the end further from the mean, so boxes with lower middles at their low ends, the rest at their high ends.
  // Within the box where it turns, the sum of squares is concave in how many rows are low, and its peak over real numbers is no less.
  const sorted = [...boxes].sort((a, b) => a.low + a.high - (b.low + b.high));
  let sum = sorted.reduce((total, { rows, high }) => total + rows * high, 0);
  let squares = sorted.reduce((total, { rows, high }) => total + rows * high * high, 0);
  let most = squares - (sum * sum) / n;
  for (const { rows, low, high } of sorted) {
    const width = high - low;
    if (width > 0) {
      const rise = low * low - high * high;
      // d/dk of squares + k·rise - (sum - k·width)² / n.
      const peak = Math.min(rows, Math.max(0, (n * rise + 2 * width * sum) / (2 * width * width)));
      most = Math.max(most, squares + peak * rise - (sum - peak * width) ** 2 / n);
    }
    sum -= rows * width;
    squares += rows * (low * low - high * high);
    most = Math.max(most, squares - (sum * sum) / n);
  }
  return { low: about((from + to) / 2) * scale, high: Math.max(0, most) * scale };
}

const shiftPieces = 12;
const logitPieces = 4;

/** A piece of a mass's log odds. */
interface LogitBox {
  readonly label: 0 | 1;
  readonly rows: number;
  readonly pieces: readonly (readonly [number, number])[];
  readonly low: number;
  readonly high: number;
}

/**
 * Safe: the fitted slope exceeds b exactly when the profile likelihood still rises at b, that is when Σ l (y - σ(a + b l)) > 0 with the
 * intercept a that fits there. The sum is bounded over all log odds l in their cells and all a they allow, a shift c of l being free
 * because Σ (y - σ) = 0; the b nearest to the fitted slope for which the sign is certain are the bounds.
 */
export function slopeBounds(masses: ScoreMasses): Range | string {
  if (hasUnknownRows(masses)) return 'totals_unknown';
  const centre = fitLogisticLine(masses.central);
  if ('reason' in centre) return centre.reason;
  const boxes = masses.fixed.map((mass): LogitBox => {
    const low = logitOf(lowest(masses, mass));
    const high = logitOf(highest(masses, mass));
    const width = (high - low) / logitPieces;
    const pieces =
      width === 0
        ? [[low, high] as const]
        : Array.from(
            { length: logitPieces },
            (_, index) => [low + index * width, index + 1 === logitPieces ? high : low + (index + 1) * width] as const,
          );
    return { label: mass.label, rows: mass.rows, pieces, low, high };
  });
  return {
    low: nearestCertain(centre.slope, -1, (slope) => derivativeIsCertain(boxes, slope, 1)),
    high: nearestCertain(centre.slope, 1, (slope) => derivativeIsCertain(boxes, slope, -1)),
  };
}

/** The certain point nearest to the start in one direction: steps outwards until certain, then halves. Null when none is found. */
function nearestCertain(start: number, direction: 1 | -1, certain: (slope: number) => boolean): number | null {
  let step = Math.max(0.01, Math.abs(start) / 100);
  let uncertain = start;
  for (let trial = 0; trial < 14; trial++) {
    const slope = start + direction * step;
    if (certain(slope)) return halved(uncertain, slope, certain);
    uncertain = slope;
    step *= 2;
  }
  return null;
}

function halved(uncertain: number, found: number, certain: (slope: number) => boolean): number {
  let [inner, outer] = [uncertain, found];
  for (let halving = 0; halving < 12; halving++) {
    const middle = (inner + outer) / 2;
    if (certain(middle)) outer = middle;
    else inner = middle;
  }
  return outer;
}

/** Whether the profile likelihood's derivative has this sign at the slope wherever the rows lie. */
function derivativeIsCertain(boxes: readonly LogitBox[], slope: number, sign: 1 | -1): boolean {
  const rising = slope >= 0;
  const from = fittedShift(boxes, slope, ({ low, high }) => (rising ? high : low));
  const to = fittedShift(boxes, slope, ({ low, high }) => (rising ? low : high));
  // The two are found by halving an interval down to rounding; a hair more makes them safe.
  const margin = 1e-9 * (1 + Math.abs(from) + Math.abs(to));
  const width = (to - from + 2 * margin) / shiftPieces;
  for (let piece = 0; piece < shiftPieces; piece++) {
    const start = from - margin + piece * width;
    if (!(largestLeast(boxes, slope, start, start + width, sign) > 0)) return false;
  }
  return true;
}

function fittedShift(boxes: readonly LogitBox[], slope: number, place: (box: LogitBox) => number): number {
  const at = boxes.map((box) => slope * place(box));
  const events = boxes.reduce((sum, { label, rows }) => sum + label * rows, 0);
  const excess = (shift: number): number =>
    boxes.reduce((sum, { rows }, index) => sum + rows * logistic(shift + (at[index] as number)), -events);
  const reach = 40 + Math.max(...at.map(Math.abs));
  let low = -reach;
  let high = reach;
  for (let halving = 0; halving < 60; halving++) {
    const middle = (low + high) / 2;
    if (excess(middle) > 0) high = middle;
    else low = middle;
  }
  return (low + high) / 2;
}

/**
 * Over the free shift c, the largest of the smallest values that sign · Σ (l - c)(y - σ(a + b l)) takes for l in the boxes and a between
 * two ends: a lower bound by Lagrange duality, concave in c.
 */
function largestLeast(
  boxes: readonly LogitBox[],
  slope: number,
  shiftFrom: number,
  shiftTo: number,
  sign: 1 | -1,
): number {
  const parts = boxes.map(({ label, rows, pieces }) => ({
    rows,
    pieces: pieces.map(([low, high]) => {
      const [least, most] = slope >= 0 ? [low, high] : [high, low];
      const residuals = [
        sign * (label - logistic(shiftTo + slope * most)),
        sign * (label - logistic(shiftFrom + slope * least)),
      ] as const;
      return { low, high, least: Math.min(...residuals), most: Math.max(...residuals) };
    }),
  }));
  const dual = (centre: number): number => {
    let sum = 0;
    for (const { rows, pieces } of parts) {
      let least = Number.POSITIVE_INFINITY;
      for (const piece of pieces) {
        const low = piece.low - centre;
        const high = piece.high - centre;
        least = Math.min(least, low * piece.least, low * piece.most, high * piece.least, high * piece.most);
      }
      sum += rows * least;
    }
    return sum;
  };
  let from = Math.min(...boxes.map(({ low }) => low));
  let to = Math.max(...boxes.map(({ high }) => high));
  let best = Number.NEGATIVE_INFINITY;
  for (let step = 0; step < 16; step++) {
    const [first, second] = [from + (to - from) / 3, to - (to - from) / 3];
    const [atFirst, atSecond] = [dual(first), dual(second)];
    best = Math.max(best, atFirst, atSecond);
    if (best > 0) return best;
    if (atFirst >= atSecond) to = second;
    else from = first;
  }
  return best;
}
