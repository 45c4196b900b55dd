import { describe, expect, it } from 'vitest';
import { derivableCounts, suppressCounts } from '../../../shared/privacy/table-suppression.ts';
import { randomStream } from '../../../shared/runtime/random.ts';

type Counts = readonly (number | null)[];

const published = (counts: Counts, total: number) => [
  ...counts.map((value, at) => ({ name: String(at), cells: [String(at)], value })),
  { name: 'total', cells: counts.map((_, at) => String(at)), value: total },
];

/**
 * Every value that each count of the larger set, of the smaller and of the rest can have, by enumeration cell for cell: the larger
 * contains the smaller, a withheld count is at least 1 where any of its table is shown, and the totals are known.
 */
function possible(
  larger: { counts: Counts; total: number },
  smaller: { counts: Counts; total: number },
): { larger: Set<number>; smaller: Set<number>; rest: Set<number> }[] {
  const values = (counts: Counts, at: number, most: number): number[] => {
    const known = counts[at];
    if (typeof known === 'number') return [known];
    const least = counts.some((count) => count !== null) ? 1 : 0;
    return Array.from({ length: Math.max(0, most - least + 1) }, (_, step) => least + step);
  };
  const width = larger.total + 1;
  const pairs = larger.counts.map((_, at) =>
    values(larger.counts, at, larger.total).flatMap((many) =>
      values(smaller.counts, at, Math.min(many, smaller.total))
        .filter((few) => few <= many)
        .map((few) => [many, few] as const),
    ),
  );
  const reach = (cells: readonly (readonly (readonly [number, number])[])[]): Set<number> => {
    let states = new Set([0]);
    for (const options of cells) {
      const next = new Set<number>();
      for (const state of states) {
        for (const [many, few] of options) {
          const [sum, part] = [(state % width) + many, Math.floor(state / width) + few];
          if (sum <= larger.total && part <= smaller.total) next.add(sum + width * part);
        }
      }
      states = next;
    }
    return states;
  };
  return pairs.map((options, at) => {
    const others = reach(pairs.filter((_, other) => other !== at));
    const fits = options.filter(([many, few]) => others.has(larger.total - many + width * (smaller.total - few)));
    return {
      larger: new Set(fits.map(([many]) => many)),
      smaller: new Set(fits.map(([, few]) => few)),
      rest: new Set(fits.map(([many, few]) => many - few)),
    };
  });
}

describe('judgements whose rows are not those of the last and further ones', () => {
  it('a later judgement of some of the earlier patients is checked the other way round', () => {
    // 35 in the second and third cell, of whom at least 30 are in the third: at most 5 in the second.
    const publications = [published([40, null, null, 25], 100), published([20, null, 30, null], 75)];
    expect(derivableCounts({ name: 'column', publications }, 11)).toContainEqual({
      table: 'column',
      cell: '1',
      low: 1,
      high: 5,
    });
  });

  it('one publication that contradicts the others does not keep them from being checked with the last', () => {
    const grown = [published([20, null, 30, null], 75), published([40, null, null, 25], 100)];
    const found = derivableCounts({ name: 'column', publications: grown }, 11);
    expect(found).toContainEqual({ table: 'column', cell: '1', low: 1, high: 5 });
    const other = published([300, 300, 300, 300], 1200);
    expect(derivableCounts({ name: 'column', publications: [other, ...grown] }, 11)).toEqual(found);
  });

  it('what is withheld of shrinking rows withstands an enumeration of every table it could be', () => {
    const minimum = 5;
    const stream = randomStream(11, 'shrinking');
    let told = 0;
    for (let draw = 0; draw < 60; draw++) {
      const many = Array.from({ length: 4 }, () => Math.floor(18 * stream.uniform() ** 2));
      const few = many.map((count) => count - Math.floor((count + 1) * stream.uniform() ** 2));
      const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
      const [larger, smaller] = [sum(many), sum(few)];
      if (larger - smaller < minimum || smaller < 2 * minimum) continue;
      const first = suppressCounts(many, { minimum, lastIsReserved: true, earlier: [], stream });
      const second = suppressCounts(few, {
        minimum,
        lastIsReserved: true,
        earlier: [{ counts: first, total: larger }],
        stream,
      });
      if (second.some((count) => count !== null)) told++;
      else continue;
      const found = possible({ counts: first, total: larger }, { counts: second, total: smaller });
      for (const [at, sets] of found.entries()) {
        for (const [which, values] of Object.entries(sets)) {
          const inside = [...values].every((value) => value >= 1 && value < minimum);
          expect(values.size > 0, `${draw} ${which} ${at}`).toBe(true);
          expect(inside, `draw ${draw}: ${which} of cell ${at} is one of ${[...values].join(', ')}`).toBe(false);
        }
      }
    }
    expect(told).toBeGreaterThan(5);
  });
});
