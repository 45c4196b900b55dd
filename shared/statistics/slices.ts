import { toGrid } from './exact-grid.ts';
import { assertSameLength, assertSquarable, countEvents } from './inputs.ts';
import { canonicalOrder, columnOf } from './matrix.ts';
import { StatisticsError } from './statistics-error.ts';
import { type GroupMoments, welchTest } from './welch.ts';

/** A column cut into bins or levels. */
export interface SliceColumn {
  readonly name: string;
  /** Code of each row, 0 .. levels - 1 [rows]. A missing value has a code of its own, if it is to be looked at. */
  readonly codes: Uint8Array | Uint16Array;
  readonly levels: number;
}

export interface SliceCondition {
  /** Index of the column. */
  readonly column: number;
  readonly name: string;
  readonly code: number;
}

export interface Slice {
  /** One or two, by ascending column. */
  readonly conditions: readonly SliceCondition[];
  readonly rows: number;
  /** Null without labels. */
  readonly events: number | null;
  readonly meanError: number;
  /** Of all other rows. */
  readonly restMeanError: number;
  readonly score: number;
  /** Welch's statistic against the rest, one-sided for a larger error. */
  readonly t: number | null;
  readonly p: number | null;
  /** Benjamini-Hochberg over all slices that could have been reported, pruned ones included. */
  readonly adjustedP: number | null;
  /** Whether the slice may be named outside: enough rows, and enough events. */
  readonly publishable: boolean;
}

export interface SliceSearch {
  /** The best by score, largest first; only scores above 0. */
  readonly slices: readonly Slice[];
  /** Slices whose error was looked at. */
  readonly evaluated: number;
  /** Slices ruled out by their bounds before. */
  readonly pruned: number;
  /** Rows searched, and rows given: they differ when `maximumRows` was reached. */
  readonly rows: number;
  readonly ofRows: number;
  readonly meanError: number | null;
  readonly reason: 'no_rows' | 'no_error' | null;
}

export interface SliceOptions {
  /** Weight of a slice's error against its size, between 0 and 1; .98 unless given: at .95 no slice of 5% with doubled error can score above 0. */
  readonly alpha?: number;
  /** Support a slice needs; 30 unless given. */
  readonly minimumRows?: number;
  /** Events a slice needs to be published; 11 unless given. */
  readonly minimumEvents?: number;
  /** Slices reported; 10 unless given. */
  readonly top?: number;
  /** Rows searched at most; a seeded subsample beyond. 200,000 unless given: some two seconds for 50 columns of 10 levels. */
  readonly maximumRows?: number;
  /** Of the subsample; 0 unless given. */
  readonly seed?: number;
}

/** Sums of one slice. Errors in grains: whole numbers, so that their order is without effect. */
interface Sums {
  readonly rows: number;
  readonly error: number;
  readonly square: number;
  readonly events: number;
}

interface Level extends Sums {
  readonly largest: number;
}

interface Found extends Sums {
  readonly conditions: readonly SliceCondition[];
  readonly score: number;
}

const fields = 4;

/**
 * Where a model fails: slices of one or two conditions `column = code` by SliceLine's score, S. Sagadeeva, M. Boehm (2021), SIGMOD, equation 1:
 * a·(mean error of the slice / mean error - 1) - (1 - a)·(rows / rows of the slice - 1). Pairs of columns are ruled out by the paper's upper
 * bounds from their single conditions (equations 3 and 4: size, total and largest error at most the smaller of both), taken in descending
 * order of the bound. Each slice against all other rows by Welch's test, p adjusted over every slice that could have been reported.
 *
 * One pass over the rows a pair of columns that is left: O(rows · pairs). Deterministic; re-ordering rows changes nothing.
 *
 * @param errors one a row, not negative, such as log loss. @param labels 0 or 1, or null where there are none.
 * @throws StatisticsError for unequal lengths, errors that are negative or not finite, codes beyond a column's levels, options out of range.
 */
