import { describe, expect, it } from 'vitest';
import { fuzzTables } from '../../../bench/release-checker/fuzzed-tables.ts';
import { attack, type SeenFigure } from '../../../bench/release-checker/table-attacker.ts';
import { checkRelease, type Statement } from '../../../shared/privacy/release-checker.ts';
import {
  derivableCounts,
  mayLeave,
  suppressCounts,
  suppressTwoWay,
} from '../../../shared/privacy/table-suppression.ts';
import { randomStream } from '../../../shared/runtime/random.ts';

const is = (cells: readonly string[], value: number): Statement => ({ cells, low: value, high: value });
const alone = (...names: readonly string[]) => names.map((name) => ({ table: 't', cell: name, cells: [name] }));
const found = (statements: readonly Statement[], protectedSums = alone('a', 'b', 'c', 'd', 'e')) =>
  checkRelease({ statements, protectedSums }, 11).exposures.map(({ cell, low, high }) => [cell, low, high]);

describe('what the release checker derives', () => {
  it('a cell that is all that is missing to a total', () => {
    expect(found([is(['a', 'b'], 50), is(['a'], 45)])).toEqual([['b', 5, 5]]);
    expect(found([is(['a', 'b'], 50), is(['a'], 39)])).toEqual([]);
    // 0 may be known, and so may the minimum.
    expect(found([is(['a', 'b'], 50), is(['a'], 50)])).toEqual([]);
  });

  it('a cell whose range lies within 1 to 10, though no value is known', () => {
    // a + b = 9, and neither is empty: each is 1 to 8.
    const nonEmpty: Statement[] = [
      { cells: ['a'], low: 1, high: Infinity },
      { cells: ['b'], low: 1, high: Infinity },
    ];
    expect(found([is(['a', 'b'], 9), ...nonEmpty])).toEqual([
      ['a', 1, 8],
      ['b', 1, 8],
    ]);
    expect(found([is(['a', 'b'], 9)])).toEqual([]);
    expect(found([is(['a', 'b'], 12), ...nonEmpty])).toEqual([]);
  });

  it('a cell of a two-way table that only several margins together tell', () => {
    // Rows a b | c d e, columns a c | b d: e = 33 - (20 + 26 - 20) = 7 though no sum holds it alone but its row's.
    const statements = [is(['a', 'b'], 20), is(['c', 'd', 'e'], 33), is(['a', 'c'], 20), is(['b', 'd'], 26)];
    expect(found(statements)).toEqual([['e', 7, 7]]);
    expect(found(statements.slice(0, 3))).toEqual([]);
  });

  it('the numerator of a rounded rate with a known denominator', () => {
    // 2.5% of 200 to a decimal of a percent: 4.9 to 5.1 patients.
    const rate = (percent: number, rows: number): Statement => ({
      cells: ['a'],
      low: ((percent - 0.05) / 100) * rows,
      high: ((percent + 0.05) / 100) * rows,
    });
    expect(found([rate(2.5, 200)])).toEqual([['a', 5, 5]]);
    // Of an unknown denominator of 190 to 210 it is 5 as well.
    expect(
      found([
        { cells: ['a', 'b'], low: 190, high: 210 },
        { cells: ['a', 'b'], weights: [1 - 0.0245, -0.0245], low: 0, high: Infinity },
        { cells: ['a', 'b'], weights: [1 - 0.0255, -0.0255], low: -1e9, high: 0 },
      ]),
    ).toEqual([['a', 5, 5]]);
    expect(found([rate(25, 200)])).toEqual([]);
  });

  it('that statements contradict each other', () => {
    const protectedSums = alone('a', 'b');
    expect(checkRelease({ statements: [is(['a', 'b'], 5), is(['a'], 6)], protectedSums }, 11).consistent).toBe(false);
    // Each sum can be met, all three cannot: odd cycle with a total too small.
    const cycle = [is(['a', 'b'], 30), is(['b', 'c'], 30), is(['a', 'c'], 30), is(['a', 'b', 'c'], 50)];
    expect(checkRelease({ statements: cycle, protectedSums: alone('a') }, 11).consistent).toBe(false);
  });

  it('nothing where nothing is hidden, at any size', () => {
    expect(found([])).toEqual([]);
    expect(checkRelease({ statements: [], protectedSums: [] }, 11)).toEqual({ consistent: true, exposures: [] });
    expect(checkRelease({ statements: [is(['a'], 3)], protectedSums: alone('a') }, 1).exposures).toEqual([]);
    expect(checkRelease({ statements: [is(['a'], 3)], protectedSums: alone('a') }, 11).exposures).toEqual([
      { table: 't', cell: 'a', low: 3, high: 3 },
    ]);
  });
});

