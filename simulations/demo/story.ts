import { fileURLToPath } from 'node:url';
import { randomStream } from '../../shared/runtime/random.ts';
import { generateCohort } from '../cohorts/generated-cohort.ts';
import { readHeartFiles } from '../cohorts/heart-files.ts';
import { admittedBefore } from '../cohorts/scenario-cohort.ts';
import type { SiteRows } from '../cohorts/site-rows.ts';
import { type PlanText, planWith } from '../plan-text.ts';
import { applyShift, type ShiftContext } from '../shifts/apply-shift.ts';
import type { Shift } from '../shifts/shift-schema.ts';

/** The hospital that keeps its old record system, and whose gate must refuse the second release. */
export const unchangedHospital = 'cleveland';

const planFile = fileURLToPath(new URL('../scenarios/heart-disease.plan.yaml', import.meta.url));
const span = { from: '2024-01-01', until: '2026-01-01' };

/**
 * The new record system at the other hospitals: the same columns with other codes, each of which passes every check of units, ranges
 * and levels. Published copies of these very data are known to differ in just this way.
 */
const recoding: readonly Pick<Extract<Shift, { kind: 'recode' }>, 'column' | 'codes'>[] = [
  { column: 'cp', codes: { '1': '2', '2': '3', '3': '4', '4': '1' } },
  { column: 'exang', codes: { '0': '1', '1': '0' } },
  { column: 'sex', codes: { '0': '1', '1': '0' } },
];

/** One of the demo's two acts: what the hospitals export at that time, and the plan they are asked to run. */
export interface Act {
  readonly title: string;
  readonly plan: PlanText;
  readonly sites: readonly SiteRows[];
}

export interface Story {
  readonly description: string;
  readonly remarks: readonly string[];
  readonly holdoutColumn: string | null;
  readonly acts: readonly [Act, Act];
}

export interface StorySettings {
  /** Folder with the published files; null draws the hospitals. */
  readonly data: string | null;
  readonly seed: number;
  /** Rows of each drawn hospital. */
  readonly rows: number;
  readonly rounds: number;
}

function migrated(tables: readonly SiteRows[], context: ShiftContext, seed: number): SiteRows[] {
  return tables.map((table) => {
    if (table.site === unchangedHospital) return table;
    const shifts: Shift[] = [
      ...recoding.map((one): Shift => ({ ...one, site: table.site, from: 'always', kind: 'recode' })),
      // ST depression as a signed deviation: below the line is negative now.
      { site: table.site, from: 'always', kind: 'distribution', column: 'oldpeak', multiply: -1, add: 0 },
    ];
    return shifts.reduce((rows, shift) => applyShift(shift, rows, context, randomStream(seed, 'migration')), table);
  });
}

const migrationRemark =
  'Before the second run every hospital but Cleveland gets a new record system, which exports all its patients anew: chest pain codes are ' +
  'renumbered (asymptomatic is 1), angina on exercise and sex have their two codes exchanged, and ST depression is negative. Every value passes the contract.';
const outcomeRemark =
  'The second model learns the new codes, as most hospitals use them. At Cleveland they are wrong, and its gate has to find out from its own patients. ' +
  'Elsewhere the model in use reads data in a coding it was not made for, so the new one gains far more there than a better model would.';

/**
 * Writes the demo's two acts.
 * @throws SimulationError `cohort_*` when the published files cannot be used
 */
export function writeStory(settings: StorySettings): Story {
  const { data, seed } = settings;
  const shared = { 'training.seed': seed, 'federation.rounds': settings.rounds };
  const context = { timeColumn: 'admitted', holdoutColumn: null, labelColumn: 'disease', eventLevel: '1' };
  const purpose = planWith(planFile, {}).loaded.plan.purpose;
  const second = { purpose: `${purpose} Second version, after the change of the record systems.` };

  if (data !== null) {
    const tables = readHeartFiles(data);
    // Without dates a holdout judges; sixteen to a hundred patients a hospital can carry no larger counts than these.
    const retrospective = {
      ...shared,
      'data.time': null,
      'data.trainingCutoff': null,
      'gate.acceptRetrospective': true,
      'gate.minimumEvents': 30,
      'gate.minimumNonEvents': 15,
    };
    return {
      description:
        'The four published hospitals of UCI data set 45, each a process of its own, train one model over mutual TLS and judge it before use. ' +
        'The files have no dates, so a declared holdout judges, and every judgement is marked as retrospective.',
      remarks: [migrationRemark, outcomeRemark],
      holdoutColumn: 'judging',
      acts: [
        { title: 'First run', plan: planWith(planFile, retrospective), sites: tables },
        {
          title: 'Second run',
          plan: planWith(planFile, { ...retrospective, ...second }),
          sites: migrated(tables, { ...context, timeColumn: null, holdoutColumn: 'judging' }, seed),
        },
      ],
    };
  }
  const tables = generateCohort({ rows: settings.rows, ...span }, seed);
  return {
    description:
      `Four hospitals, each a process of its own, train one model over mutual TLS and judge it on their later patients before use. ` +
      `Their patients (${settings.rows} each) are drawn from published figures of the hospitals of UCI data set 45; no real person is among them.`,
    remarks: [migrationRemark, outcomeRemark],
    holdoutColumn: null,
    acts: [
      {
        title: 'First run',
        plan: planWith(planFile, { ...shared, 'data.trainingCutoff': '2025-01-01' }),
        sites: tables.map((table) => admittedBefore(table, '2025-07-01')),
      },
      {
        title: 'Second run',
        plan: planWith(planFile, { ...shared, ...second, 'data.trainingCutoff': '2025-07-01' }),
        sites: migrated(tables, context, seed),
      },
    ],
  };
}
