import { describe, expect, it } from 'vitest';
import { type RandomStream, randomStream } from '../../../shared/runtime/random.ts';
import { binIndex } from '../../../shared/statistics/binning.ts';
import { quantileEdges } from '../../../shared/statistics/distances.ts';
import { mmdTest } from '../../../shared/statistics/mmd.ts';
import type { SiteTable } from '../../../site-agent/data/site-table.ts';
import { jointEmbedding, jointReference, jointShift } from '../../../site-agent/judging/monitor/joint-shift.ts';

const columnsOf = 5;

/** Reference and window of normal rows; `change` is what becomes of a window's row. */
function compare(seed: number, change: (row: number[], stream: RandomStream) => void, reversed = false) {
  const stream = randomStream(seed, 'joint');
  const draw = (): number[] => Array.from({ length: columnsOf }, () => stream.normal());
  const reference = Array.from({ length: 500 }, draw);
  const window = Array.from({ length: 400 }, draw);
  for (const row of window) change(row, stream);
  const edges = Array.from({ length: columnsOf }, (_, column) =>
    quantileEdges(
      Float64Array.from(reference, (row) => row[column] as number),
      20,
    ),
  );
  const cell = (row: readonly number[], column: number): number =>
    binIndex(row[column] as number, edges[column] as number[]);
  const columns = edges.map((inner, column) => {
    const counts = new Array<number>(inner.length + 2).fill(0);
    for (const row of reference) counts[cell(row, column)] = (counts[cell(row, column)] as number) + 1;
    return { kind: 'continuous' as const, counts };
  });
  const table = {
    patientKeys: reference.map((_, row) => `p${row}`),
    times: new Float64Array(reference.length),
  } as unknown as SiteTable;
  const rows = Uint32Array.from(reference.keys());
  if (reversed) {
    rows.reverse();
    window.reverse();
  }
  const baseline = jointReference(columns, table, rows, (column, row) => cell(reference[row] as number[], column));
  const embedding = jointEmbedding(columns);
  if (baseline === null || embedding === null) throw new Error('the columns vary');
  const sum = new Array<number>(embedding.length).fill(0);
  for (const row of window) embedding.add((column) => cell(row, column), sum);
  return { baseline, sum, ...jointShift(baseline, sum, window.length), reference, window };
}

describe('all columns together', () => {
  it('keeps its level where nothing changed', () => {
    const p = Array.from({ length: 200 }, (_, seed) => compare(seed, () => undefined).p);
    // 200 draws: 10 expected below .05, with a standard deviation of 3.
    expect(p.filter((one) => one < 0.05).length).toBeLessThanOrEqual(19);
    expect(p.filter((one) => one > 0.5).length).toBeGreaterThan(70);
  });

  it('finds columns that go together in another way, which no column by itself shows', () => {
    const found = compare(1, (row) => {
      for (const column of [1, 2, 3]) row[column] = 0.8 * (row[0] as number) + 0.6 * (row[column] as number);
    });
    expect(found.p).toBeLessThan(1e-3);
    expect(found.value).toBeGreaterThan(0);
    // The permutation test on the values themselves agrees.
    const matrix = (rows: readonly number[][]) => ({
      values: Float64Array.from(rows.flat()),
      rows: rows.length,
      columns: columnsOf,
    });
    const exact = mmdTest(matrix(found.reference), matrix(found.window), { seed: 1, permutations: 199 });
    expect(exact.p).toBeLessThan(0.02);
  });

  it('does not depend on the order of rows, to the last bit', () => {
    const forth = compare(2, () => undefined);
    const back = compare(2, () => undefined, true);
    expect(back.baseline).toEqual(forth.baseline);
    expect(back.sum).toEqual(forth.sum);
  });

  it('is silent where no column varies, or there is one row', () => {
    const constant = [{ kind: 'continuous' as const, counts: [12, 0] }];
    expect(jointEmbedding(constant)).toBeNull();
    const table = { patientKeys: ['a'], times: Float64Array.of(0) } as unknown as SiteTable;
    const level = [{ kind: 'categorical' as const, counts: [1, 1, 0] }];
    expect(jointReference(level, table, Uint32Array.of(0), () => 0)).toBeNull();
  });
});