export function sliceSearch(
  columns: readonly SliceColumn[],
  errors: ArrayLike<number>,
  labels: ArrayLike<number> | null,
  options: SliceOptions = {},
): SliceSearch {
  const settings = checked(columns, errors, labels, options);
  const data = cap(columns, errors, labels, settings.maximumRows, options.seed ?? 0);
  const n = data.errors.length;
  const nothing = { slices: [], evaluated: 0, pruned: 0, rows: n, ofRows: errors.length };
  if (n === 0) return { ...nothing, meanError: null, reason: 'no_rows' };
  const { grains, grain } = toGrid(data.errors);
  const squares = toGrid(data.errors.map((error) => error * error));
  let total = 0;
  let totalSquares = 0;
  for (let row = 0; row < n; row++) {
    total += grains[row] as number;
    totalSquares += squares.grains[row] as number;
  }
  const meanError = (total * grain) / n;
  if (total === 0) return { ...nothing, meanError, reason: 'no_error' };
  const mean = total / n;
  const { alpha, minimumRows, top } = settings;
  const score = (rows: number, error: number): number =>
    alpha * (error / rows / mean - 1) - (1 - alpha) * (n / rows - 1);
  /** The best score any slice inside can have: its size is between the minimum and `rows`. */
  const bound = (rows: number, error: number, largest: number): number => {
    if (rows < minimumRows) return Number.NEGATIVE_INFINITY;
    const turn = Math.min(rows, Math.max(minimumRows, error / largest));
    return Math.max(...[minimumRows, turn, rows].map((size) => score(size, Math.min(error, size * largest))));
  };

  const pValues: number[] = [];
  let untested = 0;
  const best: Found[] = [];
  const consider = (sums: Sums, conditions: readonly SliceCondition[]): void => {
    if (sums.rows < minimumRows || sums.rows === n) return;
    const p = test(sums).p;
    if (p === null) untested++;
    else pValues.push(p);
    const found = { ...sums, conditions, score: score(sums.rows, sums.error) };
    if (!(found.score > 0)) return;
    best.push(found);
    best.sort(byScore);
    if (best.length > top) best.pop();
  };
  const moments = (sums: Sums): GroupMoments => ({
    rows: sums.rows,
    sum: sums.error * grain,
    sumOfSquares: sums.square * squares.grain,
  });
  function test(sums: Sums) {
    const rest = { rows: n - sums.rows, error: total - sums.error, square: totalSquares - sums.square, events: 0 };
    return welchTest(moments(sums), moments(rest));
  }

  const singles = data.columns.map((column) => levelsOf(column, grains, squares.grains, data.labels));
  for (const [index, levels] of singles.entries()) {
    for (const [code, level] of levels.entries()) consider(level, [condition(data.columns, index, code)]);
  }

  const pairs: { readonly a: number; readonly b: number; readonly bound: number; readonly cells: number }[] = [];
  for (let a = 0; a < singles.length; a++) {
    for (let b = a + 1; b < singles.length; b++) {
      let highest = Number.NEGATIVE_INFINITY;
      let cells = 0;
      for (const first of singles[a] as readonly Level[]) {
        if (first.rows < minimumRows) continue;
        for (const second of singles[b] as readonly Level[]) {
          if (second.rows < minimumRows) continue;
          cells++;
          highest = Math.max(
            highest,
            bound(
              Math.min(first.rows, second.rows),
              Math.min(first.error, second.error),
              Math.min(first.largest, second.largest),
            ),
          );
        }
      }
      if (cells > 0) pairs.push({ a, b, bound: highest, cells });
    }
  }
  pairs.sort((x, y) => y.bound - x.bound || x.a - y.a || x.b - y.b);
  let pruned = 0;
  for (const { a, b, bound: highest, cells } of pairs) {
    const weakest = best.length === top ? (best.at(-1) as Found).score : 0;
    if (!(highest > 0 && highest >= weakest)) {
      pruned += cells;
      continue;
    }
    const first = data.columns[a] as SliceColumn;
    const second = data.columns[b] as SliceColumn;
    const sums = crossed(first, second, grains, squares.grains, data.labels);
    for (let i = 0; i < first.levels; i++) {
      for (let j = 0; j < second.levels; j++) {
        const at = (i * second.levels + j) * fields;
        const cell = {
          rows: sums[at] as number,
          error: sums[at + 1] as number,
          square: sums[at + 2] as number,
          events: sums[at + 3] as number,
        };
        // A cell that is all of one of its conditions has been looked at already.
        if (cell.rows === singles[a]?.[i]?.rows || cell.rows === singles[b]?.[j]?.rows) continue;
        consider(cell, [condition(data.columns, a, i), condition(data.columns, b, j)]);
      }
    }
  }

  const family = pValues.length + untested + pruned;
  const adjust = adjuster(pValues, family);
  return {
    slices: best.map((found): Slice => {
      const { t, p } = test(found);
      return {
        conditions: found.conditions,
        rows: found.rows,
        events: data.labels === null ? null : found.events,
        meanError: (found.error * grain) / found.rows,
        restMeanError: ((total - found.error) * grain) / (n - found.rows),
        score: found.score,
        t,
        p,
        adjustedP: p === null ? null : adjust(p),
        publishable: data.labels !== null && found.events >= settings.minimumEvents,
      };
    }),
    evaluated: pValues.length + untested,
    pruned,
    rows: n,
    ofRows: errors.length,
    meanError,
    reason: null,
  };
}

