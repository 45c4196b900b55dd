import { isSiteName, type SiteName } from '../../shared/runtime/ids.ts';
import { type RandomStream, randomStream } from '../../shared/runtime/random.ts';
import { type DatedCohort, rowsOf } from './dated-cohort.ts';
import { columnCorrelations, heartColumns, heartMarginals } from './heart-marginals.ts';
import type { ContinuousMarginal, HospitalMarginals, OutcomeMarginals } from './hospital-marginals.ts';
import type { SiteRows } from './site-rows.ts';

const dayMs = 86_400_000;
/** Groups as small as eight patients get this many patients' worth of the four hospitals' common figures. */
const commonWeight = 4;
const categorical = ['sex', 'cp', 'fbs', 'restecg', 'exang'] as const;
const firstLevel = { sex: 0, cp: 1, fbs: 0, restecg: 0, exang: 0 } as const;
/** Lowest and highest value seen in the four files, and decimals recorded. */
const bounds = {
  age: [28, 77, 0],
  trestbps: [80, 200, 0],
  chol: [85, 603, 0],
  thalach: [60, 202, 0],
  oldpeak: [0, 6.2, 1],
} as const;
/** At Long Beach these are missing together: the patient had no exercise test. Elsewhere the rates are too small to tell. */
const measuredTogether: ReadonlySet<string> = new Set(['trestbps', 'thalach', 'exang', 'oldpeak']);
/** Record systems that write 0 where cholesterol was not measured. */
const zeroMeansMissing: ReadonlySet<string> = new Set(['switzerland', 'long-beach']);

type Continuous = keyof typeof bounds;
type Categorical = (typeof categorical)[number];

/** The hospitals the generator knows, in the order of the published files. */
export const hospitals: readonly SiteName[] = Object.keys(heartMarginals).filter(isSiteName);
/** Columns of the generated export. `disease` is 1 where a coronary vessel was narrowed by more than half. */
export const generatedHeader = ['patient', 'admitted', ...heartColumns, 'disease'] as const;

/** Lower triangular L with L·Lᵀ = matrix (Cholesky). */
function choleskyFactor(matrix: readonly (readonly number[])[]): number[][] {
  const factor: number[][] = [];
  for (const [i, source] of matrix.entries()) {
    const row: number[] = [];
    for (let j = 0; j <= i; j++) {
      const other = j === i ? row : (factor[j] as number[]);
      let sum = source[j] as number;
      for (let k = 0; k < j; k++) sum -= (row[k] as number) * (other[k] as number);
      row.push(i === j ? Math.sqrt(sum) : sum / (other[j] as number));
    }
    factor.push(row);
  }
  return factor;
}

// Abramowitz and Stegun 26.2.17, absolute error below 7.5e-8: it only chooses levels and zeros here, it is no inference.
function normalShareBelow(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const polynomial = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * polynomial;
  return z < 0 ? tail : 1 - tail;
}

function pooledShares(column: Categorical, diseased: boolean): number[] {
  const counts = Object.values(heartMarginals).map(
    (hospital) => (diseased ? hospital.diseased : hospital.healthy)[column],
  );
  const sums = (counts[0] ?? []).map((_, level) => counts.reduce((sum, one) => sum + (one[level] as number), 0));
  const total = sums.reduce((sum, one) => sum + one, 0);
  return sums.map((one) => one / total);
}

function pooledMoments(column: Continuous, diseased: boolean): { mean: number; sd: number } {
  let rows = 0;
  let sum = 0;
  let variance = 0;
  for (const hospital of Object.values(heartMarginals)) {
    const group = diseased ? hospital.diseased : hospital.healthy;
    const { mean, sd } = group[column];
    if (mean === null || sd === null) continue;
    rows += group.rows;
    sum += group.rows * mean;
    variance += group.rows * sd * sd;
  }
  return { mean: sum / rows, sd: Math.sqrt(variance / rows) };
}

/** The share of each level, drawn towards the common shares where the group is small. */
function shares(group: OutcomeMarginals, column: Categorical, diseased: boolean): number[] {
  const counts = group[column];
  const total = counts.reduce((sum, one) => sum + one, 0);
  const common = pooledShares(column, diseased);
  return counts.map((count, level) => (count + commonWeight * (common[level] as number)) / (total + commonWeight));
}

function moments(group: OutcomeMarginals, column: Continuous, diseased: boolean): { mean: number; sd: number } {
  const own: ContinuousMarginal = group[column];
  const common = pooledMoments(column, diseased);
  if (own.mean === null || own.sd === null) return common;
  const weight = group.rows / (group.rows + commonWeight);
  return {
    mean: weight * own.mean + (1 - weight) * common.mean,
    sd: Math.sqrt(weight * own.sd ** 2 + (1 - weight) * common.sd ** 2),
  };
}

