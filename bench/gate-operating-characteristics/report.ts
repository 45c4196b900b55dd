import { poolSummaries } from '../../shared/algorithms/federated-scaling.ts';
import type { ContractColumn, DataContract } from '../../shared/plan/contract.ts';
import { dataContractSchema } from '../../shared/plan/contract.ts';
import type { ColumnShift } from '../../shared/plan/judgement.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import { planSchema } from '../../shared/plan/plan.ts';
import { canonicalDigest } from '../../shared/runtime/canonical.ts';
import type { SiteName } from '../../shared/runtime/ids.ts';
import { type RandomStream, randomStream } from '../../shared/runtime/random.ts';
import { summarise } from '../../site-agent/data/site-summary.ts';
import type { SiteTable } from '../../site-agent/data/site-table.ts';
import { shiftReport } from '../../site-agent/judging/shift-report.ts';
import type { BenchRow } from '../support/bench.ts';

/** What a column of the simulated hospitals looks like. */
interface Kind {
  readonly column: (name: string) => unknown;
  readonly draw: (stream: RandomStream) => number;
}

const continuous =
  (edges: readonly number[], range: readonly [number, number]) =>
  (name: string): unknown => ({ name, kind: 'continuous', unit: 'units', range, edges });
const levels =
  (names: readonly string[]) =>
  (name: string): unknown => ({ name, kind: 'categorical', levels: names });

const normalKind: Kind = {
  column: continuous([-1.5, -1, -0.5, 0, 0.5, 1, 1.5], [-100, 100]),
  draw: (stream) => stream.normal(),
};
/** Laboratory values, ages, counts with many zeros, values often missing, and levels: what columns of hospitals are like. */
const kinds: readonly Kind[] = [
  normalKind,
  { column: continuous([0.6, 0.8, 1, 1.3, 2], [0, 1e6]), draw: (stream) => Math.exp(0.5 * stream.normal()) },
  {
    column: continuous([40, 50, 60, 70, 80], [0, 130]),
    draw: (stream) => Math.min(110, Math.max(18, Math.round(62 + 14 * stream.normal()))),
  },
  {
    column: continuous([0.05, 1, 2, 3], [0, 10]),
    draw: (stream) => (stream.uniform() < 0.6 ? 0 : Math.round(10 * Math.min(9, Math.exp(stream.normal()))) / 10),
  },
  {
    column: continuous([-1, 0, 1], [-100, 100]),
    draw: (stream) => (stream.uniform() < 0.2 ? Number.NaN : stream.normal()),
  },
  { column: levels(['a', 'b', 'c', 'd']), draw: (stream) => levelOf([0.55, 0.3, 0.11, 0.04], stream) },
  { column: levels(['no', 'yes']), draw: (stream) => levelOf([0.97, 0.03], stream) },
];

function levelOf(shares: readonly number[], stream: RandomStream): number {
  let left = stream.uniform();
  for (const [level, share] of shares.entries()) {
    left -= share;
    if (left < 0) return level;
  }
  return shares.length - 1;
}

const columnCount = 20;
const kindOf = (column: number): Kind => kinds[column % kinds.length] as Kind;

function benchPlan(): Plan {
  const columns = Array.from({ length: columnCount }, (_, column) => kindOf(column).column(`c${column}`));
  const data = {
    columns,
    label: { name: 'outcome', levels: ['0', '1'] },
    patientKey: 'patient',
    time: 'at',
    trainingCutoff: '2024-01-01',
  };
  return planSchema.parse({
    wardround: 'plan/1',
    name: 'bench',
    purpose: 'Operating characteristics of the shift report.',
    task: { kind: 'binary' },
    data: dataContractSchema.parse(data) satisfies DataContract,
    model: { family: 'logistic' },
    training: { optimiser: { kind: 'sgd', rate: 0.1 }, batch: 'full', work: { steps: 1 }, seed: 1 },
    federation: {
      strategy: { kind: 'fedavg' },
      rounds: 1,
      sites: { minimum: 3, target: 4 },
      roundDeadlineSeconds: 60,
      graceSeconds: 5,
      weightCap: 5000,
      maximumDeltaNorm: 25,
      minimumCount: 11,
      judgementDeadlineSeconds: 60,
    },
    gate: { wardround: 'policy/1' },
  });
}

