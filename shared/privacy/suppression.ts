import type { RandomStream } from '../runtime/random.ts';

/**
 * The minimum the rule works with: a minimum of 2 is treated as 3, for a hidden cell could otherwise only be a 1.
 * A minimum of 1 hides nothing.
 */
export function effectiveMinimum(minimum: number): number {
  return minimum === 2 ? 3 : minimum;
}

/** How much nearer another cell may be and still be passed over, in cells. */
const jitter = 2;

/**
 * Which cells of a published count vector stay at the site, so that no count of 1 to minimum - 1 can be derived from the others
 * and the total: the rule of CMS cell suppression (1 to 10 hidden at a minimum of 11) with complementary suppression (Cox 1980,
 * JASA 75:377). Beyond the small cells others near them that are not empty are hidden, until at least two are and they
 * hold two to three times the minimum together. Which ones, and how many rows suffice, is drawn at random and never chosen by how many
 * rows a cell holds: an observer who knows this rule, but not the draw, still finds several values for every small cell.
 *
 * @param cells counts; their total is taken to be public.
 * @param lastIsReserved the last cell (missing values) is hidden as a complement only when nothing else is left, for other figures
 *   (the number of values behind a sum) follow from it.
 * @param stream must come from something the observer does not know.
 * @returns the cells with null where withheld.
 */
export function suppressSmallCells(
  cells: readonly number[],
  minimumCount: number,
  lastIsReserved: boolean,
  stream: RandomStream,
): (number | null)[] {
  const minimum = effectiveMinimum(minimumCount);
  if (minimum <= 1) return [...cells];
  const total = cells.reduce((sum, cell) => sum + cell, 0);
  // Fewer rows than two minimal cells can hold: whatever were hidden, too little would be left to hide it among.
  if (total < 2 * minimum) return cells.map(() => null);

  const small = cells.flatMap((cell, index) => (cell > 0 && cell < minimum ? [index] : []));
  if (small.length === 0) return [...cells];

  const last = cells.length - 1;
  const place = cells.map(
    (_, index) => Math.min(...small.map((other) => Math.abs(other - index))) + jitter * stream.uniform(),
  );
  const complements = cells
    .flatMap((cell, index) => (cell >= minimum && !(lastIsReserved && index === last) ? [index] : []))
    .sort((a, b) => (place[a] as number) - (place[b] as number));
  if (lastIsReserved && (cells[last] as number) >= minimum) complements.push(last);

  const enoughRows = 2 * minimum + stream.integer(minimum);
  // A small last cell that is reserved cannot change places with a complement, so it is hidden among two others.
  const enoughCells = lastIsReserved && small.includes(last) ? 3 : 2;
  const hidden = new Set(small);
  let hiddenTotal = small.reduce((sum, index) => sum + (cells[index] as number), 0);
  for (const index of complements) {
    if (hidden.size >= enoughCells && hiddenTotal >= enoughRows) break;
    hidden.add(index);
    hiddenTotal += cells[index] as number;
  }
  return cells.map((cell, index) => (hidden.has(index) ? null : cell));
}
