import type { Judgement } from '../../shared/plan/judgement.ts';
import type { SiteSummary } from '../../shared/plan/preprocessing.ts';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import type { Digest, RunId, TaskId } from '../../shared/runtime/ids.ts';
import type { Receipt, TaskOffer, UpdateHeader } from '../../shared/wire/messages.ts';
import type { ClipCounts } from '../training/clip-counts.ts';
import type { AgentStore } from './store.ts';

/** What a task ended in; stored before it is sent, so that a repeated offer gets the same bits. */
export type TaskResult = UpdateHeader | SiteSummary | Judgement;

/** How far the training of a task is. */
export interface TaskProgress {
  readonly step: number;
  readonly steps: number;
  readonly epoch: number;
  readonly loss: number;
  readonly secondsLeft: number;
  /** Rows clipped so far; absent where none are. */
  readonly clipping?: ClipCounts;
  /** What it trains on. */
  readonly runsOn: string;
  readonly atMs: number;
}

export interface TaskAtWork {
  readonly id: TaskId;
  readonly run: RunId;
  readonly round: number;
  readonly kind: TaskOffer['kind'];
  readonly begunMs: number;
  readonly progress: TaskProgress | null;
}

/** Results of tasks by id. */
export interface TaskStore {
  /** Notes that work on the task begins. A result that is there already stays. */
  begin(offer: TaskOffer, nowMs: number): void;
  /** Notes that nobody works on it any more: done, declined, withdrawn, or put off. It may be offered again. */
  leave(task: TaskId): void;
  /** Notes that nobody works on any: an agent begins with none, whatever the one before it left. */
  leaveAll(): void;
  result<Result extends TaskResult>(task: TaskId): Result | null;
  /** The result is final from here on. */
  finish(task: TaskId, result: TaskResult, nowMs: number): void;
  answered(task: TaskId, receipt: Receipt, nowMs: number): void;
  /** Puts a later judgement of a release on hold in the place of the one before, to be reported. */
  judgedAgain(judgement: Judgement, nowMs: number): void;
  /** Later judgements of releases on hold that have not been answered by the coordinator. */
  unreportedHolds(): readonly {
    readonly task: { readonly id: TaskId; readonly run: RunId; readonly round: number };
    readonly judgement: Judgement;
  }[];
  declined(task: TaskId, nowMs: number): void;
  /** Notes how far a task is. */
  progressed(task: TaskId, progress: TaskProgress): void;
  /** Digest of the preprocessing in the latest training offer under a plan; null before there was one. */
  preprocessingOf(plan: Digest): Digest | null;
  /** Tasks that are worked on, the latest first, each with how far it is where that is known. */
  atWork(): readonly TaskAtWork[];
  /**
   * Digests of starting weights and deltas nobody asks for again: of this run's earlier rounds, and of other runs' tasks that were
   * answered. None that a task which is still to be answered needs.
   */
  outdatedObjects(run: RunId, beforeRound: number): readonly Digest[];
}

export function createTaskStore(store: AgentStore): TaskStore {
  return {
    begin(offer, nowMs) {
      store.run(
        `insert into tasks (id, run, round, kind, plan, state, base, preprocessing, updated_ms, under_way)
         values (?, ?, ?, ?, ?, 'working', ?, ?, ?, 1)
         on conflict (id) do update set under_way = 1, progress = null where payload is null`,
        offer.id,
        offer.run,
        offer.round,
        offer.kind,
        offer.plan,
        offer.kind === 'train' ? offer.base.digest : null,
        offer.kind === 'train' ? offer.preprocessing.digest : null,
        nowMs,
      );
    },
    leave(task) {
      store.run('update tasks set under_way = 0 where id = ?', task);
    },
    leaveAll() {
      store.run('update tasks set under_way = 0 where under_way = 1');
    },
    result<Result extends TaskResult>(task: TaskId) {
      const row = store.get<{ payload: string | null }>('select payload from tasks where id = ?', task);
      return row?.payload == null ? null : (JSON.parse(row.payload) as Result);
    },
    finish(task, result, nowMs) {
      store.run(
        `update tasks set state = 'ready', payload = ?, updated_ms = ? where id = ? and payload is null`,
        canonicalJson(result),
        nowMs,
        task,
      );
    },
    answered(task, receipt, nowMs) {
      store.run(
        `update tasks set state = 'answered', receipt = ?, updated_ms = ? where id = ?`,
        canonicalJson(receipt),
        nowMs,
        task,
      );
    },
    judgedAgain(judgement, nowMs) {
      const { digest } = judgement.evidence.release;
      store.run(
        `update tasks set state = 'ready', payload = ?, receipt = null, updated_ms = ?
         where kind = 'judge' and json_extract(payload, '$.evidence.release.digest') = ?`,
        canonicalJson(judgement),
        nowMs,
        digest,
      );
    },
    unreportedHolds() {
      const rows = store.all<{ id: TaskId; run: RunId; round: number; payload: string }>(
        `select id, run, round, payload from tasks where kind = 'judge' and state = 'ready'
           and json_extract(payload, '$.evidence.held') is not null order by updated_ms, id`,
      );
      return rows.map(({ payload, ...task }) => ({ task, judgement: JSON.parse(payload) as Judgement }));
    },
    declined(task, nowMs) {
      store.run(`update tasks set state = 'declined', updated_ms = ? where id = ? and payload is null`, nowMs, task);
    },
    progressed(task, progress) {
      store.run(`update tasks set progress = ? where id = ? and state = 'working'`, canonicalJson(progress), task);
    },
    preprocessingOf(plan) {
      const row = store.get<{ preprocessing: Digest }>(
        'select preprocessing from tasks where plan = ? and preprocessing is not null order by updated_ms desc limit 1',
        plan,
      );
      return row?.preprocessing ?? null;
    },
    atWork() {
      const rows = store.all<Omit<TaskAtWork, 'progress'> & { progress: string | null }>(
        `select id, run, round, kind, updated_ms as begunMs, progress from tasks
         where state = 'working' and under_way = 1 order by updated_ms desc, id`,
      );
      return rows.map(({ progress, ...task }) => ({
        ...task,
        progress: progress === null ? null : (JSON.parse(progress) as TaskProgress),
      }));
    },
    outdatedObjects(run, beforeRound) {
      const rows = store.all<{ base: Digest | null; payload: string | null; over: 0 | 1 }>(
        `select base, payload, case when run = ? then round < ? else state in ('answered', 'declined') end as over
         from tasks where kind = 'train' order by over desc`,
        run,
        beforeRound,
      );
      const digests = new Set<Digest>();
      for (const { base, payload, over } of rows) {
        const named = [base, payload === null ? null : (JSON.parse(payload) as UpdateHeader).delta.digest];
        for (const digest of named) {
          if (digest === null) continue;
          if (over === 1) digests.add(digest);
          else digests.delete(digest);
        }
      }
      return [...digests];
    },
  };
}
