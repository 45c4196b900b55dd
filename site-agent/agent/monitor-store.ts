import type { ModelNotice, ModelState } from '../../shared/plan/notice.ts';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import type { Digest, ReleaseVersion } from '../../shared/runtime/ids.ts';
import type { MonitorRecord } from '../judging/monitor/score-rows.ts';
import type { RaisedSignal } from './monitor-transition.ts';
import type { AgentStore } from './store.ts';

/** State of one release at this site. */
export interface StoredModelState {
  readonly version: ReleaseVersion;
  readonly model: string;
  readonly digest: Digest;
  readonly state: ModelState;
  readonly sinceMs: number;
  /** Signals that led to it; empty when a person did, or the gate. */
  readonly reasons: readonly RaisedSignal[];
}

/** A notice on its way to the coordinator. */
export interface StoredNotice {
  readonly sequence: number;
  readonly notice: ModelNotice;
  /** Null until the coordinator has it. */
  readonly sentMs: number | null;
}

/** A judgement that a trigger has asked for. */
export interface Revalidation {
  readonly sequence: number;
  readonly version: ReleaseVersion;
  readonly wantedMs: number;
  readonly signals: readonly RaisedSignal[];
  /** Null while it is still to be done. */
  readonly finishedMs: number | null;
  readonly decision: string | null;
}

/** What watching models keeps in the site's database. Writes that belong together go into one `store.transaction`. */
export interface MonitorStore {
  load(digest: Digest): MonitorRecord | null;
  create(record: MonitorRecord): void;
  save(digest: Digest, state: MonitorRecord['state']): void;
  /** The monitor starts anew, with the next pass. */
  forget(digest: Digest): void;
  stateOf(version: ReleaseVersion): StoredModelState | null;
  states(): readonly StoredModelState[];
  setState(state: StoredModelState): void;
  /** Takes out the state of a release that is not in use any more because another was accepted. */
  clearState(version: ReleaseVersion): void;
  addNotice(notice: ModelNotice, nowMs: number): void;
  notices(): readonly StoredNotice[];
  unsentNotices(): readonly StoredNotice[];
  noticeSent(sequence: number, nowMs: number): void;
  /** Asks for a judgement; one that is already wanted stays. */
  wantRevalidation(version: ReleaseVersion, signals: readonly RaisedSignal[], nowMs: number): void;
  wantedRevalidations(): readonly Revalidation[];
  revalidations(): readonly Revalidation[];
  finishRevalidation(version: ReleaseVersion, decision: string, nowMs: number): void;
  addRun(run: {
    readonly startedMs: number;
    readonly finishedMs: number;
    readonly source: string;
    readonly counts: unknown;
  }): void;
  /** End of the last pass over the hospital's query; null before the first. */
  lastRunMs(): number | null;
}

interface StateRow extends Omit<StoredModelState, 'reasons'> {
  readonly reasons: string;
}

interface RevalidationRow extends Omit<Revalidation, 'signals'> {
  readonly signals: string;
}

export function createMonitorStore(store: AgentStore): MonitorStore {
  const stateColumns = `version, model, digest, state, since_ms as "sinceMs", reasons`;
  const parsedState = ({ reasons, ...row }: StateRow): StoredModelState => ({
    ...row,
    reasons: JSON.parse(reasons) as RaisedSignal[],
  });
  const notices = (where: string): StoredNotice[] =>
    store
      .all<{ sequence: number; notice: string; sentMs: number | null }>(
        `select sequence, notice, sent_ms as "sentMs" from model_notices ${where} order by sequence`,
      )
      .map(({ notice, ...row }) => ({ ...row, notice: JSON.parse(notice) as ModelNotice }));
  const revalidations = (where: string): Revalidation[] =>
    store
      .all<RevalidationRow>(
        `select sequence, version, wanted_ms as "wantedMs", signals, finished_ms as "finishedMs", decision
         from revalidations ${where} order by sequence`,
      )
      .map(({ signals, ...row }) => ({ ...row, signals: JSON.parse(signals) as RaisedSignal[] }));

  return {
    load(digest) {
      const row = store.get<{ baseline: string; state: string }>(
        'select baseline, state from monitors where digest = ?',
        digest,
      );
      return row === undefined
        ? null
        : ({ baseline: JSON.parse(row.baseline), state: JSON.parse(row.state) } as MonitorRecord);
    },
    create({ baseline, state }) {
      store.run(
        `insert into monitors (digest, version, baseline, state, made_ms) values (?, ?, ?, ?, ?)
         on conflict (digest) do nothing`,
        baseline.release.digest,
        baseline.release.version,
        canonicalJson(baseline),
        canonicalJson(state),
        baseline.madeMs,
      );
    },
    save(digest, state) {
      store.run('update monitors set state = ? where digest = ?', canonicalJson(state), digest);
    },
    forget(digest) {
      store.run('delete from monitors where digest = ?', digest);
    },
    stateOf(version) {
      const row = store.get<StateRow>(`select ${stateColumns} from model_states where version = ?`, version);
      return row === undefined ? null : parsedState(row);
    },
    states: () =>
      store
        .all<StateRow>(`select ${stateColumns} from model_states order by model, since_ms, version`)
        .map(parsedState),
    setState({ version, model, digest, state, sinceMs, reasons }) {
      store.run(
        `insert into model_states (version, model, digest, state, since_ms, reasons) values (?, ?, ?, ?, ?, ?)
         on conflict (version) do update set state = excluded.state, since_ms = excluded.since_ms, reasons = excluded.reasons`,
        version,
        model,
        digest,
        state,
        sinceMs,
        canonicalJson(reasons),
      );
    },
    clearState(version) {
      store.run('delete from model_states where version = ?', version);
    },
    addNotice(notice, nowMs) {
      store.run('insert into model_notices (notice, created_ms) values (?, ?)', canonicalJson(notice), nowMs);
    },
    notices: () => notices(''),
    unsentNotices: () => notices('where sent_ms is null'),
    noticeSent(sequence, nowMs) {
      store.run('update model_notices set sent_ms = ? where sequence = ?', nowMs, sequence);
    },
    wantRevalidation(version, signals, nowMs) {
      store.run(
        'insert into revalidations (version, wanted_ms, signals) values (?, ?, ?) on conflict do nothing',
        version,
        nowMs,
        canonicalJson(signals),
      );
    },
    wantedRevalidations: () => revalidations('where finished_ms is null'),
    revalidations: () => revalidations(''),
    finishRevalidation(version, decision, nowMs) {
      store.run(
        'update revalidations set finished_ms = ?, decision = ? where version = ? and finished_ms is null',
        nowMs,
        decision,
        version,
      );
    },
    addRun({ startedMs, finishedMs, source, counts }) {
      store.run(
        'insert into scoring_runs (started_ms, finished_ms, source, counts) values (?, ?, ?, ?)',
        startedMs,
        finishedMs,
        source,
        canonicalJson(counts),
      );
    },
    lastRunMs: () =>
      store.get<{ last: number | null }>("select max(finished_ms) as last from scoring_runs where source = 'query'")
        ?.last ?? null,
  };
}