describe('successive releases', () => {
  const column = (counts: readonly (number | null)[], total: number) => [
    ...counts.map((value, at) => ({ name: String(at), cells: [String(at)], value })),
    { name: 'total', cells: counts.map((_, at) => String(at)), value: total },
  ];

  it('a week with five new patients in a cell is told by subtraction', () => {
    const first = column([40, 60, 80], 180);
    expect(mayLeave('age', column([45, 60, 80], 185), [first], 11)).toBe(false);
    expect(mayLeave('age', column([55, 60, 95], 210), [first], 11)).toBe(true);
    // Hidden, but the total gives it away.
    expect(derivableCounts({ name: 'age', publications: [first, column([null, 60, 95], 200)] }, 11)).toMatchObject([
      { cell: '0, added since', low: 5, high: 5 },
    ]);
    // Patients that were taken out are counted the same way.
    expect(mayLeave('age', column([36, 60, 80], 176), [first], 11)).toBe(false);
  });

  it('suppression hides what changed by a handful, and enough beside it', () => {
    const stream = randomStream(1, 'successive');
    const shown = suppressCounts([45, 60, 95, 30], {
      minimum: 11,
      lastIsReserved: false,
      earlier: [{ counts: [40, 60, 80, 12], total: 192 }],
      stream,
    });
    expect(shown[0]).toBeNull();
    expect(shown.filter((count) => count === null).length).toBeGreaterThan(1);
    expect(shown.some((count) => count !== null)).toBe(true);
  });

  it('the same counts again are shown as they were', () => {
    const options = { minimum: 11, lastIsReserved: false, stream: randomStream(1, 'first') };
    const counts = [45, 5, 95, 30, 70];
    const first = suppressCounts(counts, { ...options, earlier: [] });
    for (let draw = 0; draw < 20; draw++) {
      const again = { ...options, earlier: [{ counts: first, total: 245 }], stream: randomStream(1, 'again', draw) };
      expect(suppressCounts(counts, again)).toEqual(first);
    }
  });
});

describe('an attacker who searches whole tables', () => {
  const seen = (name: string, value: number | null): SeenFigure => ({ name, cells: [name], value, mayBeZero: false });
  const total = (cells: readonly string[], value: number): SeenFigure => ({
    name: 'total',
    cells,
    value,
    mayBeZero: false,
  });

  it('finds what hiding the small cell alone leaves to be found', () => {
    const table = [seen('a', 40), seen('b', null), seen('c', 30), total(['a', 'b', 'c'], 76)];
    expect(attack([table], 11)).toEqual(['b at 0']);
    const rows = (at: number) => [`${at}0`, `${at}1`];
    // Small cell 3 hidden with one other in its row and one in its column: the fourth, too, must go.
    const twoWay = (hidden: readonly string[]) => [
      ...[
        ['00', 3],
        ['01', 40],
        ['10', 50],
        ['11', 60],
      ].map(([name, value]) => seen(name as string, hidden.includes(name as string) ? null : (value as number))),
      { name: 'row 0', cells: rows(0), value: 43, mayBeZero: false },
      { name: 'row 1', cells: rows(1), value: 110, mayBeZero: false },
      { name: 'column 0', cells: ['00', '10'], value: 53, mayBeZero: false },
      { name: 'column 1', cells: ['01', '11'], value: 100, mayBeZero: false },
    ];
    expect(attack([twoWay(['00', '01', '10'])], 11)).toEqual(['00 at 0']);
    expect(attack([twoWay(['00', '01', '10', '11'])], 11)).toEqual([]);
    expect(attack([[total(['a', 'b'], 100)], [total(['a', 'b'], 104)]], 11)).toEqual(['total from 0 to 1']);
  });

  it('finds nothing in 2,000 fuzzed tables after suppression and checker (10,000: npm run bench -- release-checker)', () => {
    const result = fuzzTables(2_000, 3);
    expect(result.derived).toEqual([]);
    expect(result.undecided).toBe(0);
    // It is no feat to publish nothing.
    expect(result.published).toBeGreaterThan(1_700);
    expect(result.shown).toBeGreaterThan(result.withheld);
  });
});

describe('two-way tables', () => {
  it('are shown whole where nothing is small, and not at all where all is', () => {
    const stream = randomStream(1, 'two-way');
    const cells = [
      [11, 0],
      [40, 12],
    ];
    expect(suppressTwoWay(cells, { minimum: 11, stream })).toEqual({
      cells,
      rowTotals: [11, 52],
      columnTotals: [51, 12],
      total: 63,
    });
    expect(
      suppressTwoWay(
        [
          [1, 2],
          [3, 1],
        ],
        { minimum: 11, stream },
      ),
    ).toBeNull();
  });
});
