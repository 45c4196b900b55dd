import type { DataContract } from '../../../shared/plan/contract.ts';
import { machineMemoryBytes } from '../../../shared/runtime/machine-memory.ts';
import type { HoldoutConfig } from '../../config.ts';
import { openOutcomes } from '../../data/outcome-window.ts';
import type { PredictionStore, ScoringRelease } from '../../data/predictions.ts';
import type { ProblemReport } from '../../data/problems.ts';
import type { PassedRows, RowSource } from '../../data/row-source.ts';
import type { PartSink } from '../../data/rows-in-parts.ts';
import type { SiteTable } from '../../data/site-table.ts';
import { splitRows } from '../../data/split.ts';
import { rawRows } from '../../training/raw-rows.ts';
import { JudgingError } from '../judging-error.ts';
import type { Scorer } from '../scorer.ts';
import { type Baseline, dayOf, inSubgroup } from './baseline.ts';
import { type MonitorState, takeRows } from './monitor-state.ts';
import type { PassFacts } from './pipe.ts';
import type { ReferenceScores } from './row-window.ts';

/** Rows entered at once. */
export const rowsAtOnce = 8192;

const payloadBytesAtOnce = (): number => Math.min(2 ** 30, machineMemoryBytes() / 8);

/** A release that is to score, opened. */
export interface OpenedRelease extends ScoringRelease {
  readonly scorer: Scorer;
}

/** The stored monitor of the release in use. */
export interface MonitorRecord {
  readonly baseline: Baseline;
  readonly state: MonitorState;
}

export interface ScoreNeeds {
  readonly predictions: PredictionStore;
  transaction<Result>(body: () => Result): Result;
  readonly contract: DataContract;
  /** Of the contract's outcome, from `outcomeKey`. */
  readonly outcomeOf: string;
  readonly holdout: HoldoutConfig | undefined;
  readonly releases: readonly OpenedRelease[];
  /** Reads and writes the monitor of the release in use, inside the transaction; null when it is not watched. */
  readonly monitor: {
    readonly reference: ReferenceScores;
    load(): MonitorRecord;
    save(state: MonitorState): void;
  } | null;
  readonly nowMs: number;
  /** Series or images in memory at a time; an eighth of the machine's, at most 1 GiB, when absent. */
  readonly payloadBytes?: number;
}

export interface ScoreCounts {
  readonly rowsRead: number;
  /** Rows that do not fit the contract; they are not scored. */
  readonly problems: number;
  /** Rows that trained, by date or holdout, or are dated after now; they are not scored. */
  readonly notDue: number;
  /** By release: rows scored now, and rows it had scored before. */
  readonly releases: readonly { readonly version: string; readonly scored: number; readonly before: number }[];
  readonly outcomes: OutcomeCounts;
}

/** What a pass over rows has found. */
export interface ScoredRows {
  readonly counts: ScoreCounts;
  readonly facts: PassFacts;
  readonly problems: ProblemReport;
}

export interface OutcomeCounts {
  readonly added: number;
  /** The same outcome was there. */
  readonly known: number;
  /** Another outcome was there, and stays. */
  readonly conflict: number;
  /** Its window is still open; it is taken once that has closed. */
  readonly early: number;
  /** Of rows that no release has scored. */
  readonly unknown: number;
}

export const noOutcomes: OutcomeCounts = { added: 0, known: 0, conflict: 0, early: 0, unknown: 0 };

const timeOf = (table: SiteTable, row: number): number | null => {
  const time = table.times[row] as number;
  return Number.isNaN(time) ? null : time;
};

const sameMoment = (table: SiteTable, a: number, b: number): boolean =>
  table.patientKeys[a] === table.patientKeys[b] && Object.is(table.times[a], table.times[b]);

/** Rows in an order that has nothing to do with how they came: by time, patient, then values. */
function inOrder(table: SiteTable, rows: readonly number[]): number[] {
  const byValue = (a: number, b: number): number =>
    Object.is(a, b) ? 0 : Number.isNaN(a) ? 1 : Number.isNaN(b) ? -1 : a - b;
  return [...rows].sort((a, b) => {
    const time = byValue(table.times[a] as number, table.times[b] as number);
    if (time !== 0) return time;
    const [first, second] = [table.patientKeys[a] as string, table.patientKeys[b] as string];
    if (first !== second) return first < second ? -1 : 1;
    for (const { values } of table.columns) {
      const difference = byValue(values[a] as number, values[b] as number);
      if (difference !== 0) return difference;
    }
    return byValue(table.labels[a] as number, table.labels[b] as number);
  });
}

