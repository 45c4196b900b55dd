import type { LoadedPlan } from '../../shared/plan/load-plan.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { WardroundError } from '../../shared/runtime/errors.ts';
import type { Digest, RunId, SiteName, TaskId } from '../../shared/runtime/ids.ts';
import { errorFields, type Logger } from '../../shared/runtime/logger.ts';
import {
  type CoordinatorMessage,
  type DeclineReason,
  defaultHeartbeatMs,
  type Receipt,
  type TaskOffer,
} from '../../shared/wire/messages.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import type { SiteConfig } from '../config.ts';
import { DataError } from '../data/data-error.ts';
import { loadSiteData } from '../data/load-site-data.ts';
import { createEgress } from '../egress/egress.ts';
import { createLedger } from '../egress/ledger.ts';
import type { FederationInbound, FederationOutbound } from '../egress/port.ts';
import { createSharingRecord } from '../egress/sharing-record.ts';
import { createModelRegistry, type ModelRegistry } from '../models/registry.ts';
import { openTrainer } from '../training/open-trainer.ts';
import type { Trainer } from '../training/trainer.ts';
import { TrainingError } from '../training/training-error.ts';
import { AgentError } from './agent-error.ts';
import { createAttendance } from './attendance.ts';
import { openCheckpoints } from './checkpoints.ts';
import { createDownloads } from './downloads.ts';
import { engineOptions } from './engine-options.ts';
import { endExpiredHolds } from './hold-deadlines.ts';
import { judgeHeldAgain } from './judge-again.ts';
import { carryOutJudging } from './judge-task.ts';
import { lockDirectory } from './lock.ts';
import { passIsDue, revalidateWanted, sendNotices, watchTurn } from './monitor-loop.ts';
import { awaitNamedEngine } from './named-engine.ts';
import { openObjects } from './objects.ts';
import { createPlanBook, type PlanBook } from './plans.ts';
import type { SiteSigner } from './signer.ts';
import { openAgentStore } from './store.ts';
import type { SiteRows, TaskParts } from './task-parts.ts';
import { createTaskStore } from './task-store.ts';
import { carryOutSummary, carryOutTraining } from './train-task.ts';

/** What an agent is made of. Nothing in it is taken from the process: several agents run side by side in one. */
export interface SiteAgentParts {
  /** The site directory: `state/` and `models/` are written, the hospital's files are read. */
  readonly directory: string;
  readonly site: SiteName;
  readonly config: SiteConfig;
  /** Whom the ledger names as recipient: the coordinator's address. */
  readonly recipient: string;
  readonly inbound: FederationInbound;
  /** Handed to egress and to nothing else. */
  readonly outbound: FederationOutbound;
  /** PEM of the consortium's root: releases must be signed under it. */
  readonly rootPem: string;
  /** Signs approvals in the site's name. */
  readonly signer: SiteSigner;
  readonly clock: Clock;
  readonly log: Logger;
  /** Uniform on [0, 1): jitter of delays, nothing else. */
  readonly random: () => number;
  /** What the agent calls itself, such as `wardround/0.1.0`. */
  readonly software: string;
  readonly heartbeatMs?: number;
  /** How often approvals made by `site approve` are looked for. */
  readonly approvalPollMs?: number;
  /** Wait before a task that found the disk full is tried again; 10 seconds when absent. */
  readonly fullDiskRetryMs?: number;
  /** How often holds are looked through for one whose deadline has passed; an hour when absent. */
  readonly holdPollMs?: number;
  /** Opens what trains; what site.yaml names when absent. */
  readonly openTrainer?: () => Promise<Trainer>;
  /** Called on the first word of every connection. */
  readonly onConnected?: () => void;
}

