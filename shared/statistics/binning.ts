import type { ContractColumn } from '../plan/contract.ts';

/** Cells of a column's counts: a bin between each pair of edges and outside them, or one a level; the last is for missing values. */
export function binsOf(column: ContractColumn): number {
  return (column.kind === 'continuous' ? column.edges.length + 1 : column.levels.length) + 1;
}

/** Bin of a value: the number of edges at or below it, so that bins are left-closed and the outer ones open-ended. NaN gives `edges.length + 1`. */
export function binIndex(value: number, edges: readonly number[]): number {
  if (Number.isNaN(value)) return edges.length + 1;
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((edges[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Cell of a value in a column's counts: of a number in the contract's unit, a level index, or NaN where missing.
 * A level index outside the contract cannot be counted: it is a RangeError, for the table must have been checked before.
 */
export function cellOf(value: number, column: ContractColumn): number {
  if (column.kind === 'continuous') return binIndex(value, column.edges);
  if (Number.isNaN(value)) return column.levels.length;
  if (Number.isInteger(value) && value >= 0 && value < column.levels.length) return value;
  throw new RangeError(`cellOf: ${value} is no level index of column ${column.name}`);
}

/**
 * Rows a bin. `values` holds numbers in the contract's unit or level indices, NaN where missing; the last cell counts the missing.
 * @throws RangeError as `cellOf`
 */
export function countBins(values: ArrayLike<number>, column: ContractColumn): number[] {
  const counts = new Array<number>(binsOf(column)).fill(0);
  for (let row = 0; row < values.length; row++) {
    const bin = cellOf(values[row] as number, column);
    counts[bin] = (counts[bin] as number) + 1;
  }
  return counts;
}
