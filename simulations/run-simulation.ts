import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { baseWeightsFile, baseWeightsObject, readBaseWeights } from '../shared/graph/onnx-read/base-weights.ts';
import { preprocessingSchema } from '../shared/plan/preprocessing-schema.ts';
import type { Clock } from '../shared/runtime/clock.ts';
import type { Digest } from '../shared/runtime/ids.ts';
import type { Logger } from '../shared/runtime/logger.ts';
import { randomStream } from '../shared/runtime/random.ts';
import type { OperatorPort, RunView } from '../shared/wire/operator-port.ts';
import { startLoadedPlan } from '../shared/wire/start-run.ts';
import { createSiteAgent, type SiteAgent } from '../site-agent/agent/agent.ts';
import { certificateSigner } from '../site-agent/agent/signer.ts';
import { readSiteConfig } from '../site-agent/config.ts';
import { modelFile, preprocessingFile } from '../site-agent/judging/release-package.ts';
import type { BaselineKind, BaselineResult } from './baselines/baseline.ts';
import { readBaselineSite } from './baselines/baseline-site.ts';
import { runBaselines } from './baselines/run-baselines.ts';
import { type Cohort, scenarioCohort } from './cohorts/scenario-cohort.ts';
import type { SiteRows } from './cohorts/site-rows.ts';
import { type FaultCalendar, faultCalendar } from './faults/fault-calendar.ts';
import type { Fault } from './faults/fault-schema.ts';
import { faultSentence } from './faults/fault-sentence.ts';
import { createFaultStage, type FaultStage } from './faults/fault-stage.ts';
import { steppedClock } from './faults/stepped-clock.ts';
import { type MemoryConsortium, openMemoryConsortium } from './memory-consortium.ts';
import { type PlanText, planWith } from './plan-text.ts';
import type { Outcome, RunOutcome } from './report/outcome.ts';
import { probeUpdates, type SentUpdate } from './round-probe.ts';
import { type LoadedScenario, scenarioPath } from './scenario.ts';
import { shiftSentence } from './shifts/shift-sentence.ts';
import { SimulationError } from './simulation-error.ts';
import { simulatedEngine, writePatients, writeSiteConfig } from './site-setup.ts';
import { standingClock } from './standing-clock.ts';

/** Where simulated time stands: certificates are made and checked at this moment. */
const simulatedNowMs = Date.UTC(2026, 0, 1);

/** One run of a simulation with what its sites sent, which the coordinator's views do not hold. */
export interface SimulatedRun extends RunOutcome {
  readonly seed: number;
  readonly updates: readonly SentUpdate[];
}

export interface Simulation extends Outcome {
  readonly runs: readonly SimulatedRun[];
}

export interface SimulationNeeds {
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Called with every change of a run. */
  readonly onRound?: (seed: number, view: RunView) => void;
  /** Called when a run has finished, before the consortium and its objects go. */
  readonly onFinished?: (operator: OperatorPort, view: RunView) => Promise<void>;
}

async function openAgent(
  consortium: MemoryConsortium,
  table: SiteRows,
  directory: string,
  time: SimulatedTime,
  needs: SimulationNeeds,
  seed: number,
  seen: (update: SentUpdate) => void,
): Promise<SiteAgent> {
  const member = await consortium.enrol(table.site);
  const jitter = randomStream(seed, 'jitter', table.site);
  const port = probeUpdates(table.site, time.stage?.wrap(table.site, member.port) ?? member.port, seen);
  return createSiteAgent({
    directory,
    site: table.site,
    // The environment is left out: a simulation depends on its scenario alone.
    config: await readSiteConfig(directory, {}),
    recipient: 'memory',
    inbound: port,
    outbound: port,
    rootPem: member.rootPem,
    signer: certificateSigner(table.site, () => member),
    clock: time.clock,
    log: needs.log,
    random: () => jitter.uniform(),
    software: 'wardround simulation',
    // Plans are approved automatically: nobody writes an approval past the agent.
    approvalPollMs: 60_000,
  });
}

interface SimulatedTime {
  readonly clock: Clock;
  /** Null where no fault is asked for. */
  readonly stage: FaultStage | null;
  /** A round failed: its next try waits for the clock. */
  afterFailure(): void;
}

/** Longer than any wait of the coordinator between two tries of a round. */
const retryStepMs = 600_000;

async function watchToEnd(
  consortium: MemoryConsortium,
  started: RunView,
  seed: number,
  time: SimulatedTime,
  needs: SimulationNeeds,
): Promise<RunView> {
  let last = started;
  let failed = 0;
  for await (const view of consortium.operator.watchRun(started.run, needs.signal)) {
    last = view;
    needs.onRound?.(seed, view);
    time.stage?.onView(view);
    const failures = view.rounds.filter((round) => round.phase === 'failed').length;
    if (failures > failed) time.afterFailure();
    failed = failures;
    if (view.status === 'paused') break;
  }
  needs.signal.throwIfAborted();
  if (last.status !== 'finished') {
    throw new SimulationError(
      'run_not_finished',
      `The run of seed ${seed} is ${last.status}: ${last.reason ?? 'no reason given'}`,
      { seed, status: last.status },
    );
  }
  return last;
}

