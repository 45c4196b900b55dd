import { fuzzTables } from './release-checker/fuzzed-tables.ts';
import type { BenchOptions, BenchRow } from './support/bench.ts';

export const title = 'Release checker: fuzzed tables against an attacker who searches for small counts';

export async function run({ quick, progress }: BenchOptions): Promise<readonly BenchRow[]> {
  const tables = quick ? 1_000 : 10_000;
  progress(`${tables} tables of counts, two-way tables, histograms and subgroups, up to three times each`);
  const started = performance.now();
  const found = fuzzTables(tables, 7);
  const seconds = (performance.now() - started) / 1000;
  const row = (figure: string, value: number, unit: string): BenchRow => ({
    case: `${tables} tables`,
    figure,
    value,
    unit,
  });
  return [
    {
      ...row('counts of 1 to 10 derived', found.derived.length, 'counts'),
      goal: 'none',
      ok: found.derived.length === 0,
    },
    { ...row('tables the attacker gave up on', found.undecided, 'tables'), goal: 'none', ok: found.undecided === 0 },
    row('tables of which anything was published', found.published, 'tables'),
    row('figures shown', found.shown, 'figures'),
    row('figures withheld', found.withheld, 'figures'),
    row('time, attack included', seconds, 's'),
  ];
}
