import { StatisticsError } from './statistics-error.ts';

export interface ConfidenceSequenceSettings {
  /** Chance that the sequence ever leaves the mean out, at most. */
  readonly alpha: number;
  /** Bounds no value can pass. */
  readonly minimum: number;
  readonly maximum: number;
}

/** State of the empirical-Bernstein sequence: numbers only, of fixed size. Sums are of values scaled to [0, 1]. */
export interface ConfidenceSequence extends ConfidenceSequenceSettings {
  readonly values: number;
  readonly sum: number;
  /** Σ (x_i - mean_i)², each with the mean including its own value. */
  readonly squares: number;
  readonly sumBets: number;
  readonly sumBetValues: number;
  readonly sumPenalties: number;
  /** The interval for the mean, in the values' unit: the intersection of all so far, so it never grows. */
  readonly low: number;
  readonly high: number;
}

/** Largest bet of Waudby-Smith and Ramdas' recommendation. */
const largestBet = 0.5;

function assertSettings({ alpha, minimum, maximum }: ConfidenceSequenceSettings): void {
  if (!(alpha > 0 && alpha < 1)) throw new StatisticsError('out_of_range', `confidence sequence: alpha is ${alpha}`);
  if (!(maximum > minimum && Number.isFinite(maximum - minimum))) {
    throw new StatisticsError('out_of_range', `confidence sequence: bounds ${minimum} and ${maximum}`);
  }
}

/** @throws StatisticsError `out_of_range`. */
export function initConfidenceSequence(settings: ConfidenceSequenceSettings): ConfidenceSequence {
  assertSettings(settings);
  const { alpha, minimum, maximum } = settings;
  return {
    alpha,
    minimum,
    maximum,
    values: 0,
    sum: 0,
    squares: 0,
    sumBets: 0,
    sumBetValues: 0,
    sumPenalties: 0,
    low: minimum,
    high: maximum,
  };
}

function scaled(value: number, { minimum, maximum }: ConfidenceSequenceSettings): number {
  if (!(value >= minimum && value <= maximum)) {
    throw new StatisticsError(
      'out_of_range',
      `confidence sequence: value ${value} lies outside ${minimum} to ${maximum}`,
    );
  }
  return (value - minimum) / (maximum - minimum);
}

/** √(2 ln(2/alpha) / (variance · t · ln(1 + t))), the predictable bet of equation 15. */
function plugInBet(alpha: number, values: number, squares: number): number {
  const t = values + 1;
  const variance = (0.25 + squares) / t;
  return Math.sqrt((2 * Math.log(2 / alpha)) / (variance * t * Math.log(1 + t)));
}

/**
 * One value of the predictable plug-in empirical-Bernstein confidence sequence for the mean of bounded values. I. Waudby-Smith, A. Ramdas
 * (2024), Estimating means of bounded random variables by betting, JRSS B 86:1, theorem 2 and equations 14 and 15. Valid at all
 * times together for values with one conditional mean given the past; neither independence nor a distribution is assumed.
 */
export function stepConfidenceSequence(state: ConfidenceSequence, value: number): ConfidenceSequence {
  const x = scaled(value, state);
  const { alpha, minimum, maximum } = state;
  const meanBefore = (0.5 + state.sum) / (state.values + 1);
  const bet = Math.min(largestBet, plugInBet(alpha, state.values, state.squares));
  const sumBets = state.sumBets + bet;
  const sumBetValues = state.sumBetValues + bet * x;
  const sumPenalties = state.sumPenalties + 4 * (x - meanBefore) ** 2 * ((-Math.log1p(-bet) - bet) / 4);
  const values = state.values + 1;
  const sum = state.sum + x;
  const mean = (0.5 + sum) / (values + 1);
  const middle = sumBetValues / sumBets;
  const half = (Math.log(2 / alpha) + sumPenalties) / sumBets;
  const width = maximum - minimum;
  return {
    alpha,
    minimum,
    maximum,
    values,
    sum,
    squares: state.squares + (x - mean) ** 2,
    sumBets,
    sumBetValues,
    sumPenalties,
    low: Math.max(state.low, minimum + width * (middle - half)),
    high: Math.min(state.high, minimum + width * (middle + half)),
  };
}

