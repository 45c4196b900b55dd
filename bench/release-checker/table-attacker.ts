import { permutation, randomStream } from '../../shared/runtime/random.ts';

/** One figure as the attacker sees it: a sum of cells, its value or null, and whether a null may stand for 0. */
export interface SeenFigure {
  readonly name: string;
  readonly cells: readonly string[];
  readonly value: number | null;
  readonly mayBeZero: boolean;
}

/** `least <= sum <= most`. */
interface Rule {
  readonly plus: readonly number[];
  readonly least: number;
  readonly most: number;
}

/** Raised when a search takes too long to be an answer. */
export class Undecided extends Error {}

/** Narrows the ranges until no rule narrows any further; false when a rule cannot be met. */
function narrow(low: Int32Array, high: Int32Array, rules: readonly Rule[]): boolean {
  for (let moved = true; moved; ) {
    moved = false;
    for (const { plus, least, most } of rules) {
      let smallest = 0;
      let largest = 0;
      for (const at of plus) {
        smallest += low[at] as number;
        largest += high[at] as number;
      }
      if (smallest > most || largest < least) return false;
      for (const at of plus) {
        const [from, to] = [low[at] as number, high[at] as number];
        const top = most - (smallest - from);
        const bottom = least - (largest - to);
        if (top < to || bottom > from) {
          high[at] = Math.min(to, top);
          low[at] = Math.max(from, bottom);
          if ((low[at] as number) > (high[at] as number)) return false;
          smallest += (low[at] as number) - from;
          largest += (high[at] as number) - to;
          moved = true;
        }
      }
    }
  }
  return true;
}

/**
 * An attacker who knows how tables are published, and searches: it looks for whole tables, cell by cell and time by time, that agree with
 * everything published, and asks of each count whether any of them makes it something else than 1 to minimum - 1. It halves ranges and
 * tries both halves, so its answer is exact over whole numbers. Publications are of growing rows.
 *
 * @returns the counts that every table agreeing with the publications makes 1 to minimum - 1.
 * @throws Undecided when a count takes too many steps
 */
export function attack(
  publications: readonly (readonly SeenFigure[])[],
  minimum: number,
  mostSteps = 20_000,
): string[] {
  const names = [...new Set(publications.flatMap((figures) => figures.flatMap(({ cells }) => cells)))];
  const total = names.length * publications.length;
  // An unknown each for what a cell held at first, and for what each time added.
  const added = (cells: readonly string[], from: number, to: number): number[] =>
    cells.flatMap((cell) => {
      const place = names.indexOf(cell);
      return Array.from({ length: to - from + 1 }, (_, step) => (from + step) * names.length + place);
    });
  const everything = publications.flat().reduce((most, { value }) => Math.max(most, value ?? 0), 0);
  const rules: Rule[] = publications.flatMap((figures, time) =>
    figures.map(({ cells, value, mayBeZero }) => ({
      plus: added(cells, 0, time),
      least: value ?? (mayBeZero ? 0 : 1),
      most: value ?? everything,
    })),
  );
  const low = new Int32Array(total);
  const high = new Int32Array(total).fill(everything);
  if (!narrow(low, high, rules)) throw new Error('No table at all agrees with what was published.');

  /** `rank` orders the unknowns that are tried first; `low` first or the upper half, by turns of it. */
  const find = (
    from: Int32Array,
    to: Int32Array,
    all: readonly Rule[],
    left: { steps: number; readonly rank: Int32Array },
  ): Int32Array | null => {
    if (--left.steps < 0) throw new Undecided();
    let next = -1;
    for (const at of left.rank) {
      if ((to[at] as number) > (from[at] as number)) {
        next = at;
        break;
      }
    }
    if (next < 0) return from;
    const middle = ((from[next] as number) + (to[next] as number)) >> 1;
    const first = (left.rank[next] as number) % 2;
    for (const half of [first, 1 - first]) {
      const [nextFrom, nextTo] = [from.slice(), to.slice()];
      if (half === 0) nextTo[next] = middle;
      else nextFrom[next] = middle + 1;
      if (!narrow(nextFrom, nextTo, all)) continue;
      const found = find(nextFrom, nextTo, all, left);
      if (found !== null) return found;
    }
    return null;
  };
  /** A few short tries in different orders, then a long one: a search that goes astray at its start does not come back. */
  const search = (from: Int32Array, to: Int32Array, all: readonly Rule[]): Int32Array | null => {
    const stream = randomStream(1, 'attack');
    for (let attempt = 0; attempt < 200; attempt++) {
      const rank = Int32Array.from(permutation(total, stream));
      try {
        return find(from, to, all, { steps: attempt === 199 ? mostSteps : 3 * total, rank });
      } catch (error) {
        if (!(error instanceof Undecided) || attempt === 199) throw error;
      }
    }
    return null;
  };

  const targets = publications.flatMap((figures, time) =>
    [...figures, ...names.map((name) => ({ name, cells: [name] }))]
      .filter(({ cells }) => cells.length > 0)
      .flatMap(({ name, cells }) => [
        { name: `${name} at ${time}`, plus: added(cells, 0, time) },
        ...(time === 0 ? [] : [{ name: `${name} from ${time - 1} to ${time}`, plus: added(cells, time, time) }]),
      ]),
  );
  const sum = (table: Int32Array, at: readonly number[]): number =>
    at.reduce((all, one) => all + (table[one] as number), 0);
  let open = targets;
  const derived: string[] = [];
  for (let target = open[0]; target !== undefined; target = open[0]) {
    const { plus, name } = target;
    let witness: Int32Array | null = null;
    let undecided: Undecided | null = null;
    for (const outside of [
      { plus, least: 0, most: 0 },
      { plus, least: minimum, most: everything },
    ]) {
      const [from, to] = [low.slice(), high.slice()];
      const all = [...rules, outside];
      if (!narrow(from, to, all)) continue;
      try {
        witness = search(from, to, all);
      } catch (error) {
        if (!(error instanceof Undecided)) throw error;
        undecided = error;
      }
      if (witness !== null) break;
    }
    if (witness === null && undecided !== null) throw undecided;
    if (witness === null) {
      derived.push(name);
      open = open.slice(1);
    } else {
      // One table answers for every count that it puts outside.
      const table = witness;
      open = open.filter((other) => {
        const value = sum(table, other.plus);
        return value >= 1 && value < minimum;
      });
    }
  }
  return [...new Set(derived)];
}
