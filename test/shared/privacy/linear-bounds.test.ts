import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LinearConstraint, linearSystem } from '../../../shared/privacy/linear-bounds.ts';

const row = (columns: number[], low: number, high = low, weights = columns.map(() => 1)): LinearConstraint => ({
  columns,
  weights,
  low,
  high,
});

describe('exact bounds of sums', () => {
  it('are those of a transportation table (Cox 1980, the corner of a 2 by 2 table)', () => {
    // Rows 10 and 20, columns 12 and 18: the corner is max(0, 10 + 12 - 30) = 0 to min(10, 12) = 10.
    const table = [row([0, 1], 10), row([2, 3], 20), row([0, 2], 12), row([1, 3], 18)];
    const system = linearSystem([0, 0, 0, 0], table);
    expect(system.feasible).toBe(true);
    expect(system.range([0])).toEqual({ low: 0, high: 10 });
    expect(system.range([3])).toEqual({ low: 8, high: 18 });
    expect(system.range([0, 1])).toEqual({ low: 10, high: 10 });
    expect(system.range([0, 3])).toEqual({ low: 8, high: 28 });
    expect(linearSystem([3, 0, 0, 0], table).range([1])).toEqual({ low: 0, high: 7 });
  });

  it('know what is unbounded, impossible, repeated, or not there at all', () => {
    expect(linearSystem([0, 0], [row([0], 2, Infinity)]).range([0, 1])).toEqual({ low: 2, high: Infinity });
    expect(linearSystem([0, 0], [row([0, 1], 5), row([0], 6)]).feasible).toBe(false);
    expect(linearSystem([4, 3], [row([0, 1], 5)]).feasible).toBe(false);
    const twice = linearSystem([0, 0], [row([0, 1], 5), row([0, 1], 5), row([1, 0], 5)]);
    expect(twice.feasible).toBe(true);
    expect(twice.range([1])).toEqual({ low: 0, high: 5 });
    expect(linearSystem([1, 2], []).range([0, 1])).toEqual({ low: 3, high: Infinity });
    expect(linearSystem([], []).range([])).toEqual({ low: 0, high: 0 });
  });

  it('hold weights: a share of a sum', () => {
    // a is 24.5% to 25.5% of a + b, which is 200.
    const share = [row([0, 1], 200), row([0, 1], 0, Infinity, [0.755, -0.245]), row([0, 1], -1e9, 0, [0.745, -0.255])];
    const { low, high } = linearSystem([0, 0], share).range([0]);
    expect(low).toBeCloseTo(49, 9);
    expect(high).toBeCloseTo(51, 9);
  });

  it('are those of trying every table, for whole numbers in two-way tables', () => {
    const count = fc.integer({ min: 0, max: 4 });
    fc.assert(
      fc.property(
        fc.array(fc.array(count, { minLength: 3, maxLength: 3 }), { minLength: 2, maxLength: 2 }),
        (cells) => {
          const at = (line: number, column: number): number => 3 * line + column;
          const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
          const margins = [
            ...cells.map((line, index) =>
              row(
                [0, 1, 2].map((column) => at(index, column)),
                sum(line),
              ),
            ),
            ...[0, 1, 2].map((column) =>
              row([at(0, column), at(1, column)], sum(cells.map((line) => line[column] ?? 0))),
            ),
          ];
          const system = linearSystem(new Float64Array(6), margins);
          const seen = Array.from({ length: 6 }, () => ({ low: Infinity, high: -Infinity }));
          const [first, second] = margins.map(({ low }) => low);
          const columns = margins.slice(2).map(({ low }) => low);
          for (let a = 0; a <= (first as number); a++) {
            for (let b = 0; a + b <= (first as number); b++) {
              const top = [a, b, (first as number) - a - b];
              const below = top.map((value, column) => (columns[column] as number) - value);
              if (below.some((value) => value < 0) || sum(below) !== second) continue;
              for (const [index, value] of [...top, ...below].entries()) {
                const range = seen[index] as { low: number; high: number };
                range.low = Math.min(range.low, value);
                range.high = Math.max(range.high, value);
              }
            }
          }
          for (const [index, { low, high }] of seen.entries()) {
            const range = system.range([index]);
            expect(range.low).toBeCloseTo(low, 9);
            expect(range.high).toBeCloseTo(high, 9);
          }
        },
      ),
      { numRuns: 300, seed: 20261121 },
    );
  });
});
