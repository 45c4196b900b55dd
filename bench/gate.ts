import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import type { BenchOptions, BenchRow } from './support/bench.ts';
import {
  base,
  categorical,
  cutoff,
  daysAfter,
  daysBefore,
  levelShares,
  missingShare,
  numeric,
  slopes,
} from './support/gate-cohort.ts';

export const title = 'The gate on 1,000,000 rows of 50 columns: seconds and peak memory, from a table and from files';

const secondsGoal = 60;
const megabytesGoal = 2048;

interface Measured {
  readonly loadSeconds: number;
  readonly judgeSeconds: number;
  /** Of all threads; more than the time on the wall where DuckDB reads beside, less where the machine has other work. */
  readonly processorSeconds: number;
  readonly peakMegabytes: number;
  readonly rows: number;
  readonly decision: string;
  readonly evidenceBytes: number;
}

/** The rows of `gateTable`, drawn by DuckDB and written as Parquet or CSV. */
async function writeRows(directory: string, file: string, rows: number): Promise<void> {
  const draws = Array.from(
    { length: numeric },
    (_, i) => `sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()) as z${i}`,
  );
  const odds = slopes.map((slope, i) => `${slope} * z${i}`).join(' + ');
  const values = Array.from(
    { length: numeric },
    (_, i) => `case when random() < ${missingShare} then null else z${i} end as x${i}`,
  );
  const [a, b] = levelShares as [number, number];
  const findings = Array.from(
    { length: categorical },
    (_, i) => `case when u${i} < ${a} then 'a' when u${i} < ${a + b} then 'b' else 'c' end as k${i}`,
  );
  const uniforms = Array.from({ length: categorical }, (_, i) => `random() as u${i}`);
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  try {
    await connection.run('select setseed(0.5)');
    await connection.run(
      `copy (
         select ${values.join(', ')}, ${findings.join(', ')},
           case when random() < 1 / (1 + exp(-(${base} + ${odds}))) then 1 else 0 end as outcome,
           'patient-' || ((i * 7919) % ${rows}) as patient,
           date '${cutoff}' + cast(floor(random() * ${daysBefore + daysAfter}) - ${daysBefore} as integer) as at
         from (select i, ${draws.join(', ')}, ${uniforms.join(', ')} from range(${rows}) t(i))
       ) to '${join(directory, file)}'`,
    );
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function judged(source: string, rows: number, directory: string): Promise<Measured> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL('./support/gate-child.ts', import.meta.url)), [
      source,
      String(rows),
      directory,
    ]);
    let measured: Measured | null = null;
    child.on('message', (message) => {
      measured = message as Measured;
    });
    child.on('error', reject);
    child.on('exit', (code) => {
      if (code === 0 && measured !== null) resolve(measured);
      else reject(new Error(`the judgement of ${source} ended with ${code}`));
    });
  });
}

export async function run({ quick, progress }: BenchOptions): Promise<readonly BenchRow[]> {
  const rows = quick ? 100_000 : 1_000_000;
  const directory = await mkdtemp(join(tmpdir(), 'wardround-bench-gate-'));
  const found: BenchRow[] = [];
  try {
    for (const source of ['table', 'rows.parquet', 'rows.csv']) {
      if (source !== 'table') {
        progress(`writing ${source}, ${rows} rows`);
        await writeRows(directory, source, rows);
      }
      progress(`judging from ${source}`);
      const measured = await judged(source, rows, directory);
      const name = `${rows} rows x ${numeric + categorical} columns, ${source === 'table' ? 'table in memory' : source}`;
      const seconds = measured.loadSeconds + measured.judgeSeconds;
      if (source !== 'table') {
        found.push({ case: name, figure: 'reading and checking', value: measured.loadSeconds, unit: 's' });
      }
      found.push(
        {
          case: name,
          figure: `gated, ${measured.rows} judged`,
          value: seconds,
          unit: 's',
          goal: `under ${secondsGoal}`,
          ok: seconds < secondsGoal,
        },
        { case: name, figure: 'processor time of that', value: measured.processorSeconds, unit: 's' },
        {
          case: name,
          figure: 'peak memory of the process',
          value: measured.peakMegabytes,
          unit: 'MiB',
          goal: `under ${megabytesGoal}`,
          ok: measured.peakMegabytes < megabytesGoal,
        },
      );
      progress(`${measured.decision}, evidence of ${measured.evidenceBytes} bytes`);
      if (source !== 'table') await rm(join(directory, source));
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  return found;
}
