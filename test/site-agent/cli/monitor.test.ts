import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { createIdentityStore } from '../../../certs/identity-store.ts';
import type { SiteName } from '../../../shared/runtime/ids.ts';
import { register } from '../../../site-agent/cli/site.ts';
import { createTestAuthority } from '../../support/authority.ts';
import { csvText, type HeartRow } from '../../support/heart-site.ts';
import { acceptedMs, dayMs, patientsOn, type WatchedSite, watchedSite } from '../../support/watched-site.ts';

let site: WatchedSite;
let printed: string[];

/** Ten days after the first release was taken into use, with the second beside it. */
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: acceptedMs });
  site = watchedSite({ gate: { override: { roles: ['clinical lead', 'data protection officer'] } } });
  const config = {
    wardround: 'site/1',
    data: { query: "SELECT * FROM 'data/patients.csv'", units: { age: 'years', cholesterol: 'mg/dL' } },
  };
  writeFileSync(join(site.path, 'site.yaml'), stringify(config));
  const authority = await createTestAuthority();
  const { keyPem, chain, rootPem } = await authority.site('north');
  mkdirSync(join(site.path, 'identity'), { recursive: true });
  await createIdentityStore(join(site.path, 'identity')).create({
    site: 'north' as SiteName,
    address: 'localhost:7443',
    keyPem,
    certificateChainPem: chain,
    rootPem,
  });
  await site.install('heart-disease/1', 0.08, 1, -0.7);
  site.decide('heart-disease/1', 'accept');
  await site.install('heart-disease/2', 0.07, 0.9, -0.6);
  site.decide('heart-disease/2', 'accept');
  printed = [];
  vi.spyOn(console, 'log').mockImplementation((text: string) => {
    printed.push(text);
  });
  await wardround('approve', site.parts().registry.find('heart-disease/1' as never)?.plan ?? '');
  await site.days(10, 5);
  vi.setSystemTime(acceptedMs + 10 * dayMs);
  printed = [];
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  site.remove();
});

async function wardround(...args: string[]): Promise<void> {
  const program = new Command('wardround').exitOverride();
  register(program);
  await program.parseAsync(['site', ...args, '--dir', site.path], { from: 'user' });
}
async function json<Value>(...args: string[]): Promise<Value> {
  printed = [];
  await wardround(...args, '--json');
  return JSON.parse(printed.join('\n')) as Value;
}
async function text(...args: string[]): Promise<string> {
  printed = [];
  await wardround(...args);
  return printed.join('\n');
}

