import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodedFeatures } from '../../../shared/graph/encoding.ts';
import { modelTensors } from '../../../shared/graph/families.ts';
import type { Judgement } from '../../../shared/plan/judgement.ts';
import { judgementSchema } from '../../../shared/plan/judgement-schema.ts';
import { loadPlan } from '../../../shared/plan/load-plan.ts';
import type { Policy } from '../../../shared/plan/policy.ts';
import { canonicalJson } from '../../../shared/runtime/canonical.ts';
import type { Digest, ReleaseVersion, SiteName } from '../../../shared/runtime/ids.ts';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import { randomStream } from '../../../shared/runtime/random.ts';
import { applyRecalibration } from '../../../shared/statistics/recalibration.ts';
import type { Recalibration } from '../../../shared/statistics/recalibration-kinds.ts';
import type { JudgeOffer } from '../../../shared/wire/messages.ts';
import { installedPackage, type JudgingParts, judgeHere, packageInUse } from '../../../site-agent/agent/judge-here.ts';
import { carryOutJudging } from '../../../site-agent/agent/judge-task.ts';
import { certificateSigner, type SiteSigner } from '../../../site-agent/agent/signer.ts';
import { type AgentStore, openAgentStore } from '../../../site-agent/agent/store.ts';
import type { TaskParts } from '../../../site-agent/agent/task-parts.ts';
import { predictFile } from '../../../site-agent/data/predict.ts';
import { decide } from '../../../site-agent/judging/decide.ts';
import { packageProblems, type ReleasePackage } from '../../../site-agent/judging/release-package.ts';
import { openScorer } from '../../../site-agent/judging/scorer.ts';
import { installRelease, readModel, releaseFolder } from '../../../site-agent/models/model-files.ts';
import { createModelRegistry, type ModelRegistry } from '../../../site-agent/models/registry.ts';
import { createTestAuthority, type TestAuthority } from '../../support/authority.ts';
import { manualClock } from '../../support/clock.ts';
import { policyOf } from '../../support/evidence.ts';
import { csvText, type HeartRow, heartRows, temporaryDirectory, writeHeartSite } from '../../support/heart-site.ts';
import { packageOf } from '../../support/judging.ts';
import { heartPlan } from '../../support/plans.ts';
import { preprocessingFor } from '../../support/preprocessing.ts';

const never = new AbortController().signal;
const plan = heartPlan();
const loaded = loadPlan(canonicalJson(plan), 'plan.json');
const nowMs = Date.parse('2025-01-15T00:00:00Z');
const policy: Policy = policyOf({
  update: { allowed: ['intercept', 'logistic'] },
  missingness: { maximumRate: 0.2 },
});

/** The log odds `heartRows` draws outcomes by, as a released model; `slope` and `more` make it wrong. */
function releaseOf(version: string, slope = 1, more = 0): ReleasePackage {
  const preprocessing = preprocessingFor(plan, {
    age: [55, 10],
    resting_pressure: [130, 15],
    cholesterol: [245, 40],
    maximum_rate: [150, 20],
    st_depression: [0, 1],
  });
  const coefficients: Readonly<Record<string, number>> = {
    age: 0.5,
    'sex=male': 1,
    'chest_pain=typical': -1.5,
    'chest_pain=atypical': -1.5,
    'chest_pain=non_anginal': -1.5,
    st_depression: 1,
  };
  const features = encodedFeatures(plan);
  const weights = new Map(
    modelTensors(plan).map(({ name, shape }) => [
      name,
      {
        shape,
        data: name.endsWith('bias')
          ? Float32Array.of(0.5 * slope + more)
          : Float32Array.from(features, (feature) => (coefficients[feature] ?? 0) * slope),
      },
    ]),
  );
  return packageOf(plan, preprocessing, weights, version);
}

