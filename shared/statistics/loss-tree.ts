import { toGrid } from './exact-grid.ts';
import { assertErrors, rowOrder, type SliceColumn } from './slices.ts';
import { StatisticsError } from './statistics-error.ts';
import { welchTest } from './welch.ts';

/** A column of a tree: bins in ascending order of the value, or levels without order. */
export interface TreeColumn extends SliceColumn {
  readonly kind: 'ordered' | 'levels';
}

/** Which rows go left; the others go right. */
export interface TreeSplit {
  readonly column: number;
  readonly name: string;
  readonly kind: TreeColumn['kind'];
  /** Codes that go left: all up to a cut where ordered; ascending. Codes no row of the node had go right. */
  readonly left: readonly number[];
  /** Welch's p, two-sided, that the two sides' errors differ, on the rows the split was not chosen on. Null when it cannot be said. */
  readonly p: number | null;
}

export interface TreeNode {
  /** Figures of the rows that the tree was not grown on. */
  readonly rows: number;
  readonly events: number | null;
  /** Null without such rows. */
  readonly meanError: number | null;
  readonly standardError: number | null;
  readonly split: TreeSplit | null;
  /** The children: smaller and larger error where the tree was grown. Null at a leaf. */
  readonly left: TreeNode | null;
  readonly right: TreeNode | null;
}

export interface LossTree {
  readonly root: TreeNode | null;
  /** Rows the splits were chosen on, and rows the figures are of. */
  readonly grownOn: number;
  readonly judgedOn: number;
  readonly reason: 'no_rows' | null;
}

export interface LossTreeOptions {
  /** Of the halves. */
  readonly seed: number;
  /** 3 unless given. */
  readonly depth?: number;
  /** Rows of either half a leaf needs; 30 unless given. */
  readonly minimumLeaf?: number;
}

interface Data {
  readonly columns: readonly TreeColumn[];
  readonly grains: Float64Array;
  readonly grain: number;
  readonly squares: Float64Array;
  readonly squareGrain: number;
  readonly labels: ArrayLike<number> | null;
}

/**
 * A shallow regression tree on the error, for cuts that slices of fixed bins miss: L. Breiman et al. (1984), CART, section 8.4, the split that
 * lowers the sum of squares most; levels without order are first sorted by their mean error, which loses no split (W. Fisher 1958, JASA
 * 53:789). Grown on one half of the rows and judged on the other (S. Athey, G. Imbens 2016, PNAS 113:7353, "honest"), since the figures of
 * the rows a split was chosen on are too extreme. Halves alternate along the canonical order, so that re-ordering rows changes nothing.
 *
 * @param errors one a row, not negative. @param labels 0 or 1, or null. @throws StatisticsError as `sliceSearch`.
 */
export function lossTree(
  columns: readonly TreeColumn[],
  errors: ArrayLike<number>,
  labels: ArrayLike<number> | null,
  options: LossTreeOptions,
): LossTree {
  assertErrors(columns, errors, labels);
  const depth = options.depth ?? 3;
  const minimumLeaf = options.minimumLeaf ?? 30;
  if (!(Number.isInteger(depth) && depth >= 0 && Number.isInteger(minimumLeaf) && minimumLeaf >= 1)) {
    throw new StatisticsError('out_of_range', `lossTree: depth is ${depth} and minimumLeaf ${minimumLeaf}`);
  }
  const order = rowOrder(columns, errors, labels, options.seed);
  // Sums over a half are whole numbers of grains, so that its rows may stand as they lie in memory.
  const growing = order.filter((_, place) => place % 2 === 0).sort();
  const judging = order.filter((_, place) => place % 2 === 1).sort();
  if (judging.length === 0) return { root: null, grownOn: growing.length, judgedOn: 0, reason: 'no_rows' };
  const { grains, grain } = toGrid(errors);
  const squares = toGrid(Float64Array.from(errors, (error) => error * error));
  const data = { columns, grains, grain, squares: squares.grains, squareGrain: squares.grain, labels };
  return {
    root: grow(data, growing, judging, depth, minimumLeaf),
    grownOn: growing.length,
    judgedOn: judging.length,
    reason: null,
  };
}

