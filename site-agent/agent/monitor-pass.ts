import type { LoadedPlan } from '../../shared/plan/load-plan.ts';
import type { ModelState } from '../../shared/plan/notice.ts';
import type { Digest, ReleaseVersion } from '../../shared/runtime/ids.ts';
import { errorFields } from '../../shared/runtime/logger.ts';
import { DataError } from '../data/data-error.ts';
import { readSiteData } from '../data/load-site-data.ts';
import { createPredictionStore, outcomeKey, type PredictionStore } from '../data/predictions.ts';
import type { ProblemReport } from '../data/problems.ts';
import { querySource, type RowSource, schemaDigest } from '../data/row-source.ts';
import { JudgingError } from '../judging/judging-error.ts';
import {
  initMonitor,
  type MonitorState,
  noteLevels,
  readMonitor,
  takeFailure,
  takeOutcomes,
  takePass,
} from '../judging/monitor/monitor-state.ts';
import type { Delivery, PassFacts } from '../judging/monitor/pipe.ts';
import {
  type MonitorRecord,
  type OpenedRelease,
  type ScoreCounts,
  type ScoredRows,
  scoreRows,
} from '../judging/monitor/score-rows.ts';
import { levelOf, type SignalReading } from '../judging/monitor/signal.ts';
import { referenceScores, startMonitor } from '../judging/monitor/start-monitor.ts';
import { cutoffsOf, modelFile, type ReleasePackage } from '../judging/release-package.ts';
import { openScorer } from '../judging/scorer.ts';
import type { RegisteredRelease } from '../models/registry.ts';
import { AgentError } from './agent-error.ts';
import { waits } from './hold-deadlines.ts';
import { installedPackage, type JudgingParts } from './judge-here.ts';
import { applyModelEvent, reconcileStates } from './monitor-states.ts';
import { createMonitorStore, type MonitorStore } from './monitor-store.ts';
import type { AgentStore } from './store.ts';

/** What a pass needs; a command at the terminal has it too. */
export interface PassParts extends JudgingParts {
  readonly store: AgentStore;
}

export interface ScoredPlan {
  readonly plan: Digest;
  readonly counts: ScoreCounts;
  /** For the hospital's own people: they name cells, and are neither stored nor logged. */
  readonly problems: ProblemReport;
}

export interface PassedModel {
  readonly model: string;
  readonly inUse: ReleaseVersion | null;
  /** State of the release in use after the pass; null without one. */
  readonly state: ModelState | null;
  readonly plans: readonly ScoredPlan[];
  /** Why the release in use is not watched, one sentence; null when it is. */
  readonly unwatched: string | null;
}

const outcomesAtOnce = 2000;