/** The sequence over values in order: its last state, and both ends after each value [values]. */
export function runConfidenceSequence(
  settings: ConfidenceSequenceSettings,
  values: ArrayLike<number>,
): { readonly state: ConfidenceSequence; readonly lows: Float64Array; readonly highs: Float64Array } {
  const lows = new Float64Array(values.length);
  const highs = new Float64Array(values.length);
  let state = initConfidenceSequence(settings);
  for (let index = 0; index < values.length; index++) {
    state = stepConfidenceSequence(state, values[index] as number);
    lows[index] = state.low;
    highs[index] = state.high;
  }
  return { state, lows, highs };
}

/** State of the hedged betting sequence: numbers only; the two capitals of every candidate mean. */
export interface BettingSequence extends ConfidenceSequenceSettings {
  readonly values: number;
  readonly sum: number;
  readonly squares: number;
  /** Largest capital so far of betting that the mean is above, and below, each of the equally spaced candidates [candidates]. */
  readonly above: readonly number[];
  readonly below: readonly number[];
  readonly highestAbove: readonly number[];
  readonly highestBelow: readonly number[];
  readonly low: number;
  readonly high: number;
}

const largestCapital = 1e250;

/**
 * @param candidates number of equally spaced means tried, ends included; the interval is rounded outwards to them. At least 3.
 * @throws StatisticsError `out_of_range`.
 */
export function initBettingSequence(settings: ConfidenceSequenceSettings, candidates = 201): BettingSequence {
  assertSettings(settings);
  if (!(Number.isInteger(candidates) && candidates >= 3)) {
    throw new StatisticsError('out_of_range', `confidence sequence: ${candidates} candidates are too few`);
  }
  const { alpha, minimum, maximum } = settings;
  const ones = new Array<number>(candidates).fill(1);
  return {
    alpha,
    minimum,
    maximum,
    values: 0,
    sum: 0,
    squares: 0,
    above: ones,
    below: ones,
    highestAbove: ones,
    highestBelow: ones,
    low: minimum,
    high: maximum,
  };
}

/**
 * One value of the hedged capital confidence sequence, which is tighter than empirical Bernstein. Waudby-Smith and Ramdas (2024), theorem 3
 * and equations 24 to 26 with c = 1/2, theta = 1/2: a mean m is left out once half the capital of betting above it or half that of betting
 * below it has reached 1/alpha. Capital above falls with m and capital below rises, so those kept form an interval, and the nearest
 * candidate left out on either side bounds it.
 */
export function stepBettingSequence(state: BettingSequence, value: number): BettingSequence {
  const x = scaled(value, state);
  const { alpha, minimum, maximum } = state;
  const bet = plugInBet(alpha, state.values, state.squares);
  const steps = state.above.length - 1;
  const above = state.above.map((capital, index) => {
    const mean = index / steps;
    const limited = mean === 0 ? bet : Math.min(bet, largestBet / mean);
    return Math.min(largestCapital, capital * (1 + limited * (x - mean)));
  });
  const below = state.below.map((capital, index) => {
    const mean = index / steps;
    const limited = mean === 1 ? bet : Math.min(bet, largestBet / (1 - mean));
    return Math.min(largestCapital, capital * (1 - limited * (x - mean)));
  });
  const highestAbove = state.highestAbove.map((capital, index) => Math.max(capital, above[index] as number));
  const highestBelow = state.highestBelow.map((capital, index) => Math.max(capital, below[index] as number));
  const leftOut = 2 / alpha;
  let first = 0;
  while (first < steps && (highestAbove[first] as number) >= leftOut) first++;
  let last = steps;
  while (last > 0 && (highestBelow[last] as number) >= leftOut) last--;
  const width = maximum - minimum;
  const values = state.values + 1;
  const sum = state.sum + x;
  return {
    alpha,
    minimum,
    maximum,
    values,
    sum,
    squares: state.squares + (x - (0.5 + sum) / (values + 1)) ** 2,
    above,
    below,
    highestAbove,
    highestBelow,
    low: minimum + (width * Math.max(0, first - 1)) / steps,
    high: minimum + (width * Math.min(steps, last + 1)) / steps,
  };
}

/** The hedged sequence over values in order. */
export function runBettingSequence(
  settings: ConfidenceSequenceSettings,
  values: ArrayLike<number>,
  candidates = 201,
): BettingSequence {
  let state = initBettingSequence(settings, candidates);
  for (let index = 0; index < values.length; index++) state = stepBettingSequence(state, values[index] as number);
  return state;
}
