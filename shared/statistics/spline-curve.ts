import type { RandomStream } from '../runtime/random.ts';
import { covarianceAt, fitBinomial } from './binomial-fit.ts';
import { type BinomialGroups, coarsenGroups, groupLogits, logitOf } from './binomial-groups.ts';
import { logistic, twoSidedZ } from './estimate.ts';
import type { FittedCurve } from './fitted-curve.ts';
import { cholesky } from './positive-definite.ts';
import { harrellKnots, type KnotCount, splineTerms } from './spline-basis.ts';

const gridGroups = 512;

/**
 * Logistic regression of the outcome on a restricted cubic spline of logit p.
 * @returns null where the likelihood has no maximum: a combination of the spline's terms divides the classes.
 */
export function splineCurve(groups: BinomialGroups, knotCount: KnotCount): FittedCurve | null {
  const logits = groupLogits(groups);
  const design = usableDesign(groups, logits, harrellKnots(logits, groups.rows, knotCount));
  if (design === null) return null;
  const { knots, standard, columns, perfect, nullCovariance } = design;
  const width = columns.length;
  const fit = fitBinomial(columns, groups, perfect);
  if (fit === null) return null;

  const rowAt = (logit: number): number[] => [
    1,
    ...splineTerms(logit, knots).map((term, index) => {
      const { mean, scale } = standard[index] as Standardised;
      return (term - mean) / scale;
    }),
  ];
  const dot = (row: readonly number[], coefficients: ArrayLike<number>): number =>
    row.reduce((sum, value, index) => sum + value * (coefficients[index] as number), 0);
  const grid = coarsenGroups(groups, gridGroups);
  const gridRows = Array.from(grid.probabilities, (probability) => rowAt(logitOf(probability)));
  const drawer = (centre: readonly number[], covariance: readonly (readonly number[])[]) => {
    const factor = cholesky(Float64Array.from(covariance.flat()), width);
    return (stream: RandomStream): Float64Array => {
      const normals = centre.map(() => stream.normal());
      const coefficients = centre.map((value, i) => {
        let sum = value;
        for (let j = 0; j <= i && factor !== null; j++)
          sum += (factor[i * width + j] as number) * (normals[j] as number);
        return sum;
      });
      return Float64Array.from(gridRows, (row) => logistic(dot(row, coefficients)));
    };
  };
  return {
    fitted: Float64Array.from(logits, (_, group) => {
      let eta = 0;
      for (let index = 0; index < width; index++) {
        eta += ((columns[index] as Float64Array)[group] as number) * (fit.coefficients[index] as number);
      }
      return logistic(eta);
    }),
    point: (predicted) => {
      const row = rowAt(logitOf(predicted));
      const eta = dot(row, fit.coefficients);
      const variance = row.reduce((sum, value, i) => sum + value * dot(row, fit.covariance[i] as readonly number[]), 0);
      const half = twoSidedZ * Math.sqrt(Math.max(0, variance));
      return { predicted, observed: logistic(eta), low: logistic(eta - half), high: logistic(eta + half) };
    },
    draw: drawer(fit.coefficients, fit.covariance),
    drawNull: drawer(perfect, nullCovariance),
    grid,
    knots,
  };
}

interface Design {
  readonly knots: readonly number[];
  readonly standard: readonly Standardised[];
  /** Ones, then the standardised terms [groups each]. */
  readonly columns: readonly Float64Array[];
  /** Coefficients of perfect calibration, and their covariance if it held. */
  readonly perfect: readonly number[];
  readonly nullCovariance: readonly (readonly number[])[];
}

/** The spline's columns, or a straight line's where few distinct predictions make the spline's dependent; null where that fails too. */
function usableDesign(groups: BinomialGroups, logits: Float64Array, knots: readonly number[]): Design | null {
  const terms = Array.from({ length: Math.max(1, knots.length - 1) }, () => new Float64Array(logits.length));
  for (let group = 0; group < logits.length; group++) {
    for (const [index, term] of splineTerms(logits[group] as number, knots).entries()) {
      (terms[index] as Float64Array)[group] = term;
    }
  }
  // Terms of mean 0 and variance 1, so that the information is well conditioned.
  const standard = terms.map((term) => standardise(term, groups));
  const [linear] = standard as [Standardised, ...Standardised[]];
  const columns = [new Float64Array(logits.length).fill(1), ...standard.map(({ values }) => values)];
  // logit P(y) = logit p.
  const perfect = columns.map((_, index) => (index === 0 ? linear.mean : index === 1 ? linear.scale : 0));
  const nullCovariance = standard.some(({ scale }) => scale === 0) ? null : covarianceAt(columns, groups, perfect);
  if (nullCovariance !== null) return { knots, standard, columns, perfect, nullCovariance };
  return knots.length === 0 ? null : usableDesign(groups, logits, []);
}

interface Standardised {
  readonly values: Float64Array;
  readonly mean: number;
  readonly scale: number;
}

function standardise(term: Float64Array, groups: BinomialGroups): Standardised {
  let mean = 0;
  for (let group = 0; group < term.length; group++) mean += (groups.rows[group] as number) * (term[group] as number);
  mean /= groups.totalRows;
  let variance = 0;
  for (let group = 0; group < term.length; group++) {
    variance += (groups.rows[group] as number) * ((term[group] as number) - mean) ** 2;
  }
  const scale = Math.sqrt(variance / groups.totalRows);
  return { values: term.map((value) => (value - mean) / scale), mean, scale };
}
