import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { run } from '../../cli/program.ts';
import type { Summary } from '../../simulations/report/summary.ts';

const page = readFileSync(new URL('../../docs/researchers.md', import.meta.url), 'utf8');
const plan = new URL('../../simulations/scenarios/heart-disease.plan.yaml', import.meta.url);
const folder = mkdtempSync(join(tmpdir(), 'wardround-page-'));
afterAll(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

describe("the researchers' page", () => {
  it('has a scenario of faults and baselines that runs and does what the page says', async () => {
    const [scenario] = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)]
      .map(([, text]) => text ?? '')
      .filter((text) => text.includes('faults:'));
    writeFileSync(join(folder, 'disturbed.yaml'), scenario ?? '');
    copyFileSync(plan, join(folder, 'heart-disease.plan.yaml'));
    const printed = vi.spyOn(console, 'log').mockImplementation(() => {});
    vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
    const out = join(folder, 'out');
    expect(await run(['simulate', join(folder, 'disturbed.yaml'), '--out', out, '--json'])).toBe(0);
    const summary = JSON.parse(String(printed.mock.calls[0]?.[0])) as Summary;
    const excluded = summary.rounds.flatMap(({ round, excluded: sites }) =>
      sites.map(({ site, reason }) => `${round} ${site} ${reason}`),
    );
    expect(excluded).toEqual([
      '3 hungarian not_connected',
      '4 hungarian not_connected',
      '6 cleveland late',
      '8 long-beach refused',
    ]);
    const baselines = summary.runs[0]?.baselines ?? [];
    expect(baselines.map(({ kind }) => kind)).toEqual([...Array(4).fill('pooled'), ...Array(4).fill('alone')]);
    for (const { auroc, federated, difference, site } of baselines) {
      expect(auroc.value, site).toBeGreaterThan(0.5);
      expect(difference.value).toBeCloseTo((federated.value ?? Number.NaN) - (auroc.value ?? Number.NaN), 12);
    }
    for (const key of Object.keys(baselines[0] ?? {})) expect(page).toContain(`\`${key}\``);
    const table = readFileSync(join(out, 'baselines.csv'), 'utf8').trim().split('\n');
    expect(table).toHaveLength(1 + 8);
    expect(readFileSync(join(out, 'rounds.csv'), 'utf8')).toContain('not_finite');
    expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('Against baselines');
  }, 600_000);
});
