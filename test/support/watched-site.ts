import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadPlan } from '../../shared/plan/load-plan.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import { policySchema } from '../../shared/plan/policy.ts';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import type { Digest, ReleaseVersion, RunId, SiteName } from '../../shared/runtime/ids.ts';
import { silentLogger } from '../../shared/runtime/logger.ts';
import { type RandomStream, randomStream } from '../../shared/runtime/random.ts';
import type { PassParts } from '../../site-agent/agent/monitor-pass.ts';
import { createMonitorStore, type MonitorStore } from '../../site-agent/agent/monitor-store.ts';
import { createPlanBook } from '../../site-agent/agent/plans.ts';
import { type AgentStore, openAgentStore } from '../../site-agent/agent/store.ts';
import { createTaskStore, type TaskStore } from '../../site-agent/agent/task-store.ts';
import { siteConfigSchema } from '../../site-agent/config.ts';
import { installRelease } from '../../site-agent/models/model-files.ts';
import { createModelRegistry } from '../../site-agent/models/registry.ts';
import { type ManualClock, manualClock } from './clock.ts';
import { goodEvidence } from './evidence.ts';
import { csvText, type HeartRow, temporaryDirectory } from './heart-site.ts';
import { goodJudgement } from './judgements.ts';
import { consortiumReference, logisticWeights, packageOf, smallPlan } from './judging.ts';
import { testSigner } from './site-agent.ts';

export const dayMs = 86_400_000;
/** From here rows judge; the release is accepted 200 days later, and watched from then on. */
export const cutoffDayMs = Date.parse('2024-01-01T00:00:00Z');
export const acceptedMs = cutoffDayMs + 200 * dayMs;

export interface PatientOptions {
  /** Added to the log odds. */
  readonly logOdds?: number;
  /** Outcomes are not known yet. */
  readonly unlabelled?: boolean;
  readonly cholesterol?: (value: number) => number;
}

/** Patients of one day, whose outcome follows age and sex by log odds 0.08·(age - 58) + 1·male - 0.7. */
export function patientsOn(
  dayStartMs: number,
  count: number,
  random: RandomStream,
  options: PatientOptions = {},
): HeartRow[] {
  return Array.from({ length: count }, (_, index) => {
    const age = Math.min(95, Math.max(25, Math.round(58 + 10 * random.normal())));
    const level = Math.round(Math.min(500, Math.max(90, 220 + 40 * random.normal())));
    const male = random.uniform() < 0.6;
    const odds = 0.08 * (age - 58) + (male ? 1 : 0) - 0.7 + (options.logOdds ?? 0);
    const event = random.uniform() < 1 / (1 + Math.exp(-odds));
    return {
      patient: `p${dayStartMs / dayMs}-${index}`,
      admitted: new Date(dayStartMs + 3_600_000 + index * 60_000).toISOString().slice(0, 19).replace('T', ' '),
      age,
      cholesterol: (options.cholesterol ?? ((value: number) => value))(level),
      sex: male ? 'male' : 'female',
      disease: options.unlabelled === true ? null : event ? 1 : 0,
    };
  });
}

/** A plan of three columns whose monitor is sized for a test: 1,000 patients in windows of 100, and a rate that few simulations bound. */
export function watchedPlan(gate: Readonly<Record<string, unknown>> = {}): Plan {
  const plan = smallPlan();
  const monitor = {
    falseAlarmRate: 0.2,
    lifetimePatients: 1000,
    windowPatients: 100,
    ...(gate.monitor as object | undefined),
  };
  return {
    ...plan,
    data: {
      ...plan.data,
      subgroups: [{ name: 'women', column: 'sex', level: 'female' }],
      maximumProblemShare: 1,
    },
    gate: policySchema.parse({ ...plan.gate, ...gate, monitor: { ...plan.gate.monitor, ...monitor } }),
  };
}

export interface WatchedSite {
  readonly path: string;
  readonly plan: Plan;
  readonly clock: ManualClock;
  store: AgentStore;
  readonly rows: HeartRow[];
  readonly random: RandomStream;
  parts(): PassParts & { readonly tasks: TaskStore; readonly monitors: MonitorStore };
  /** Writes what the site's query reads. */
  write(rows?: readonly HeartRow[]): void;
  /** Lets days pass, with their patients in the query, and stops at midnight. */
  days(count: number, perDay: number, options?: PatientOptions): Promise<HeartRow[]>;
  /** Installs a release by log odds a year, for male sex, and in all. */
  install(version: string, perYear: number, male: number, constant: number): Promise<Digest>;
  decide(version: string, decision: 'accept' | 'hold', atMs?: number): void;
  reopen(): void;
  remove(): void;
}

