/** `low <= sum of weight * x <= high`; `high` may be Infinity. `columns` are indices of the unknowns. */
export interface LinearConstraint {
  readonly columns: readonly number[];
  readonly weights: readonly number[];
  readonly low: number;
  readonly high: number;
}

/** Reduced costs and pivots below this are rounding. The entries are counts and weights near 1, so it can be absolute. */
const tolerance = 1e-9;

/**
 * Smallest and largest values of sums of unknowns under linear constraints, by the two-phase simplex method on a dense tableau with
 * Bland's rule, which cannot cycle (Bland 1977, Mathematics of Operations Research 2:103). Meant for the tens of unknowns of one table.
 */
export interface LinearSystem {
  /** Whether any values meet all constraints. */
  readonly feasible: boolean;
  /** Smallest and largest value of the sum of these unknowns; `high` is Infinity where nothing bounds it. */
  range(columns: readonly number[]): { readonly low: number; readonly high: number };
}

/** @param lowest smallest value of each unknown. */
export function linearSystem(lowest: ArrayLike<number>, constraints: readonly LinearConstraint[]): LinearSystem {
  const unknowns = lowest.length;
  // Every unknown is counted from its smallest value, so that the tableau's are all at least 0.
  const rows: { columns: readonly number[]; weights: readonly number[]; bound: number; slack: -1 | 0 | 1 }[] = [];
  for (const { columns, weights, low, high } of constraints) {
    const moved = columns.reduce((sum, column, at) => sum + (weights[at] as number) * (lowest[column] as number), 0);
    if (low === high) rows.push({ columns, weights, bound: low - moved, slack: 0 });
    else {
      if (high < Infinity) rows.push({ columns, weights, bound: high - moved, slack: 1 });
      if (low > -Infinity) rows.push({ columns, weights, bound: low - moved, slack: -1 });
    }
  }
  const slacks = rows.filter(({ slack }) => slack !== 0).length;
  const structural = unknowns + slacks;
  const width = structural + rows.length + 1;
  const right = width - 1;
  const tableau = rows.map(() => new Float64Array(width));
  const basis = new Int32Array(rows.length);
  let slackAt = unknowns;
  rows.forEach(({ columns, weights, bound, slack }, row) => {
    const line = tableau[row] as Float64Array;
    const sign = bound < 0 ? -1 : 1;
    columns.forEach((column, at) => {
      line[column] = (line[column] as number) + sign * (weights[at] as number);
    });
    line[right] = sign * bound;
    basis[row] = structural + row;
    if (slack !== 0) {
      line[slackAt] = sign * slack;
      if (sign * slack === 1) basis[row] = slackAt;
      slackAt++;
    }
    if (basis[row] === structural + row) line[structural + row] = 1;
  });

  const pivot = (row: number, column: number, cost: Float64Array): void => {
    const line = tableau[row] as Float64Array;
    const scale = line[column] as number;
    for (let at = 0; at < width; at++) line[at] = (line[at] as number) / scale;
    line[column] = 1;
    for (const other of [...tableau, cost]) {
      if (other === line) continue;
      const factor = other[column] as number;
      if (factor === 0) continue;
      for (let at = 0; at < width; at++) other[at] = (other[at] as number) - factor * (line[at] as number);
      other[column] = 0;
    }
    basis[row] = column;
  };

  /** Minimises; `cost` holds reduced costs, its last entry minus the objective. False when unbounded. */
  const minimise = (cost: Float64Array, among: number): boolean => {
    for (;;) {
      let entering = -1;
      for (let column = 0; column < among; column++) {
        if ((cost[column] as number) < -tolerance) {
          entering = column;
          break;
        }
      }
      if (entering < 0) return true;
      let leaving = -1;
      let smallest = Infinity;
      for (let row = 0; row < tableau.length; row++) {
        const line = tableau[row] as Float64Array;
        const entry = line[entering] as number;
        if (entry <= tolerance) continue;
        const ratio = (line[right] as number) / entry;
        const tied = leaving >= 0 && Math.abs(ratio - smallest) <= tolerance * (1 + Math.abs(smallest));
        if ((!tied && ratio < smallest) || (tied && (basis[row] as number) < (basis[leaving] as number))) {
          smallest = Math.min(smallest, ratio);
          leaving = row;
        }
      }
      if (leaving < 0) return false;
      pivot(leaving, entering, cost);
    }
  };

  // Phase one: the artificial unknowns are driven to 0.
  const artificial = new Float64Array(width);
  for (let row = 0; row < rows.length; row++) {
    if ((basis[row] as number) < structural) continue;
    artificial[basis[row] as number] = 1;
    for (let at = 0; at < width; at++) {
      artificial[at] = (artificial[at] as number) - ((tableau[row] as Float64Array)[at] as number);
    }
    artificial[basis[row] as number] = 0;
  }
  minimise(artificial, structural);
  const scaleOfBounds = rows.reduce((most, { bound }) => Math.max(most, Math.abs(bound)), 1);
  const feasible = -(artificial[right] as number) <= 1e-7 * scaleOfBounds;
  // One that is still in the basis is 0; it leaves where its row holds anything else, and the row is redundant where it does not.
  for (let row = tableau.length - 1; row >= 0; row--) {
    if ((basis[row] as number) < structural) continue;
    const line = tableau[row] as Float64Array;
    const column = line.findIndex((entry, at) => at < structural && Math.abs(entry) > tolerance);
    if (column >= 0) pivot(row, column, artificial);
    else for (let at = 0; at < width; at++) line[at] = 0;
  }

  const smallest = (columns: readonly number[], sign: 1 | -1): number => {
    const cost = new Float64Array(width);
    for (const column of columns) cost[column] = (cost[column] as number) + sign;
    for (let row = 0; row < tableau.length; row++) {
      const factor = cost[basis[row] as number] as number;
      if (factor === 0) continue;
      const line = tableau[row] as Float64Array;
      for (let at = 0; at < width; at++) cost[at] = (cost[at] as number) - factor * (line[at] as number);
    }
    return minimise(cost, structural) ? -(cost[right] as number) : -Infinity;
  };

  return {
    feasible,
    range(columns) {
      const base = columns.reduce((sum, column) => sum + (lowest[column] as number), 0);
      return { low: base + smallest(columns, 1), high: base - smallest(columns, -1) };
    },
  };
}
