import type { Plan } from '../../shared/plan/plan.ts';
import type { Preprocessing } from '../../shared/plan/preprocessing.ts';
import type { SiteTable } from '../data/site-table.ts';

/**
 * Means and scales of this site's rows alone, for trying a plan before any round: in a run they are those of all sites together. Counts for shift are
 * left at zero; nothing here is shared.
 *
 * @param rows which rows of the table
 */
export function ownPreprocessing(table: SiteTable, plan: Plan, planDigest: string, rows: Uint32Array): Preprocessing {
  return {
    wardround: 'preprocessing/1',
    plan: planDigest,
    columns: plan.data.columns.map((column) => {
      const values = table.columns.find(({ name }) => name === column.name)?.values;
      let count = 0;
      let mean = 0;
      let squares = 0;
      if (column.kind === 'continuous' && values !== undefined) {
        // Welford 1962: mean and sum of squared deviations in one pass.
        for (const row of rows) {
          const value = values[row] as number;
          if (Number.isNaN(value)) continue;
          count += 1;
          const apart = value - mean;
          mean += apart / count;
          squares += apart * (value - mean);
        }
      }
      const bins = column.kind === 'continuous' ? column.edges.length + 2 : column.levels.length + 1;
      const scale = count === 0 ? 0 : Math.sqrt(squares / count);
      return {
        name: column.name,
        count,
        mean,
        scale: scale > 0 ? scale : 1,
        referenceCounts: new Array<number>(bins).fill(0),
      };
    }),
    rows: rows.length,
    sites: [],
    labelCounts: null,
  };
}
