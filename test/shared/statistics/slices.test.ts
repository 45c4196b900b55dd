import { describe, expect, it } from 'vitest';
import { permutation, randomStream } from '../../../shared/runtime/random.ts';
import { lossTree, type TreeColumn, type TreeNode } from '../../../shared/statistics/loss-tree.ts';
import { benjaminiHochberg } from '../../../shared/statistics/multiplicity.ts';
import { type SliceColumn, sliceSearch } from '../../../shared/statistics/slices.ts';
import { StatisticsError } from '../../../shared/statistics/statistics-error.ts';
import { welchTest } from '../../../shared/statistics/welch.ts';
import { readReference } from '../../reference/read.ts';

interface Tree {
  readonly rows: number;
  readonly mean: number;
  readonly column?: number;
  readonly cut?: number;
  readonly left?: Tree;
  readonly right?: Tree;
}

interface Reference {
  readonly levels: number[];
  readonly codes: number[][];
  readonly errors: number[];
  readonly labels: number[];
  readonly searches: {
    readonly alpha: number;
    readonly minimum: number;
    readonly all: number;
    readonly pValues: number[];
    readonly best: {
      readonly conditions: [number, number][];
      readonly rows: number;
      readonly events: number;
      readonly mean: number;
      readonly rest: number;
      readonly score: number;
      readonly t: number;
      readonly p: number;
    }[];
  }[];
  readonly trees: { readonly minimum: number; readonly root: Tree }[];
  readonly levelSplits: [number, number[]][];
}

// Made by brute force, scipy and scikit-learn: /usr/bin/python3 test/reference/where.py
const { levels, codes, errors, labels, searches, trees, levelSplits } = readReference<Reference>('where.json');

const columns: SliceColumn[] = codes.map((values, index) => ({
  name: `column ${index}`,
  codes: Uint8Array.from(values),
  levels: levels[index] as number,
}));

function reordered(of: readonly SliceColumn[], order: Uint32Array): SliceColumn[] {
  return of.map((column) => ({ ...column, codes: Uint8Array.from(order, (row) => column.codes[row] as number) }));
}

