import type { ContractColumn } from '../plan/contract.ts';
import type { Plan } from '../plan/plan.ts';
import { binIndex, cellOf } from '../statistics/binning.ts';

/** How the edges of a column and the bounds of its subgroups cut it. */
export interface StrataOfColumn {
  readonly column: string;
  /** Per elementary cell: the column's bin it lies in and the subgroups it belongs to. The last is for missing values. */
  readonly cells: readonly { readonly bin: number; readonly subgroups: readonly string[] }[];
  /** Elementary cell of a value, as `cellOf` gives the bin. */
  cellOf(value: number): number;
}

/** The columns of a plan that subgroups are made of, with their elementary cells. */
export function strataOf(plan: Plan): readonly StrataOfColumn[] {
  return plan.data.columns.flatMap((column) => {
    const subgroups = plan.data.subgroups.filter((subgroup) => subgroup.column === column.name);
    return subgroups.length === 0 ? [] : [strataOfColumn(column, subgroups)];
  });
}

function strataOfColumn(column: ContractColumn, subgroups: Plan['data']['subgroups']): StrataOfColumn {
  if (column.kind === 'categorical') {
    const levels = column.levels.map((level, bin) => ({
      bin,
      subgroups: subgroups.flatMap((one) => ('level' in one && one.level === level ? [one.name] : [])),
    }));
    return {
      column: column.name,
      cells: [...levels, { bin: column.levels.length, subgroups: [] }],
      cellOf: (value) => cellOf(value, column),
    };
  }
  const bounds = subgroups.flatMap((one) =>
    'level' in one ? [] : [one.atLeast, one.below].filter((bound) => bound !== undefined),
  );
  const points = [...new Set([...column.edges, ...bounds])].sort((a, b) => a - b);
  // Each elementary cell is told by its lower end; the first has none.
  const starts = [-Infinity, ...points];
  return {
    column: column.name,
    cells: [
      ...starts.map((start) => ({
        bin: binIndex(start, column.edges),
        subgroups: subgroups.flatMap((one) =>
          !('level' in one) && start >= (one.atLeast ?? -Infinity) && start < (one.below ?? Infinity) ? [one.name] : [],
        ),
      })),
      { bin: column.edges.length + 1, subgroups: [] },
    ],
    cellOf: (value) => binIndex(value, points),
  };
}