/**
 * Benjamini-Hochberg over a family of which only some p values are known, the others standing for 1: adjusted p(i) = min over j >= i of
 * p(j)·family/j, looked up by p.
 */
function adjuster(pValues: readonly number[], family: number): (p: number) => number {
  const sorted = Float64Array.from(pValues).sort();
  const adjusted = new Float64Array(sorted.length);
  let smallest = 1;
  for (let place = sorted.length - 1; place >= 0; place--) {
    smallest = Math.min(smallest, ((sorted[place] as number) * family) / (place + 1));
    adjusted[place] = smallest;
  }
  return (p) => adjusted[sorted.indexOf(p)] as number;
}

/** Larger score first; then more rows, then the order of the columns. */
function byScore(a: Found, b: Found): number {
  if (a.score !== b.score) return b.score - a.score;
  if (a.rows !== b.rows) return b.rows - a.rows;
  if (a.conditions.length !== b.conditions.length) return a.conditions.length - b.conditions.length;
  for (const [index, first] of a.conditions.entries()) {
    const second = b.conditions[index] as SliceCondition;
    if (first.column !== second.column) return first.column - second.column;
    if (first.code !== second.code) return first.code - second.code;
  }
  return 0;
}

function condition(columns: readonly SliceColumn[], column: number, code: number): SliceCondition {
  return { column, name: (columns[column] as SliceColumn).name, code };
}

function levelsOf(
  { codes, levels }: SliceColumn,
  grains: Float64Array,
  squares: Float64Array,
  labels: Uint8Array | null,
): Level[] {
  const found = Array.from({ length: levels }, () => ({ rows: 0, error: 0, square: 0, events: 0, largest: 0 }));
  for (let row = 0; row < codes.length; row++) {
    const level = found[codes[row] as number] as (typeof found)[number];
    const error = grains[row] as number;
    level.rows++;
    level.error += error;
    level.square += squares[row] as number;
    if (labels !== null) level.events += labels[row] as number;
    if (error > level.largest) level.largest = error;
  }
  return found;
}

/** Rows, errors, squares and events of every cell of two columns. */
function crossed(
  first: SliceColumn,
  second: SliceColumn,
  grains: Float64Array,
  squares: Float64Array,
  labels: Uint8Array | null,
): Float64Array {
  const sums = new Float64Array(first.levels * second.levels * fields);
  const a = first.codes;
  const b = second.codes;
  const width = second.levels * fields;
  for (let row = 0; row < a.length; row++) {
    const at = (a[row] as number) * width + (b[row] as number) * fields;
    sums[at] = (sums[at] as number) + 1;
    sums[at + 1] = (sums[at + 1] as number) + (grains[row] as number);
    sums[at + 2] = (sums[at + 2] as number) + (squares[row] as number);
  }
  if (labels !== null) {
    for (let row = 0; row < a.length; row++) {
      if (labels[row] !== 1) continue;
      const at = (a[row] as number) * width + (b[row] as number) * fields + 3;
      sums[at] = (sums[at] as number) + 1;
    }
  }
  return sums;
}