describe('slice search against brute force', () => {
  it.each(searches)('alpha $alpha, at least $minimum rows', ({ alpha, minimum, all, pValues, best }) => {
    const found = sliceSearch(columns, errors, labels, { alpha, minimumRows: minimum });
    expect(found.slices.length).toBe(best.length);
    expect(found.evaluated + found.pruned).toBeGreaterThanOrEqual(all);
    // What is pruned counts as a test that found nothing.
    const family = found.evaluated + found.pruned;
    const adjusted = benjaminiHochberg([...pValues, ...new Array<number>(family - all).fill(1)]);
    for (const [index, slice] of found.slices.entries()) {
      const wanted = best[index] as (typeof best)[number];
      expect(slice.conditions.map(({ column, code }) => [column, code])).toEqual(wanted.conditions);
      expect(slice.rows).toBe(wanted.rows);
      expect(slice.events).toBe(wanted.events);
      expect(slice.meanError).toBeCloseTo(wanted.mean, 10);
      expect(slice.restMeanError).toBeCloseTo(wanted.rest, 10);
      expect(slice.score).toBeCloseTo(wanted.score, 10);
      expect(slice.t).toBeCloseTo(wanted.t, 8);
      expect(Math.abs((slice.p as number) / wanted.p - 1)).toBeLessThan(1e-8);
      // Evaluated slices are those of the brute force, as long as none with a small p was pruned: p values above are the same.
      expect(slice.adjustedP).toBeCloseTo(adjusted[pValues.indexOf(wanted.p)] as number, 8);
      expect(slice.publishable).toBe(wanted.events >= 11);
    }
  });

  it('does prune, and loses nothing by it', () => {
    const stream = randomStream(60, 'prune');
    const many = Array.from({ length: 12 }, (_, index) => ({
      name: `c${index}`,
      codes: Uint8Array.from({ length: 2000 }, () => stream.integer(3)),
      levels: 3,
    }));
    const bad = Float64Array.from({ length: 2000 }, (_, row) => {
      return (many[0]?.codes[row] === 1 && many[1]?.codes[row] === 2 ? 6 : 1) * stream.uniform();
    });
    const few = sliceSearch(many, bad, null, { top: 1, minimumRows: 180 });
    const all = sliceSearch(many, bad, null, { top: 1000, minimumRows: 180 });
    expect(few.pruned).toBeGreaterThan(all.pruned);
    expect(few.slices[0]?.conditions).toEqual(all.slices[0]?.conditions);
    expect(few.slices[0]?.score).toBe(all.slices[0]?.score);
    expect(few.slices[0]).toMatchObject({ events: null, publishable: false });
  });

  it('gives the same figures, to the last bit, for rows in another order, also under a cap', () => {
    const order = permutation(errors.length, randomStream(2, 'order'));
    const other = [
      reordered(columns, order),
      Array.from(order, (row) => errors[row] as number),
      Array.from(order, (row) => labels[row] as number),
    ] as const;
    expect(sliceSearch(...other)).toEqual(sliceSearch(columns, errors, labels));
    const capped = sliceSearch(columns, errors, labels, { maximumRows: 300, seed: 4, alpha: 1 });
    expect(capped).toMatchObject({ rows: 300, ofRows: 420 });
    expect(sliceSearch(...other, { maximumRows: 300, seed: 4, alpha: 1 })).toEqual(capped);
    expect(sliceSearch(columns, errors, labels, { maximumRows: 300, seed: 5, alpha: 1 })).not.toEqual(capped);
  });

  it('has nothing to say without rows, errors or support', () => {
    const empty = [{ name: 'a', codes: new Uint8Array(0), levels: 2 }];
    expect(sliceSearch(empty, [], [])).toMatchObject({ slices: [], meanError: null, reason: 'no_rows' });
    const zero = [{ name: 'a', codes: new Uint8Array(50), levels: 2 }];
    expect(sliceSearch(zero, new Float64Array(50), null)).toMatchObject({ slices: [], reason: 'no_error' });
    // One level holds every row: no slice has a rest.
    expect(sliceSearch(zero, new Float64Array(50).fill(1), null)).toMatchObject({
      slices: [],
      evaluated: 0,
      reason: null,
    });
    const pair = [{ name: 'a', codes: Uint8Array.from([0, 1]), levels: 2 }];
    expect(sliceSearch(pair, [1, 2], [0, 1])).toMatchObject({ slices: [], evaluated: 0, reason: null });
    // Equal errors everywhere: nothing scores above 0.
    const half = [{ name: 'a', codes: Uint8Array.from({ length: 100 }, (_, row) => row % 2), levels: 2 }];
    expect(sliceSearch(half, new Float64Array(100).fill(0.3), null).slices).toEqual([]);
  });

  it('refuses what is no error and no code', () => {
    expect(() =>
      sliceSearch(
        columns,
        errors.map((e) => -e),
        labels,
      ),
    ).toThrow(StatisticsError);
    expect(() => sliceSearch(columns, [1], labels)).toThrow(StatisticsError);
    expect(() => sliceSearch([{ name: 'a', codes: Uint8Array.from([2]), levels: 2 }], [1], null)).toThrow(
      /of 2 levels/,
    );
    expect(() => sliceSearch(columns, errors, labels, { alpha: 0 })).toThrow(StatisticsError);
  });
});

/** Every row twice: the two halves a tree deals them into are then one and the same table. */
function twice<T extends SliceColumn>(of: readonly T[]): T[] {
  return of.map((column) => ({ ...column, codes: Uint8Array.from([...column.codes, ...column.codes]) }));
}

const doubled = [...errors, ...errors];

function expectTree(found: TreeNode | null, wanted: Tree): void {
  expect(found?.rows).toBe(wanted.rows);
  expect(found?.meanError).toBeCloseTo(wanted.mean, 10);
  if (wanted.left === undefined || wanted.right === undefined) {
    expect(found?.split).toBeNull();
    return;
  }
  expect(found?.split?.column).toBe(wanted.column);
  expect(found?.split?.left.at(-1)).toBe(wanted.cut);
  expectTree(found?.left ?? null, wanted.left);
  expectTree(found?.right ?? null, wanted.right);
}

