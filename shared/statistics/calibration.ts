import type { Estimate } from '../plan/judgement.ts';
import { undefinedEstimate, waldEstimate } from './estimate.ts';
import { assertProbabilities, assertSameLength, countEvents } from './inputs.ts';

/** Half the distance from the largest float32 below 1 to 1: probabilities nearer to 0 or 1 are moved there before taking log odds. */
const probabilityClip = 2 ** -24;
const maximumSteps = 100;

export interface Calibration {
  /** Slope of log odds of the outcome on log odds of the prediction; 1 is ideal, below 1 means predictions are too extreme. */
  readonly slope: Estimate;
  /** Calibration in the large: the shift of log odds that makes predictions right on average, slope held at 1; 0 is ideal. */
  readonly intercept: Estimate;
}

/**
 * Logistic recalibration. D. R. Cox (1958), Biometrika 45:562; E. W. Steyerberg (2019), Clinical Prediction Models, section 15.3:
 * slope b from logit P(y) = a + b·logit(p), intercept a from logit P(y) = a + logit(p), by maximum likelihood (Newton's method with
 * step halving), Wald intervals from the expected information.
 *
 * Undefined: `no_rows`, `single_class`; the slope also for `constant_scores`, and for `separation`, where a threshold divides the
 * classes and the likelihood has no maximum.
 */
export function calibrate(probabilities: ArrayLike<number>, labels: ArrayLike<number>): Calibration {
  assertSameLength(probabilities, labels, 'probabilities and labels');
  assertProbabilities(probabilities);
  const events = countEvents(labels);
  const n = labels.length;
  if (n === 0 || events === 0 || events === n) {
    const reason = n === 0 ? 'no_rows' : 'single_class';
    return { slope: undefinedEstimate(reason), intercept: undefinedEstimate(reason) };
  }
  const logits = Float64Array.from({ length: n }, (_, row) => {
    const p = Math.min(1 - probabilityClip, Math.max(probabilityClip, probabilities[row] as number));
    return Math.log(p / (1 - p));
  });
  return { slope: slopeOf(logits, labels), intercept: interceptOf(logits, labels) };
}

function slopeOf(logits: Float64Array, labels: ArrayLike<number>): Estimate {
  const range = [
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ] as [[number, number], [number, number]];
  for (let row = 0; row < logits.length; row++) {
    const ofClass = range[labels[row] as 0 | 1];
    ofClass[0] = Math.min(ofClass[0], logits[row] as number);
    ofClass[1] = Math.max(ofClass[1], logits[row] as number);
  }
  const [[low0, high0], [low1, high1]] = range;
  if (Math.min(low0, low1) === Math.max(high0, high1)) return undefinedEstimate('constant_scores');
  // With one predictor the maximum exists exactly when the classes overlap: A. Albert, J. A. Anderson (1984), Biometrika 71:1.
  if (high0 <= low1 || high1 <= low0) return undefinedEstimate('separation');

  const { mean, scale } = moments(logits);
  const standard = logits.map((logit) => (logit - mean) / scale);
  const fit = newton(standard, labels, null);
  if (fit === null) return undefinedEstimate('not_converged');
  return waldEstimate(fit.slope / scale, fit.slopeError / scale);
}

function interceptOf(logits: Float64Array, labels: ArrayLike<number>): Estimate {
  const fit = newton(null, labels, logits);
  return fit === null ? undefinedEstimate('not_converged') : waldEstimate(fit.intercept, fit.interceptError);
}

function moments(values: Float64Array): { readonly mean: number; readonly scale: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, scale: Math.sqrt(square) };
}

interface LogisticFit {
  readonly intercept: number;
  readonly slope: number;
  readonly interceptError: number;
  readonly slopeError: number;
}

/**
 * Maximum likelihood of logit P(y) = offset + a + b·x, with x absent for an intercept alone.
 * @returns null when the gradient has not vanished after 100 steps.
 */
function newton(
  predictor: Float64Array | null,
  labels: ArrayLike<number>,
  offset: Float64Array | null,
): LogisticFit | null {
  const n = labels.length;
  let a = 0;
  let b = 0;
  let current = evaluate(a, b);
  for (let step = 0; step < maximumSteps; step++) {
    const { gradientA, gradientB, aa, ab, bb } = current;
    const determinant = predictor === null ? aa : aa * bb - ab * ab;
    if (!(determinant > 0)) return null;
    const stepA = predictor === null ? gradientA / aa : (bb * gradientA - ab * gradientB) / determinant;
    const stepB = predictor === null ? 0 : (aa * gradientB - ab * gradientA) / determinant;
    let share = 1;
    let next = evaluate(a + stepA, b + stepB);
    // Newton's step may overshoot far from the maximum; halve it until the likelihood does not fall.
    while (next.logLikelihood < current.logLikelihood - 1e-12 * Math.abs(current.logLikelihood) && share > 1e-8) {
      share /= 2;
      next = evaluate(a + share * stepA, b + share * stepB);
    }
    a += share * stepA;
    b += share * stepB;
    current = next;
    if (Math.abs(share * stepA) <= 1e-12 * (1 + Math.abs(a)) && Math.abs(share * stepB) <= 1e-12 * (1 + Math.abs(b))) {
      const { aa, ab, bb } = current;
      const information = predictor === null ? aa : aa * bb - ab * ab;
      if (!(information > 0)) return null;
      return {
        intercept: a,
        slope: b,
        interceptError: Math.sqrt(predictor === null ? 1 / aa : bb / information),
        slopeError: predictor === null ? 0 : Math.sqrt(aa / information),
      };
    }
  }
  return null;

  function evaluate(a: number, b: number) {
    let logLikelihood = 0;
    let gradientA = 0;
    let gradientB = 0;
    let aa = 0;
    let ab = 0;
    let bb = 0;
    for (let row = 0; row < n; row++) {
      const x = predictor === null ? 0 : (predictor[row] as number);
      const eta = a + b * x + (offset === null ? 0 : (offset[row] as number));
      const y = labels[row] as number;
      const small = Math.exp(-Math.abs(eta));
      const p = eta >= 0 ? 1 / (1 + small) : small / (1 + small);
      // log(1 + e^eta) without overflow; y·eta minus that is the row's log likelihood.
      logLikelihood += y * eta - (Math.max(0, eta) + Math.log1p(small));
      const weight = small / ((1 + small) * (1 + small));
      gradientA += y - p;
      gradientB += (y - p) * x;
      aa += weight;
      ab += weight * x;
      bb += weight * x * x;
    }
    return { logLikelihood, gradientA, gradientB, aa, ab, bb };
  }
}
