import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { run } from '../../../cli/program.ts';

describe('wardround cohort', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'wardround-cohort-'));
  });
  afterEach(() => {
    vi.restoreAllMocks();
    rmSync(folder, { recursive: true, force: true });
  });

  it('writes a plan, and data that pass its contract at each hospital', async () => {
    const printed = vi.spyOn(console, 'log').mockImplementation(() => {});
    const out = join(folder, 'a');
    expect(await run(['cohort', out, '--rows', '200', '--json'])).toBe(0);
    const { sites } = JSON.parse(String(printed.mock.calls[0]?.[0])) as { sites: { site: string; rows: number }[] };
    expect(sites.map(({ site, rows }) => [site, rows])).toEqual([
      ['cleveland', 200],
      ['hungarian', 200],
      ['switzerland', 200],
      ['long-beach', 200],
    ]);
    for (const { site } of sites) {
      expect(await run(['site', 'check', '--dir', join(out, site), '--plan', join(out, 'plan.yaml')])).toBe(0);
    }
  });

  it('gives the same rows for the same seed and others for another', async () => {
    vi.spyOn(console, 'log').mockImplementation(() => {});
    const patients = async (name: string, seed: string): Promise<string> => {
      expect(await run(['cohort', join(folder, name), '--rows', '50', '--seed', seed])).toBe(0);
      return readFileSync(join(folder, name, 'hungarian', 'data', 'patients.csv'), 'utf8');
    };
    const first = await patients('a', '1');
    expect(await patients('b', '1')).toBe(first);
    expect(await patients('c', '2')).not.toBe(first);
  });

  it.each([
    // 60 · 48 · 6 · 4 bytes.
    ['icu-series', '60 series of 48 x 6 (steps x channels), 69.1 KB.'],
    ['shape-images', '60 images of 1 x 20 x 20 (channels x height x width)'],
  ])('writes %s with a plan that takes them', async (kind, shown) => {
    const printed = vi.spyOn(console, 'log').mockImplementation(() => {});
    const out = join(folder, kind);
    expect(await run(['cohort', out, '--kind', kind, '--rows', '60'])).toBe(0);
    for (const site of ['north', 'south']) {
      printed.mockClear();
      expect(await run(['site', 'check', '--dir', join(out, site), '--plan', join(out, 'plan.yaml')])).toBe(0);
      expect(printed.mock.calls.flat().join('\n')).toContain(shown);
    }
  });

  it('writes over nothing', async () => {
    vi.spyOn(console, 'log').mockImplementation(() => {});
    const complaint = vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
    expect(await run(['cohort', folder, '--rows', '20'])).toBe(0);
    expect(await run(['cohort', folder, '--rows', '30'])).toBe(2);
    expect(String(complaint.mock.calls[0]?.[0])).toContain('plan.yaml is there already');
  });
});
