import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { effectiveMinimum, suppressSmallCells } from '../../../shared/privacy/suppression.ts';
import { randomStream } from '../../../shared/runtime/random.ts';

const suppress = (cells: readonly number[], minimum: number, reserved: boolean, draw = 0): (number | null)[] =>
  suppressSmallCells(cells, minimum, reserved, randomStream(1, draw));
const total = (cells: readonly number[]): number => cells.reduce((sum, cell) => sum + cell, 0);

/** Every vector of `bins` counts with this total. */
function* tables(bins: number, rows: number): Generator<number[]> {
  if (bins === 1) {
    yield [rows];
    return;
  }
  for (let first = 0; first <= rows; first++) {
    for (const rest of tables(bins - 1, rows - first)) yield [first, ...rest];
  }
}

describe('suppression of small cells', () => {
  it('shows everything when nothing is small', () => {
    expect(suppress([30, 0, 11], 11, false)).toEqual([30, 0, 11]);
    expect(suppress([1, 2, 3], 1, false)).toEqual([1, 2, 3]);
  });

  it('hides a second cell, for the first follows from the total otherwise', () => {
    expect(suppress([5, 40, 0, 0], 11, false)).toEqual([null, null, 0, 0]);
    // One of the near ones, drawn at random; the far end is three cells farther.
    const drawn = new Set(
      Array.from({ length: 40 }, (_, draw) => JSON.stringify(suppress([5, 60, 40, 50, 90], 11, false, draw))),
    );
    expect(drawn).toEqual(
      new Set(['[null,null,40,50,90]', '[null,60,null,50,90]', ...(drawn.size > 2 ? ['[null,60,40,null,90]'] : [])]),
    );
    // Two small cells that hold too little between them take a third along.
    expect(suppress([1, 1, 40, 0], 11, false)).toEqual([null, null, null, 0]);
    expect(suppress([5, 8], 11, false)).toEqual([null, null]);
  });

  it('keeps a reserved last cell shown while it can', () => {
    expect(suppress([5, 60, 40], 11, true)).toEqual([null, null, 40]);
    expect(suppress([5, 0, 40], 11, true)).toEqual([null, 0, null]);
  });

  it('never shows a small cell, and leaves room: a hidden cell could be empty, or the minimum and more', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 0, max: 200 })), {
          minLength: 2,
          maxLength: 12,
        }),
        fc.integer({ min: 2, max: 20 }),
        fc.boolean(),
        (cells, asked, reserved) => {
          const minimum = effectiveMinimum(asked);
          const shown = suppress(cells, asked, reserved);
          const hidden = cells.filter((_, index) => shown[index] === null);
          for (const [index, cell] of shown.entries()) {
            if (cell === null) continue;
            expect(cell).toBe(cells[index]);
            expect(cell === 0 || cell >= minimum).toBe(true);
          }
          if (hidden.length === 0) return;
          // What an observer can add up: all hidden cells together. Each may be anything from 0 to that sum.
          expect(hidden.length).toBeGreaterThanOrEqual(2);
          const sum = total(cells) - total(shown.map((cell) => cell ?? 0));
          if (total(cells) >= 2 * minimum) expect(sum).toBeGreaterThanOrEqual(2 * minimum);
          else expect(hidden.length).toBe(cells.length);
        },
      ),
    );
  });

  it('withstands an observer who knows the rule: several values of every hidden small cell give the very same publication', () => {
    // The observer writes down every table with the total and keeps those that some draw would have published the same way.
    for (const [bins, minimum, rows] of [
      [3, 2, 8],
      [3, 3, 13],
      [4, 3, 14],
      [4, 4, 17],
      [4, 5, 21],
      [3, 11, 60],
      [5, 3, 12],
    ] as const) {
      for (const reserved of [false, true]) {
        const values = new Map<string, Set<number>[]>();
        const publications = new Map<number[], Set<string>>();
        for (const table of tables(bins, rows)) {
          const keys = new Set(
            Array.from({ length: 28 }, (_, draw) => JSON.stringify(suppress(table, minimum, reserved, draw))),
          );
          publications.set(table, keys);
          for (const key of keys) {
            const sets = values.get(key) ?? table.map(() => new Set<number>());
            table.forEach((cell, index) => {
              sets[index]?.add(cell);
            });
            values.set(key, sets);
          }
        }
        const small = (cell: number): boolean => cell > 0 && cell < minimum;
        const derived = [...publications].flatMap(([table, keys]) =>
          [...keys]
            .filter((key) => table.some((cell, index) => small(cell) && values.get(key)?.[index]?.size === 1))
            .map((key) => `${JSON.stringify(table)} as ${key}`),
        );
        expect(derived, `${bins} bins, minimum ${minimum}, ${rows} rows, reserved ${reserved}`).toEqual([]);
      }
    }
  });
});
