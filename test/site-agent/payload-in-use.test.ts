import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createIdentityStore } from '../../certs/identity-store.ts';
import { poolSummaries } from '../../shared/algorithms/federated-scaling.ts';
import { initialWeights } from '../../shared/graph/families.ts';
import type { LoadedPlan } from '../../shared/plan/load-plan.ts';
import { payloadShape } from '../../shared/plan/payload.ts';
import type { Digest, ReleaseVersion, RunId, SiteName } from '../../shared/runtime/ids.ts';
import { generateIcuCohort } from '../../simulations/cohorts/icu-series.ts';
import { generateImageCohort } from '../../simulations/cohorts/shape-images.ts';
import { keepRows, type SiteRows } from '../../simulations/cohorts/site-rows.ts';
import { planWith } from '../../simulations/plan-text.ts';
import { plainQuery, writePatients, writeSiteConfig } from '../../simulations/site-setup.ts';
import { createPlanBook } from '../../site-agent/agent/plans.ts';
import { openAgentStore } from '../../site-agent/agent/store.ts';
import { register } from '../../site-agent/cli/site.ts';
import { readSiteConfig } from '../../site-agent/config.ts';
import { readSiteData } from '../../site-agent/data/load-site-data.ts';
import { summarise } from '../../site-agent/data/site-summary.ts';
import type { SiteTable } from '../../site-agent/data/site-table.ts';
import { scoreRelease } from '../../site-agent/judging/score-rows.ts';
import { openScorer } from '../../site-agent/judging/scorer.ts';
import { installRelease } from '../../site-agent/models/model-files.ts';
import { createModelRegistry } from '../../site-agent/models/registry.ts';
import { designMatrix } from '../../site-agent/training/design-matrix.ts';
import { rawRows } from '../../site-agent/training/raw-rows.ts';
import { createTestAuthority } from '../support/authority.ts';
import { goodEvidence } from '../support/evidence.ts';
import { temporaryDirectory } from '../support/heart-site.ts';
import { goodJudgement } from '../support/judgements.ts';
import { packageOf } from '../support/judging.ts';
import { testSigner } from '../support/site-agent.ts';

const nowMs = Date.UTC(2025, 11, 1);
const cohort = { rows: 120, from: '2024-01-01', until: '2026-01-01' };
const forms = {
  'icu-mortality': (): SiteRows => generateIcuCohort(cohort, 2)[0] as SiteRows,
  'shape-images': (): SiteRows => generateImageCohort(cohort, 2)[0] as SiteRows,
};

