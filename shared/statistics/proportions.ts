import type { Estimate } from '../plan/judgement.ts';
import { betaQuantile } from './beta.ts';
import { confidence, twoSidedZ, undefinedEstimate } from './estimate.ts';
import { StatisticsError } from './statistics-error.ts';

/**
 * A proportion with Wilson's 95% score interval. E. B. Wilson (1927), JASA 22:209:
 * (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n). Undefined (`no_rows`) for n = 0.
 */
export function wilsonInterval(successes: number, n: number): Estimate {
  assertProportion(successes, n, 'wilsonInterval');
  if (n === 0) return undefinedEstimate('no_rows');
  const p = successes / n;
  const z2 = twoSidedZ * twoSidedZ;
  const middle = p + z2 / (2 * n);
  const half = twoSidedZ * Math.sqrt((p * (1 - p)) / n + z2 / (4 * n * n));
  const denominator = 1 + z2 / n;
  return {
    value: p,
    low: successes === 0 ? 0 : Math.max(0, (middle - half) / denominator),
    high: successes === n ? 1 : Math.min(1, (middle + half) / denominator),
  };
}

/**
 * A proportion with the exact interval of C. J. Clopper, E. S. Pearson (1934), Biometrika 26:404, which covers at least as often as it
 * says: the 2.5% quantile of beta(k, n-k+1) to the 97.5% quantile of beta(k+1, n-k). Undefined (`no_rows`) for n = 0.
 */
export function clopperPearson(successes: number, n: number): Estimate {
  assertProportion(successes, n, 'clopperPearson');
  if (n === 0) return undefinedEstimate('no_rows');
  const tail = (1 - confidence) / 2;
  return {
    value: successes / n,
    low: successes === 0 ? 0 : betaQuantile(tail, successes, n - successes + 1),
    high: successes === n ? 1 : betaQuantile(1 - tail, successes + 1, n - successes),
  };
}

function assertProportion(successes: number, n: number, name: string): void {
  if (!(successes >= 0 && successes <= n && Number.isFinite(n))) {
    throw new StatisticsError('out_of_range', `${name}: ${successes} of ${n} is no proportion`);
  }
}
