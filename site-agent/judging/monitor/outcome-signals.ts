import { type Cusum, initCusum, stepCusum } from '../../../shared/statistics/cusum.ts';
import {
  defaultBetShares,
  defaultOddsRatios,
  initOddsEProcess,
  initSquaredErrorEProcess,
  type OddsEProcess,
  type SquaredErrorEProcess,
  stepOddsEProcess,
  stepSquaredErrorEProcess,
} from '../../../shared/statistics/e-process.ts';
import type { MixtureMartingale } from '../../../shared/statistics/mixture-martingale.ts';
import { recalibrateOne } from '../../../shared/statistics/recalibration.ts';
import type { Recalibration } from '../../../shared/statistics/recalibration-kinds.ts';
import {
  initWindowedOutcomes,
  stepWindowedOutcomes,
  type WindowedOutcomes,
  windowLimit,
} from '../../../shared/statistics/windowed-oe.ts';
import type { ScoredOutcome } from '../../data/predictions.ts';
import type { Baseline } from './baseline.ts';
import { type HarmTest, initHarmTest, stepHarmTest } from './harm-test.ts';
import { type SignalPart, type SignalReading, upperPart } from './signal.ts';

/** A chart of windows, with the |z| of the worst window so far: an alarm is not forgotten when the next window is quiet. */
interface WindowChart {
  readonly windows: WindowedOutcomes;
  readonly worst: number | null;
}

/** State of every signal that needs outcomes; numbers only. */
export interface OutcomeSignals {
  readonly outcomes: number;
  /** Of them: those a shown prediction may have altered. */
  readonly altered: number;
  readonly performance: SquaredErrorEProcess;
  /** One for raised and one for lowered odds; their mean is the e-value, and `maximum` its highest so far. */
  readonly odds: { readonly raised: OddsEProcess; readonly lowered: OddsEProcess; readonly maximum: number };
  readonly harm: HarmTest;
  readonly calibration: readonly Cusum[];
  readonly window: WindowChart;
  readonly subgroups: readonly {
    readonly name: string;
    readonly position: number;
    readonly recalibration: Recalibration;
    readonly rows: number;
    readonly performance: SquaredErrorEProcess;
    readonly window: WindowChart;
  }[];
}

/** Half of the capital bets from the first patient on, the rest enters patient by patient: a late change is found as well. */
const initialShare = 0.5;

const bets = (baseline: Baseline) => ({
  betShares: defaultBetShares,
  initialShare,
  lifetimePatients: baseline.settings.lifetimePatients,
});

const emptyWindow = (baseline: Baseline): WindowChart => ({
  windows: initWindowedOutcomes(baseline.settings.windowPatients),
  worst: null,
});

function oddsOf(baseline: Baseline, wanted: (ratio: number) => boolean): OddsEProcess {
  const { lifetimePatients } = baseline.settings;
  return initOddsEProcess({ oddsRatios: defaultOddsRatios.filter(wanted), initialShare, lifetimePatients });
}

/** Mean of two e-values, which is one. */
function oddsValue({ raised, lowered }: Pick<OutcomeSignals['odds'], 'raised' | 'lowered'>): number {
  return (raised.eValue + lowered.eValue) / 2;
}

function moved(probability: number, logOdds: number): number {
  return recalibrateOne({ kind: 'intercept', intercept: logOdds }, probability);
}

export function initOutcomeSignals(baseline: Baseline): OutcomeSignals {
  const { settings, accepted, charts } = baseline;
  const errors = (level: number): SquaredErrorEProcess =>
    initSquaredErrorEProcess({ ...bets(baseline), acceptedLevel: level, tolerance: settings.brierTolerance });
  return {
    outcomes: 0,
    altered: 0,
    performance: errors(accepted.brier),
    odds: {
      raised: oddsOf(baseline, (ratio) => ratio > 1),
      lowered: oddsOf(baseline, (ratio) => ratio < 1),
      maximum: 1,
    },
    harm: initHarmTest(settings.lifetimePatients),
    calibration: charts.map(({ oddsRatio, threshold }) => initCusum({ oddsRatio, threshold })),
    window: emptyWindow(baseline),
    subgroups: baseline.subgroups.flatMap(({ name, position, rows, recalibration, brier }) =>
      brier === null
        ? []
        : [{ name, position, recalibration, rows, performance: errors(brier), window: emptyWindow(baseline) }],
    ),
  };
}

function stepWindow(chart: WindowChart, probability: number, label: 0 | 1): WindowChart {
  const windows = stepWindowedOutcomes(chart.windows, { probability, label });
  if (windows.closedWindows === chart.windows.closedWindows || windows.last?.z == null) {
    return { windows, worst: chart.worst };
  }
  return { windows, worst: Math.max(chart.worst ?? 0, Math.abs(windows.last.z)) };
}

/**
 * Takes outcomes in the order in which they came. Splitting them into several calls changes nothing.
 * The squared error is of the probability as it was given; tests of odds, charts and windows take it as recalibrated on the reference rows, so that
 * a miscalibration the gate has accepted is no change.
 */