/** Half of the patients before the cut-off; after it the outcome is rarer by 1.4 in log odds. */
function patients(count: number, fallsAgain = '9999-01-01'): HeartRow[] {
  const stream = randomStream(4, 'rarer');
  return heartRows(count, 9).map((row) => {
    if ((row.admitted as string) < '2024-01-01') return row;
    const score =
      ((row.admitted as string) < fallsAgain ? -2.4 : -0.4) +
      0.05 * ((row.age as number) - 55) +
      (row.sex === 'male' ? 1 : 0) +
      (row.chest_pain === 'asymptomatic' ? 1.5 : 0) +
      (row.st_depression as number);
    return { ...row, disease: stream.uniform() < 1 / (1 + Math.exp(-score)) ? 1 : 0 };
  });
}

let authority: TestAuthority;
let signer: SiteSigner;
let stranger: SiteSigner;
let folder: ReturnType<typeof temporaryDirectory>;
let store: AgentStore;
let registry: ModelRegistry;
let parts: JudgingParts;
const rows = patients(1800);
/** A site where the release was received and judged, and nothing decided yet: copied for each test. */
let judged: ReturnType<typeof temporaryDirectory>;
let verdict: Judgement;

async function signerOf(name: string): Promise<SiteSigner> {
  const { keyPem, chain, rootPem } = await authority.site(name);
  return certificateSigner(name as SiteName, () => ({ keyPem, certificateChainPem: [...chain], rootPem }));
}

beforeAll(async () => {
  authority = await createTestAuthority({ clock: manualClock(nowMs) });
  signer = await signerOf('north');
  stranger = await signerOf('south');
  judged = temporaryDirectory();
  folder = judged;
  writeHeartSite(folder.path, rows);
  open();
  await receive(release);
  verdict = await judge(release);
  store.close();
});
afterAll(() => judged.remove());
beforeEach(() => {
  folder = temporaryDirectory();
  cpSync(judged.path, folder.path, { recursive: true });
  open();
});
afterEach(() => {
  store.close();
  folder.remove();
});

/** Opens the state of the site in `folder`, as a process does that starts there. */
function open(): void {
  store = openAgentStore(folder.path);
  registry = createModelRegistry(store);
  parts = {
    directory: folder.path,
    site: 'north' as SiteName,
    config: writeHeartSite(folder.path, rows),
    store,
    registry,
    signer,
    log: silentLogger,
    plans: { load: () => loaded } as unknown as JudgingParts['plans'],
    clock: authority.clock,
  };
}

/** The decision on the release is carried out. */
function carryOut(): Judgement {
  store.transaction(() => registry.decide(release.ref.version, verdict, nowMs));
  return verdict;
}

async function receive(release: ReleasePackage): Promise<void> {
  const objects = join(folder.path, 'incoming');
  mkdirSync(objects, { recursive: true });
  const { files } = JSON.parse(Buffer.from(release.manifest).toString()) as {
    files: { name: string; digest: Digest; bytes: number }[];
  };
  for (const { name, digest } of files) writeFileSync(join(objects, digest), release.files.get(name) as Uint8Array);
  await installRelease(folder.path, release.ref.digest, release.manifest, { files }, (digest) => join(objects, digest));
  registry.receive({ ...release.ref, plan: loaded.digest }, nowMs);
}

async function judge(release: ReleasePackage): Promise<Judgement> {
  const current = await packageInUse(parts, release.ref.version);
  return judgeHere(parts, { plan: loaded, policy, release, current }, never);
}

const release = releaseOf('heart-disease/2');
const variant = 'heart-disease/2+1' as ReleaseVersion;