/** Patients drawn from the same distributions; `shifted` of them by so much in the first column from `shiftedFrom` on. */
function tableOf(
  plan: Plan,
  rows: number,
  stream: RandomStream,
  shift: { readonly from: number; readonly by: number },
): SiteTable {
  const columns = plan.data.columns.map((column: ContractColumn, index) => ({
    name: column.name,
    kind: column.kind,
    values: Float64Array.from(
      { length: rows },
      (_, row) => kindOf(index).draw(stream) + (index === 0 && row >= shift.from ? shift.by : 0),
    ),
  }));
  return {
    rows,
    columns,
    labels: Float64Array.from({ length: rows }, () => levelOf([0.8, 0.2], stream)),
    patientKeys: Array.from({ length: rows }, (_, row) => `p${row}`),
    times: new Float64Array(rows),
    holdout: new Uint8Array(rows),
  };
}

const hospitals = 4;
const rowsOfHospital = 1000;
const ownRows = 1500;
const unchanged = { from: Number.POSITIVE_INFINITY, by: 0 };

/** One site beside a consortium drawn anew: what its report finds. */
function reportOf(plan: Plan, digest: string, judged: number, seed: number, by: number): ColumnShift[] {
  const stream = randomStream(seed, 'report', judged, String(by));
  const all = (rows: number): Uint32Array => Uint32Array.from({ length: rows }, (_, row) => row);
  const preprocessing = poolSummaries(
    plan,
    digest as never,
    new Map(
      Array.from({ length: hospitals }, (_, hospital) => [
        `site-${hospital}` as SiteName,
        summarise(tableOf(plan, rowsOfHospital, stream, unchanged), all(rowsOfHospital), plan, digest as never),
      ]),
    ),
  );
  const table = tableOf(plan, ownRows + judged, stream, { from: ownRows, by });
  const rows = all(table.rows);
  return shiftReport({
    plan,
    policy: plan.gate,
    preprocessing,
    table,
    training: rows.slice(0, ownRows),
    judged: rows.slice(ownRows),
    seed,
  });
}

/**
 * The shift report over sites without any shift, and with one of .3 standard deviations in one of 20 columns. Each site stands beside a
 * consortium and its own earlier rows drawn anew. An alarm is any row found, of any column or the label, for whatever reason.
 */
export async function section({
  seeds,
  quick,
  progress,
}: {
  readonly seeds: number;
  readonly quick: boolean;
  readonly progress: (text: string) => void;
}): Promise<BenchRow[]> {
  const plan = benchPlan();
  const digest = canonicalDigest(plan);
  const rows: BenchRow[] = [];
  const sites = quick ? Math.min(seeds, 100) : seeds;
  for (const judged of [100, 500, 2000]) {
    let alarms = 0;
    for (let seed = 0; seed < sites; seed++) {
      if (seed % 100 === 0) progress(`null sites, ${judged} patients: ${seed} of ${sites}`);
      if (reportOf(plan, digest, judged, seed, 0).some(({ found }) => found)) alarms++;
    }
    rows.push({
      case: `${sites} sites without shift, 20 columns, ${judged} patients`,
      figure: 'reports with any finding',
      value: (100 * alarms) / sites,
      unit: '%',
      goal: 'at most 6',
      ok: alarms / sites <= 0.06,
    });
  }
  for (const judged of [200, 500]) {
    const goal = judged === 500;
    let found = 0;
    for (let seed = 0; seed < sites; seed++) {
      if (seed % 100 === 0) progress(`a shift of .3 SD, ${judged} patients: ${seed} of ${sites}`);
      const report = reportOf(plan, digest, judged, seed, 0.3);
      if (report.some((row) => row.column === 'c0' && row.found)) found++;
    }
    rows.push({
      case: `${sites} sites, .3 SD in one of 20 columns, ${judged} patients`,
      figure: 'shift found',
      value: (100 * found) / sites,
      unit: '%',
      ...(goal ? { goal: 'at least 98', ok: found / sites >= 0.98 } : {}),
    });
  }
  return rows;
}
