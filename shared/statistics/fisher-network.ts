import { logGamma } from './log-gamma.ts';

/** Rows' totals that are still to be placed, with some columns left: what all tables that begin differently may have in common. */
interface Node {
  /** Ascending: which row has which total makes no difference to what may follow. */
  readonly totals: readonly number[];
  /** Smallest and largest sum of log factorials that the cells still to come can have. */
  readonly least: number;
  readonly most: number;
  /** Ways to fill the next column. */
  readonly ways: readonly Way[];
}

interface Way {
  readonly next: Node | null;
  /** Given the totals of the rows and of this column. */
  readonly probability: number;
  /** Sum of the log factorials of the column's cells. */
  readonly added: number;
}

/** Sums that begin differently and agree to this are one: far less than the tolerance of ties, far more than rounding. */
const sameSum = 1e-9;

class TooLarge extends Error {}

/**
 * Exact probability, with the margins of a table fixed, of a sum of log factorials of the cells of at least `level`. Column by column over the
 * rows' totals left, merging what has the same totals and sum, and ending early where every completion is on one side: the network algorithm of
 * C. Mehta, N. Patel (1983), JASA 78:427.
 *
 * @param maximumSteps ways of filling a column looked at in all, and beginnings carried over them. @returns null beyond it.
 */
export function networkProbability(
  rowTotals: readonly number[],
  columnTotals: readonly number[],
  level: number,
  maximumSteps: number,
): number | null {
  // Few totals in a node and large columns first keep the nodes few.
  const [short, long] = rowTotals.length <= columnTotals.length ? [rowTotals, columnTotals] : [columnTotals, rowTotals];
  const columns = [...long].sort((a, b) => b - a);
  const n = short.reduce((sum, total) => sum + total, 0);
  if (n > maximumSteps) return null;
  const logFactorials = Float64Array.from({ length: n + 1 }, (_, count) => (count < 2 ? 0 : logGamma(count + 1)));
  let steps = 0;
  const step = (): void => {
    if (++steps > maximumSteps) throw new TooLarge();
  };
  try {
    const first = nodeOf(short, 0, columns, logFactorials, new Map(), step);
    return massFrom(first, columns.length, level, step);
  } catch (error) {
    if (error instanceof TooLarge) return null;
    throw error;
  }
}

function nodeOf(
  unsorted: readonly number[],
  column: number,
  columns: readonly number[],
  logFactorials: Float64Array,
  known: Map<string, Node>,
  step: () => void,
): Node {
  const totals = [...unsorted].sort((a, b) => a - b);
  const key = `${column}:${totals.join()}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  const ways: Way[] = [];
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  const log = (count: number): number => logFactorials[count] as number;
  const choose = (of: number, count: number): number => log(of) - log(count) - log(of - count);
  const all = totals.reduce((sum, total) => sum + total, 0);
  const left = totals.slice();
  const fill = (row: number, toPlace: number, later: number, logProbability: number, added: number): void => {
    if (row === totals.length) {
      step();
      const next = column === columns.length - 1 ? null : nodeOf(left, column + 1, columns, logFactorials, known, step);
      least = Math.min(least, added + (next?.least ?? 0));
      most = Math.max(most, added + (next?.most ?? 0));
      ways.push({ next, probability: Math.exp(logProbability), added });
      return;
    }
    const total = totals[row] as number;
    const rest = later - total;
    for (let count = Math.max(0, toPlace - rest); count <= Math.min(total, toPlace); count++) {
      left[row] = total - count;
      fill(row + 1, toPlace - count, rest, logProbability + choose(total, count), added + log(count));
    }
  };
  const columnTotal = columns[column] as number;
  fill(0, columnTotal, all, -choose(all, columnTotal), 0);
  const node = { totals, least, most, ways };
  known.set(key, node);
  return node;
}

function massFrom(first: Node, columns: number, level: number, step: () => void): number {
  let extreme = 0;
  let beginnings = new Map<Node, Map<number, { readonly sum: number; mass: number }>>([
    [first, new Map([[0, { sum: 0, mass: 1 }]])],
  ]);
  for (let column = 0; column < columns; column++) {
    const following: typeof beginnings = new Map();
    for (const [node, sums] of beginnings) {
      for (const { sum, mass } of sums.values()) {
        for (const { next, probability, added } of node.ways) {
          step();
          const reached = sum + added;
          const share = mass * probability;
          if (reached + (next?.least ?? 0) >= level) extreme += share;
          else if (next !== null && reached + next.most >= level) {
            const held = following.get(next) ?? new Map<number, { readonly sum: number; mass: number }>();
            following.set(next, held);
            const key = Math.round(reached / sameSum);
            const same = held.get(key);
            if (same === undefined) held.set(key, { sum: reached, mass: share });
            else same.mass += share;
          }
        }
      }
    }
    beginnings = following;
  }
  return Math.min(1, extreme);
}