describe('loss tree', () => {
  const ordered = twice(columns).map((column): TreeColumn => ({ ...column, kind: 'ordered' }));

  it.each(trees)('as scikit-learn grows it, with at least $minimum rows a leaf', ({ minimum, root }) => {
    const found = lossTree(ordered, doubled, null, { seed: 1, minimumLeaf: minimum });
    expect(found).toMatchObject({ grownOn: errors.length, judgedOn: errors.length });
    expectTree(found.root, root);
  });

  it.each(levelSplits)('column %i without order: the best of all divisions', (column, left) => {
    const one = twice([columns[column] as SliceColumn]).map((c): TreeColumn => ({ ...c, kind: 'levels' }));
    const { root } = lossTree(one, doubled, null, { seed: 1, depth: 1, minimumLeaf: 1 });
    expect(root?.split?.left).toEqual(left);
    expect(root?.left?.meanError).toBeLessThan(root?.right?.meanError as number);
  });

  it('is honest: figures and p come from rows the splits were not chosen on', () => {
    const stream = randomStream(61, 'honest');
    let low = 0;
    const turns = 150;
    for (let turn = 0; turn < turns; turn++) {
      const noise = Array.from({ length: 5 }, (_, index) => ({
        name: `c${index}`,
        codes: Uint8Array.from({ length: 400 }, () => stream.integer(6)),
        levels: 6,
        kind: 'levels' as const,
      }));
      const { root } = lossTree(
        noise,
        Float64Array.from({ length: 400 }, () => stream.uniform()),
        null,
        { seed: turn, depth: 1 },
      );
      if ((root?.split?.p ?? 1) <= 0.05) low++;
    }
    // Chosen and judged on the same rows most of these would be. 5% of 150 with three standard errors of 2.7.
    expect(low).toBeLessThanOrEqual(15);
  });

  it('finds a cut, gives events, and does not depend on the order of rows', () => {
    const stream = randomStream(62, 'tree');
    const n = 1200;
    const age = {
      name: 'age',
      codes: Uint8Array.from({ length: n }, () => stream.integer(40)),
      levels: 40,
      kind: 'ordered' as const,
    };
    const ward = {
      name: 'ward',
      codes: Uint8Array.from({ length: n }, () => stream.integer(6)),
      levels: 6,
      kind: 'levels' as const,
    };
    const loss = Float64Array.from(
      { length: n },
      (_, row) => stream.uniform() * ((age.codes[row] as number) > 29 ? 2.5 : 1),
    );
    const outcome = Uint8Array.from({ length: n }, () => stream.integer(2));
    const found = lossTree([age, ward], loss, outcome, { seed: 3 });
    expect(found.root?.split).toMatchObject({ column: 0, name: 'age' });
    expect(found.root?.split?.left.at(-1)).toBe(29);
    expect(found.root?.split?.p).toBeLessThan(1e-10);
    expect((found.root?.left?.events as number) + (found.root?.right?.events as number)).toBe(found.root?.events);
    const order = permutation(n, randomStream(4, 'order'));
    const [a, b] = reordered([age, ward], order) as [TreeColumn, TreeColumn];
    expect(
      lossTree(
        [a, b],
        Float64Array.from(order, (row) => loss[row] as number),
        Uint8Array.from(order, (row) => outcome[row] as number),
        { seed: 3 },
      ),
    ).toEqual(found);
  });

  it('is a leaf without spread or rows enough, and undefined without rows', () => {
    const one = [{ name: 'a', codes: Uint8Array.from([0, 1]), levels: 2, kind: 'ordered' as const }];
    expect(lossTree(one, [1, 2], null, { seed: 1 }).root).toMatchObject({ rows: 1, standardError: null, split: null });
    expect(lossTree([{ ...one[0], codes: new Uint8Array(0) } as TreeColumn], [], null, { seed: 1 })).toMatchObject({
      root: null,
      reason: 'no_rows',
    });
    const flat = [
      { name: 'a', codes: Uint8Array.from({ length: 200 }, (_, row) => row % 4), levels: 4, kind: 'ordered' as const },
    ];
    expect(lossTree(flat, new Float64Array(200).fill(0.7), null, { seed: 1 }).root).toMatchObject({
      meanError: expect.closeTo(0.7, 12),
      split: null,
    });
    expect(() => lossTree(one, [1, 2], null, { seed: 1, minimumLeaf: 0 })).toThrow(StatisticsError);
  });
});

describe("Welch's test", () => {
  it('is undefined with fewer than two rows or without spread', () => {
    const none = { t: null, degreesOfFreedom: null, p: null };
    expect(welchTest({ rows: 1, sum: 1, sumOfSquares: 1 }, { rows: 5, sum: 5, sumOfSquares: 6 })).toEqual(none);
    expect(welchTest({ rows: 4, sum: 4, sumOfSquares: 4 }, { rows: 5, sum: 10, sumOfSquares: 20 })).toEqual(none);
  });
});
