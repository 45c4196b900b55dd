import { resolvableZ } from '../../shared/statistics/estimate.ts';
import { type BenchRow, median } from '../support/bench.ts';
import { type Draw, drawPatients, judgePatients, policyWith } from './drawn-evidence.ts';

const margin = 0.02;
const nonEventsAnEvent = 7 / 3;
const differenceOnly = { calibration: false };

function patientsOf(seed: number, events: number, correlation: number) {
  const draw: Draw = {
    seed,
    events,
    nonEvents: Math.round(events * nonEventsAnEvent),
    current: 0.8,
    fresh: 0.8,
    correlation,
    oddsShift: 1,
  };
  return drawPatients(draw);
}

/**
 * What a hold says of the events it still needs. The truth is known from many patients: the standard error falls with the root of the
 * events. And the forecast is carried out: with so many events, how often is non-inferiority shown?
 */
export async function section({
  seeds,
  quick,
  progress,
}: {
  readonly seeds: number;
  readonly quick: boolean;
  readonly progress: (text: string) => void;
}): Promise<BenchRow[]> {
  const policy = policyWith({ auroc: { margin, floor: 0.7 }, minimumEvents: 50, minimumNonEvents: 50 });
  const draws = quick ? Math.min(100, seeds) : seeds;
  const rows: BenchRow[] = [];
  for (const correlation of [0.8, 0.9]) {
    const many = 60_000;
    const { evidence: large } = judgePatients(policy, patientsOf(0, many, correlation), 0, differenceOnly);
    const standardError = large.auroc.difference.standardError as number;
    const needed = many * (standardError / (margin / resolvableZ)) ** 2;
    for (const events of [100, 150, 200]) {
      progress(`forecast: correlation ${correlation}, ${events} events`);
      const ratios: number[] = [];
      for (let seed = 1; seed <= draws; seed++) {
        const { evidence, decision } = judgePatients(
          policy,
          patientsOf(seed, events, correlation),
          seed,
          differenceOnly,
        );
        const forecast = evidence.power.eventsForMargin;
        if (decision.decision === 'hold' && forecast !== null) ratios.push(forecast / needed);
      }
      const name = `${ratios.length} holds at ${events} events, correlation ${correlation}, ${Math.round(needed)} needed`;
      const middle = median(ratios);
      rows.push({
        case: name,
        figure: 'forecast over truth, median',
        value: middle,
        unit: 'x',
        goal: '0.8 to 1.2',
        ok: Math.abs(middle - 1) <= 0.2,
      });
      rows.push({
        case: name,
        figure: 'forecasts within 20%',
        value: (100 * ratios.filter((ratio) => Math.abs(ratio - 1) <= 0.2).length) / ratios.length,
        unit: '%',
      });
    }
    progress(`forecast carried out: correlation ${correlation}`);
    let shown = 0;
    for (let seed = 1; seed <= draws; seed++) {
      const { evidence } = judgePatients(
        policy,
        patientsOf(seed, Math.ceil(needed), correlation),
        seed,
        differenceOnly,
      );
      const lower = evidence.difference.oneSidedLower;
      if (lower !== null && lower > -margin) shown++;
    }
    rows.push({
      case: `the ${Math.round(needed)} events forecast, correlation ${correlation}`,
      figure: 'non-inferiority shown',
      value: (100 * shown) / draws,
      unit: '%',
      goal: '80, less what looks before the last cost',
      ok: shown / draws >= 0.72 && shown / draws <= 0.88,
    });
  }
  return rows;
}
