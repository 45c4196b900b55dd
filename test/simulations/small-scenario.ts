import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const plan = (changes: PlanChanges): string => `wardround: plan/1
name: small
purpose: Shows that a run can be compared and disturbed.
task: { kind: binary }
data:
  columns:
    - { name: dose, kind: continuous, unit: mg, range: [-10, 10], edges: [-1, 0, 1] }
    - { name: ward, kind: categorical, levels: [a, b] }
  label: { name: outcome, levels: ["0", "1"] }
  patientKey: id
  time: null
  trainingCutoff: null
model: { family: logistic }
training: { optimiser: { kind: sgd, rate: 0.5 }, batch: ${changes.batch}, work: { steps: ${changes.steps} }, seed: 1${changes.training} }
federation:
  strategy: { kind: fedavg }
  rounds: ${changes.rounds}
  sites: { minimum: ${changes.minimum}, target: ${changes.target} }
  roundDeadlineSeconds: 30
  graceSeconds: ${changes.grace}
  weightCap: 1000
  maximumDeltaNorm: 50
  judgementDeadlineSeconds: 30
gate: { wardround: policy/1, acceptRetrospective: true, minimumEvents: 10, minimumNonEvents: 10 }
`;

interface PlanChanges {
  readonly steps: number;
  readonly rounds: number;
  readonly minimum: number;
  readonly target: number;
  readonly grace: number;
  readonly batch: number | 'full';
  /** Further keys of the training, each after a comma. */
  readonly training: string;
}

/**
 * Writes a plan, a table of 120 rows a hospital (of different doses, two of five rows judge) and a scenario with further lines.
 * @returns the scenario file
 */
export function writeSmallScenario(
  folder: string,
  sites: readonly string[],
  changes: Partial<PlanChanges>,
  lines = '',
): string {
  const rows = sites.flatMap((site, place) =>
    Array.from({ length: 120 }, (_, index) => {
      const dose = ((index * 37) % 120) / 30 - 2 + place / 4;
      const outcome = dose + (((index * 53) % 60) / 15 - 2) > place / 2 ? 1 : 0;
      return [site, place * 1000 + index, dose, index % 3 === 0 ? 'a' : 'b', outcome, index % 5 < 2 ? 1 : 0].join(',');
    }),
  );
  writeFileSync(join(folder, 'all.csv'), `hospital,id,dose,ward,outcome,judging\n${rows.join('\n')}\n`);
  writeFileSync(
    join(folder, 'small.plan.yaml'),
    plan({ steps: 5, rounds: 4, minimum: 2, target: sites.length, grace: 5, batch: 'full', training: '', ...changes }),
  );
  const file = join(folder, 'small.yaml');
  writeFileSync(
    file,
    `wardround: scenario/1
name: small
description: A few hospitals from one table.
plan: small.plan.yaml
seeds: [4]
cohort: { kind: csv, file: all.csv, siteColumn: hospital, holdoutColumn: judging }
${lines}`,
  );
  return file;
}
