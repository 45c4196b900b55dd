/**
 * Which cells of a published count vector stay at the site, so that no count of 1 to minimum - 1 can be derived from the others
 * and the total: the rule of CMS cell suppression (1 to 10 hidden at a minimum of 11) with complementary suppression (Cox 1980,
 * JASA 75:377). Beyond the small cells, whole size classes of the next larger cells are hidden until at least two are hidden and they
 * hold twice the minimum together; ties go together, so that the choice itself does not tell which hidden cell is which.
 *
 * @param cells counts; their total is taken to be public.
 * @param lastIsReserved the last cell (missing values) is hidden as a complement only when nothing else is left, for other figures
 *   (the number of values behind a sum) follow from it.
 * @returns the cells with null where withheld.
 */
export function suppressSmallCells(
  cells: readonly number[],
  minimum: number,
  lastIsReserved: boolean,
): (number | null)[] {
  if (minimum <= 1) return [...cells];
  const total = cells.reduce((sum, cell) => sum + cell, 0);
  // Fewer rows than two minimal cells can hold: whatever were hidden, too little would be left to hide it among.
  if (total < 2 * minimum) return cells.map(() => null);

  const hidden = cells.map((cell) => cell > 0 && cell < minimum);
  if (!hidden.includes(true)) return [...cells];

  const hiddenCount = (): number => hidden.filter(Boolean).length;
  const hiddenTotal = (): number => cells.reduce((sum, cell, index) => (hidden[index] ? sum + cell : sum), 0);
  const enough = (): boolean => hiddenCount() >= 2 && hiddenTotal() >= 2 * minimum;
  const last = cells.length - 1;
  while (!enough()) {
    const smallest = cells.reduce(
      (least, cell, index) =>
        cell > 0 && !hidden[index] && !(lastIsReserved && index === last) && cell < least ? cell : least,
      Number.POSITIVE_INFINITY,
    );
    if (smallest === Number.POSITIVE_INFINITY) {
      hidden[last] = true;
      break;
    }
    cells.forEach((cell, index) => {
      if (cell === smallest && !(lastIsReserved && index === last)) hidden[index] = true;
    });
  }
  // Everything with rows in it is hidden and still too few cells: the empty ones go too, so that the whole vector says nothing.
  if (!enough()) return cells.map(() => null);
  return cells.map((cell, index) => (hidden[index] ? null : cell));
}