describe('a release that fits only with a local update', () => {
  it('is accepted as a variant of its own, signed, with its lineage', async () => {
    const judgement = carryOut();
    const { decision, evidence } = judgement;
    expect(decision).toMatchObject({ decision: 'accept', update: 'intercept' });
    expect(decision.reasons[0]?.code).toBe('passed.with_update');
    expect(judgementSchema.parse(JSON.parse(JSON.stringify(judgement)))).toEqual(judgement);
    expect(decide(policy, judgement.package, JSON.parse(canonicalJson(evidence)))).toEqual(decision);

    const active = registry.inSlot('heart-disease', 'active');
    expect(active).toMatchObject({
      version: variant,
      parent: 'heart-disease/2',
      step: 'intercept',
      decision: 'accept',
    });
    expect(active?.digest).toBe(evidence.update?.variant?.digest);
    expect(registry.inSlot('heart-disease', 'candidate')).toBeNull();
    expect(registry.find(release.ref.version)).toMatchObject({ slot: null, decision: 'accept', parent: null });
    expect(registry.events().map(({ event, version }) => [event, version])).toEqual([
      ['received', 'heart-disease/2'],
      ['accepted', variant],
    ]);
    expect(registry.judgementOf(variant)).toEqual(judgement);
    expect(registry.nextVariant(release.ref.version)).toBe('heart-disease/2+2');

    const own = await installedPackage(parts, active as NonNullable<typeof active>);
    expect(packageProblems(own, loaded.digest)).toEqual([]);
    expect(own.updatedUntil).toBe(evidence.update?.judgedFrom);
    const card = JSON.parse(Buffer.from(own.files.get('card.json') ?? []).toString()) as Record<string, unknown>;
    expect(card).toMatchObject({
      wardround: 'variant-card/1',
      version: variant,
      parent: release.ref,
      step: 'intercept',
      site: 'north',
      plan: loaded.digest,
      trainingCutoff: '2024-01-01',
      updateRows: evidence.update?.updateRows,
    });
    expect(card.updatedFrom).toBe('2024-01-01T00:00:00.000Z');
    // A coordinator's release may never be one: its version has no counter behind it.
    const posing = { ...own, ref: { ...own.ref, version: 'heart-disease/3' as ReleaseVersion } };
    expect(packageProblems(posing, loaded.digest)).toEqual(['the manifest is not of the form release/1']);
  });

  it('predicts with the updated risk', async () => {
    carryOut();
    const files = await readModel(
      folder.path,
      registry.inSlot('heart-disease', 'active') as { version: ReleaseVersion; digest: Digest },
      signer,
    );
    const risks = async (model: Uint8Array | undefined, name: string): Promise<number[]> => {
      writeFileSync(join(folder.path, 'in.csv'), csvText(rows.slice(0, 50)));
      const scorer = await openScorer(model as Uint8Array);
      try {
        await predictFile({ plan, scorer }, { input: join(folder.path, 'in.csv'), output: join(folder.path, name) });
      } finally {
        await scorer.dispose();
      }
      const text = readFileSync(join(folder.path, name), 'utf8');
      return (JSON.parse(text) as { probability: number }[]).map(({ probability }) => probability);
    };
    const before = await risks(release.files.get('model.onnx'), 'release.json');
    const after = await risks(files.files.get('model.onnx'), 'variant.json');
    const { parameters } = JSON.parse(Buffer.from(files.files.get('card.json') ?? []).toString()) as {
      parameters: Recalibration;
    };
    const expected = applyRecalibration(parameters, before);
    expect(before.length).toBe(50);
    for (const [row, risk] of after.entries()) {
      expect(Math.abs(risk - (expected[row] as number))).toBeLessThan(1e-6);
      expect(risk).toBeLessThan(before[row] as number);
    }
  });

  it('is judged against, and its update rows judge nobody again', async () => {
    const first = carryOut();
    const repaired = releaseOf('heart-disease/3', 1, -1.4);
    await receive(repaired);
    const next = await judge(repaired);
    store.transaction(() => registry.decide(repaired.ref.version, next, nowMs));
    expect(next.evidence.current).toEqual(first.evidence.update?.variant);
    expect(next.evidence.judgedFrom).toBe(first.evidence.update?.judgedFrom);
    expect(next.evidence.rows).toBe(first.evidence.update?.rows);
    expect(next.evidence.excluded.before_cutoff).toBe(
      (first.evidence.excluded.before_cutoff ?? 0) + (first.evidence.update?.updateRows ?? 0),
    );
    expect(next.evidence.auroc.current.value).not.toBeNull();
    expect(next.decision).toMatchObject({ decision: 'accept', update: null });
    expect(registry.inSlot('heart-disease', 'active')?.version).toBe('heart-disease/3');
    expect(registry.inSlot('heart-disease', 'previous')?.version).toBe(variant);
    // Back to the variant, not to the bare release.
    expect(registry.rollback('heart-disease', nowMs)).toEqual({ from: 'heart-disease/3', to: variant });
    await expect(
      readModel(folder.path, registry.inSlot('heart-disease', 'active') as never, signer),
    ).resolves.toBeDefined();
  });

  it('gives way to another variant of the release when it is judged again and drifted', async () => {
    const first = carryOut();
    const until = first.evidence.update?.judgedFrom as string;
    const drifted = patients(1800, until.slice(0, 10)).filter(
      ({ admitted }) => (admitted as string) !== until.slice(0, 10),
    );
    writeFileSync(join(folder.path, 'data', 'patients.csv'), csvText(drifted));
    const own = await installedPackage(parts, registry.find(variant) as never);
    const again = await judge(own);
    expect(again.evidence.release.version).toBe(variant);
    expect(again.package).toMatchObject({ parent: 'heart-disease/2', valid: true });
    expect(judgementSchema.parse(JSON.parse(JSON.stringify(again)))).toEqual(again);
    expect(again.decision).toMatchObject({ decision: 'accept', update: expect.anything() });
    expect(again.evidence.update?.variant?.version).toBe('heart-disease/2+2');
    store.transaction(() => registry.decide(variant, again, nowMs));
    const active = registry.inSlot('heart-disease', 'active');
    expect(active).toMatchObject({ version: 'heart-disease/2+2', parent: 'heart-disease/2' });
    expect(registry.inSlot('heart-disease', 'previous')?.version).toBe(variant);
    // Made of the release, not on top of the variant: its model says one recalibration.
    const second = await installedPackage(parts, active as never);
    const card = JSON.parse(Buffer.from(second.files.get('card.json') ?? []).toString()) as Record<string, unknown>;
    expect(card.parent).toEqual(release.ref);
    expect(Date.parse(card.updatedFrom as string)).toBeGreaterThan(Date.parse(until));
  });

  it('comes out the same, byte for byte, when the machine stops before the decision stands', async () => {
    const first = verdict;
    const digest = first.evidence.update?.variant?.digest as Digest;
    const path = releaseFolder(folder.path, digest);
    const bytes = (): Record<string, string> =>
      Object.fromEntries(readdirSync(path).map((name) => [name, readFileSync(join(path, name), 'base64')]));
    const installed = bytes();
    expect(registry.inSlot('heart-disease', 'active')).toBeNull();

    // Killed here: files are there, the decision is not. Another process starts.
    store.close();
    open();
    expect(registry.inSlot('heart-disease', 'candidate')?.version).toBe('heart-disease/2');
    const again = await judge(release);
    expect(canonicalJson(again)).toBe(canonicalJson(first));
    expect(bytes()).toEqual(installed);

    // Killed while the files were written: what is half there is made anew.
    rmSync(path, { recursive: true });
    mkdirSync(`${path}.part`, { recursive: true });
    writeFileSync(join(`${path}.part`, 'model.onnx'), 'half');
    const third = await judge(release);
    expect(canonicalJson(third)).toBe(canonicalJson(first));
    const { 'signature.json': _, ...whole } = bytes();
    const { 'signature.json': __, ...before } = installed;
    expect(whole).toEqual(before);
    store.transaction(() => registry.decide(release.ref.version, third, nowMs));
    await expect(
      readModel(folder.path, registry.inSlot('heart-disease', 'active') as never, signer),
    ).resolves.toBeDefined();
  });

  it('leaves all or nothing of a decision to kill -9', () => {
    writeFileSync(join(folder.path, 'verdict.json'), canonicalJson(verdict));
    store.close();
    const room = (path: string): string => JSON.stringify(new URL(`../../../site-agent/${path}`, import.meta.url).href);
    // Killed inside the transaction, after everything was written to it.
    const { signal } = spawnSync(
      process.execPath,
      [
        '--import',
        'tsx',
        '--input-type=module',
        '-e',
        `import { readFileSync } from 'node:fs';
         import { openAgentStore } from ${room('agent/store.ts')};
         import { createModelRegistry } from ${room('models/registry.ts')};
         const store = openAgentStore(process.argv[1]);
         const registry = createModelRegistry(store);
         store.transaction(() => {
           registry.decide('heart-disease/2', JSON.parse(readFileSync(process.argv[1] + '/verdict.json', 'utf8')), ${nowMs});
           if (registry.inSlot('heart-disease', 'active')?.version === 'heart-disease/2+1') process.kill(process.pid, 'SIGKILL');
         });`,
        folder.path,
      ],
      { cwd: process.cwd() },
    );
    expect(signal).toBe('SIGKILL');
    open();
    expect(registry.releases().map(({ version, slot, decision }) => [version, slot, decision])).toEqual([
      ['heart-disease/2', 'candidate', null],
    ]);
    carryOut();
    expect(registry.inSlot('heart-disease', 'active')?.version).toBe(variant);
  });

  it('never comes over the wire', async () => {
    const offer = { kind: 'judge', id: 'task', run: 'run', release: { version: variant, digest: release.ref.digest } };
    const agent = { ...parts, tasks: { result: () => null } } as unknown as TaskParts;
    await expect(carryOutJudging(agent, offer as unknown as JudgeOffer, loaded, never)).rejects.toMatchObject({
      code: 'package_invalid',
    });
  });

  it('changes nothing at all when the transaction is broken off', () => {
    expect(() =>
      store.transaction(() => {
        registry.decide(release.ref.version, verdict, nowMs);
        throw new Error('the machine stops');
      }),
    ).toThrow('the machine stops');
    expect(registry.releases().map(({ version, slot, decision }) => [version, slot, decision])).toEqual([
      ['heart-disease/2', 'candidate', null],
    ]);
  });

  it("is refused at every load without this site's signature or with other bytes", async () => {
    carryOut();
    const active = registry.inSlot('heart-disease', 'active') as NonNullable<ReturnType<ModelRegistry['inSlot']>>;
    const path = releaseFolder(folder.path, active.digest);
    const copy = join(folder.path, 'copy');
    cpSync(path, copy, { recursive: true });
    const codeAfter = async (change: () => void, by: SiteSigner = signer): Promise<string> => {
      rmSync(path, { recursive: true });
      cpSync(copy, path, { recursive: true });
      change();
      try {
        await installedPackage({ ...parts, signer: by }, active);
      } catch (error) {
        return (error as { code: string }).code;
      }
      return 'read';
    };
    const signature = join(path, 'signature.json');
    expect(await codeAfter(() => undefined)).toBe('read');
    expect(await codeAfter(() => undefined, stranger)).toBe('variant_signature');
    expect(await codeAfter(() => rmSync(signature))).toBe('variant_signature');
    expect(await codeAfter(() => writeFileSync(signature, '{}'))).toBe('variant_signature');
    const signed = JSON.parse(readFileSync(join(copy, 'signature.json'), 'utf8')) as Record<string, unknown>;
    expect(await codeAfter(() => writeFileSync(signature, JSON.stringify({ ...signed, signedMs: nowMs + 1 })))).toBe(
      'variant_signature',
    );
    expect(
      await codeAfter(() => writeFileSync(signature, JSON.stringify({ ...signed, variant: release.ref.digest }))),
    ).toBe('variant_signature');
    expect(
      await codeAfter(() => writeFileSync(join(path, 'model.onnx'), release.files.get('model.onnx') as Uint8Array)),
    ).toBe('model_damaged');
    expect(await codeAfter(() => rmSync(join(path, 'card.json')))).toBe('model_damaged');
  });

  it('is not made where the policy allows none, and not without a variant', async () => {
    rmSync(join(folder.path, 'models', verdict.evidence.update?.variant?.digest as string), { recursive: true });
    const without = policyOf({ missingness: { maximumRate: 0.2 } });
    const asked = { plan: loaded, policy: without, release, current: null };
    const refused = await judgeHere(parts, asked, never);
    expect(refused.evidence.update).toBeNull();
    expect(refused.decision).toMatchObject({ decision: 'reject', update: null });
    expect(readdirSync(join(folder.path, 'models'))).toEqual([release.ref.digest]);
    const update = { ...(verdict.evidence.update as NonNullable<Judgement['evidence']['update']>), variant: null };
    const unheld: Judgement = { ...verdict, evidence: { ...verdict.evidence, update } };
    expect(() => registry.decide(release.ref.version, unheld, nowMs)).toThrow('no variant holds');
  });
});
