import type { ContractColumn } from '../../shared/plan/contract.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import type { SiteColumnSummary, SiteSummary } from '../../shared/plan/preprocessing.ts';
import { effectiveMinimum, suppressSmallCells } from '../../shared/privacy/suppression.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import type { Digest } from '../../shared/runtime/ids.ts';
import { permutation, type RandomStream, randomStream } from '../../shared/runtime/random.ts';
import { cellOf, countBins } from '../../shared/statistics/binning.ts';
import type { SiteTable } from './site-table.ts';

/** Sums of so few distinct values could be solved for how often each occurs. */
const solvableDistinctValues = 3;

/**
 * What this site tells the consortium of its training rows before round 1: sums a continuous column, counts a bin, counts a class.
 * Figures from fewer patients than `plan.federation.minimumCount` are null (a patient with many rows is one patient), and so are as many others as are needed that none of them
 * follows from the other cells, the totals or the number of values behind the sums.
 *
 * Where a column lacks 1 to minimum - 1 values, the number of values behind its sums would give that away; then so many values, drawn
 * at random, are left out of the sums that exactly `minimum` rows are not in them.
 *
 * @param trainingRows row indices into the table.
 */
export function summarise(table: SiteTable, trainingRows: Uint32Array, plan: Plan, planDigest: Digest): SiteSummary {
  const minimum = effectiveMinimum(plan.federation.minimumCount);
  const enough = distinct(trainingRows, (row) => table.patientKeys[row] as string) >= minimum;
  // What is drawn must be unknown outside and the same when asked again: it comes from the patient keys, which stay here.
  const keys = Array.from(trainingRows, (row) => table.patientKeys[row] as string).sort();
  const secret = digestOf(JSON.stringify(keys));
  const streamFor = (purpose: string): RandomStream => randomStream(plan.training.seed, 'summary', secret, purpose);
  return {
    wardround: 'summary/1',
    plan: planDigest,
    rows: enough ? trainingRows.length : null,
    labelCounts: enough ? labelCounts(table, trainingRows, plan, minimum, streamFor('label')) : null,
    columns: plan.data.columns.map((column, index) => {
      const source = table.columns[index];
      if (source === undefined || source.name !== column.name) {
        throw new RangeError(
          `summarise: column ${index} of the table is ${source?.name ?? 'absent'}, not ${column.name}; columns must be in the contract's order`,
        );
      }
      const values = Float64Array.from(trainingRows, (row) => source.values[row] as number);
      const patients = Array.from(trainingRows, (row) => table.patientKeys[row] as string);
      return summariseColumn(column, { values, patients }, enough ? minimum : null, streamFor(`column ${column.name}`));
    }),
  };
}

/** Values of one column and whose each is. */
interface OwnedValues {
  readonly values: Float64Array;
  readonly patients: readonly string[];
}

function distinct<Item>(items: Iterable<Item>, keyOf: (item: Item) => string): number {
  const keys = new Set<string>();
  for (const item of items) keys.add(keyOf(item));
  return keys.size;
}

/** Patients a cell: one who has rows in several cells counts in each, and once in each. */
function patientsPerCell(cells: readonly number[], cellOfRow: (index: number) => number, patients: readonly string[]) {
  const found = cells.map(() => new Set<string>());
  for (const [index, patient] of patients.entries()) found[cellOfRow(index)]?.add(patient);
  return found.map(({ size }) => size);
}

/** @param minimum null where the site has too few patients for any figure */
function summariseColumn(
  column: ContractColumn,
  { values, patients }: OwnedValues,
  minimum: number | null,
  stream: RandomStream,
): SiteColumnSummary {
  const cells = countBins(values, column);
  if (minimum === null) return { name: column.name, sums: null, counts: cells.map(() => null) };
  const people = patientsPerCell(cells, (index) => cellOf(values[index] as number, column), patients);
  const shown = suppressSmallCells(people, minimum, true, stream);
  const counts = cells.map((cell, index) => (shown[index] === null ? null : cell));
  if (column.kind === 'categorical') return { name: column.name, sums: null, counts };

  const missing = people[people.length - 1] as number;
  // A missing count of 0 or of the minimum and more is only hidden as a complement: the sums would tell it, and with it the small cell.
  const hiddenAsComplement = counts[counts.length - 1] === null && (missing === 0 || missing >= minimum);
  // Few patients who lack the value in many rows cannot be hidden by leaving out a few values more.
  const fewInMany = missing > 0 && missing < minimum && (cells[cells.length - 1] as number) >= minimum;
  const sums = hiddenAsComplement || fewInMany ? null : sumsOf({ values, patients }, minimum, stream);
  return { name: column.name, sums, counts };
}

function sumsOf({ values, patients }: OwnedValues, minimum: number, stream: RandomStream): SiteColumnSummary['sums'] {
  const known = values.filter((value) => !Number.isNaN(value));
  const owners = patients.filter((_, index) => !Number.isNaN(values[index] as number));
  const missing = values.length - known.length;
  const leaveOut = missing > 0 && missing < minimum ? minimum - missing : 0;
  const count = known.length - leaveOut;
  if (count < minimum || revealsFewValues(known, owners, minimum)) return null;
  const order = permutation(known.length, stream);
  let sum = 0;
  let sumOfSquares = 0;
  // In the rows' own order, so that nothing of the draw shows when all values count.
  const kept = leaveOut === 0 ? order.sort() : order.subarray(leaveOut).sort();
  if (distinct(kept, (index) => owners[index] as string) < minimum) return null;
  for (const index of kept) {
    const value = known[index] as number;
    sum += value;
    sumOfSquares += value * value;
  }
  return { count, sum, sumOfSquares };
}

function revealsFewValues(known: Float64Array, owners: readonly string[], minimum: number): boolean {
  const patientsOf = new Map<number, Set<string>>();
  for (const [index, value] of known.entries()) {
    const patients = patientsOf.get(value) ?? new Set();
    patientsOf.set(value, patients.add(owners[index] as string));
    if (patientsOf.size > solvableDistinctValues) return false;
  }
  for (const { size } of patientsOf.values()) if (size < minimum) return true;
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
  const cellOfRow = (index: number): number => {
    const value = table.labels[rows[index] as number] as number;
    return Number.isNaN(value) ? label.levels.length : value;
  };
  for (let index = 0; index < rows.length; index++) {
    const cell = cellOfRow(index);
    cells[cell] = (cells[cell] as number) + 1;
  }
  const patients = Array.from(rows, (row) => table.patientKeys[row] as string);
  const shown = suppressSmallCells(patientsPerCell(cells, cellOfRow, patients), minimum, false, stream);
  const counts = cells.map((cell, index) => (shown[index] === null ? null : cell)).slice(0, label.levels.length);
  return counts.every((count) => count === null) ? null : counts;
}
