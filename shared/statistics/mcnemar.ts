import { binomialLower, binomialProbability } from './distributions.ts';
import { StatisticsError } from './statistics-error.ts';

export interface McNemar {
  /** Two-sided exact conditional p. */
  readonly exact: number;
  /** Two-sided mid-p: the outcomes seen count half. */
  readonly midP: number;
}

/**
 * McNemar's test on the pairs that differ: b one way, c the other; given b + c, b is binomial with share 1/2 when neither way is likelier.
 * Exact p = min(1, 2·P(K <= min(b, c))); mid-p = that less P(K = b), or 1 - P(K = b)/2 where b = c. M. W. Fagerland, S. Lydersen,
 * P. Laake (2013), BMC Medical Research Methodology 13:91. Without pairs that differ there is nothing against equality: both are 1.
 *
 * @throws StatisticsError `out_of_range` when b or c is no count.
 */
export function mcnemar(b: number, c: number): McNemar {
  if (!(Number.isInteger(b) && Number.isInteger(c) && b >= 0 && c >= 0)) {
    throw new StatisticsError('out_of_range', `mcnemar: ${b} and ${c} are no counts`);
  }
  if (b + c === 0) return { exact: 1, midP: 1 };
  const point = binomialProbability(b, b + c, 0.5);
  if (b === c) return { exact: 1, midP: 1 - point / 2 };
  const twice = 2 * binomialLower(Math.min(b, c), b + c, 0.5);
  return { exact: Math.min(1, twice), midP: Math.min(1, twice - point) };
}