function checked(
  columns: readonly SliceColumn[],
  errors: ArrayLike<number>,
  labels: ArrayLike<number> | null,
  options: SliceOptions,
) {
  assertErrors(columns, errors, labels);
  const settings = {
    alpha: options.alpha ?? 0.98,
    minimumRows: options.minimumRows ?? 30,
    minimumEvents: options.minimumEvents ?? 11,
    top: options.top ?? 10,
    maximumRows: options.maximumRows ?? 200_000,
  };
  const { alpha, minimumRows, top, maximumRows } = settings;
  if (!(alpha > 0 && alpha <= 1 && minimumRows >= 1 && Number.isInteger(top) && top >= 1 && maximumRows >= 0)) {
    throw new StatisticsError(
      'out_of_range',
      `sliceSearch: alpha is ${alpha}, minimumRows ${minimumRows}, top ${top}, maximumRows ${maximumRows}`,
    );
  }
  return settings;
}

/** @throws StatisticsError for what slices and trees cannot be searched in. */
export function assertErrors(
  columns: readonly SliceColumn[],
  errors: ArrayLike<number>,
  labels: ArrayLike<number> | null,
): void {
  assertSquarable(errors, 'errors');
  for (let row = 0; row < errors.length; row++) {
    if ((errors[row] as number) < 0) {
      throw new StatisticsError('out_of_range', `errors[${row}] is ${errors[row]}, and an error is never negative`);
    }
  }
  if (labels !== null) {
    assertSameLength(errors, labels, 'errors and labels');
    countEvents(labels);
  }
  for (const { name, codes, levels } of columns) {
    assertSameLength(errors, codes, `errors and codes of ${name}`);
    for (let row = 0; row < codes.length; row++) {
      if ((codes[row] as number) >= levels) {
        throw new StatisticsError(
          'out_of_range',
          `${name}: the code of row ${row} is ${codes[row]}, of ${levels} levels`,
        );
      }
    }
  }
}

interface Searched {
  readonly columns: readonly SliceColumn[];
  readonly errors: Float64Array;
  readonly labels: Uint8Array | null;
}

function cap(
  columns: readonly SliceColumn[],
  errors: ArrayLike<number>,
  labels: ArrayLike<number> | null,
  maximumRows: number,
  seed: number,
): Searched {
  if (errors.length <= maximumRows) {
    return {
      columns,
      errors: Float64Array.from(errors),
      labels: labels === null ? null : Uint8Array.from(labels),
    };
  }
  const order = rowOrder(columns, errors, labels, seed).subarray(0, maximumRows);
  const pick = (codes: Uint8Array | Uint16Array): Uint8Array | Uint16Array => {
    const picked = codes instanceof Uint8Array ? new Uint8Array(order.length) : new Uint16Array(order.length);
    for (let place = 0; place < order.length; place++) picked[place] = codes[order[place] as number] as number;
    return picked;
  };
  return {
    columns: columns.map((column) => ({ ...column, codes: pick(column.codes) })),
    errors: Float64Array.from(order, (row) => errors[row] as number),
    labels: labels === null ? null : Uint8Array.from(order, (row) => labels[row] as number),
  };
}

/** Canonical order of rows by all that a search looks at. */
export function rowOrder(
  columns: readonly SliceColumn[],
  errors: ArrayLike<number>,
  labels: ArrayLike<number> | null,
  seed: number,
): Uint32Array {
  return canonicalOrder(
    [columnOf(errors), ...(labels === null ? [] : [columnOf(labels)]), ...columns.map(({ codes }) => columnOf(codes))],
    seed,
  );
}
