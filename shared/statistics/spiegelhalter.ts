import { exactSum } from './exact-sum.ts';
import { assertProbabilities, assertSameLength, countEvents } from './inputs.ts';
import { normalUpper } from './normal.ts';

export interface Spiegelhalter {
  /** Standard normal when the predictions are calibrated; positive when the Brier score is larger than they say. Null when undefined. */
  readonly z: number | null;
  /** Two-sided; null when undefined. */
  readonly p: number | null;
  readonly reason?: 'no_rows' | 'zero_variance';
}

/**
 * Spiegelhalter's test of calibration. D. J. Spiegelhalter (1986), Statistics in Medicine 5:421:
 * z = Σ (y - p)(1 - 2p) / √(Σ (1 - 2p)² p (1 - p)). Undefined without rows, and where every p is 0, 1/2 or 1 (`zero_variance`).
 */
export function spiegelhalter(probabilities: ArrayLike<number>, labels: ArrayLike<number>): Spiegelhalter {
  assertSameLength(probabilities, labels, 'probabilities and labels');
  assertProbabilities(probabilities);
  countEvents(labels);
  const n = labels.length;
  if (n === 0) return { z: null, p: null, reason: 'no_rows' };
  const gaps = new Float64Array(n);
  const variances = new Float64Array(n);
  for (let row = 0; row < n; row++) {
    const p = probabilities[row] as number;
    const lean = 1 - 2 * p;
    gaps[row] = ((labels[row] as number) - p) * lean;
    variances[row] = lean * lean * p * (1 - p);
  }
  const variance = exactSum(variances);
  if (!(variance > 0)) return { z: null, p: null, reason: 'zero_variance' };
  const z = exactSum(gaps) / Math.sqrt(variance);
  return { z, p: 2 * normalUpper(Math.abs(z)) };
}
