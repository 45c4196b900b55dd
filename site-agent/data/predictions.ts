import type { DataContract } from '../../shared/plan/contract.ts';
import { canonicalDigest } from '../../shared/runtime/canonical.ts';
import type { Digest, ReleaseVersion } from '../../shared/runtime/ids.ts';
import type { AgentStore } from '../agent/store.ts';

/**
 * Which part a scored row has in watching the model. `reference`: it judged the release when it was accepted; `new`: it came later,
 * and is the patient's first; `excluded`: it counts for nothing, for it trained the model or follows an earlier row of the same patient.
 */
export type PredictionRole = 'reference' | 'new' | 'excluded';

/** One row scored by one release. Features are not among it. */
export interface Prediction {
  readonly patient: string;
  /** Time of prediction, ms since the epoch; null where the plan has none. */
  readonly timeMs: number | null;
  readonly probability: number;
  readonly role: PredictionRole;
  /** Positions, in the plan's list, of the subgroups the patient belongs to. */
  readonly subgroups: readonly number[];
}

/** Which release scores, and whether anybody sees it. */
export interface ScoringRelease {
  readonly version: ReleaseVersion;
  /** Of the file that scores: the release's, or its local variant's. */
  readonly digest: Digest;
  /** True for the release in use; false for one that scores in silence. */
  readonly shown: boolean;
}

export interface Outcome {
  readonly patient: string;
  readonly timeMs: number | null;
  /** Class index, or the numeric outcome. */
  readonly outcome: number;
}

/** A prediction with its outcome, in the order in which outcomes came. */
export interface ScoredOutcome {
  /** Of the outcome. */
  readonly sequence: number;
  readonly probability: number;
  /** What another release said of the same row; null where it did not score it. */
  readonly other: number | null;
  readonly outcome: number;
  readonly subgroups: readonly number[];
  /** Somebody may have acted on a prediction before this outcome came. */
  readonly altered: boolean;
}

/** Predictions and outcomes of this site, by row. Every call is one statement or loop of statements: put it in `store.transaction`. */
export interface PredictionStore {
  /** Whether this release has scored the row. */
  has(digest: Digest, patient: string, timeMs: number | null): boolean;
  /** Whether this release has scored any row of the patient. */
  hasPatient(digest: Digest, patient: string): boolean;
  /** Enters a prediction. @returns false when the row has one of this release, which stays as it is */
  add(release: ScoringRelease, prediction: Prediction, nowMs: number): boolean;
  /** Enters a prediction, or gives the one there is its part and subgroups anew. */
  place(release: ScoringRelease, prediction: Prediction, nowMs: number): void;
  /**
   * Enters an outcome. `unknown`: no release has scored the row; `conflict`: another outcome came before, and stays.
   */
  addOutcome(outcomeOf: string, outcome: Outcome, nowMs: number): 'added' | 'known' | 'unknown' | 'conflict';
  /** Reference predictions of a release with their outcomes, in the order of patient and time. */
  reference(digest: Digest, outcomeOf: string): readonly ScoredOutcome[];
  /** New predictions of a release with outcomes that came after `afterSequence`, in the order of outcomes. */
  outcomesAfter(
    digest: Digest,
    other: Digest | null,
    outcomeOf: string,
    afterSequence: number,
    limit: number,
  ): readonly ScoredOutcome[];
  /** Highest sequence of an outcome; 0 without any. */
  lastOutcome(): number;
  counts(digest: Digest, outcomeOf: string): PredictionCounts;
  /** What this release scored after a sequence: rows, the mean time from prediction to scoring in days, and the last sequence. */
  scoredAfter(
    digest: Digest,
    sequence: number,
  ): { readonly rows: number; readonly meanDelayDays: number | null; readonly sequence: number };
  /** Highest sequence of a prediction; 0 without any. */
  lastPrediction(): number;
  /** Rows by day (UTC) of prediction, days ascending; none without times. */
  days(digest: Digest): readonly DayCount[];
}

export interface PredictionCounts {
  readonly scored: number;
  readonly reference: number;
  readonly new: number;
  readonly withOutcome: number;
  readonly altered: number;
  readonly latestMs: number | null;
}

export interface DayCount {
  /** Days since the epoch. */
  readonly day: number;
  readonly rows: number;
}

/** What tells outcomes apart that are predicted by several plans: a digest of the label's name and levels or unit. */
export function outcomeKey(contract: DataContract): string {
  const { label } = contract;
  return canonicalDigest(
    'levels' in label ? { name: label.name, levels: label.levels } : { name: label.name, unit: label.unit },
  );
}

interface OutcomeRow {
  readonly sequence: number;
  readonly probability: number;
  readonly other: number | null;
  readonly outcome: number;
  readonly subgroups: string;
  readonly altered: 0 | 1;
}

function scoredOutcome({ subgroups, altered, ...row }: OutcomeRow): ScoredOutcome {
  return { ...row, subgroups: JSON.parse(subgroups) as number[], altered: altered === 1 };
}

/** SQLite sees two nulls as different; rows without time are told apart by the patient alone. */
const sameTime = "ifnull(o.time_ms, 'none') = ifnull(p.time_ms, 'none')";

