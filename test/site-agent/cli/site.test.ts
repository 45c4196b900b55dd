import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import { createIdentityStore } from '../../../certs/identity-store.ts';
import { loadPlan } from '../../../shared/plan/load-plan.ts';
import { canonicalJson } from '../../../shared/runtime/canonical.ts';
import { digestOf } from '../../../shared/runtime/digest.ts';
import type { RunId, SiteName } from '../../../shared/runtime/ids.ts';
import { createPlanBook } from '../../../site-agent/agent/plans.ts';
import { openAgentStore } from '../../../site-agent/agent/store.ts';
import { register } from '../../../site-agent/cli/site.ts';
import { createLedger } from '../../../site-agent/egress/ledger.ts';
import { createTestAuthority } from '../../support/authority.ts';
import { type HeartRow, heartRows, heartUnits, temporaryDirectory, writeHeartSite } from '../../support/heart-site.ts';
import { heartPlan } from '../../support/plans.ts';
import { testSigner } from '../../support/site-agent.ts';

let folder: ReturnType<typeof temporaryDirectory>;
let printed: string[];
beforeEach(() => {
  folder = temporaryDirectory();
  printed = [];
  vi.spyOn(console, 'log').mockImplementation((text: string) => {
    printed.push(text);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
  folder.remove();
});

const plan = loadPlan(canonicalJson(heartPlan()), 'plan');

function writeSite(rows: readonly HeartRow[] = heartRows(200), data: object = {}): void {
  writeHeartSite(folder.path, rows);
  const settings = { query: "SELECT * FROM 'data/patients.csv'", units: { ...heartUnits }, ...data };
  writeFileSync(join(folder.path, 'site.yaml'), stringify({ wardround: 'site/1', data: settings }));
  writeFileSync(join(folder.path, 'plan.json'), plan.canonical);
}

async function enrolled(): Promise<void> {
  const authority = await createTestAuthority();
  const { keyPem, chain, rootPem } = await authority.site('north');
  mkdirSync(join(folder.path, 'identity'), { recursive: true });
  await createIdentityStore(join(folder.path, 'identity')).create({
    site: 'north' as SiteName,
    address: 'localhost:7443',
    keyPem,
    certificateChainPem: chain,
    rootPem,
  });
}

function planArrives(arriving = plan): void {
  const store = openAgentStore(folder.path);
  createPlanBook({
    store,
    directory: folder.path,
    site: 'north' as SiteName,
    config: {},
    signer: testSigner(),
  }).remember('heart-disease-1' as RunId, arriving, 1000);
  store.close();
}

async function wardround(...args: string[]): Promise<void> {
  const program = new Command('wardround').exitOverride();
  register(program);
  await program.parseAsync(['site', ...args, '--dir', folder.path], { from: 'user' });
}
const json = <Value>(): Value => JSON.parse(printed.join('\n')) as Value;

describe('site check', () => {
  it('prints the figures and ends well', async () => {
    writeSite();
    await wardround('check', '--plan', join(folder.path, 'plan.json'));
    const text = printed.join('\n');
    expect(text).toContain('200 rows read, 200 sound');
    expect(text).toContain('Nothing was sent.');
    expect(process.exitCode).toBeUndefined();
  });

  it('--json holds the problems up to the limit; the exit code says that the plan would be refused', async () => {
    writeSite(heartRows(200).map((row, index) => (index < 30 ? { ...row, age: 'x' } : row)));
    await wardround('check', '--plan', join(folder.path, 'plan.json'), '--json', '--limit', '3');
    const report = json<{
      problems: { rows: number; listed: unknown[]; unlisted: number };
      refusal: { code: string };
    }>();
    expect(report.problems).toMatchObject({ rows: 30, unlisted: 27 });
    expect(report.problems.listed[0]).toEqual({ row: 1, column: 'age', rule: 'text_in_number', value: 'x' });
    expect(report.refusal.code).toBe('data.too_many_problems');
    expect(process.exitCode).toBe(2);
  });

  it('--json also for what keeps the rows from being read', async () => {
    writeSite(heartRows(20), { units: {} });
    await wardround('check', '--plan', join(folder.path, 'plan.json'), '--json');
    const report = json<{ refusal: { code: string; message: string } }>();
    expect(report.refusal.code).toBe('data.unit_missing');
    expect(report.refusal.message).toContain('cholesterol in mg/dL');
    expect(process.exitCode).toBe(2);
  });

  it("names a policy that could not be signed: absent, or looser than the plan's", async () => {
    writeSite();
    const settings = parse(readFileSync(join(folder.path, 'site.yaml'), 'utf8')) as object;
    writeFileSync(join(folder.path, 'site.yaml'), stringify({ ...settings, policyFile: 'policy.yaml' }));
    const check = () => wardround('check', '--plan', join(folder.path, 'plan.json'));
    await expect(check()).rejects.toMatchObject({ subsystem: 'config', code: 'not_found' });
    const gate = structuredClone(plan.plan.gate);
    writeFileSync(join(folder.path, 'policy.yaml'), stringify({ ...gate, holdDays: gate.holdDays + 1 }));
    await expect(check()).rejects.toMatchObject({ code: 'policy_looser' });
    writeFileSync(join(folder.path, 'policy.yaml'), stringify({ ...gate, holdDays: 1 }));
    await check();
    expect(printed.at(-1)).toContain('Nothing was sent.');
  });

  it('says whether an engine that is named starts, and ends with 2 where it does not', async () => {
    writeSite();
    const file = join(folder.path, 'site.yaml');
    const settings = parse(readFileSync(file, 'utf8')) as object;
    const engine = (name: string): void =>
      writeFileSync(file, stringify({ ...settings, engine: name, engineDirectory: 'engines' }));
    const check = (...more: string[]) => wardround('check', '--plan', join(folder.path, 'plan.json'), ...more);
    engine('tfjs-cpu');
    await check();
    expect(printed[0]).toMatch(/^Engine tfjs-cpu starts: tensorflow\.js [\d.]+ cpu\./);
    expect(process.exitCode).toBeUndefined();
    printed.length = 0;
    engine('tfjs-node');
    await check();
    expect(printed[0]).toMatch(
      /^The engine that site\.yaml names, tfjs-node, does not start, .*training\.engine_missing.*not installed/,
    );
    expect(printed.join('\n')).toContain('200 rows read');
    expect(process.exitCode).toBe(2);
    printed.length = 0;
    await check('--json');
    expect(json()).toMatchObject({
      engine: { name: 'tfjs-node', runsOn: null, refusal: { code: 'training.engine_missing' } },
      rowsRead: 200,
    });
  });

  it('takes the digest of a plan that has reached the site', async () => {
    writeSite();
    await enrolled();
    planArrives();
    await wardround('check', '--plan', plan.digest.slice(0, 10), '--json');
    expect(json<{ plan: string }>().plan).toBe(plan.digest);
    await expect(wardround('check', '--plan', 'absent.yaml')).rejects.toMatchObject({ code: 'unknown_plan' });
  });
});

describe('the other commands', () => {
  it('plans and approve', async () => {
    writeSite();
    await enrolled();
    planArrives();
    await wardround('plans', '--json');
    expect(json()).toMatchObject([{ digest: plan.digest, runs: ['heart-disease-1'], approval: null }]);
    printed.length = 0;
    await wardround('plans');
    expect(printed.join('\n')).toContain(`wardround site plans ${plan.digest.slice(0, 12)}`);
    printed.length = 0;
    // What a hospital reads before it approves: the whole plan, or what it asks for.
    await wardround('plans', plan.digest.slice(0, 12), '--json');
    expect(digestOf(canonicalJson(json()))).toBe(plan.digest);
    printed.length = 0;
    await wardround('plans', 'heart-disease-1');
    for (const line of [/^digest +[0-9a-f]{64}$/m, /^reads +features \[\d+\]: age, /m, /^training +/m, /^gate +/m]) {
      expect(printed.join('\n')).toMatch(line);
    }
    printed.length = 0;
    await expect(wardround('plans', 'ffffffff')).rejects.toMatchObject({ code: 'unknown_plan' });
    await wardround('approve', plan.digest.slice(0, 8), '--json');
    expect(json()).toMatchObject({ plan: plan.digest, site: 'north', mode: 'manual', policySource: 'plan' });
    printed.length = 0;
    await wardround('plans');
    expect(printed.join('\n')).toContain("the plan's");
    await expect(wardround('approve', 'ffffffff')).rejects.toMatchObject({ code: 'unknown_plan' });
  });

  it('plans, whatever a purpose says', async () => {
    writeSite();
    await enrolled();
    const purpose = 'To learn.\n  approve it: wardround site approve 00000000\nNothing else.';
    const hostile = loadPlan(canonicalJson({ ...heartPlan(), purpose }), 'plan');
    planArrives(hostile);
    await wardround('plans');
    await wardround('check', '--plan', hostile.digest.slice(0, 10));
    const lines = printed.join('\n').split('\n');
    expect(lines.filter((line) => line.trim().startsWith('approve it:'))).toEqual([
      `  approve it: wardround site approve ${hostile.digest.slice(0, 12)}`,
    ]);
  });

  it('ledger, as a table and as JSON', async () => {
    writeSite();
    const store = openAgentStore(folder.path);
    const ledger = createLedger(store);
    const sequence = ledger.open({
      startedMs: Date.UTC(2025, 2, 1, 10, 15),
      what: 'delta',
      recipient: 'localhost:7443',
      task: 'heart-disease-1.r1.a1.north',
      run: 'heart-disease-1',
      round: 1,
      digest: 'ab'.repeat(32),
      bytes: 220,
    });
    ledger.close(sequence, Date.UTC(2025, 2, 1, 10, 15, 1), 220, 'sent', null);
    store.close();
    await wardround('ledger');
    expect(printed.join('\n')).toContain('2025-03-01 10:15:00');
    expect(printed.join('\n')).toContain('1 entries, 220 bytes in all');
    printed.length = 0;
    await wardround('ledger', '--json');
    expect(json()).toMatchObject([{ sequence: 1, bytesSent: 220, outcome: 'sent', recipient: 'localhost:7443' }]);
    await expect(wardround('ledger', '--task', 'absent')).rejects.toMatchObject({ code: 'unknown_task' });
  });

  it('models and rollback of a site without any', async () => {
    writeSite();
    await wardround('models', '--json');
    expect(json()).toEqual({ releases: [], events: [] });
    await expect(wardround('rollback')).rejects.toMatchObject({ code: 'unknown_model' });
  });

  it('leave a directory that is no site as it is', async () => {
    const { readdirSync } = await import('node:fs');
    await expect(wardround('ledger')).rejects.toMatchObject({ code: 'not_found' });
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('start says that the agent runs, and that it has stopped', async () => {
    writeSite();
    const settings = parse(readFileSync(join(folder.path, 'site.yaml'), 'utf8')) as object;
    writeFileSync(join(folder.path, 'site.yaml'), stringify({ ...settings, logLevel: 'error' }));
    await enrolled();
    const interrupt = setInterval(() => {
      if (process.listenerCount('SIGINT') > 0) process.emit('SIGINT');
    }, 20);
    try {
      await wardround('start');
    } finally {
      clearInterval(interrupt);
    }
    expect(printed).toEqual([
      `Agent of ${folder.path} starts; Ctrl-C stops it.`,
      `Agent of ${folder.path} has stopped.`,
    ]);
  });

  it('predict says when no release is active, and start when the site is not enrolled', async () => {
    writeSite();
    await expect(wardround('start')).rejects.toMatchObject({ code: 'identity_missing' });
    await enrolled();
    await expect(wardround('predict', '--input', 'a.csv', '--output', 'b.csv')).rejects.toMatchObject({
      code: 'unknown_model',
    });
  });
});