/** Rows in that order; of one patient and time only the first. */
function canonicalRows(table: SiteTable, rows: readonly number[]): number[] {
  return inOrder(table, rows).filter((row, place, sorted) => {
    const before = sorted[place - 1];
    return before === undefined || !sameMoment(table, before, row);
  });
}

/** Rows of a patient and time that several have: which of them counts is told by all their values. */
function twins(table: SiteTable, rows: readonly number[]): ReadonlySet<number> {
  return new Set(
    inOrder(table, rows).flatMap((row, place, sorted) => {
      const before = sorted[place - 1];
      return before !== undefined && sameMoment(table, before, row) ? [before, row] : [];
    }),
  );
}

/** Probabilities of the event of some rows of a table. @throws JudgingError `model_interface` for anything else */
export async function probabilitiesOf(
  release: OpenedRelease,
  table: SiteTable,
  rows: Uint32Array,
  signal?: AbortSignal,
): Promise<Float32Array> {
  if (rows.length === 0) return new Float32Array();
  const figures = await release.scorer.score(rawRows(table, rows), signal);
  if (figures.length !== rows.length || figures.some((figure) => !(figure >= 0 && figure <= 1))) {
    throw new JudgingError('model_interface', `${release.version} does not give one probability a row`);
  }
  return figures;
}

/** The subgroups of the plan a row belongs to. */
export function subgroupsOf(table: SiteTable, contract: DataContract, row: number): number[] {
  return contract.subgroups.flatMap((_, position) => (inSubgroup(table, contract, position, row) ? [position] : []));
}

interface Tally {
  notDue: number;
  readonly scored: Map<string, number>;
  readonly before: Map<string, number>;
  outcomes: OutcomeCounts;
}

/**
 * Scores every row of a source that was not scored yet, with every release given, part by part; series and images are read of those rows
 * alone. Of each part the predictions, the outcomes
 * that have come and the change of the monitor's windows are one transaction: killed anywhere, nothing is lost and nothing counts twice.
 * Inside a part the order of rows changes nothing.
 * @throws DataError, JudgingError
 */
export async function scoreRows(needs: ScoreNeeds, source: RowSource, signal?: AbortSignal): Promise<ScoredRows> {
  const tally: Tally = {
    notDue: 0,
    scored: new Map(),
    before: new Map(),
    outcomes: noOutcomes,
  };
  const passed = await source.read(
    needs.contract,
    {
      batchRows: rowsAtOnce,
      payloadBytes: needs.payloadBytes ?? payloadBytesAtOnce(),
      begin: (table) => beginPart(needs, source, table, tally, signal),
    },
    signal,
  );
  const counts: ScoreCounts = {
    rowsRead: passed.rowsRead,
    problems: passed.problems.rows,
    notDue: tally.notDue,
    releases: needs.releases.map(({ version }) => ({
      version,
      scored: tally.scored.get(version) ?? 0,
      before: tally.before.get(version) ?? 0,
    })),
    outcomes: tally.outcomes,
  };
  return { counts, facts: factsOf(needs, source, passed), problems: passed.problems };
}

function factsOf(needs: ScoreNeeds, source: RowSource, passed: PassedRows): PassFacts {
  const last = needs.monitor?.load().baseline.days?.last ?? null;
  const later = (times: Float64Array): ((_: unknown, index: number) => boolean) =>
    last === null || source.schema === null ? () => true : (_, index) => dayOf(times[index] as number) > last;
  return {
    nowMs: needs.nowMs,
    schema: source.schema,
    outOfRange: new Map([...passed.outOfRange].map(([name, { values, times }]) => [name, values.filter(later(times))])),
    unknownLevels: new Map([...passed.unknownLevels].map(([name, times]) => [name, times.filter(later(times)).length])),
  };
}