export function createPredictionStore(store: AgentStore): PredictionStore {
  const insert = (release: ScoringRelease, prediction: Prediction, nowMs: number, conflict: string): boolean =>
    store.run(
      `insert into predictions (version, digest, patient, time_ms, probability, scored_ms, shown, role, subgroups)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict ${conflict}`,
      release.version,
      release.digest,
      prediction.patient,
      prediction.timeMs,
      prediction.probability,
      nowMs,
      release.shown ? 1 : 0,
      prediction.role,
      JSON.stringify(prediction.subgroups),
    ).changes > 0;
  return {
    has: (digest, patient, timeMs) =>
      store.get(
        `select 1 as found from predictions where digest = ? and patient = ? and ifnull(time_ms, 'none') = ifnull(?, 'none')`,
        digest,
        patient,
        timeMs,
      ) !== undefined,
    hasPatient: (digest, patient) =>
      store.get('select 1 as found from predictions where digest = ? and patient = ? limit 1', digest, patient) !==
      undefined,
    add: (release, prediction, nowMs) => insert(release, prediction, nowMs, 'do nothing'),
    place(release, prediction, nowMs) {
      insert(
        release,
        prediction,
        nowMs,
        `(digest, patient, ifnull(time_ms, 'none')) do update set role = excluded.role, subgroups = excluded.subgroups`,
      );
    },
    addOutcome(outcomeOf, { patient, timeMs, outcome }, nowMs) {
      const scored = store.get<{ shown: 0 | 1 | null }>(
        `select max(shown) as shown from predictions
         where patient = ? and ifnull(time_ms, 'none') = ifnull(?, 'none') and scored_ms < ?`,
        patient,
        timeMs,
        nowMs,
      );
      const any = store.get(
        `select 1 as found from predictions where patient = ? and ifnull(time_ms, 'none') = ifnull(?, 'none') limit 1`,
        patient,
        timeMs,
      );
      if (any === undefined) return 'unknown';
      const before = store.get<{ outcome: number }>(
        `select outcome from outcomes where outcome_of = ? and patient = ? and ifnull(time_ms, 'none') = ifnull(?, 'none')`,
        outcomeOf,
        patient,
        timeMs,
      );
      if (before !== undefined) return before.outcome === outcome ? 'known' : 'conflict';
      store.run(
        'insert into outcomes (outcome_of, patient, time_ms, outcome, known_ms, altered) values (?, ?, ?, ?, ?, ?)',
        outcomeOf,
        patient,
        timeMs,
        outcome,
        nowMs,
        scored?.shown === 1 ? 1 : 0,
      );
      return 'added';
    },
    reference: (digest, outcomeOf) =>
      store
        .all<OutcomeRow>(
          `select o.sequence, p.probability, null as other, o.outcome, p.subgroups, o.altered
           from predictions p join outcomes o on o.outcome_of = ? and o.patient = p.patient and ${sameTime}
           where p.digest = ? and p.role = 'reference' order by p.patient, p.time_ms`,
          outcomeOf,
          digest,
        )
        .map(scoredOutcome),
    outcomesAfter: (digest, other, outcomeOf, afterSequence, limit) =>
      store
        .all<OutcomeRow>(
          `select o.sequence, p.probability, q.probability as other, o.outcome, p.subgroups, o.altered
           from outcomes o
           join predictions p on p.digest = ? and p.patient = o.patient and ${sameTime}
           left join predictions q on q.digest = ? and q.patient = o.patient
             and ifnull(q.time_ms, 'none') = ifnull(o.time_ms, 'none')
           where o.outcome_of = ? and o.sequence > ? and p.role = 'new' order by o.sequence limit ?`,
          digest,
          other,
          outcomeOf,
          afterSequence,
          limit,
        )
        .map(scoredOutcome),
    lastOutcome: () => store.get<{ last: number | null }>('select max(sequence) as last from outcomes')?.last ?? 0,
    scoredAfter(digest, sequence) {
      const row = store.get<{ rows: number; delayMs: number | null; last: number | null }>(
        `select count(*) as rows, avg(scored_ms - time_ms) as "delayMs", max(sequence) as last
         from predictions where digest = ? and sequence > ?`,
        digest,
        sequence,
      );
      const delayMs = row?.delayMs ?? null;
      return {
        rows: row?.rows ?? 0,
        meanDelayDays: delayMs === null ? null : delayMs / 86_400_000,
        sequence: row?.last ?? sequence,
      };
    },
    lastPrediction: () =>
      store.get<{ last: number | null }>('select max(sequence) as last from predictions')?.last ?? 0,
    counts(digest, outcomeOf) {
      const row = store.get<{
        scored: number;
        reference: number | null;
        fresh: number | null;
        latestMs: number | null;
      }>(
        `select count(*) as scored, sum(role = 'reference') as reference, sum(role = 'new') as fresh,
           max(time_ms) as "latestMs" from predictions where digest = ?`,
        digest,
      );
      const joined = store.get<{ outcomes: number; altered: number | null }>(
        `select count(*) as outcomes, sum(o.altered) as altered
         from predictions p join outcomes o on o.outcome_of = ? and o.patient = p.patient and ${sameTime}
         where p.digest = ?`,
        outcomeOf,
        digest,
      );
      return {
        scored: row?.scored ?? 0,
        reference: row?.reference ?? 0,
        new: row?.fresh ?? 0,
        withOutcome: joined?.outcomes ?? 0,
        altered: joined?.altered ?? 0,
        latestMs: row?.latestMs ?? null,
      };
    },
    days: (digest) =>
      store.all<DayCount>(
        `select cast(floor(time_ms / 86400000.0) as integer) as day, count(*) as rows from predictions
         where digest = ? and time_ms is not null group by day order by day`,
        digest,
      ),
  };
}
