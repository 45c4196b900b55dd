import type { Judgement } from '../../shared/plan/judgement.ts';
import type { SiteCells } from '../../shared/plan/shared-judgement.ts';
import { randomStream } from '../../shared/runtime/random.ts';
import { aurocEstimate } from '../../shared/statistics/discrimination.ts';
import type { SiteTable } from '../../site-agent/data/site-table.ts';
import { countSharedCells } from '../../site-agent/judging/share-cells.ts';
import { columnShift, goodPerformance, subgroupEvidence } from './evidence.ts';
import { goodJudgement } from './judgements.ts';
import { heartPlan } from './plans.ts';

/** A plan that lets sites share all there is. */
export const sharingPlan = heartPlan({
  federation: { minimumCount: 11, sharing: { embedding: { features: 32, epsilon: 1, delta: 1e-6 } } } as never,
  gate: { netBenefit: { threshold: 0.5 } } as never,
});

/** Patients one by one, so that a longer table holds the shorter one: rare levels, missing values, few women. */
export function patients(rows: number, { seed = 1, older = 0, sick = 0.4 } = {}): SiteTable {
  const stream = randomStream(seed, 'patients');
  const columns = sharingPlan.data.columns.map((column) => ({ ...column, values: new Float64Array(rows) }));
  const labels = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    labels[row] = stream.uniform() < sick ? 1 : 0;
    for (const column of columns) {
      if (stream.uniform() < 0.02) column.values[row] = Number.NaN;
      else if (column.kind === 'categorical') {
        const level = Math.floor(column.levels.length * stream.uniform() ** 3);
        column.values[row] = Math.min(column.levels.length - 1, level);
      } else {
        const [low, high] = column.range;
        const place = 0.35 + (column.name === 'age' ? older : 0) + 0.13 * stream.normal();
        column.values[row] = low + (high - low) * Math.min(0.999, Math.abs(place));
      }
    }
  }
  return {
    rows,
    columns: columns.map(({ name, kind, values }) => ({ name, kind, values })),
    labels,
    patientKeys: Array.from({ length: rows }, (_, row) => `p${row}`),
    times: new Float64Array(rows).fill(Number.NaN),
    holdout: new Uint8Array(rows),
  };
}

/** Risks a model gives these patients: the better, the further apart. */
export function risksOf(table: SiteTable, { strength = 1.5, seed = 3 } = {}): Float64Array {
  const stream = randomStream(seed, 'scores');
  return Float64Array.from(
    table.labels,
    (label) => 1 / (1 + Math.exp(-(strength * (2 * label - 1) + 1.2 * stream.normal()))),
  );
}

/** A judgement of all rows of a table, and the cells counted of them. */
export function judgedTable(
  table: SiteTable,
  given: { readonly risks?: Float64Array; readonly evidence?: Partial<Judgement['evidence']> } = {},
): { judgement: Judgement; cells: SiteCells } {
  const risks = given.risks ?? risksOf(table);
  const cells = countSharedCells({
    plan: sharingPlan,
    preprocessing: {
      wardround: 'preprocessing/1',
      plan: 'a'.repeat(64),
      columns: sharingPlan.data.columns.map((column) => ({
        name: column.name,
        count: 1000,
        mean: column.kind === 'continuous' ? column.range[0] + 0.35 * (column.range[1] - column.range[0]) : 0,
        scale: column.kind === 'continuous' ? 0.13 * (column.range[1] - column.range[0]) : 1,
        referenceCounts: [],
      })),
      rows: 1000,
      sites: ['north'],
      labelCounts: [600, 400],
    },
    table,
    judged: Uint32Array.from({ length: table.rows }, (_, row) => row),
    scores: { new: risks, current: null },
  });
  const events = table.labels.reduce((sum, label) => sum + label, 0);
  const women = table.columns[1]?.values.reduce((sum, value) => sum + (value === 0 ? 1 : 0), 0) ?? 0;
  const auroc = aurocEstimate(risks, table.labels);
  const judgement = goodJudgement({
    rows: table.rows,
    events,
    nonEvents: table.rows - events,
    excluded: { label_missing: 3, before_cutoff: 900 },
    auroc: { new: auroc, current: auroc, difference: auroc },
    performance: { new: goodPerformance({ auroc }), current: null },
    subgroups: [subgroupEvidence({ name: 'women', rows: women }), subgroupEvidence({ name: 'over 65', rows: 4 })],
    shift: [
      ...sharingPlan.data.columns.map(({ name }) => columnShift({ column: name })),
      columnShift({
        column: 'age',
        against: 'own-training',
        explanation: '3 patients',
        found: true,
        kind: 'distribution',
      }),
    ],
    ...given.evidence,
  });
  return { judgement, cells };
}