export function stepOutcomeSignals(
  state: OutcomeSignals,
  baseline: Baseline,
  outcomes: readonly ScoredOutcome[],
): OutcomeSignals {
  let { outcomes: count, altered, performance, odds, harm, window } = state;
  const calibration = [...state.calibration];
  const subgroups = [...state.subgroups];
  for (const row of outcomes) {
    const label = row.outcome === 1 ? 1 : 0;
    const { probability } = row;
    const calibrated = recalibrateOne(baseline.recalibration, probability);
    count++;
    if (row.altered) altered++;
    performance = stepSquaredErrorEProcess(performance, { probability, label });
    // What the recalibration may be off by is granted: the tests hold for any odds within a standard error of it.
    const highest = moved(calibrated, baseline.recalibrationError);
    const lowest = moved(calibrated, -baseline.recalibrationError);
    const raised = stepOddsEProcess(odds.raised, { probability: highest, label });
    const lowered = stepOddsEProcess(odds.lowered, { probability: lowest, label });
    odds = { raised, lowered, maximum: Math.max(odds.maximum, oddsValue({ raised, lowered })) };
    const other = baseline.against === null ? baseline.accepted.prevalence : row.other;
    if (other !== null) harm = stepHarmTest(harm, probability, other, label);
    for (const [index, chart] of calibration.entries()) {
      calibration[index] = stepCusum(chart, { probability: chart.oddsRatio > 1 ? highest : lowest, label });
    }
    window = stepWindow(window, calibrated, label);
    for (const [index, group] of subgroups.entries()) {
      if (!row.subgroups.includes(group.position)) continue;
      subgroups[index] = {
        ...group,
        performance: stepSquaredErrorEProcess(group.performance, { probability, label }),
        window: stepWindow(group.window, recalibrateOne(group.recalibration, calibrated), label),
      };
    }
  }
  return { outcomes: count, altered, performance, odds, harm, calibration, window, subgroups };
}

function evidencePart(
  name: string,
  chart: Pick<MixtureMartingale, 'patients' | 'eValue' | 'maximum'>,
  warn: number,
  alpha: number,
): SignalPart {
  const bounds = { warn, alarm: 1 / alpha };
  if (chart.patients === 0) return upperPart(name, null, bounds, 'no_outcomes');
  const part = upperPart(name, chart.eValue, bounds);
  // Valid at any time: once reached, it is shown, whatever comes after.
  return chart.maximum >= bounds.alarm ? { ...part, figure: chart.maximum, level: 'revalidate' } : part;
}

/**
 * |z| from which windows warn and alarm: the policy's, or what so many windows in a lifetime need, if that is larger; wider by the error
 * that the reference of so many rows has itself, which all windows share: √(1 + window / reference).
 */
function windowBounds(
  baseline: Baseline,
  alpha: number,
  referenceRows: number,
): { readonly warn: number; readonly alarm: number } {
  const { settings, windows } = baseline;
  const wider = Math.sqrt(1 + settings.windowPatients / referenceRows);
  return {
    warn: wider * Math.max(settings.windowWarn, windowLimit(windows, settings.falseAlarmRate)),
    alarm: wider * Math.max(settings.windowAlarm, windowLimit(windows, alpha)),
  };
}

function windowPart(name: string, chart: WindowChart, bounds: { readonly warn: number; readonly alarm: number }) {
  const z = chart.windows.last?.z ?? null;
  if (z === null) return upperPart(name, null, bounds, 'no_window_closed');
  const part = upperPart(name, Math.abs(z), bounds);
  return chart.worst !== null && chart.worst >= bounds.alarm
    ? { ...part, figure: chart.worst, level: 'revalidate' as const }
    : part;
}

/** What the signals say now. */
export function readOutcomeSignals(state: OutcomeSignals, baseline: Baseline): readonly SignalReading[] {
  const { budget, settings } = baseline;
  const performance: SignalPart[] = [];
  if (budget.performance !== undefined) {
    // Squared error finds what is wrong in any way; odds find raised or lowered risks much sooner. Half of the share each.
    const each = budget.performance / 2;
    performance.push(evidencePart('squared error', state.performance, settings.warnEvidence, each));
    performance.push(
      evidencePart(
        'odds',
        { ...state.odds.raised, eValue: oddsValue(state.odds), maximum: state.odds.maximum },
        settings.warnEvidence,
        each,
      ),
    );
  }
  if (budget.harm !== undefined) {
    const bound = 1 / budget.harm;
    const against = baseline.against?.version ?? 'no model';
    const name = `against ${against}`;
    const figure = state.harm.capital.patients === 0 ? null : state.harm.capital.maximum;
    performance.push({
      name,
      figure,
      warn: null,
      alarm: bound,
      level: figure !== null && figure >= bound ? 'harm' : 'quiet',
      ...(figure === null ? { reason: 'no_outcomes' } : {}),
    });
  }
  const readings: SignalReading[] = [{ signal: 'performance', parts: performance }];
  if (budget.calibration !== undefined) {
    readings.push({
      signal: 'calibration',
      parts: state.calibration.map((chart) => {
        const bounds = { warn: chart.threshold / 2, alarm: chart.threshold };
        const name = `odds times ${Number(chart.oddsRatio.toPrecision(3))}`;
        if (chart.patients === 0) return upperPart(name, null, bounds, 'no_outcomes');
        const part = upperPart(name, chart.value, bounds);
        return chart.firstSignal === null ? part : { ...part, figure: chart.maximum, level: 'revalidate' as const };
      }),
    });
  }
  if (budget.window !== undefined) {
    readings.push({
      signal: 'window',
      parts: [windowPart('', state.window, windowBounds(baseline, budget.window, baseline.rows))],
    });
  }
  if (budget.subgroup !== undefined) {
    // Two tests a group, all under one share.
    const each = budget.subgroup / (2 * state.subgroups.length);
    const groups = state.subgroups.flatMap(({ name, rows, performance: errors, window }) => [
      evidencePart(name, errors, settings.warnEvidence, each),
      windowPart(`${name}, window`, window, windowBounds(baseline, each, rows)),
    ]);
    const unwatched = baseline.subgroups.flatMap(({ name, reason }): SignalPart[] =>
      reason === null ? [] : [{ name, figure: null, warn: null, alarm: null, level: 'quiet', reason }],
    );
    readings.push({ signal: 'subgroup', parts: [...groups, ...unwatched] });
  }
  return readings;
}
