import type { Estimate } from '../../shared/plan/judgement.ts';
import { formatCsv } from '../cohorts/csv.ts';
import type { Simulation } from '../run-simulation.ts';

const header = [
  'seed',
  'run',
  'baseline',
  'site',
  'training_rows',
  'judged_rows',
  'events',
  'auroc',
  'auroc_low',
  'auroc_high',
  'federated_auroc',
  'federated_auroc_low',
  'federated_auroc_high',
  'difference',
  'difference_low',
  'difference_high',
  'undefined_because',
  'weights',
] as const;

function cell(value: number | string | null): string {
  return value === null ? '' : String(value);
}

function cells({ value, low, high }: Estimate): string[] {
  return [value, low, high].map(cell);
}

/** `baselines.csv`: a line for every seed, baseline and site. The difference is the federated model less the baseline. */
export function baselinesCsv(simulation: Simulation): string {
  const rows = simulation.runs.flatMap((run) =>
    (run.baselines ?? []).map((one) => [
      String(run.seed),
      run.view.run,
      one.kind,
      one.site,
      String(one.trainingRows),
      String(one.judgedRows),
      cell(one.events),
      ...cells(one.auroc),
      ...cells(one.federated),
      ...cells(one.difference),
      one.auroc.reason ?? '',
      cell(one.weights),
    ]),
  );
  return formatCsv(header, rows);
}
