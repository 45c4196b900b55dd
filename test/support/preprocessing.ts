import type { Plan } from '../../shared/plan/plan.ts';
import type { Preprocessing } from '../../shared/plan/preprocessing.ts';
import { canonicalDigest } from '../../shared/runtime/canonical.ts';

/** Preprocessing for a plan, with given means and scales by column and no reference counts worth reading. */
export function preprocessingFor(
  plan: Plan,
  scaling: Readonly<Record<string, readonly [mean: number, scale: number]>> = {},
): Preprocessing {
  return {
    wardround: 'preprocessing/1',
    plan: canonicalDigest(plan),
    rows: 100,
    sites: ['north', 'south'],
    labelCounts: null,
    columns: plan.data.columns.map((column) => {
      const [mean, scale] = scaling[column.name] ?? [0, 1];
      const bins = column.kind === 'continuous' ? column.edges.length + 2 : column.levels.length + 1;
      return {
        name: column.name,
        count: column.kind === 'continuous' ? 100 : 0,
        mean,
        scale,
        referenceCounts: new Array<number>(bins).fill(0),
      };
    }),
  };
}