function grow(data: Data, growing: Uint32Array, judging: Uint32Array, depth: number, minimumLeaf: number): TreeNode {
  const sums = momentsOf(data, judging);
  const mean = sums.rows === 0 ? null : sums.sum / sums.rows;
  const variance =
    sums.rows < 2 ? null : Math.max(0, sums.sumOfSquares - sums.sum * (mean as number)) / (sums.rows - 1);
  const events = data.labels === null ? null : judging.reduce((sum, row) => sum + (data.labels?.[row] as number), 0);
  const leaf = {
    rows: sums.rows,
    events,
    meanError: mean,
    standardError: variance === null ? null : Math.sqrt(variance / sums.rows),
    split: null,
    left: null,
    right: null,
  };
  const split = depth === 0 ? null : bestSplit(data, growing, minimumLeaf);
  if (split === null) return leaf;
  const column = data.columns[split.column] as TreeColumn;
  const goesLeft = new Uint8Array(column.levels);
  for (const code of split.left) goesLeft[code] = 1;
  const side = (rows: Uint32Array, wanted: 0 | 1): Uint32Array =>
    rows.filter((row) => goesLeft[column.codes[row] as number] === wanted);
  const judgedLeft = side(judging, 1);
  const judgedRight = side(judging, 0);
  if (Math.min(judgedLeft.length, judgedRight.length) < minimumLeaf) return leaf;
  const left = momentsOf(data, judgedLeft);
  const right = momentsOf(data, judgedRight);
  const tails = [welchTest(left, right).p, welchTest(right, left).p] as const;
  return {
    ...leaf,
    split: {
      column: split.column,
      name: column.name,
      kind: column.kind,
      left: split.left,
      p: tails[0] === null || tails[1] === null ? null : Math.min(1, 2 * Math.min(tails[0], tails[1])),
    },
    left: grow(data, side(growing, 1), judgedLeft, depth - 1, minimumLeaf),
    right: grow(data, side(growing, 0), judgedRight, depth - 1, minimumLeaf),
  };
}

function momentsOf(data: Data, rows: Uint32Array) {
  let error = 0;
  let square = 0;
  for (const row of rows) {
    error += data.grains[row] as number;
    square += data.squares[row] as number;
  }
  return { rows: rows.length, sum: error * data.grain, sumOfSquares: square * data.squareGrain };
}

function bestSplit(
  data: Data,
  rows: Uint32Array,
  minimumLeaf: number,
): { readonly column: number; readonly left: readonly number[] } | null {
  let total = 0;
  for (const row of rows) total += data.grains[row] as number;
  const n = rows.length;
  let best: { column: number; left: readonly number[]; gain: number } | null = null;
  // Gains below the rounding of their parts are none.
  const least = 1e-12 * ((total * total) / Math.max(1, n));
  for (const [index, { codes, levels, kind }] of data.columns.entries()) {
    const counts = new Float64Array(levels);
    const sums = new Float64Array(levels);
    for (const row of rows) {
      const code = codes[row] as number;
      counts[code] = (counts[code] as number) + 1;
      sums[code] = (sums[code] as number) + (data.grains[row] as number);
    }
    const present = Array.from({ length: levels }, (_, code) => code).filter((code) => (counts[code] as number) > 0);
    const meanOf = (code: number): number => (sums[code] as number) / (counts[code] as number);
    if (kind === 'levels') present.sort((a, b) => meanOf(a) - meanOf(b) || a - b);
    let count = 0;
    let sum = 0;
    for (let cut = 0; cut < present.length - 1; cut++) {
      const code = present[cut] as number;
      count += counts[code] as number;
      sum += sums[code] as number;
      if (Math.min(count, n - count) < minimumLeaf) continue;
      const gain = (sum * sum) / count + (total - sum) ** 2 / (n - count) - (total * total) / n;
      if (gain > (best?.gain ?? least)) {
        const chosen = present.slice(0, cut + 1);
        const upTo = Array.from({ length: code + 1 }, (_, value) => value);
        best = { column: index, left: kind === 'ordered' ? upTo : chosen.sort((a, b) => a - b), gain };
      }
    }
  }
  return best;
}
