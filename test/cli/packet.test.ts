import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createIdentityStore } from '../../certs/identity-store.ts';
import { run } from '../../cli/program.ts';
import type { Judgement } from '../../shared/plan/judgement.ts';
import { evidenceFileOf } from '../../shared/report/evidence-file.ts';
import type { Digest, ReleaseVersion, RunId, SiteName } from '../../shared/runtime/ids.ts';
import { createPlanBook } from '../../site-agent/agent/plans.ts';
import { certificateSigner } from '../../site-agent/agent/signer.ts';
import { openAgentStore } from '../../site-agent/agent/store.ts';
import { keepEvidence } from '../../site-agent/models/evidence-files.ts';
import { createModelRegistry } from '../../site-agent/models/registry.ts';
import { createTestAuthority } from '../support/authority.ts';
import { temporaryDirectory } from '../support/heart-site.ts';
import { packetEvidence, packetJudgement, packetPlan } from '../support/packet.ts';

const north = 'north' as SiteName;
const version = 'heart-disease/2' as ReleaseVersion;
const digest = 'b'.repeat(64) as Digest;
const judgedMs = Date.parse('2024-12-31T00:00:00.000Z');

let folder: ReturnType<typeof temporaryDirectory>;
let site: string;
let printed: string[];
let complaints: string[];
beforeEach(() => {
  folder = temporaryDirectory();
  site = join(folder.path, 'north');
  printed = [];
  complaints = [];
  vi.spyOn(console, 'log').mockImplementation((text: string) => {
    printed.push(text);
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    complaints.push(String(text));
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  folder.remove();
});

/** A site whose plan is approved and that holds one release, judged or not. */
async function siteWith(judgement: Judgement | null, options: { readonly keep?: boolean } = {}): Promise<void> {
  mkdirSync(join(site, 'identity'), { recursive: true });
  writeFileSync(join(site, 'site.yaml'), 'wardround: site/1\ndata: { query: SELECT 1, units: {} }\n');
  const { keyPem, chain, rootPem } = await (await createTestAuthority()).site('north');
  const identities = createIdentityStore(join(site, 'identity'));
  await identities.create({ site: north, address: 'localhost:7443', keyPem, certificateChainPem: chain, rootPem });
  const identity = await identities.read();
  const store = openAgentStore(site);
  const plans = createPlanBook({
    store,
    directory: site,
    site: north,
    config: {},
    signer: certificateSigner(north, () => identity),
  });
  plans.remember('heart-disease-2' as RunId, packetPlan, 1000);
  plans.approve(packetPlan.digest, 'manual', Date.now());
  const registry = createModelRegistry(store);
  registry.receive({ version, digest, plan: packetPlan.digest }, 2000);
  if (judgement !== null) {
    registry.decide(version, judgement, judgedMs);
    if (options.keep !== false) await keepEvidence(site, judgement, packetPlan.plan.gate);
  }
  store.close();
}

const held = packetJudgement(packetEvidence({ events: 12, rows: 280 }));

describe('site report', () => {
  it('writes the last judgement as one page, readable by its owner alone', async () => {
    await siteWith(held);
    expect(await run(['site', 'report', '--dir', site, '--json'])).toBe(0);
    const { release, decision, file } = JSON.parse(printed.join('\n')) as Record<string, string>;
    expect({ release, decision }).toEqual({ release: version, decision: 'hold' });
    expect(file).toBe(join(site, 'reports', readdirSync(join(site, 'reports'))[0] ?? ''));
    expect(statSync(file as string).mode & 0o777).toBe(0o600);
    const page = readFileSync(file as string, 'utf8');
    expect(page).toContain('<p class="word">On hold</p>');
    expect(page).not.toContain('is not the one that decided');
    expect(JSON.parse(evidenceFileOf(page) ?? '{}').decision).toEqual(held.decision);
  });

  it('replays from the page it wrote', async () => {
    await siteWith(held);
    const out = join(folder.path, 'report.html');
    expect(await run(['site', 'report', version, '--dir', site, '--out', out])).toBe(0);
    expect(await run(['judge', 'replay', out])).toBe(0);
    expect(printed.join('\n')).toContain('byte for byte: hold');
  });

  it('says what people decided about that judgement', async () => {
    await siteWith(held);
    const statement = ['--role', 'clinical lead', '--name', 'Ada Lee', '--reason', 'too early', '--dir', site];
    vi.spyOn(Date, 'now').mockReturnValue(judgedMs + 86_400_000);
    expect(await run(['site', 'override', version, ...statement])).toBe(0);
    const out = join(folder.path, 'report.html');
    expect(await run(['site', 'report', '--dir', site, '--out', out])).toBe(0);
    const page = readFileSync(out, 'utf8');
    expect(page).toContain('Ada Lee (clinical lead)');
    expect(page).toContain('too early');
  });

  it('falls back on the policy signed with the approval where no evidence file is kept', async () => {
    await siteWith(held, { keep: false });
    const out = join(folder.path, 'report.html');
    expect(await run(['site', 'report', '--dir', site, '--out', out])).toBe(0);
    expect(readFileSync(out, 'utf8')).not.toContain('is not the one that decided');
  });

  it('refuses what was not judged', async () => {
    await siteWith(null);
    expect(await run(['site', 'report', '--dir', site])).not.toBe(0);
    expect(complaints.join('')).toContain('agent.unknown_model');
    expect(await run(['site', 'report', version, '--dir', site])).not.toBe(0);
    expect(complaints.join('')).toContain('has not been judged yet');
  });
});

describe('packet', () => {
  it('is written whole from a hospital alone, and its judgements replay', async () => {
    await siteWith(held);
    const out = join(folder.path, 'packet');
    expect(await run(['packet', '--dir', site, '--out', out, '--json'])).toBe(0);
    const told = JSON.parse(printed.join('\n')) as {
      files: readonly string[];
      open: number;
      release: { version: string };
    };
    expect(told.release.version).toBe(version);
    expect(told.open).toBeGreaterThan(20);
    for (const file of told.files) expect(statSync(join(out, file)).mode & 0o777).toBe(0o600);
    const [evidence] = readdirSync(join(out, 'judgements'));
    expect(await run(['judge', 'replay', join(out, 'judgements', evidence ?? '')])).toBe(0);
    expect(readdirSync(folder.path).sort()).toEqual(['north', 'packet']);
    const plan = readFileSync(join(out, 'change-plan.html'), 'utf8');
    expect(plan).toContain('hold');
    expect(plan).toContain('signed by north on');
  });

  it('fills an empty directory, and leaves one with files as it is', async () => {
    await siteWith(held);
    const out = join(folder.path, 'packet');
    mkdirSync(out);
    expect(await run(['packet', '--dir', site, '--out', out])).toBe(0);
    const before = readdirSync(out);
    expect(await run(['packet', '--dir', site, '--out', out])).toBe(2);
    expect(complaints.join('')).toContain('packet.not_empty');
    expect(readdirSync(out)).toEqual(before);
  });

  it('has a judgement whose hold time ended, though no file of it was kept', async () => {
    await siteWith(held, { keep: false });
    const out = join(folder.path, 'packet');
    expect(await run(['packet', '--dir', site, '--out', out])).toBe(0);
    expect(readdirSync(join(out, 'judgements'))).toHaveLength(1);
  });

  it.each([
    ['packet.no_source', []],
    ['packet.no_release', ['--dir', 'SITE', '--release', 'heart-disease/9']],
    ['identity_missing', ['--consortium', 'SITE']],
  ])('refuses with %s', async (code, options) => {
    await siteWith(held);
    const args = options.map((option) => (option === 'SITE' ? site : option));
    const out = join(folder.path, 'packet');
    expect(await run(['packet', ...args, '--out', out])).not.toBe(0);
    expect(complaints.join('')).toContain(code);
    expect(readdirSync(folder.path)).toEqual(['north']);
  });

  it('says so when a directory cannot be made', async () => {
    await siteWith(held);
    const file = join(folder.path, 'file');
    writeFileSync(file, '');
    expect(await run(['packet', '--dir', site, '--out', join(file, 'packet')])).toBe(2);
    expect(complaints.join('')).toContain('packet.not_writable');
  });
});
