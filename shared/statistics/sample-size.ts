import { twoSidedZ } from './estimate.ts';
import { assertFinite, assertOpenShare, assertPositive } from './inputs.ts';
import { normalQuantile } from './normal.ts';
import { gaussLegendre } from './quadrature.ts';
import { StatisticsError } from './statistics-error.ts';

// R. D. Riley et al. (2021), Minimum sample size for external validation of a clinical prediction model with a binary outcome, Statistics in
// Medicine 40:4230. Each figure is the smallest number of patients whose 95% interval is expected to be no wider than asked. The deviate is
// 1.959964 and not the paper's 1.96, and standard errors are not rounded, so that figures may differ from printed ones by a few in a thousand.

/** How log odds of the predicted risks are spread over the patients to come. */
export type LinearPredictor =
  | { readonly kind: 'normal'; readonly mean: number; readonly standardDeviation: number }
  /**
   * Normal with one variance within events and within non-events, and calibrated: what prevalence and AUROC alone imply. The variance is
   * 2·Φ⁻¹(AUROC)², the means lie half of it above and below log(prevalence / (1 - prevalence)).
   */
  | { readonly kind: 'binormal'; readonly prevalence: number; readonly auroc: number }
  /** Log odds of patients at hand, each as likely as the next. */
  | { readonly kind: 'observed'; readonly values: ArrayLike<number> };

export interface ObservedExpectedQuestion {
  readonly prevalence: number;
  /** Width of the 95% interval of O/E. */
  readonly width: number;
  /** O/E expected; 1. */
  readonly ratio?: number;
}

/**
 * Patients for the ratio of observed to expected events: n = (1 - prevalence) / (prevalence · SE²), equation 3, with the standard error of
 * ln(O/E) at which the interval, made on the log scale, has the width: ratio · 2 sinh(z·SE) = width.
 */
export function sampleSizeForObservedExpected({ prevalence, width, ratio = 1 }: ObservedExpectedQuestion): number {
  assertOpenShare(prevalence, 'prevalence');
  assertPositive(width, 'width');
  assertPositive(ratio, 'ratio');
  const standardError = Math.asinh(width / (2 * ratio)) / twoSidedZ;
  return Math.ceil((1 - prevalence) / (prevalence * standardError ** 2));
}

export interface SlopeQuestion {
  readonly linearPredictor: LinearPredictor;
  /** Width of the 95% interval of the slope. */
  readonly width: number;
  /** Calibration intercept and slope expected; 0 and 1. */
  readonly intercept?: number;
  readonly slope?: number;
}

/**
 * Patients for the calibration slope: n = Iα / (SE² (Iα·Iβ - Iαβ²)), equation 5, with the information of a patient averaged over the linear
 * predictor: Iα = E[w], Iαβ = E[w·LP], Iβ = E[w·LP²], w = p(1-p) at logit p = intercept + slope·LP.
 * @throws StatisticsError `out_of_range` for a linear predictor without spread, on which no slope can be found.
 */
export function sampleSizeForSlope({ linearPredictor, width, intercept = 0, slope = 1 }: SlopeQuestion): number {
  assertPositive(width, 'width');
  assertFinite([intercept, slope], 'intercept and slope');
  const average = averageOver(linearPredictor);
  const weight = (lp: number): number => {
    const small = Math.exp(-Math.abs(intercept + slope * lp));
    return small / (1 + small) ** 2;
  };
  const information = average(weight);
  const centre = average((lp) => weight(lp) * lp) / information;
  // Iβ - Iαβ²/Iα, about the weighted mean so that nothing cancels.
  const spread = average((lp) => weight(lp) * (lp - centre) ** 2);
  if (!(spread > 0)) {
    throw new StatisticsError('out_of_range', 'sampleSizeForSlope: the linear predictor has no spread');
  }
  const standardError = width / (2 * twoSidedZ);
  return Math.ceil(1 / (standardError ** 2 * spread));
}

export interface AurocQuestion {
  readonly prevalence: number;
  readonly auroc: number;
  /** Width of the 95% interval of the AUROC. */
  readonly width: number;
}

/**
 * Patients for the AUROC, from the variance of R. G. Newcombe (2006), Statistics in Medicine 25:559, equation 8 of Riley:
 * C(1-C) (1 + (n/2-1)(1-C)/(2-C) + (n/2-1) C/(1+C)) / (n² · prevalence · (1-prevalence)), a quadratic in n.
 */
export function sampleSizeForAuroc({ prevalence, auroc, width }: AurocQuestion): number {
  assertOpenShare(prevalence, 'prevalence');
  assertOpenShare(auroc, 'auroc');
  assertPositive(width, 'width');
  const variance = (width / (2 * twoSidedZ)) ** 2;
  const perPatient = (auroc * (1 - auroc)) / (prevalence * (1 - prevalence) * variance);
  const slope = (1 - auroc) / (2 - auroc) + auroc / (1 + auroc);
  // n² = perPatient · (1 - slope + slope·n/2).
  const half = (perPatient * slope) / 4;
  return Math.ceil(half + Math.sqrt(half * half + perPatient * (1 - slope)));
}

export interface NetBenefitQuestion {
  readonly prevalence: number;
  readonly sensitivity: number;
  readonly specificity: number;
  readonly threshold: number;
  /** Width of the 95% interval of the standardised net benefit, that is of net benefit / prevalence. */
  readonly width: number;
}

/**
 * Patients for the net benefit, standardised to at most 1: variance of T. L. Marsh, H. Janes, M. S. Pepe (2020), Biometrics 76:843, equation 11
 * of Riley: n = (sens(1-sens)/φ + w² spec(1-spec)/(1-φ) + w² (1-spec)²/(φ(1-φ))) / SE², w = (1-φ)/φ · t/(1-t).
 */