export interface SiteAgent {
  /** Takes the directory and starts to attend. @throws AgentError `agent_running`, `state_*`; TrainingError `engine_missing` of a named engine */
  start(): Promise<void>;
  /** Ends the work under way within a step, disconnects, closes the state. May be called more than once. */
  stop(): Promise<void>;
  /** Resolves when the agent has stopped. */
  readonly stopped: Promise<void>;
  /** The plans of this site; usable between start and stop. */
  readonly plans: PlanBook;
  readonly registry: ModelRegistry;
}

/** What the coordinator is told of a task that cannot be done; null when there is nothing to tell, or nobody. */
function declineReasonOf(error: unknown): DeclineReason | null {
  if (error instanceof DataError) return error.code === 'too_few_rows' ? 'too_few_rows' : 'data_problem';
  if (error instanceof TrainingError) {
    if (error.code === 'engine_missing') return 'engine_missing';
    if (error.code === 'no_rows') return 'too_few_rows';
    return error.advice === 'fix' ? 'data_problem' : 'training_failed';
  }
  if (error instanceof AgentError) {
    if (error.code === 'deadline_passed' || error.code === 'task_withdrawn' || error.code === 'stopped') return null;
    if (error.code === 'plan_not_approved') return 'plan_not_approved';
    return error.code.startsWith('policy_') ? 'policy_refuses' : 'training_failed';
  }
  if (error instanceof WireError && error.advice === 'retry') return null;
  return 'training_failed';
}

/**
 * A site's agent: attends at the coordinator, carries out the tasks of approved plans one after the other, and sends
 * what they yield through egress. Every result is on disk before it is sent, so the process may be killed at any time.
 */
