import type { SiteSummary } from '../../shared/plan/preprocessing.ts';
import type { SharedJudgement, SharingHistory, SiteCells } from '../../shared/plan/shared-judgement.ts';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import type { Digest, TaskId } from '../../shared/runtime/ids.ts';
import type { AgentStore } from '../agent/store.ts';

/** What this site has shared of its patients under each plan, and what the next judgement may be shared from. */
export interface SharingRecord {
  /** Everything of a plan that was made to leave, oldest first, but for what the very same thing was made of before. */
  history(plan: Digest, except: { readonly task: TaskId; readonly source: Digest }): SharingHistory;
  /** Everything of other plans, oldest first. */
  elsewhere(
    plan: Digest,
  ): readonly (
    | { readonly plan: Digest; readonly kind: 'summary'; readonly body: SiteSummary }
    | { readonly plan: Digest; readonly kind: 'judgement'; readonly body: SharedJudgement }
  )[];
  /** What was made before of the same source for the same task: a repeat sends the same bits. */
  find<Body extends SiteSummary | SharedJudgement>(task: TaskId, source: Digest): Body | null;
  /** What left last for a task. */
  latest(task: TaskId): SiteSummary | SharedJudgement | null;
  /** Written before anything is sent: what may have left counts as known outside. */
  keep(
    made: { readonly plan: Digest; readonly task: TaskId; readonly source: Digest } & (
      | { readonly kind: 'summary'; readonly body: SiteSummary }
      | { readonly kind: 'judgement'; readonly body: SharedJudgement }
    ),
    nowMs: number,
  ): void;
  /** Exact counts of the last judgement of a release; null takes them away. They never leave. */
  keepCells(release: Digest, cells: SiteCells | null, nowMs: number): void;
  cellsOf(release: Digest): SiteCells | null;
}

export function createSharingRecord(store: AgentStore): SharingRecord {
  const bodies = <Body>(kind: string, plan: Digest, except: { task: TaskId; source: Digest }): Body[] =>
    store
      .all<{ body: string }>(
        'select body from shared_records where plan = ? and kind = ? and not (task = ? and source = ?) order by sequence',
        plan,
        kind,
        except.task,
        except.source,
      )
      .map(({ body }) => JSON.parse(body) as Body);
  return {
    history: (plan, except) => ({
      summaries: bodies<SiteSummary>('summary', plan, except),
      judgements: bodies<SharedJudgement>('judgement', plan, except),
    }),
    elsewhere: (plan) =>
      store
        .all<{ plan: Digest; kind: 'summary' | 'judgement'; body: string }>(
          'select plan, kind, body from shared_records where plan <> ? order by sequence',
          plan,
        )
        .map((row) => ({ ...row, body: JSON.parse(row.body) as never })),
    find<Body>(task: TaskId, source: Digest) {
      const row = store.get<{ body: string }>(
        'select body from shared_records where task = ? and source = ?',
        task,
        source,
      );
      return row === undefined ? null : (JSON.parse(row.body) as Body);
    },
    latest(task) {
      const row = store.get<{ body: string }>(
        'select body from shared_records where task = ? order by sequence desc limit 1',
        task,
      );
      return row === undefined ? null : (JSON.parse(row.body) as SiteSummary | SharedJudgement);
    },
    keep({ plan, kind, task, source, body }, nowMs) {
      store.run(
        `insert into shared_records (plan, kind, task, source, body, made_ms) values (?, ?, ?, ?, ?, ?)
         on conflict (task, source) do nothing`,
        plan,
        kind,
        task,
        source,
        canonicalJson(body),
        nowMs,
      );
    },
    keepCells(release, cells, nowMs) {
      if (cells === null) store.run('delete from judged_cells where release = ?', release);
      else {
        store.run(
          `insert into judged_cells (release, cells, counted_ms) values (?, ?, ?)
           on conflict (release) do update set cells = excluded.cells, counted_ms = excluded.counted_ms`,
          release,
          canonicalJson(cells),
          nowMs,
        );
      }
    },
    cellsOf(release) {
      const row = store.get<{ cells: string }>('select cells from judged_cells where release = ?', release);
      return row === undefined ? null : (JSON.parse(row.cells) as SiteCells);
    },
  };
}