interface OutcomeSampler {
  draw(stream: RandomStream): Record<string, string>;
}

const factor = choleskyFactor(columnCorrelations);

/**
 * Draws the ten columns of one patient: normal scores with the correlations seen within hospital and outcome,
 * each score then read as the quantile of its column's own distribution (a Gaussian copula).
 */
function outcomeSampler(hospital: HospitalMarginals, diseased: boolean): OutcomeSampler {
  const group = diseased ? hospital.diseased : hospital.healthy;
  const levelShares = new Map(categorical.map((column) => [column, shares(group, column, diseased)]));
  const normal = new Map(
    (Object.keys(bounds) as Continuous[]).map((column) => [column, moments(group, column, diseased)]),
  );
  const zeroShare = group.oldpeak.zeroShare ?? 0;

  const level = (column: Categorical, z: number): string => {
    const position = normalShareBelow(z);
    const list = levelShares.get(column) as number[];
    let sum = 0;
    let chosen = 0;
    for (chosen = 0; chosen < list.length - 1; chosen++) {
      sum += list[chosen] as number;
      if (position < sum) break;
    }
    return String(firstLevel[column] + chosen);
  };
  const number = (column: Continuous, z: number): string => {
    const { mean, sd } = normal.get(column) as { mean: number; sd: number };
    const [lowest, highest, decimals] = bounds[column];
    let value = mean + sd * z;
    if (column === 'oldpeak') {
      // Zero below its share; above it a log-normal with the mean and deviation of the values that are not zero.
      const share = normalShareBelow(z);
      if (share < zeroShare) return '0';
      const spread = Math.sqrt(Math.log(1 + (sd / mean) ** 2));
      value = Math.exp(Math.log(mean) - spread ** 2 / 2 + spread * upperScore(z, zeroShare));
    }
    return Math.min(highest, Math.max(lowest, value)).toFixed(decimals);
  };

  return {
    draw(stream) {
      const independent = heartColumns.map(() => stream.normal());
      const cells: Record<string, string> = {};
      for (const [index, column] of heartColumns.entries()) {
        const row = factor[index] as number[];
        let z = 0;
        for (let k = 0; k <= index; k++) z += (row[k] as number) * (independent[k] as number);
        cells[column] = (categorical as readonly string[]).includes(column)
          ? level(column as Categorical, z)
          : number(column as Continuous, z);
      }
      return cells;
    },
  };
}

/** Normal score of where z lies among the scores above the share `below`: solved by bisection, z is known to lie above it. */
function upperScore(z: number, below: number): number {
  const target = (normalShareBelow(z) - below) / (1 - below);
  let [low, high] = [-6, 6];
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2;
    if (normalShareBelow(middle) < target) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

function drawHospital(
  site: SiteName,
  hospital: HospitalMarginals,
  rows: number,
  cohort: DatedCohort,
  seed: number,
): SiteRows {
  const stream = randomStream(seed, 'cohort', site);
  const [from, until] = [Date.parse(cohort.from), Date.parse(cohort.until)];
  const days = Math.round((until - from) / dayMs);
  const samplers = { healthy: outcomeSampler(hospital, false), diseased: outcomeSampler(hospital, true) };
  const prevalence = hospital.diseased.rows / hospital.rows;

  const patients = Array.from({ length: rows }, () => {
    const day = stream.integer(days);
    const diseased = stream.uniform() < prevalence;
    const cells = (diseased ? samplers.diseased : samplers.healthy).draw(stream);
    const examined = stream.uniform();
    for (const column of heartColumns) {
      const alone = stream.uniform();
      const draw = measuredTogether.has(column) ? examined : alone;
      if (draw >= (hospital.missing[column] ?? 0)) continue;
      cells[column] = column === 'chol' && zeroMeansMissing.has(site) ? '0' : '';
    }
    return { day, cells, disease: diseased ? '1' : '0' };
  });
  patients.sort((a, b) => a.day - b.day);
  const width = String(rows).length;
  return {
    site,
    header: generatedHeader,
    rows: patients.map(({ day, cells, disease }, index) => [
      `${site}-${String(index + 1).padStart(width, '0')}`,
      new Date(from + day * dayMs).toISOString().slice(0, 10),
      ...heartColumns.map((column) => cells[column] as string),
      disease,
    ]),
  };
}

/**
 * A synthetic cohort of the four hospitals of UCI data set 45, drawn from their published figures by hospital and outcome:
 * prevalence, ages, missing values, and cholesterol written as 0 where it was not measured. The same seed gives the same rows.
 */
export function generateCohort(cohort: DatedCohort, seed: number): SiteRows[] {
  return hospitals.map((site) => {
    return drawHospital(site, heartMarginals[site] as HospitalMarginals, rowsOf(cohort, site), cohort, seed);
  });
}