/** A site directory with rows up to the acceptance, an approved plan, and no release yet. */
export function watchedSite(
  options: {
    readonly seed?: number;
    readonly perDay?: number;
    readonly gate?: Record<string, unknown>;
    /** The source has no times: 60% of patients, by a hash of their keys, judge. */
    readonly untimed?: boolean;
  } = {},
): WatchedSite {
  const folder = temporaryDirectory();
  const timed = watchedPlan(options.gate);
  const asked: Plan =
    options.untimed === true ? { ...timed, data: { ...timed.data, time: null, trainingCutoff: null } } : timed;
  const loaded = loadPlan(canonicalJson(asked), 'plan');
  const { plan } = loaded;
  const reference = consortiumReference(plan);
  const clock = manualClock(acceptedMs);
  const random = randomStream(options.seed ?? 1, 'watched site');
  const signer = testSigner();
  const rows: HeartRow[] = [];
  for (let day = -60; day < 200; day++) {
    // Not every day has as many.
    rows.push(...patientsOn(cutoffDayMs + day * dayMs, (options.perDay ?? 4) + (day % 3) - 1, random));
  }
  const config = siteConfigSchema.parse({
    wardround: 'site/1',
    engine: 'onnx',
    data: {
      query: "SELECT * FROM 'data/patients.csv'",
      units: { age: 'years', cholesterol: 'mg/dL' },
      ...(options.untimed === true ? { holdout: { share: 0.6, seed: 1 } } : {}),
    },
  });
  mkdirSync(join(folder.path, 'data'), { recursive: true });
  const site: WatchedSite = {
    path: folder.path,
    plan,
    clock,
    store: openAgentStore(folder.path),
    rows,
    random,
    parts() {
      const { store } = site;
      return {
        directory: folder.path,
        site: 'north' as SiteName,
        config,
        store,
        plans: createPlanBook({ store, directory: folder.path, site: 'north' as SiteName, config, signer }),
        registry: createModelRegistry(store),
        signer,
        clock,
        log: silentLogger,
        tasks: createTaskStore(store),
        monitors: createMonitorStore(store),
      };
    },
    write(written = rows) {
      writeFileSync(join(folder.path, 'data', 'patients.csv'), csvText(written));
    },
    async days(count, perDay, change) {
      const startMs = Math.floor(clock.now() / dayMs) * dayMs;
      const fresh = Array.from({ length: count }, (_, day) =>
        patientsOn(startMs + day * dayMs, perDay, random, change),
      ).flat();
      rows.push(...fresh);
      site.write();
      await clock.advance(count * dayMs);
      return fresh;
    },
    async install(version, perYear, male, constant) {
      const release = packageOf(plan, reference, logisticWeights(plan, reference, perYear, male, constant), version);
      const manifest = JSON.parse(Buffer.from(release.manifest).toString('utf8')) as {
        files: { name: string; digest: Digest; bytes: number }[];
      };
      const sources = new Map<Digest, string>();
      for (const { name, digest } of manifest.files) {
        const source = join(folder.path, `${digest}.object`);
        writeFileSync(source, release.files.get(name) as Uint8Array);
        sources.set(digest, source);
      }
      mkdirSync(join(folder.path, 'models'), { recursive: true });
      await installRelease(
        folder.path,
        release.ref.digest,
        release.manifest,
        manifest,
        (digest) => sources.get(digest) as string,
      );
      site.parts().registry.receive({ ...release.ref, plan: loaded.digest }, clock.now());
      return release.ref.digest;
    },
    decide(version, decision, atMs = clock.now()) {
      const { registry } = site.parts();
      const found = registry.find(version as ReleaseVersion);
      if (found === null) throw new Error(`${version} is not installed`);
      const sample = goodJudgement();
      const evidence = goodEvidence({
        plan: loaded.digest,
        release: { version: found.version, digest: found.digest },
        current: null,
        judgedAt: new Date(atMs).toISOString(),
      });
      registry.decide(
        found.version,
        {
          ...sample,
          decision: { ...sample.decision, decision, update: null, revalidateDays: decision === 'accept' ? 90 : null },
          evidence,
        },
        atMs,
      );
    },
    reopen() {
      site.store.close();
      site.store = openAgentStore(folder.path);
    },
    remove() {
      site.store.close();
      folder.remove();
    },
  };
  const { plans } = site.parts();
  plans.remember('heart-disease-1' as RunId, loaded, cutoffDayMs);
  plans.approve(loaded.digest, 'manual', cutoffDayMs);
  site.write();
  return site;
}