describe('watching from the terminal', () => {
  it('scores, says what it did, and says it once', async () => {
    expect(await text('score')).toContain('heart-disease/2: 50 scored now');
    const again = await json<{ models: { plans: { counts: { releases: object[] } }[] }[] }>('score');
    expect(again.models[0]?.plans[0]?.counts.releases).toMatchObject([
      { version: 'heart-disease/2', scored: 0 },
      { version: 'heart-disease/1', scored: 0 },
    ]);
    const file = join(site.path, 'new.csv');
    const fresh = patientsOn(acceptedMs + 9 * dayMs, 3, site.random, { unlabelled: true });
    writeFileSync(file, csvText(fresh.map((row, index) => ({ ...row, patient: `n${index}` }))));
    expect(await text('score', '--input', file)).toContain('heart-disease/2: 3 scored now');
    await expect(wardround('score', '--model', 'other')).rejects.toMatchObject({ code: 'unknown_model' });
  });

  it('names the rows of a file that were not scored or taken, the first of them, and how many more there are', async () => {
    await wardround('score');
    const errors: string[] = [];
    vi.spyOn(console, 'error').mockImplementation((text: string) => {
      errors.push(text);
    });
    const fresh = patientsOn(acceptedMs + 9 * dayMs, 30, site.random, { unlabelled: true });
    const rows = fresh.map((row, index): HeartRow => ({ ...row, patient: `n${index}`, age: index < 25 ? 400 : 50 }));
    const file = join(site.path, 'new.csv');
    writeFileSync(file, csvText(rows));
    expect(await text('score', '--input', file)).toContain('30 rows read, 25 with problems');
    expect(errors).toHaveLength(21);
    expect(errors[0]).toBe(`row 1, column age "400": outside the plan's range; not scored`);
    expect(errors[20]).toBe('... and 5 more problems');
    const whole = await json<{ models: { plans: { problems: { listed: object[] } }[] }[] }>('score', '--input', file);
    expect(whole.models[0]?.plans[0]?.problems.listed).toHaveLength(25);
    // What is stored of a pass names no row.
    const runs = site.store.all<{ counts: string }>('select counts from scoring_runs');
    expect(runs.length).toBeGreaterThan(1);
    for (const { counts } of runs) expect(counts).not.toContain('400');

    errors.length = 0;
    const outcomes = join(site.path, 'outcomes.csv');
    writeFileSync(
      outcomes,
      csvText(rows.map(({ patient, admitted }) => ({ patient, admitted, disease: 7 }) as HeartRow)),
    );
    await text('outcomes', '--input', outcomes);
    expect(errors[0]).toBe(`row 1, column disease "7": an outcome that is not one of the plan's; not taken`);
    expect(errors[20]).toBe('... and 10 more problems');
  });

  it('shows state, every signal with figure and bounds, the budget, and what each means', async () => {
    expect(await text('monitor')).toContain('none was scored yet');
    await wardround('score');
    const shown = await text('monitor');
    expect(shown).toContain('heart-disease/2: active since 2024-07-29 00:00:00 UTC');
    for (const signal of [
      'performance',
      'calibration',
      'window',
      'unlabelled',
      'inputs',
      'prior',
      'subgroup',
      'pipe',
      'time',
    ])
      expect(shown).toMatch(new RegExp(`^ {2}${signal}: .+ Now: (as it was accepted|not known yet)\\.$`, 'm'));
    expect(shown).toContain('against heart-disease/1');
    expect(shown).toContain('with a chance of at most 20% over 1000 patients (10 windows)');
    expect(shown).toContain('wait until the agent can send them: 1');
    const view = await json<{ models: { watched: { budget: Record<string, number> } }[] }>('monitor');
    const budget = Object.values(view.models[0]?.watched.budget ?? {});
    expect(budget.reduce((sum, share) => sum + share, 0)).toBeCloseTo(0.2, 12);
  });

  it('takes outcomes of a file', async () => {
    await wardround('score');
    const fresh = patientsOn(acceptedMs + 8 * dayMs, 3, site.random, { unlabelled: true });
    const named = fresh.map((row, index): HeartRow => ({ ...row, patient: `n${index}` }));
    const rows = join(site.path, 'new.csv');
    writeFileSync(rows, csvText(named));
    await wardround('score', '--input', rows);
    vi.setSystemTime(acceptedMs + 11 * dayMs);
    const file = join(site.path, 'outcomes.csv');
    writeFileSync(
      file,
      csvText(named.map(({ patient, admitted }) => ({ patient: patient ?? '', admitted: admitted ?? '', disease: 1 }))),
    );
    expect(await json('outcomes', '--input', file)).toMatchObject({ rowsRead: 3, counts: { added: 3, unknown: 0 } });
    expect(await text('outcomes', '--input', file)).toContain('0 outcomes taken, 3 were known');
    // Without a file the query is read, as scoring does.
    expect(await text('outcomes')).toContain('rows read');
  });

  it('names the file and the column that a file of outcomes lacks', async () => {
    const file = join(site.path, 'outcomes.csv');
    writeFileSync(file, 'patient\np1\n');
    await expect(wardround('outcomes', '--input', file)).rejects.toThrow(/--input .*outcomes\.csv: has no column/);
  });

  it('notes the use of a release that two people put in use, for the consortium, by role and at once', async () => {
    // Statements are signed: they are made while the certificate of the test authority is valid.
    vi.setSystemTime(acceptedMs + 3_600_000);
    await site.install('heart-disease/3', 0.07, 0.9, -0.6);
    site.decide('heart-disease/3', 'hold', Date.now());
    const by = (role: string, name: string) =>
      wardround('override', 'heart-disease/3', '--role', role, '--name', name, '--reason', 'Enough is known.');
    type Notices = { notices: { notice: { release: { version: string }; to: string; byRoles: string[] | null } }[] };
    await by('clinical lead', 'Ada Byron');
    const before = await json<Notices>('monitor');
    await by('data protection officer', 'Grace Murray');
    const { notices } = await json<Notices>('monitor');
    expect(notices).toHaveLength(before.notices.length + 1);
    expect(notices.at(-1)?.notice).toMatchObject({
      release: { version: 'heart-disease/3' },
      to: 'active',
      byRoles: ['clinical lead', 'data protection officer'],
    });
  });

  it('notes the refusal of a release on hold, so that the consortium does not see a hold for good', async () => {
    vi.setSystemTime(acceptedMs + 3_600_000);
    await site.install('heart-disease/3', 0.07, 0.9, -0.6);
    site.decide('heart-disease/3', 'hold', Date.now());
    await wardround('refuse', 'heart-disease/3', '--role', 'chief physician', '--name', 'Ada Byron', '--reason', 'No.');
    const { notices } = await json<{ notices: { notice: object }[] }>('monitor');
    expect(notices.at(-1)?.notice).toMatchObject({
      release: { version: 'heart-disease/3' },
      to: 'withdrawn',
      byRoles: ['chief physician'],
    });
    // What is in use stays so.
    expect((await json<{ releases: object[] }>('models')).releases).toContainEqual(
      expect.objectContaining({ version: 'heart-disease/2', slot: 'active' }),
    );
  });

  it('goes back to the version before, and then has nothing to go back to', async () => {
    await wardround('score');
    expect(await text('rollback', '--role', 'chief physician')).toBe(
      'heart-disease/1 is active again; heart-disease/2 is not used any more.',
    );
    const { models, notices } = await json<{ models: object[]; notices: { notice: object }[] }>('monitor');
    expect(models).toMatchObject([
      { version: 'heart-disease/1', state: 'active' },
      { version: 'heart-disease/2', state: 'rolled_back' },
    ]);
    expect(notices.at(-1)?.notice).toMatchObject({
      to: 'rolled_back',
      inUse: 'heart-disease/1',
      byRoles: ['chief physician'],
      signals: [],
    });
    await expect(wardround('rollback')).rejects.toMatchObject({ code: 'no_previous_model' });
  });

  it('withdraws a model: predict refuses and says why, and the next pass watches nothing', async () => {
    await wardround('score');
    expect(await text('withdraw')).toContain('heart-disease/2 is not used any more, and no other version');
    const refused = wardround('predict', '--input', 'rows.csv', '--output', 'out.csv');
    await expect(refused).rejects.toMatchObject({ code: 'no_active_model' });
    await expect(refused).rejects.toThrow('heart-disease/2 was withdrawn from use on 2024-07-29');
    expect(await text('score')).toContain('no version is in use');
    expect(await json('models')).toMatchObject({
      events: expect.arrayContaining([expect.objectContaining({ event: 'withdrawn' })]),
    });
    await expect(wardround('withdraw')).rejects.toMatchObject({ code: 'no_active_model' });
  });
});
