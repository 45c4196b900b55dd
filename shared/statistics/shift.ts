import { chiSquareUpper } from './gamma.ts';
import { assertCounts, assertSameLength } from './inputs.ts';

/** Two samples' counts over the same bins, compared. */
export interface ChiSquareResult {
  /** Null when undefined; then `reason` says why. */
  readonly statistic: number | null;
  readonly degreesOfFreedom: number | null;
  readonly p: number | null;
  /** Smallest expected count of any cell that was used; null when undefined. */
  readonly smallestExpected: number | null;
  readonly reason: 'no_rows' | 'single_bin' | null;
}

/**
 * Two-sample chi-square test of homogeneity: K. Pearson (1911), Biometrika 8:250. Σ (observed - expected)² / expected over the 2 × k
 * table with expected = row total · column total / grand total. Bins empty in both samples are dropped; df = bins kept - 1.
 * Never the one-sample form: the reference is a sample too. No continuity correction.
 */
export function twoSampleChiSquare(firstCounts: ArrayLike<number>, secondCounts: ArrayLike<number>): ChiSquareResult {
  const [first, second] = countsOf('twoSampleChiSquare', ['first', firstCounts], ['second', secondCounts]);
  const none = { statistic: null, degreesOfFreedom: null, p: null, smallestExpected: null };
  const firstTotal = first.reduce((sum, count) => sum + count, 0);
  const secondTotal = second.reduce((sum, count) => sum + count, 0);
  if (firstTotal === 0 || secondTotal === 0) return { ...none, reason: 'no_rows' };
  const total = firstTotal + secondTotal;
  let bins = 0;
  let statistic = 0;
  let smallestExpected = Number.POSITIVE_INFINITY;
  for (const [bin, a] of first.entries()) {
    const b = second[bin] as number;
    if (a + b === 0) continue;
    bins++;
    const expectedA = ((a + b) * firstTotal) / total;
    const expectedB = ((a + b) * secondTotal) / total;
    statistic += (a - expectedA) ** 2 / expectedA + (b - expectedB) ** 2 / expectedB;
    smallestExpected = Math.min(smallestExpected, expectedA, expectedB);
  }
  if (bins < 2) return { ...none, reason: 'single_bin' };
  return {
    statistic,
    degreesOfFreedom: bins - 1,
    p: chiSquareUpper(statistic, bins - 1),
    smallestExpected,
    reason: null,
  };
}

/** Two count vectors over the same cells as plain arrays, whatever kind they came as. */
function countsOf(
  name: string,
  ...vectors: readonly [readonly [string, ArrayLike<number>], readonly [string, ArrayLike<number>]]
): readonly [readonly number[], readonly number[]] {
  const [[, a], [, b]] = vectors;
  assertSameLength(a, b, `${name}: the two count vectors`);
  for (const [side, counts] of vectors) assertCounts(counts, side);
  return [Array.from(a), Array.from(b)];
}

const psiFloor = 1e-4;

/**
 * Population stability index, Σ (q - p) ln(q / p) over the bins' shares p (reference) and q (current): the symmetrised
 * Kullback-Leibler divergence. Shares below 1e-4 are set to 1e-4, without renormalising. Null when either sample is empty.
 */
export function populationStability(
  referenceCounts: ArrayLike<number>,
  currentCounts: ArrayLike<number>,
): number | null {
  const [reference, current] = countsOf(
    'populationStability',
    ['reference', referenceCounts],
    ['current', currentCounts],
  );
  const referenceTotal = reference.reduce((sum, count) => sum + count, 0);
  const currentTotal = current.reduce((sum, count) => sum + count, 0);
  if (referenceTotal === 0 || currentTotal === 0) return null;
  let psi = 0;
  for (const [bin, count] of reference.entries()) {
    const p = Math.max(psiFloor, count / referenceTotal);
    const q = Math.max(psiFloor, (current[bin] as number) / currentTotal);
    psi += (q - p) * Math.log(q / p);
  }
  return psi;
}

/**
 * Pools the bins whose expected count in the smaller sample is under `minimumExpected`, so that the chi-square distribution holds
 * (W. G. Cochran 1954, Biometrics 10:417): all sparse bins become one; if that is still sparse, the next smallest joins it. Which bins
 * are pooled depends on the margins alone, not on how the samples differ.
 */
export function poolSparseBins(
  firstCounts: ArrayLike<number>,
  secondCounts: ArrayLike<number>,
  minimumExpected: number,
): { readonly first: number[]; readonly second: number[] } {
  const [first, second] = countsOf('poolSparseBins', ['first', firstCounts], ['second', secondCounts]);
  const firstTotal = first.reduce((sum, count) => sum + count, 0);
  const secondTotal = second.reduce((sum, count) => sum + count, 0);
  const smallerShare = Math.min(firstTotal, secondTotal) / (firstTotal + secondTotal);
  const bins = first
    .map((count, bin) => ({ bin, total: count + (second[bin] as number) }))
    .filter(({ total }) => total > 0)
    .sort((a, b) => a.total - b.total || a.bin - b.bin);
  const pooled = new Set<number>();
  let pooledTotal = 0;
  for (const { bin, total } of bins) {
    const sparse = total * smallerShare < minimumExpected;
    if (!sparse && (pooled.size === 0 || pooledTotal * smallerShare >= minimumExpected)) break;
    pooled.add(bin);
    pooledTotal += total;
  }
  const apply = (counts: readonly number[]): number[] => {
    const kept = bins
      .map(({ bin }) => bin)
      .filter((bin) => !pooled.has(bin))
      .sort((a, b) => a - b)
      .map((bin) => counts[bin] as number);
    const sum = [...pooled].reduce((total, bin) => total + (counts[bin] as number), 0);
    return pooled.size === 0 ? kept : [...kept, sum];
  };
  return { first: apply(first), second: apply(second) };
}

/** The index over the values alone, and with missing values as a cell of their own. */
export interface StabilityIndex {
  /** Null without known values on either side. */
  readonly values: number | null;
  /** Null without rows on either side. */
  readonly withMissing: number | null;
}

/**
 * Population stability index without and with the missing values, whose count is the last cell of both vectors, as in `countBins`. A
 * difference of the two is a change of the missing rate.
 */
export function populationStabilityBoth(reference: ArrayLike<number>, current: ArrayLike<number>): StabilityIndex {
  const [before, now] = [Array.from(reference), Array.from(current)];
  return {
    values: populationStability(before.slice(0, -1), now.slice(0, -1)),
    withMissing: populationStability(before, now),
  };
}
