import { type LinearConstraint, type LinearSystem, linearSystem } from './linear-bounds.ts';

/**
 * One thing that leaves or has left: a weighted sum of unknown counts lies within [low, high]. A published count has both equal, a rounded
 * rate bounds the difference of its numerator and its share of the denominator, a hidden cell is known to be at least 1 where only
 * small cells and their complements are ever hidden. `high` may be Infinity.
 */
export interface Statement {
  /** Names of unknown counts, each a whole number of at least 0. */
  readonly cells: readonly string[];
  /** One a cell; all 1 when absent. */
  readonly weights?: readonly number[];
  readonly low: number;
  readonly high: number;
}

/** A sum of cells that is a count of patients by itself: a cell of a table, a margin, what one release adds to the last. */
export interface ProtectedSum {
  readonly table: string;
  readonly cell: string;
  readonly cells: readonly string[];
}

/** A protected count that the statements narrow to 1 to minimum - 1. */
export interface Exposure {
  readonly table: string;
  readonly cell: string;
  readonly low: number;
  readonly high: number;
}

export interface CheckedRelease {
  /** False when no counts at all meet every statement: then nothing can be said, and nothing may leave on the strength of it. */
  readonly consistent: boolean;
  readonly exposures: readonly Exposure[];
}

/** What the last digits of computed bounds may lack. */
const slack = 1e-6;

interface Component {
  readonly names: string[];
  readonly statements: Statement[];
  readonly sums: ProtectedSum[];
}

function componentsOf(statements: readonly Statement[], sums: readonly ProtectedSum[]): Component[] {
  const parent = new Map<string, string>();
  const root = (name: string): string => {
    let at = name;
    for (;;) {
      const above = parent.get(at);
      if (above === undefined) {
        parent.set(at, at);
        return at;
      }
      if (above === at) return at;
      at = above;
    }
  };
  for (const { cells } of [...statements, ...sums]) {
    const [first, ...others] = cells;
    if (first === undefined) continue;
    const top = root(first);
    for (const other of others) parent.set(root(other), top);
  }
  const components = new Map<string, Component>();
  for (const name of parent.keys()) {
    const key = root(name);
    const component = components.get(key) ?? { names: [], statements: [], sums: [] };
    component.names.push(name);
    components.set(key, component);
  }
  for (const statement of statements) {
    const [first] = statement.cells;
    if (first !== undefined) components.get(root(first))?.statements.push(statement);
  }
  for (const sum of sums) {
    const [first] = sum.cells;
    if (first !== undefined) components.get(root(first))?.sums.push(sum);
  }
  return [...components.values()];
}

interface Bounds {
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/**
 * Narrows whole-number bounds of every cell by every statement, until nothing moves: each is at least what is left when all others are as
 * large as they can be, and at most what is left when they are as small. Null when the statements contradict each other.
 */
function propagate(cells: number, constraints: readonly LinearConstraint[]): Bounds | null {
  const low = new Float64Array(cells);
  const high = new Float64Array(cells).fill(Infinity);
  // Bounds move by whole numbers and could creep; what is not found by then is left to the exact bounds.
  for (let turn = 0; turn < 50; turn++) {
    let moved = false;
    for (const { columns, weights, low: least, high: most } of constraints) {
      let smallest = 0;
      let largest = 0;
      let unbounded = 0;
      for (const [at, column] of columns.entries()) {
        const weight = weights[at] as number;
        const [from, to] = [low[column] as number, high[column] as number];
        smallest += weight > 0 ? weight * from : to < Infinity ? weight * to : -Infinity;
        const top = weight > 0 ? to : from;
        if (top < Infinity) largest += weight * top;
        else unbounded++;
      }
      for (const [at, column] of columns.entries()) {
        const weight = weights[at] as number;
        const [from, to] = [low[column] as number, high[column] as number];
        if (weight > 0) {
          const others = smallest - weight * from;
          if (most < Infinity && others > -Infinity) {
            const bound = Math.floor((most - others) / weight + slack);
            if (bound < to) {
              high[column] = bound;
              if (to < Infinity) largest += weight * (bound - to);
              else {
                unbounded--;
                largest += weight * bound;
              }
              moved = true;
            }
          }
          const stillOpen = unbounded - ((high[column] as number) < Infinity ? 0 : 1);
          if (least > -Infinity && stillOpen === 0) {
            const rest = largest - ((high[column] as number) < Infinity ? weight * (high[column] as number) : 0);
            const bound = Math.ceil((least - rest) / weight - slack);
            if (bound > from) {
              low[column] = bound;
              smallest += weight * (bound - from);
              moved = true;
            }
          }
        }
        if ((low[column] as number) > (high[column] as number)) return null;
      }
    }
    if (!moved) break;
  }
  return { low, high };
}

function checkComponent(component: Component, minimum: number): CheckedRelease {
  const { names, statements, sums } = component;
  const indexOf = new Map(names.map((name, index) => [name, index]));
  const columnsOf = (cells: readonly string[]): number[] => cells.map((name) => indexOf.get(name) as number);
  const constraints: LinearConstraint[] = statements.map(({ cells, weights, low, high }) => ({
    columns: columnsOf(cells),
    weights: weights ?? cells.map(() => 1),
    low,
    high,
  }));
  const bounds = propagate(names.length, constraints);
  if (bounds === null) return { consistent: false, exposures: [] };
  const isSmall = (low: number, high: number): boolean => low >= 1 && high <= minimum - 1;
  const exposures: Exposure[] = [];
  let system: LinearSystem | null = null;
  for (const { table, cell, cells } of sums) {
    const columns = columnsOf(cells);
    const total = (values: Float64Array): number => columns.reduce((sum, at) => sum + (values[at] as number), 0);
    let low = total(bounds.low);
    let high = total(bounds.high);
    // Bounds that are pinned already need no more; the rest takes the exact ones, which see what several statements say together.
    if (low !== high && !isSmall(low, high)) {
      system ??= linearSystem(bounds.low, constraints);
      if (!system.feasible) return { consistent: false, exposures: [] };
      const exact = system.range(columns);
      low = Math.max(low, Math.ceil(exact.low - slack));
      high = Math.min(high, Math.floor(exact.high + slack));
    }
    if (isSmall(low, high)) exposures.push({ table, cell, low, high });
  }
  return { consistent: true, exposures };
}

/**
 * Tries to derive small counts from everything that is about to leave and everything that left before: linear relations between cells,
 * margins and totals, rates with their denominators, differences of successive releases. Per set of statements that hang together,
 * whole-number bounds are propagated to a fixpoint, then narrowed to the exact bounds of linear programming, which for one- and two-way
 * tables with margins are those of whole numbers too (their matrix is totally unimodular; Cox 1980, JASA 75:377).
 *
 * @param minimum smallest count that may be known; a count is exposed when all its possible values lie in 1 to minimum - 1.
 */
export function checkRelease(
  release: { readonly statements: readonly Statement[]; readonly protectedSums: readonly ProtectedSum[] },
  minimum: number,
): CheckedRelease {
  if (minimum <= 1) return { consistent: true, exposures: [] };
  const exposures: Exposure[] = [];
  let consistent = true;
  for (const component of componentsOf(release.statements, release.protectedSums)) {
    if (component.sums.length === 0) continue;
    const found = checkComponent(component, minimum);
    consistent &&= found.consistent;
    exposures.push(...found.exposures);
  }
  return { consistent, exposures };
}