/** A part of the rows: what is due and was not scored, scored piece by piece, then entered in one transaction. */
function beginPart(
  needs: ScoreNeeds,
  source: RowSource,
  table: SiteTable,
  tally: Tally,
  signal?: AbortSignal,
): PartSink {
  const { contract, nowMs, predictions, releases } = needs;
  signal?.throwIfAborted();
  const judging =
    source.schema === null
      ? Uint32Array.from({ length: table.rows }, (_, row) => row)
      : splitRows(table, contract, needs.holdout, nowMs).split.judgingRows;
  const due = Array.from(judging).filter((row) => !((table.times[row] as number) > nowMs));
  /** By release and row: 1 where it is to be scored. */
  const lacking = releases.map(() => new Uint8Array(table.rows));
  /** By release and row: NaN until it is scored. */
  const figures = releases.map(() => new Float32Array(table.rows).fill(Number.NaN));
  for (const [place, { digest }] of releases.entries()) {
    const marks = lacking[place] as Uint8Array;
    for (const row of due) {
      if (!predictions.has(digest, table.patientKeys[row] as string, timeOf(table, row))) marks[row] = 1;
    }
  }
  const alike = contract.payload === undefined ? new Set<number>() : twins(table, due);
  return {
    wanted: Uint32Array.from(due.filter((row) => alike.has(row) || lacking.some((marks) => marks[row] === 1))),
    async score(piece, rows) {
      for (const [place, release] of releases.entries()) {
        const marks = lacking[place] as Uint8Array;
        const fresh = Uint32Array.from(rows.keys()).filter((at) => marks[rows[at] as number] === 1);
        const probabilities = await probabilitiesOf(release, piece, fresh, signal);
        for (const [index, at] of fresh.entries()) {
          (figures[place] as Float32Array)[rows[at] as number] = probabilities[index] as number;
        }
      }
    },
    async finish(whole, refused) {
      signal?.throwIfAborted();
      const rows = canonicalRows(
        whole,
        due.filter((row) => refused[row] === 0),
      );
      const scored = releases.map((release, place) => {
        const known = figures[place] as Float32Array;
        const fresh = Uint32Array.from(rows.filter((row) => lacking[place]?.[row] === 1));
        return { release, rows: fresh, probabilities: Float32Array.from(fresh, (row) => known[row] as number) };
      });
      const part = needs.transaction(() => enterPart(needs, whole, rows, scored));
      // Counted only once it is stored.
      tally.notDue += table.rows - due.length;
      for (const [place, { version }] of releases.entries()) {
        const entered = part.entered[place] ?? 0;
        tally.scored.set(version, (tally.scored.get(version) ?? 0) + entered);
        tally.before.set(version, (tally.before.get(version) ?? 0) + rows.length - entered);
      }
      tally.outcomes = addCounts(tally.outcomes, part.outcomes);
    },
  };
}

function addCounts(a: OutcomeCounts, b: OutcomeCounts): OutcomeCounts {
  return {
    added: a.added + b.added,
    known: a.known + b.known,
    conflict: a.conflict + b.conflict,
    early: a.early + b.early,
    unknown: a.unknown + b.unknown,
  };
}

function enterPart(
  needs: ScoreNeeds,
  table: SiteTable,
  rows: readonly number[],
  scored: readonly {
    readonly release: OpenedRelease;
    readonly rows: Uint32Array;
    readonly probabilities: Float32Array;
  }[],
) {
  const { contract, monitor, nowMs, predictions } = needs;
  const result = { entered: [] as number[], outcomes: noOutcomes };
  for (const { release, rows: fresh, probabilities } of scored) {
    let entered = 0;
    const taken: number[] = [];
    const takenProbabilities: number[] = [];
    for (const [place, row] of fresh.entries()) {
      const patient = table.patientKeys[row] as string;
      const timeMs = timeOf(table, row);
      const role = predictions.hasPatient(release.digest, patient) ? 'excluded' : 'new';
      const probability = probabilities[place] as number;
      const prediction = { patient, timeMs, probability, role, subgroups: subgroupsOf(table, contract, row) } as const;
      if (!predictions.add(release, prediction, nowMs)) continue;
      entered++;
      if (release.shown && role === 'new') {
        taken.push(row);
        takenProbabilities.push(probability);
      }
    }
    result.entered.push(entered);
    if (!release.shown || monitor === null || taken.length === 0) continue;
    const { baseline, state } = monitor.load();
    monitor.save(
      takeRows(state, contract, baseline, monitor.reference, { table, rows: taken, probabilities: takenProbabilities }),
    );
  }
  result.outcomes = enterOutcomes(
    needs,
    rows.flatMap((row) => {
      const outcome = table.labels[row] as number;
      return Number.isNaN(outcome)
        ? []
        : [{ patient: table.patientKeys[row] as string, timeMs: timeOf(table, row), outcome }];
    }),
  );
  return result;
}

/** Enters outcomes whose window has closed, in the order given. Call it inside a transaction. */
export function enterOutcomes(
  needs: Pick<ScoreNeeds, 'predictions' | 'contract' | 'outcomeOf' | 'nowMs'>,
  outcomes: readonly { readonly patient: string; readonly timeMs: number | null; readonly outcome: number }[],
): OutcomeCounts {
  const counts = { added: 0, known: 0, conflict: 0, early: 0, unknown: 0 };
  const isOpen = openOutcomes(needs.contract, needs.nowMs);
  for (const outcome of outcomes) {
    counts[isOpen(outcome.timeMs) ? 'early' : needs.predictions.addOutcome(needs.outcomeOf, outcome, needs.nowMs)]++;
  }
  return counts;
}
