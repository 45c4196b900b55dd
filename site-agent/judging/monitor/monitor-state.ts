import type { DataContract } from '../../../shared/plan/contract.ts';
import { type MonitorSignal, monitorSignals, type SignalLevel } from '../../../shared/plan/notice.ts';
import type { DayCount, ScoredOutcome } from '../../data/predictions.ts';
import type { SiteTable } from '../../data/site-table.ts';
import type { Baseline } from './baseline.ts';
import { initOutcomeSignals, type OutcomeSignals, readOutcomeSignals, stepOutcomeSignals } from './outcome-signals.ts';
import {
  type Delivery,
  failPipe,
  initPipeSignals,
  type PassFacts,
  type PipeSignals,
  readPipeSignals,
  stepPipeSignals,
} from './pipe.ts';
import { initRowSignals, type ReferenceScores, type RowSignals, readRowSignals, stepRowSignals } from './row-window.ts';
import { levelOf, type SignalReading, upperPart } from './signal.ts';

/** Everything the monitor of one release remembers; JSON of a bounded size. */
export interface MonitorState {
  readonly wardround: 'monitor-state/1';
  /** Sequence of the last outcome taken. */
  readonly outcomeSequence: number;
  readonly outcomes: OutcomeSignals;
  readonly rows: RowSignals;
  readonly pipe: PipeSignals;
  /** Level of each signal when it was last read, and since when. */
  readonly levels: Readonly<Partial<Record<MonitorSignal, { readonly level: SignalLevel; readonly sinceMs: number }>>>;
}

/** @param sequence of the last prediction there is: later ones are deliveries to be watched */
export function initMonitor(contract: DataContract, baseline: Baseline, sequence: number): MonitorState {
  return {
    wardround: 'monitor-state/1',
    outcomeSequence: 0,
    outcomes: initOutcomeSignals(baseline),
    rows: initRowSignals(contract, baseline),
    pipe: initPipeSignals(sequence),
    levels: {},
  };
}

/** Takes rows newly scored, in order. */
export function takeRows(
  state: MonitorState,
  contract: DataContract,
  baseline: Baseline,
  reference: ReferenceScores,
  scored: { readonly table: SiteTable; readonly rows: ArrayLike<number>; readonly probabilities: ArrayLike<number> },
): MonitorState {
  const { table, rows, probabilities } = scored;
  return { ...state, rows: stepRowSignals(state.rows, contract, baseline, reference, table, rows, probabilities) };
}

/** Takes outcomes in the order of their sequence. */
export function takeOutcomes(
  state: MonitorState,
  baseline: Baseline,
  outcomes: readonly ScoredOutcome[],
): MonitorState {
  const last = outcomes.at(-1);
  if (last === undefined) return state;
  return {
    ...state,
    outcomeSequence: last.sequence,
    outcomes: stepOutcomeSignals(state.outcomes, baseline, outcomes),
  };
}

/** Takes what a pass found out about the delivery of rows. */
export function takePass(
  state: MonitorState,
  contract: DataContract,
  baseline: Baseline,
  facts: PassFacts,
  delivery: Delivery,
): MonitorState {
  return { ...state, pipe: stepPipeSignals(state.pipe, contract, baseline, facts, delivery) };
}

/** Takes the failure of a pass. */
export function takeFailure(state: MonitorState, code: string): MonitorState {
  return { ...state, pipe: failPipe(state.pipe, code) };
}

const dayMs = 86_400_000;

/** Every signal of the table, in its order, as it stands. */
export function readMonitor(
  state: MonitorState,
  baseline: Baseline,
  days: readonly DayCount[],
  nowMs: number,
): readonly SignalReading[] {
  const ofRows = readRowSignals(state.rows);
  const rowParts = (signal: MonitorSignal) => ofRows.find((reading) => reading.signal === signal)?.parts ?? [];
  const ofOutcomes = readOutcomeSignals(state.outcomes, baseline);
  const { validatedMs, revalidateDays } = baseline;
  return monitorSignals.map((signal): SignalReading => {
    switch (signal) {
      case 'inputs':
        return { signal, parts: [...rowParts(signal), ...state.pipe.unknownLevels] };
      case 'pipe':
        return { signal, parts: [...readPipeSignals(state.pipe, baseline, days, nowMs), ...rowParts(signal)] };
      case 'time': {
        const daysSince = (nowMs - validatedMs) / dayMs;
        return {
          signal,
          parts: [upperPart('days since validation', daysSince, { warn: null, alarm: revalidateDays })],
        };
      }
      case 'prior':
      case 'unlabelled':
        return { signal, parts: rowParts(signal) };
      default:
        return ofOutcomes.find((reading) => reading.signal === signal) ?? { signal, parts: [] };
    }
  });
}

/** Notes the levels that were read, and since when each signal has its own. */
export function noteLevels(state: MonitorState, readings: readonly SignalReading[], nowMs: number): MonitorState {
  const levels = Object.fromEntries(
    readings.map(({ signal, parts }) => {
      const level = levelOf(parts);
      const before = state.levels[signal];
      return [signal, before?.level === level ? before : { level, sinceMs: nowMs }];
    }),
  );
  return { ...state, levels };
}
