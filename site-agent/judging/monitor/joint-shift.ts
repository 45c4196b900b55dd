import { deriveSeed, permutation, randomStream } from '../../../shared/runtime/random.ts';
import { fourierFeatures } from '../../../shared/statistics/fourier-features.ts';
import { gammaUpper } from '../../../shared/statistics/gamma.ts';
import type { SiteTable } from '../../data/site-table.ts';

/** What the coding of a row needs of a baseline's column. */
export interface CodedColumn {
  readonly kind: 'continuous' | 'categorical';
  /** Reference rows a cell, the last for missing. */
  readonly counts: readonly number[];
}

/** All columns of the reference rows together, in a few numbers of which no row can be read. */
export interface JointReference {
  /** Mean embedding, in grains. */
  readonly mean: readonly number[];
  readonly rows: number;
  /** Trace and squared Frobenius norm of the embeddings' covariance: what the law of the distance needs. */
  readonly trace: number;
  readonly squaredNorm: number;
}

const frequencies = 64;
/** Embeddings are whole multiples of 1 / grain, so that sums are exact: neither order nor splitting of rows changes a bit. */
const grain = 2 ** 20;
/** Rows of the reference that the covariance is taken of. */
const covarianceRows = 4000;
const seed = deriveSeed(0, 'monitor', 'joint');

/** Codes a row's cells: a column of numbers as its mid-rank among the reference, variance about 1, and a mark for missing; a level as a mark. */
function codingOf(columns: readonly CodedColumn[]): {
  readonly dimension: number;
  readonly variance: number;
  code(cells: (column: number) => number, into: Float64Array): void;
} {
  const starts: number[] = [];
  const ranks: number[][] = [];
  let dimension = 0;
  let variance = 0;
  for (const { kind, counts } of columns) {
    starts.push(dimension);
    dimension += kind === 'continuous' ? 2 : counts.length;
    const known = counts.slice(0, -1);
    const total = known.reduce((sum, count) => sum + count, 0);
    let below = 0;
    const scores = known.map((count) => {
      const score = total === 0 ? 0 : ((below + count / 2) / total - 0.5) * Math.sqrt(12);
      below += count;
      return score;
    });
    ranks.push([...scores, 0]);
    const all = total + (counts.at(-1) as number);
    if (all === 0) continue;
    if (kind === 'continuous') {
      const missing = (counts.at(-1) as number) / all;
      variance += missing * (1 - missing);
      variance += scores.reduce((sum, score, cell) => sum + (score * score * (known[cell] as number)) / all, 0);
    } else {
      for (const count of counts) variance += (count / all) * (1 - count / all);
    }
  }
  return {
    dimension,
    variance,
    code(cells, into) {
      into.fill(0);
      for (const [index, { kind, counts }] of columns.entries()) {
        const cell = cells(index);
        const start = starts[index] as number;
        if (kind === 'categorical') into[start + cell] = 1;
        else {
          into[start] = ranks[index]?.[cell] as number;
          into[start + 1] = cell === counts.length - 1 ? 1 : 0;
        }
      }
    },
  };
}

/** Adds the embedding of a row, in grains, to a sum [128]. Null where no column varies: nothing can shift together then. */
export function jointEmbedding(
  columns: readonly CodedColumn[],
): { readonly length: number; add(cells: (column: number) => number, sum: Float64Array | number[]): void } | null {
  const coding = codingOf(columns);
  if (!(coding.variance > 0)) return null;
  const features = fourierFeatures({
    dimension: coding.dimension,
    features: frequencies,
    // Root mean squared distance of two reference rows.
    bandwidth: Math.sqrt(2 * coding.variance),
    seed,
  });
  const coded = new Float64Array(coding.dimension);
  return {
    length: features.length,
    add(cells, sum) {
      coding.code(cells, coded);
      const embedded = features.embed(coded);
      for (let index = 0; index < features.length; index++) {
        sum[index] = (sum[index] as number) + Math.round((embedded[index] as number) * grain);
      }
    },
  };
}

/** @param cellOf cell of a row's value in a column. @param rows indices of the table; their order changes nothing. */
export function jointReference(
  columns: readonly CodedColumn[],
  table: SiteTable,
  rows: Uint32Array,
  cellOf: (column: number, row: number) => number,
): JointReference | null {
  const embedding = jointEmbedding(columns);
  if (embedding === null || rows.length < 2) return null;
  const { length } = embedding;
  const ordered = Array.from(rows, (row) => ({ row, key: `${table.patientKeys[row]} ${table.times[row]}` }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ row }) => row);
  const mean = new Float64Array(length);
  for (const row of ordered) embedding.add((column) => cellOf(column, row), mean);

  const places = permutation(ordered.length, randomStream(seed, 'covariance')).slice(0, covarianceRows);
  const sum = new Float64Array(length);
  const products = new Float64Array(length * length);
  const one = new Float64Array(length);
  for (const place of places) {
    one.fill(0);
    embedding.add((column) => cellOf(column, ordered[place] as number), one);
    for (let i = 0; i < length; i++) {
      const value = one[i] as number;
      sum[i] = (sum[i] as number) + value;
      for (let j = 0; j < length; j++) {
        products[i * length + j] = (products[i * length + j] as number) + value * (one[j] as number);
      }
    }
  }
  const n = places.length;
  let trace = 0;
  let squaredNorm = 0;
  for (let i = 0; i < length; i++) {
    for (let j = 0; j < length; j++) {
      const centred =
        ((products[i * length + j] as number) / grain / grain -
          ((sum[i] as number) / grain) * ((sum[j] as number) / grain / n)) /
        (n - 1);
      if (i === j) trace += centred;
      squaredNorm += centred * centred;
    }
  }
  if (!(trace > 0)) return null;
  return { mean: Array.from(mean), rows: rows.length, trace, squaredNorm };
}

/**
 * Squared maximum mean discrepancy between window and reference, less what samples of these sizes show without any change
 * (A. Gretton et al. 2012, JMLR 13:723, on random Fourier features), and its p: without a change the squared distance of the means is
 * a weighted sum of chi-squares, taken as the scaled chi-square of equal mean and variance (G. E. P. Box 1954, Ann. Math. Statist. 25:290).
 */
export function jointShift(
  reference: JointReference,
  sum: readonly number[],
  rows: number,
): { readonly value: number; readonly p: number } {
  let distance = 0;
  for (const [index, total] of sum.entries()) {
    const gap = total / grain / rows - (reference.mean[index] as number) / grain / reference.rows;
    distance += gap * gap;
  }
  const sizes = 1 / rows + 1 / reference.rows;
  const scale = (sizes * reference.squaredNorm) / reference.trace;
  const degrees = (reference.trace * reference.trace) / reference.squaredNorm;
  return { value: distance - sizes * reference.trace, p: gammaUpper(degrees / 2, distance / scale / 2) };
}