export function createSiteAgent(parts: SiteAgentParts): SiteAgent {
  const { directory, site, config, inbound, random } = parts;
  const log = parts.log.child({ site });
  const stopping = new AbortController();
  const heartbeatMs = parts.heartbeatMs ?? defaultHeartbeatMs;
  const waiting: TaskOffer[] = [];
  const controllers = new Map<TaskId, AbortController>();
  const plansAsked = new Set<string>();
  const loops = new Set<Promise<void>>();
  let wakeWorker: (() => void) | null = null;
  let running: TaskParts | null = null;
  let stopped: Promise<void> | null = null;
  let lock: { release(): void } | null = null;
  let announceStop: () => void = () => {};
  const whenStopped = new Promise<void>((resolve) => {
    announceStop = resolve;
  });
  /** The coordinator's clock less ours: its deadlines are in its own time. */
  let clockOffsetMs = 0;
  const coordinatorNow = (): number => parts.clock.now() + clockOffsetMs;
  const opened = (): TaskParts => {
    if (running === null) throw new AgentError('stopped', 'The agent is not running.');
    return running;
  };

  let trainer: Promise<Trainer> | null = null;
  const openEngine = (): Promise<Trainer> => {
    const open =
      parts.openTrainer ?? (() => openTrainer(config.engine, log, engineOptions(directory, config, stopping.signal)));
    trainer ??= open().catch((cause) => {
      trainer = null;
      throw cause;
    });
    return trainer;
  };

  /** Rows of the run in work. Its rounds must all train on the same rows, so they are read once. */
  let held: { readonly run: string; readonly plan: Digest; readonly rows: SiteRows } | null = null;
  const rowsOf = async (run: string, plan: LoadedPlan, signal: AbortSignal): Promise<SiteRows> => {
    if (held?.run === run && held.plan === plan.digest) return held.rows;
    held = null;
    const rows = await loadSiteData(directory, config.data, plan.plan, parts.clock.now(), signal);
    log.info(
      {
        run,
        plan: plan.digest,
        rows: rows.loaded.rowsRead,
        problems: rows.loaded.problems.rows,
        trainingRows: rows.trainingRows.length,
        judgingRows: rows.judgingRows.length,
      },
      'rows read',
    );
    held = { run, plan: plan.digest, rows };
    return rows;
  };

  const attendance = createAttendance({
    inbound,
    clock: parts.clock,
    random,
    log,
    heartbeatMs,
    hello: () => ({
      kind: 'hello',
      software: parts.software,
      heartbeatMs,
      approvedPlans: opened().plans.approved(),
    }),
    onMessage: take,
    ...(parts.onConnected === undefined ? {} : { onConnected: parts.onConnected }),
  });

  let announced = '';
  function announceApprovals(): void {
    const approvedPlans = opened().plans.approved();
    const text = approvedPlans.join();
    if (text === announced) return;
    announced = text;
    attendance.say({ kind: 'approvals', approvedPlans });
  }

  async function watchApprovals(signal: AbortSignal): Promise<void> {
    const { store } = opened();
    let seen = store.dataVersion();
    while (!signal.aborted) {
      try {
        await parts.clock.sleep(parts.approvalPollMs ?? 500, signal);
        const version = store.dataVersion();
        if (version === seen) continue;
        seen = version;
        announceApprovals();
        sendWaitingNotices();
      } catch (error) {
        if (signal.aborted) return;
        log.warn(errorFields(error), 'approvals could not be looked up');
      }
    }
  }

  /** A hold ends by the calendar, whether or not anybody asks for another judgement. */
  async function watchHolds(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await endExpiredHolds(opened(), signal);
        // Tasks go first: what has waited for weeks may wait for an hour more.
        if (controllers.size === 0) await judgeHeldAgain(opened(), signal);
        if (controllers.size === 0) await revalidateWanted(opened(), signal);
        sendWaitingNotices();
      } catch (error) {
        if (!signal.aborted)
          log.warn({ ...errorFields(error) }, 'the end of a hold was not reported, tried again later');
      }
      await parts.clock.sleep(parts.holdPollMs ?? 3_600_000, signal).catch(() => undefined);
    }
  }

  let noticing: Promise<void> | null = null;
  let noticesSince = false;
  /** Tells the coordinator what has changed about models in use; what could not be sent waits for the next time. */
  function sendWaitingNotices(): void {
    if (noticing !== null) {
      // Those under way were read before: one made since then is looked for when they are sent.
      noticesSince = true;
      return;
    }
    noticesSince = false;
    const sending = sendNotices(opened(), stopping.signal)
      .catch((error: unknown) => {
        if (!stopping.signal.aborted) log.warn({ ...errorFields(error) }, 'a notice was not sent, tried again later');
      })
      .finally(() => {
        noticing = null;
        loops.delete(sending);
        if (noticesSince && !stopping.signal.aborted) sendWaitingNotices();
      });
    noticing = sending;
    loops.add(sending);
  }

  /** Scores and watches as often as site.yaml says; not at all where it says nothing. */
  async function watchModels(signal: AbortSignal): Promise<void> {
    const { everyMinutes } = config.scoring ?? {};
    if (everyMinutes === undefined) return;
    let lastTryMs: number | null = null;
    while (!signal.aborted) {
      try {
        if (controllers.size === 0 && passIsDue(opened(), everyMinutes, lastTryMs)) {
          lastTryMs = parts.clock.now();
          await watchTurn(opened(), signal);
          sendWaitingNotices();
        }
      } catch (error) {
        if (!signal.aborted) log.warn({ ...errorFields(error) }, 'rows were not scored, tried again when it is time');
      }
      await parts.clock.sleep(Math.min(everyMinutes, 5) * 60_000, signal).catch(() => undefined);
    }
  }

  /** Fetches a plan that was named, keeps it, and approves it where the configuration says so. */
  async function takePlan(run: RunId, digest: Digest): Promise<void> {
    const { plans, downloads, clock } = opened();
    const plan = plans.load(digest) ?? (await downloads.plan(digest, stopping.signal));
    plans.remember(run, plan, clock.now());
    if (plans.isApproved(digest)) return;
    if (config.approval === 'automatic') {
      plans.approve(digest, 'automatic', clock.now());
      log.info({ run, plan: digest }, 'plan approved automatically, as site.yaml says');
      announceApprovals();
    } else {
      log.warn({ run, plan: digest }, 'a plan waits for approval: wardround site plans, wardround site approve');
    }
  }

  function take(message: CoordinatorMessage): void {
    switch (message.kind) {
      case 'beat': {
        const offsetMs = message.nowMs - parts.clock.now();
        if (Math.abs(offsetMs - clockOffsetMs) > 60_000)
          log.warn({ offsetMs }, 'the clocks differ by more than a minute');
        clockOffsetMs = offsetMs;
        return;
      }
      case 'plan': {
        const key = `${message.run} ${message.plan}`;
        if (plansAsked.has(key)) return;
        plansAsked.add(key);
        const work: Promise<void> = takePlan(message.run, message.plan)
          .catch((error: unknown) => {
            if (!stopping.signal.aborted) log.error({ ...errorFields(error), plan: message.plan }, 'plan not taken');
          })
          .finally(() => {
            plansAsked.delete(key);
            loops.delete(work);
          });
        loops.add(work);
        return;
      }
      case 'task':
        if (controllers.has(message.task.id)) return;
        controllers.set(message.task.id, new AbortController());
        waiting.push(message.task);
        wakeWorker?.();
        return;
      case 'withdrawn': {
        const controller = controllers.get(message.task);
        if (controller === undefined) return;
        log.info({ task: message.task }, 'task withdrawn');
        controller.abort(new AgentError('task_withdrawn'));
        return;
      }
      case 'drain':
        return;
    }
  }

  async function carryOut(offer: TaskOffer, signal: AbortSignal): Promise<Receipt> {
    const task = opened();
    if (!task.plans.isApproved(offer.plan)) throw new AgentError('plan_not_approved', undefined, { plan: offer.plan });
    const plan = task.plans.load(offer.plan);
    if (plan === null) throw new AgentError('unknown_plan', undefined, { plan: offer.plan });
    task.tasks.begin(offer, task.clock.now());
    switch (offer.kind) {
      case 'summary':
        return carryOutSummary(task, offer, plan, signal);
      case 'train':
        return carryOutTraining(task, offer, plan, signal);
      case 'judge':
        // The run has trained its last round: its rows need not stay in memory.
        held = null;
        return carryOutJudging(task, offer, plan, signal);
    }
  }

  async function decline(offer: TaskOffer, error: unknown): Promise<void> {
    const reason = declineReasonOf(error);
    if (reason === null) {
      // Nobody could be told. On a new connection the task is offered again, if it still stands.
      if (error instanceof WireError) attendance.redial();
      return;
    }
    const { egress, tasks, clock } = opened();
    const code = error instanceof WardroundError ? error.fullCode : null;
    try {
      await egress.decline(offer, reason, code, stopping.signal);
      tasks.declined(offer.id, clock.now());
    } catch (cause) {
      if (!stopping.signal.aborted) log.warn({ ...errorFields(cause), task: offer.id }, 'declining failed');
    }
  }

  /** A disk that is full may have room again before the task's deadline: then the task is done, and nobody was told otherwise. */
  function takeUpLater(offer: TaskOffer): void {
    const later: Promise<void> = parts.clock
      .sleep(parts.fullDiskRetryMs ?? 10_000, stopping.signal)
      .then(() => take({ kind: 'task', task: offer }))
      .catch(() => {})
      .finally(() => loops.delete(later));
    loops.add(later);
  }

  /** For people who look; a full disk is told by the task itself. */
  function leave(task: TaskId): void {
    try {
      opened().tasks.leave(task);
    } catch (cause) {
      log.warn({ ...errorFields(cause), task }, 'that the task has ended is not noted: site status shows it still');
    }
  }

  async function workOn(offer: TaskOffer): Promise<void> {
    const controller = controllers.get(offer.id) ?? new AbortController();
    const fields = { task: offer.id, kind: offer.kind, run: offer.run, round: offer.round };
    const ended = new AbortController();
    const signal = AbortSignal.any([stopping.signal, controller.signal]);
    const deadline = parts.clock
      .sleep(Math.max(0, offer.deadlineMs - coordinatorNow()), ended.signal)
      .then(() => controller.abort(new AgentError('deadline_passed', undefined, { task: offer.id })))
      .catch(() => {});
    const startedMs = parts.clock.now();
    try {
      signal.throwIfAborted();
      log.info(fields, 'task begun');
      const receipt = await carryOut(offer, signal);
      opened().tasks.answered(offer.id, receipt, parts.clock.now());
      const durationMs = parts.clock.now() - startedMs;
      if (receipt.outcome === 'refused')
        log.error({ ...fields, code: receipt.code, durationMs }, 'refused by the coordinator');
      else log.info({ ...fields, outcome: receipt.outcome, durationMs }, 'task done');
    } catch (error) {
      if (stopping.signal.aborted) return;
      const cause = signal.aborted ? signal.reason : error;
      log.warn({ ...fields, ...errorFields(cause) }, 'task not done');
      if (cause instanceof AgentError && cause.code === 'storage_full') takeUpLater(offer);
      else await decline(offer, cause);
    } finally {
      ended.abort();
      await deadline;
      controllers.delete(offer.id);
      // An agent that stops leaves the task to the next one.
      if (!stopping.signal.aborted) leave(offer.id);
    }
  }

  async function work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const offer = waiting.shift();
      if (offer === undefined) {
        await new Promise<void>((resolve) => {
          wakeWorker = resolve;
        });
        wakeWorker = null;
        continue;
      }
      try {
        await workOn(offer);
      } catch (error) {
        log.error({ ...errorFields(error), task: offer.id }, 'the task loop met an error and goes on');
      }
    }
  }

  async function shutDown(): Promise<void> {
    stopping.abort(new AgentError('stopped'));
    wakeWorker?.();
    await Promise.allSettled(loops);
    const engine = await trainer?.catch(() => null);
    await engine?.dispose();
    held = null;
    running?.store.close();
    running = null;
    lock?.release();
    lock = null;
    announceStop();
  }

  return {
    async start() {
      stopping.signal.throwIfAborted();
      if (running !== null) throw new AgentError('agent_running', 'This agent was started before.');
      const directoryLock = lockDirectory(directory);
      try {
        const store = openAgentStore(directory);
        const objects = openObjects(directory);
        const { clock } = parts;
        const plans = createPlanBook({ store, directory, site, config, signer: parts.signer });
        const ledger = createLedger(store);
        const interrupted = ledger.markInterrupted();
        if (interrupted > 0) log.warn({ entries: interrupted }, 'the agent ended while sending; the ledger says what');
        const tasks = createTaskStore(store);
        tasks.leaveAll();
        running = {
          directory,
          site,
          config,
          rootPem: parts.rootPem,
          store,
          objects,
          clock,
          log,
          tasks,
          checkpoints: openCheckpoints(directory, log),
          plans,
          downloads: createDownloads({ inbound, objects, clock, random, log }),
          egress: createEgress({
            outbound: parts.outbound,
            ledger,
            sharing: createSharingRecord(store),
            planOf: (digest) => plans.load(digest)?.plan ?? null,
            recipient: parts.recipient,
            clock,
            random,
            log,
          }),
          registry: createModelRegistry(store),
          signer: parts.signer,
          trainer: openEngine,
          rows: rowsOf,
        };
        await awaitNamedEngine(running, openEngine);
        stopping.signal.throwIfAborted();
      } catch (cause) {
        running?.store.close();
        running = null;
        directoryLock.release();
        throw cause;
      }
      lock = directoryLock;
      announced = opened().plans.approved().join();
      for (const loop of [attendance.run, work, watchApprovals, watchHolds, watchModels])
        loops.add(loop(stopping.signal));
    },
    stop() {
      stopped ??= shutDown();
      return stopped;
    },
    stopped: whenStopped,
    get plans() {
      return opened().plans;
    },
    get registry() {
      return opened().registry;
    },
  };
}