function simulatedTime(calendar: FaultCalendar | null, signal: AbortSignal): SimulatedTime {
  if (calendar === null) {
    const clock = standingClock(simulatedNowMs);
    return { clock, stage: null, afterFailure: () => clock.advance(retryStepMs) };
  }
  // The stage sees by itself that a run waits.
  const clock = steppedClock(simulatedNowMs);
  return { clock, stage: createFaultStage(calendar, clock, signal), afterFailure: () => undefined };
}

async function bytesOf(operator: OperatorPort, object: Digest, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of operator.readObject(object, 0, signal)) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

async function baselinesOf(
  operator: OperatorPort,
  run: SimulatedRun,
  kinds: readonly BaselineKind[],
  cohort: Cohort,
  directory: string,
  { signal, log }: SimulationNeeds,
): Promise<BaselineResult[]> {
  const { plan } = run;
  const fileOf = (name: string): Promise<Uint8Array> => {
    const file = run.releases[0]?.files.find((one) => one.name === name);
    if (file === undefined)
      throw new SimulationError('run_not_finished', `The run of seed ${run.seed} released no ${name}.`);
    return bytesOf(operator, file.digest, signal);
  };
  const preprocessing = preprocessingSchema.parse(
    JSON.parse(Buffer.from(await fileOf(preprocessingFile)).toString('utf8')),
  );
  const sites = [];
  for (const { site } of cohort.sites)
    sites.push(await readBaselineSite(site, join(directory, site), plan, simulatedNowMs, signal));
  const release = { model: await fileOf(modelFile), preprocessing };
  const base = baseWeightsObject(plan) === null ? undefined : readBaseWeights(plan, await fileOf(baseWeightsFile));
  return runBaselines(
    { plan, kinds, engine: simulatedEngine, base, nowMs: simulatedNowMs, sites, release },
    log,
    signal,
  );
}

/** Carries one run out: the production coordinator, an agent a hospital and their gates, in this process. */
export async function simulateCohort(
  what: {
    readonly title: string;
    readonly seed: number;
    readonly plan: PlanText;
    readonly baselines?: readonly BaselineKind[];
    readonly faults?: readonly Fault[];
  },
  cohort: Cohort,
  needs: SimulationNeeds,
): Promise<SimulatedRun> {
  const { title, seed } = what;
  const { plan } = what.plan.loaded;
  const { faults = [] } = what;
  const names = cohort.sites.map(({ site }) => site);
  const time = simulatedTime(faults.length === 0 ? null : faultCalendar(faults, plan, names), needs.signal);
  const directory = await mkdtemp(join(tmpdir(), 'wardround-simulation-'));
  const updates: SentUpdate[] = [];
  const agents: SiteAgent[] = [];
  let consortium: MemoryConsortium | null = null;
  try {
    consortium = await openMemoryConsortium(join(directory, 'consortium'), time.clock, needs.log);
    for (const table of cohort.sites) {
      const siteDirectory = join(directory, table.site);
      await mkdir(siteDirectory);
      await writePatients(siteDirectory, table);
      await writeSiteConfig(siteDirectory, plan, {
        query: cohort.query,
        holdoutColumn: cohort.holdoutColumn,
        approval: 'automatic',
      });
      agents.push(
        await openAgent(consortium, table, siteDirectory, time, needs, seed, (update) => updates.push(update)),
      );
    }
    for (const agent of agents) await agent.start();
    const started = await startLoadedPlan(consortium.operator, what.plan.text, what.plan.loaded, {});
    const view = await watchToEnd(consortium, started, seed, time, needs);
    await needs.onFinished?.(consortium.operator, view);
    const releases = view.release === null ? [] : [await consortium.operator.showRelease(view.release)];
    const run = { title, seed, plan, view, releases, updates: inOrder(updates) };
    const kinds = what.baselines ?? [];
    if (kinds.length === 0) return run;
    return { ...run, baselines: await baselinesOf(consortium.operator, run, kinds, cohort, directory, needs) };
  } finally {
    for (const agent of agents) await agent.stop();
    await consortium?.close();
    await rm(directory, { recursive: true, force: true });
  }
}

/** By round and site: the order of arrival is the machine's, not the simulation's. */
function inOrder(updates: readonly SentUpdate[]): SentUpdate[] {
  return [...updates].sort((a, b) => a.header.round - b.header.round || (a.site < b.site ? -1 : 1));
}

/**
 * Carries a scenario out: for each seed the production coordinator, agents and gate in this process, over an in-memory
 * transport. The same scenario gives the same result, bit for bit.
 *
 * @throws SimulationError, PlanError, and what the coordinator or an agent refuses; the signal's reason when aborted
 */
export async function runSimulation(loaded: LoadedScenario, needs: SimulationNeeds): Promise<Simulation> {
  const { scenario } = loaded;
  const runs: SimulatedRun[] = [];
  for (const seed of scenario.seeds) {
    needs.signal.throwIfAborted();
    const plan = planWith(scenarioPath(loaded, scenario.plan), { 'training.seed': seed });
    const cohort = scenarioCohort(loaded, plan.loaded.plan, seed);
    const { baselines, faults } = scenario;
    runs.push(await simulateCohort({ title: `Seed ${seed}`, seed, plan, baselines, faults }, cohort, needs));
  }
  return {
    kind: 'simulation',
    title: `Simulation: ${scenario.name}`,
    description: scenario.description,
    remarks: [...scenario.shifts.map(shiftSentence), ...scenario.faults.map(faultSentence)],
    runs,
  };
}