/** A pass of one model, with everything it uses. */
interface ModelPass {
  readonly parts: PassParts;
  readonly monitors: MonitorStore;
  readonly predictions: PredictionStore;
  readonly source: RowSource | null;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

/**
 * Scores the rows that were not scored yet with every release that is to score, takes the outcomes that have come, and lets the monitor of each
 * release in use speak. May be killed anywhere and carried out again; two at a time on one site directory count nothing twice.
 * @param options `source`: a file instead of the hospital's query; `model`: only this one
 * @throws DataError for rows that cannot be read, AgentError `unknown_model`; JudgingError for a model that cannot be run
 */
export async function scoreAndWatch(
  parts: PassParts,
  options: { readonly source?: RowSource; readonly model?: string },
  signal: AbortSignal,
): Promise<readonly PassedModel[]> {
  const { clock, registry, store } = parts;
  const monitors = createMonitorStore(store);
  const startedMs = clock.now();
  const pass: ModelPass = {
    parts,
    monitors,
    predictions: createPredictionStore(store),
    source: options.source ?? null,
    nowMs: startedMs,
    signal,
  };
  if (options.model !== undefined && !registry.models().includes(options.model)) {
    throw new AgentError('unknown_model', `No release of a model "${options.model}" has reached this site.`);
  }
  store.transaction(() => reconcileStates({ ...parts, monitors }, store, startedMs));
  const models = registry.models().filter((model) => options.model === undefined || model === options.model);
  const passed: PassedModel[] = [];
  for (const model of models) passed.push(await passModel(pass, model));
  if (passed.some(({ plans }) => plans.length > 0)) {
    store.transaction(() =>
      monitors.addRun({
        startedMs,
        finishedMs: clock.now(),
        source: options.source?.name ?? 'query',
        counts: passed.flatMap(({ plans }) => plans.map(({ counts }) => counts)),
      }),
    );
  }
  return passed;
}

/** The release in use, the one before it (in silence, to compare with), and those that wait. */
function toScore(pass: ModelPass, model: string): { readonly release: RegisteredRelease; readonly shown: boolean }[] {
  const { registry } = pass.parts;
  const active = registry.inSlot(model, 'active');
  const silent = [
    registry.inSlot(model, 'previous'),
    ...registry.releases().filter((entry) => entry.model === model && waits(entry)),
  ];
  return [
    ...(active === null ? [] : [{ release: active, shown: true }]),
    ...silent.flatMap((release) => (release === null ? [] : [{ release, shown: false }])),
  ];
}

async function passModel(pass: ModelPass, model: string): Promise<PassedModel> {
  const { monitors, parts } = pass;
  const wanted = toScore(pass, model);
  const active = parts.registry.inSlot(model, 'active');
  const plans: ScoredPlan[] = [];
  let unwatched: string | null = null;
  for (const digest of new Set(wanted.map(({ release }) => release.plan))) {
    const plan = parts.plans.load(digest);
    if (plan === null) throw new AgentError('unknown_plan', undefined, { plan: digest });
    if (plan.plan.task.kind !== 'binary') {
      unwatched = `${plan.plan.name} predicts no event: only models of one outcome, there or not, are scored here.`;
      continue;
    }
    const opened: OpenedRelease[] = [];
    try {
      for (const { release, shown } of wanted.filter((entry) => entry.release.plan === digest)) {
        const one = await openRelease(pass, release, shown);
        if (one !== null) opened.push(one);
      }
      const own = active !== null && active.plan === digest ? active : null;
      try {
        if (own !== null) unwatched = await startWatching(pass, plan, own, opened);
        const { counts, facts, problems } = await scorePlan(pass, plan, own, opened);
        plans.push({ plan: digest, counts, problems });
        if (own !== null) watch(pass, plan, own, facts);
      } catch (error) {
        if (own !== null && error instanceof DataError) noteFailure(pass, own, error.fullCode);
        throw error;
      }
    } finally {
      for (const { scorer } of opened) await scorer.dispose();
    }
  }
  return {
    model,
    inUse: parts.registry.inSlot(model, 'active')?.version ?? null,
    state: active === null ? null : (monitors.stateOf(active.version)?.state ?? null),
    plans,
    unwatched,
  };
}

/** The release in use must open. One that scores in silence and cannot be used is left out, and the log says so. */
async function openRelease(
  { parts }: ModelPass,
  release: RegisteredRelease,
  shown: boolean,
): Promise<OpenedRelease | null> {
  const { version, digest } = release;
  try {
    const bytes = (await installedPackage(parts, release)).files.get(modelFile);
    if (bytes === undefined) throw new AgentError('model_damaged', `${version} has no ${modelFile}.`, { version });
    const memoryMegabytes = parts.config.trainingMemoryMegabytes;
    return { version, digest, shown, scorer: await openScorer(bytes, { model: version, memoryMegabytes }) };
  } catch (error) {
    if (shown) throw error;
    parts.log.warn({ ...errorFields(error), release: version }, 'a release cannot score in silence');
    return null;
  }
}

/** Makes the baseline of a release in use that has none. @returns why it cannot be watched, or null */
async function startWatching(
  pass: ModelPass,
  plan: LoadedPlan,
  active: RegisteredRelease,
  opened: readonly OpenedRelease[],
): Promise<string | null> {
  const { monitors, nowMs, parts, predictions, signal } = pass;
  if (monitors.load(active.digest) !== null) return null;
  const release = opened.find(({ digest }) => digest === active.digest) as OpenedRelease;
  const judgement = parts.registry.judgementOf(active.version);
  const policy = parts.plans.signedPolicy(plan);
  const contract = plan.plan.data;
  // Only a version of the same plan gives figures for the same rows.
  const previous = parts.registry.inSlot(active.model, 'previous');
  const against = opened.find(({ digest }) => digest === previous?.digest);
  const packages: ReleasePackage[] = [await installedPackage(parts, active)];
  if (previous !== null && against !== undefined) packages.push(await installedPackage(parts, previous));
  const validated = judgement === null ? Number.NaN : Date.parse(judgement.evidence.judgedAt);
  const validatedMs = Number.isNaN(validated) ? (active.decidedMs ?? nowMs) : validated;
  const rows = await readSiteData(parts.directory, parts.config.data, contract, nowMs, signal);
  try {
    const baseline = await startMonitor(
      {
        predictions,
        transaction: (body) => parts.store.transaction(body),
        contract,
        outcomeOf: outcomeKey(contract),
        nowMs,
        release,
        against: against === undefined ? null : { version: against.version, digest: against.digest },
        policy,
        schema: schemaDigest(parts.directory, parts.config.data),
        cutoffs: packages.flatMap(cutoffsOf),
        updateShare: Math.max(0, ...packages.map(({ updateShare }) => updateShare ?? 0)),
        validatedMs,
        revalidateDays: judgement?.decision.revalidateDays ?? policy.monitor.maximumDays,
      },
      rows.table,
      signal,
    );
    parts.store.transaction(() =>
      monitors.create({ baseline, state: initMonitor(contract, baseline, predictions.lastPrediction()) }),
    );
    parts.log.info({ release: active.version, rows: baseline.rows, events: baseline.events }, 'a model is watched');
    return null;
  } catch (error) {
    if (!(error instanceof JudgingError) || error.code !== 'monitor_reference') throw error;
    parts.log.warn({ ...errorFields(error), release: active.version }, 'a model in use cannot be watched');
    return error.message;
  }
}

async function scorePlan(
  pass: ModelPass,
  plan: LoadedPlan,
  active: RegisteredRelease | null,
  releases: readonly OpenedRelease[],
): Promise<ScoredRows> {
  const { monitors, nowMs, parts, predictions, signal } = pass;
  const contract = plan.plan.data;
  const outcomeOf = outcomeKey(contract);
  const watched = active !== null && monitors.load(active.digest) !== null;
  const result = await scoreRows(
    {
      predictions,
      transaction: (body) => parts.store.transaction(body),
      contract,
      outcomeOf,
      holdout: parts.config.data.holdout,
      releases,
      monitor:
        active === null || !watched
          ? null
          : {
              reference: referenceScores(predictions, active.digest, outcomeOf),
              load: () => monitors.load(active.digest) as MonitorRecord,
              save: (state) => monitors.save(active.digest, state),
            },
      nowMs,
    },
    pass.source ?? querySource(parts.directory, parts.config.data),
    signal,
  );
  parts.store.transaction(() => {
    for (const { version, shown } of releases) {
      const waiting = parts.registry.find(version);
      if (!shown && waiting !== null && waits(waiting)) {
        applyModelEvent({ ...parts, monitors }, version, { kind: 'scores_in_shadow' }, nowMs);
      }
    }
  });
  return result;
}

/**
 * Lets the monitor of a release take the outcomes that have come since it last did, and acts on what it says: levels, state, roll-back
 * and notice are one transaction.
 * @param facts of the pass that was made; null when only outcomes came
 */
function watch(pass: ModelPass, plan: LoadedPlan, active: RegisteredRelease, facts: PassFacts | null): void {
  const { monitors, nowMs, parts, predictions } = pass;
  const { store } = parts;
  const contract = plan.plan.data;
  const outcomeOf = outcomeKey(contract);
  const record = (): MonitorRecord | null => monitors.load(active.digest);
  if (record() === null) return;
  for (let more = true; more; ) {
    more = store.transaction(() => {
      const { baseline, state } = record() as MonitorRecord;
      const outcomes = predictions.outcomesAfter(
        active.digest,
        baseline.against?.digest ?? null,
        outcomeOf,
        state.outcomeSequence,
        outcomesAtOnce,
      );
      if (outcomes.length > 0) monitors.save(active.digest, takeOutcomes(state, baseline, outcomes));
      return outcomes.length === outcomesAtOnce;
    });
  }
  store.transaction(() => {
    const { baseline, state } = record() as MonitorRecord;
    const passed =
      facts === null
        ? state
        : takePass(state, contract, baseline, facts, deliveryOf(pass, active.digest, outcomeOf, state));
    const readings = readMonitor(passed, baseline, predictions.days(active.digest), nowMs);
    monitors.save(active.digest, noteLevels(passed, readings, nowMs));
    act(pass, active.version, readings);
  });
}

function deliveryOf({ predictions }: ModelPass, digest: Digest, outcomeOf: string, { pipe }: MonitorState): Delivery {
  return { ...predictions.scoredAfter(digest, pipe.sequence), newRows: predictions.counts(digest, outcomeOf).new };
}

function act({ monitors, nowMs, parts }: ModelPass, version: ReleaseVersion, readings: readonly SignalReading[]): void {
  const raised = readings
    .map(({ signal, parts: figures }) => ({ signal, level: levelOf(figures) }))
    .filter(({ level }) => level !== 'quiet');
  applyModelEvent({ ...parts, monitors }, version, { kind: 'signals', raised }, nowMs);
}

/** Rows could not be read: that is a signal too. */
function noteFailure(pass: ModelPass, active: RegisteredRelease, code: string): void {
  const { monitors, nowMs, parts, predictions } = pass;
  parts.store.transaction(() => {
    const record = monitors.load(active.digest);
    if (record === null) return;
    const state = takeFailure(record.state, code);
    const readings = readMonitor(state, record.baseline, predictions.days(active.digest), nowMs);
    monitors.save(active.digest, noteLevels(state, readings, nowMs));
    act(pass, active.version, readings);
  });
}

/** Lets the monitor of every release in use take the outcomes that came by themselves, without a pass over rows. */
export function watchOutcomes(parts: PassParts, model: string): void {
  const pass: ModelPass = {
    parts,
    monitors: createMonitorStore(parts.store),
    predictions: createPredictionStore(parts.store),
    source: null,
    nowMs: parts.clock.now(),
    signal: new AbortController().signal,
  };
  const active = parts.registry.inSlot(model, 'active');
  const plan = active === null ? null : parts.plans.load(active.plan);
  if (active !== null && plan !== null) watch(pass, plan, active, null);
}
