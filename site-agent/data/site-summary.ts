import type { ContractColumn } from '../../shared/plan/contract.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import type { SiteColumnSummary, SiteSummary } from '../../shared/plan/preprocessing.ts';
import { effectiveMinimum, suppressSmallCells } from '../../shared/privacy/suppression.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import type { Digest } from '../../shared/runtime/ids.ts';
import { permutation, type RandomStream, randomStream } from '../../shared/runtime/random.ts';
import { countBins } from '../../shared/statistics/binning.ts';
import type { SiteTable } from './site-table.ts';

/** Sums of so few distinct values could be solved for how often each occurs. */
const solvableDistinctValues = 3;

/**
 * What this site tells the consortium of its training rows before round 1: sums a continuous column, counts a bin, counts a class.
 * Figures from fewer rows than `plan.federation.minimumCount` are null, and so are as many others as are needed that none of them
 * follows from the other cells, the totals or the number of values behind the sums.
 *
 * Where a column lacks 1 to minimum - 1 values, the number of values behind its sums would give that away; then so many values, drawn
 * at random, are left out of the sums that exactly `minimum` rows are not in them.
 *
 * @param trainingRows row indices into the table.
 */
export function summarise(table: SiteTable, trainingRows: Uint32Array, plan: Plan, planDigest: Digest): SiteSummary {
  const minimum = effectiveMinimum(plan.federation.minimumCount);
  const enoughRows = trainingRows.length >= minimum;
  // What is drawn must be unknown outside and the same when asked again: it comes from the patient keys, which stay here.
  const keys = Array.from(trainingRows, (row) => table.patientKeys[row] as string).sort();
  const secret = digestOf(JSON.stringify(keys));
  const streamFor = (purpose: string): RandomStream => randomStream(plan.training.seed, 'summary', secret, purpose);
  return {
    wardround: 'summary/1',
    plan: planDigest,
    rows: enoughRows ? trainingRows.length : null,
    labelCounts: enoughRows ? labelCounts(table, trainingRows, plan, minimum, streamFor('label')) : null,
    columns: plan.data.columns.map((column, index) => {
      const source = table.columns[index];
      if (source === undefined || source.name !== column.name) {
        throw new RangeError(
          `summarise: column ${index} of the table is ${source?.name ?? 'absent'}, not ${column.name}; columns must be in the contract's order`,
        );
      }
      const values = Float64Array.from(trainingRows, (row) => source.values[row] as number);
      return summariseColumn(column, values, minimum, streamFor(`column ${column.name}`));
    }),
  };
}

function summariseColumn(
  column: ContractColumn,
  values: Float64Array,
  minimum: number,
  stream: RandomStream,
): SiteColumnSummary {
  const cells = countBins(values, column);
  if (values.length < minimum) return { name: column.name, sums: null, counts: cells.map(() => null) };
  const counts = suppressSmallCells(cells, minimum, true, stream);
  if (column.kind === 'categorical') return { name: column.name, sums: null, counts };

  const missing = cells[cells.length - 1] as number;
  // A missing count of 0 or of the minimum and more is only hidden as a complement: the sums would tell it, and with it the small cell.
  const hiddenAsComplement = counts[counts.length - 1] === null && (missing === 0 || missing >= minimum);
  return { name: column.name, sums: hiddenAsComplement ? null : sumsOf(values, minimum, stream), counts };
}

function sumsOf(values: Float64Array, minimum: number, stream: RandomStream): SiteColumnSummary['sums'] {
  const known = values.filter((value) => !Number.isNaN(value));
  const missing = values.length - known.length;
  const leaveOut = missing > 0 && missing < minimum ? minimum - missing : 0;
  const count = known.length - leaveOut;
  if (count < minimum || revealsFewValues(known, minimum)) return null;
  const order = permutation(known.length, stream);
  let sum = 0;
  let sumOfSquares = 0;
  // In the rows' own order, so that nothing of the draw shows when all values count.
  const kept = leaveOut === 0 ? order.sort() : order.subarray(leaveOut).sort();
  for (const index of kept) {
    const value = known[index] as number;
    sum += value;
    sumOfSquares += value * value;
  }
  return { count, sum, sumOfSquares };
}

function revealsFewValues(known: Float64Array, minimum: number): boolean {
  const occurrences = new Map<number, number>();
  for (const value of known) {
    occurrences.set(value, (occurrences.get(value) ?? 0) + 1);
    if (occurrences.size > solvableDistinctValues) return false;
  }
  for (const count of occurrences.values()) if (count < minimum) return true;
  return false;
}

function labelCounts(
  table: SiteTable,
  rows: Uint32Array,
  plan: Plan,
  minimum: number,
  stream: RandomStream,
): (number | null)[] | null {
  const { label } = plan.data;
  if (plan.task.kind === 'regression' || !('levels' in label)) return null;
  // One cell more for rows without a label: never published, but it would follow from the total.
  const cells = new Array<number>(label.levels.length + 1).fill(0);
  for (const row of rows) {
    const value = table.labels[row] as number;
    const cell = Number.isNaN(value) ? label.levels.length : value;
    cells[cell] = (cells[cell] as number) + 1;
  }
  const counts = suppressSmallCells(cells, minimum, false, stream).slice(0, label.levels.length);
  return counts.every((count) => count === null) ? null : counts;
}