export function sampleSizeForNetBenefit(question: NetBenefitQuestion): number {
  const { prevalence, sensitivity, specificity, threshold, width } = question;
  assertOpenShare(prevalence, 'prevalence');
  assertOpenShare(threshold, 'threshold');
  assertPositive(width, 'width');
  for (const [name, value] of [
    ['sensitivity', sensitivity],
    ['specificity', specificity],
  ] as const) {
    if (!(value >= 0 && value <= 1)) {
      throw new StatisticsError('out_of_range', `sampleSizeForNetBenefit: ${name} is ${value}, not between 0 and 1`);
    }
  }
  const weight = ((1 - prevalence) / prevalence) * (threshold / (1 - threshold));
  const ofEvents = (sensitivity * (1 - sensitivity)) / prevalence;
  const ofNonEvents = (weight ** 2 * specificity * (1 - specificity)) / (1 - prevalence);
  const ofPrevalence = (weight ** 2 * (1 - specificity) ** 2) / (prevalence * (1 - prevalence));
  const standardError = width / (2 * twoSidedZ);
  return Math.ceil((ofEvents + ofNonEvents + ofPrevalence) / standardError ** 2);
}

export interface ValidationQuestion {
  readonly prevalence: number;
  readonly auroc: number;
  /** What prevalence and AUROC imply, unless given. */
  readonly linearPredictor?: LinearPredictor;
  /** Widths of the 95% intervals wanted; 1, 0.2, 0.1 and 0.2, the targets of the paper's example. */
  readonly observedExpectedWidth?: number;
  readonly slopeWidth?: number;
  readonly aurocWidth?: number;
  /** Without it the net benefit is left out. */
  readonly netBenefit?: Omit<NetBenefitQuestion, 'prevalence' | 'width'> & { readonly width?: number };
}

/** Patients that each criterion needs, and the most of them. */
export interface ValidationSampleSize {
  readonly observedExpected: number;
  readonly slope: number;
  readonly auroc: number;
  readonly netBenefit: number | null;
  readonly patients: number;
  /** Events expected among them, rounded up. */
  readonly events: number;
}

/** All criteria together; the largest rules. @throws StatisticsError `out_of_range`. */
export function validationSampleSize(question: ValidationQuestion): ValidationSampleSize {
  const { prevalence, auroc } = question;
  const linearPredictor = question.linearPredictor ?? { kind: 'binormal', prevalence, auroc };
  const observedExpected = sampleSizeForObservedExpected({ prevalence, width: question.observedExpectedWidth ?? 1 });
  const slope = sampleSizeForSlope({ linearPredictor, width: question.slopeWidth ?? 0.2 });
  const forAuroc = sampleSizeForAuroc({ prevalence, auroc, width: question.aurocWidth ?? 0.1 });
  const netBenefit =
    question.netBenefit === undefined
      ? null
      : sampleSizeForNetBenefit({ width: 0.2, ...question.netBenefit, prevalence });
  const patients = Math.max(observedExpected, slope, forAuroc, netBenefit ?? 0);
  return { observedExpected, slope, auroc: forAuroc, netBenefit, patients, events: Math.ceil(patients * prevalence) };
}

/** Mean of a function over a linear predictor: no random numbers, but quadrature to 12 standard deviations. */
function averageOver(predictor: LinearPredictor): (of: (lp: number) => number) => number {
  if (predictor.kind === 'observed') {
    const { values } = predictor;
    assertFinite(values, 'linearPredictor.values');
    if (values.length === 0) {
      throw new StatisticsError('out_of_range', 'sampleSizeForSlope: linearPredictor.values holds no values');
    }
    return (of) => {
      let sum = 0;
      for (let index = 0; index < values.length; index++) sum += of(values[index] as number);
      return sum / values.length;
    };
  }
  if (predictor.kind === 'normal') {
    const { mean, standardDeviation } = predictor;
    assertFinite([mean], 'linearPredictor.mean');
    assertPositive(standardDeviation, 'linearPredictor.standardDeviation');
    return normalAverage(mean, standardDeviation);
  }
  const { prevalence, auroc } = predictor;
  assertOpenShare(prevalence, 'prevalence');
  if (!(auroc > 0.5 && auroc < 1)) {
    throw new StatisticsError('out_of_range', `linearPredictor.auroc is ${auroc}, not between 0.5 and 1`);
  }
  const variance = 2 * normalQuantile(auroc) ** 2;
  const middle = Math.log(prevalence / (1 - prevalence));
  const ofEvents = normalAverage(middle + variance / 2, Math.sqrt(variance));
  const ofNonEvents = normalAverage(middle - variance / 2, Math.sqrt(variance));
  return (of) => prevalence * ofEvents(of) + (1 - prevalence) * ofNonEvents(of);
}

function normalAverage(mean: number, standardDeviation: number): (of: (lp: number) => number) => number {
  const reach = 12;
  // The weight p(1-p) changes over a unit of log odds: panels no wider than half of that or half a standard deviation.
  const panels = Math.ceil(2 * reach * Math.max(2, 2 * standardDeviation));
  const { points, weights } = gaussLegendre(-reach, reach, panels);
  const mass = points.map((z, index) => ((weights[index] as number) * Math.exp(-0.5 * z * z)) / Math.sqrt(2 * Math.PI));
  return (of) =>
    mass.reduce((sum, share, index) => sum + share * of(mean + standardDeviation * (points[index] as number)), 0);
}