let folder: ReturnType<typeof temporaryDirectory>;
let printed: string[];
beforeEach(() => {
  folder = temporaryDirectory();
  vi.useFakeTimers({ toFake: ['Date'], now: nowMs });
  printed = [];
  vi.spyOn(console, 'log').mockImplementation((text: string) => {
    printed.push(text);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  folder.remove();
});

async function wardround(...args: string[]): Promise<string> {
  printed = [];
  const program = new Command('wardround').exitOverride();
  register(program);
  await program.parseAsync(['site', ...args, '--dir', folder.path], { from: 'user' });
  return printed.join('\n');
}

/** A site with rows, a plan and an accepted release of it, whose network nobody trained. */
async function siteInUse(name: keyof typeof forms): Promise<{
  readonly plan: LoadedPlan;
  readonly rows: SiteRows;
  readonly table: SiteTable;
  readonly model: Uint8Array;
}> {
  const file = fileURLToPath(new URL(`../../simulations/scenarios/${name}.plan.yaml`, import.meta.url));
  // A monitor whose rate few simulations bound.
  const monitor = { falseAlarmRate: 0.2, lifetimePatients: 1000, windowPatients: 100 };
  const plan = planWith(file, { 'gate.monitor': monitor }).loaded;
  const rows = forms[name]();
  await writePatients(folder.path, rows);
  await writeSiteConfig(folder.path, plan.plan, { query: plainQuery, holdoutColumn: null, approval: 'manual' });
  const config = await readSiteConfig(folder.path, {});
  const data = await readSiteData(folder.path, config.data, plan.plan.data, Date.UTC(2026, 0, 1));
  const authority = await createTestAuthority();
  const { keyPem, chain, rootPem } = await authority.site('north');
  mkdirSync(join(folder.path, 'identity'));
  await createIdentityStore(join(folder.path, 'identity')).create({
    site: 'north' as SiteName,
    address: 'localhost:7443',
    keyPem,
    certificateChainPem: chain,
    rootPem,
  });
  const summary = summarise(data.table, data.trainingRows, plan.plan, plan.digest);
  const reference = poolSummaries(plan.plan, plan.digest, new Map([['north' as SiteName, summary]]));
  const version = `${plan.plan.name}/1` as ReleaseVersion;
  const release = packageOf(plan.plan, reference, initialWeights(plan.plan), version);
  const store = openAgentStore(folder.path);
  try {
    const plans = createPlanBook({
      store,
      directory: folder.path,
      site: 'north' as SiteName,
      config,
      signer: testSigner(),
    });
    plans.remember(`${plan.plan.name}-1` as RunId, plan, nowMs);
    const manifest = JSON.parse(Buffer.from(release.manifest).toString('utf8')) as {
      files: { name: string; digest: Digest; bytes: number }[];
    };
    const path = (digest: Digest): string => join(folder.path, `${digest}.object`);
    for (const { name: part, digest } of manifest.files)
      writeFileSync(path(digest), release.files.get(part) as Uint8Array);
    mkdirSync(join(folder.path, 'models'));
    await installRelease(folder.path, release.ref.digest, release.manifest, manifest, path);
    const registry = createModelRegistry(store);
    registry.receive({ ...release.ref, plan: plan.digest }, nowMs);
    const sample = goodJudgement();
    const evidence = goodEvidence({
      plan: plan.digest,
      release: { version, digest: release.ref.digest },
      current: null,
      judgedAt: new Date(nowMs).toISOString(),
    });
    const decision = { ...sample.decision, decision: 'accept', update: null, revalidateDays: 90 } as const;
    registry.decide(version, { ...sample, decision, evidence }, nowMs);
  } finally {
    store.close();
  }
  await wardround('approve', plan.digest);
  // What the gate would score, through the package, is what the file itself gives.
  const all = Uint8Array.from({ length: data.table.rows });
  const scores = await scoreRelease(
    release,
    plan.plan,
    data.table,
    Uint32Array.from(all, (_, row) => row),
  );
  expect(scores.problems).toEqual([]);
  const matrix = designMatrix(data.table, plan.plan, reference, data.trainingRows);
  expect(matrix.payload?.shape).toEqual(payloadShape(plan.plan.data.payload as never));
  return { plan, rows, table: data.table, model: release.files.get('model.onnx') as Uint8Array };
}

describe.each(Object.keys(forms) as (keyof typeof forms)[])('%s in use at a hospital', (name) => {
  it('predicts a file, scores the query and new files, and is watched', async () => {
    const { rows, table, model } = await siteInUse(name);
    const scorer = await openScorer(model);
    const direct = await scorer.score(rawRows(table));
    const backwards = Uint32Array.from({ length: table.rows }, (_, row) => table.rows - 1 - row);
    const reversed = await scorer.score(rawRows(table, backwards));
    await scorer.dispose();
    expect(new Set(direct).size).toBeGreaterThan(table.rows / 2);
    expect([...reversed].reverse()).toEqual([...direct]);

    const data = (part: string): string => join(folder.path, 'data', part);
    const beside = name === 'icu-mortality' ? ['--series', data('measurements.csv')] : ['--images', data('images')];
    const out = data('scores.csv');
    await wardround('predict', '--input', data('patients.csv'), ...beside, '--output', out);
    const lines = readFileSync(out, 'utf8').trim().split('\n').slice(1);
    expect(lines.map((line) => line.split(',')[0])).toEqual(table.patientKeys);
    expect(lines.map((line) => Number(line.split(',')[2]))).toEqual([...direct]);

    // The first pass takes those that judged the release as what it is watched against.
    const later = [...table.times].filter((time) => time >= Date.UTC(2025, 0, 1) && time <= nowMs).length;
    expect(await wardround('score')).toContain(`${name}/1: 0 scored now, ${later} scored before`);
    const admitted = rows.header.indexOf('admitted');
    const somebody = (rows.rows[0] as string[]).map((cell, column) =>
      column === 0 ? 'somebody' : column === admitted ? '2025-11-30' : cell,
    );
    const others = rows.rows.slice(1);
    await writePatients(folder.path, { ...rows, rows: [...others, somebody] });
    expect(await wardround('score')).toContain(`${name}/1: 1 scored now, ${later} scored before`);
    const fresh = keepRows(rows, (row) => row[0] === rows.rows[0]?.[0]);
    const elsewhere = join(folder.path, 'new');
    await writePatients(elsewhere, {
      ...fresh,
      rows: fresh.rows.map((row) => row.map((cell, at) => (at === 0 ? 'somebody-else' : cell))),
    });
    const more =
      name === 'icu-mortality'
        ? ['--series', join(elsewhere, 'data', 'measurements.csv')]
        : ['--images', join(elsewhere, 'data', 'images')];
    const input = ['--input', join(elsewhere, 'data', 'patients.csv')];
    expect(await wardround('score', ...input, ...more)).toContain(`${name}/1: 1 scored now`);
    expect(await wardround('monitor')).toContain(`${name}/1: active since`);
  });
});
