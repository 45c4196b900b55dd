import type { DecisionKind } from '../../shared/plan/judgement.ts';
import type { BenchRow } from '../support/bench.ts';
import { drawPatients, judgePatients, policyWith } from './drawn-evidence.ts';

const current = 0.8;
/** Non-events an event: a prevalence of 30%. */
const nonEventsAnEvent = 7 / 3;

interface Case {
  readonly events: number;
  readonly margin: number;
  /** True AUROC, new minus current, in margins. */
  readonly change: number;
  readonly correlation: number;
  readonly oddsShift: number;
}

function ratesOf(cell: Case, seeds: number, rules: { readonly calibration: boolean }): Record<DecisionKind, number> {
  const counts: Record<DecisionKind, number> = { accept: 0, hold: 0, reject: 0 };
  const policy = policyWith({ auroc: { margin: cell.margin, floor: 0.7 } });
  for (let seed = 1; seed <= seeds; seed++) {
    const patients = drawPatients({
      seed,
      events: cell.events,
      nonEvents: Math.round(cell.events * nonEventsAnEvent),
      current,
      fresh: current + cell.change * cell.margin,
      correlation: cell.correlation,
      oddsShift: cell.oddsShift,
    });
    counts[judgePatients(policy, patients, seed, rules).decision.decision]++;
  }
  return { accept: counts.accept / seeds, hold: counts.hold / seeds, reject: counts.reject / seeds };
}

/** Two standard errors of a rate near the goal: what a rule that meets it exactly stays within, 49 times in 50. */
function within(rate: number, goal: number, seeds: number): boolean {
  return rate <= goal + 2 * Math.sqrt((goal * (1 - goal)) / seeds);
}

/**
 * How often the gate accepts, holds and rejects: by the rules of discrimination, by true change of AUROC, margin, events and likeness of the
 * two models; and by all rules, by shift of the odds. A false accept is one of a model that is worse by the margin or more; a false reject one of a model that is as good and
 * true to size; the rest of the time it holds.
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
  const rows: BenchRow[] = [];
  const draws = quick ? Math.min(100, seeds) : seeds;
  const add = (
    name: string,
    figure: string,
    rate: number,
    goal?: { readonly text: string; readonly ok: boolean },
  ): void => {
    rows.push({
      case: name,
      figure,
      value: 100 * rate,
      unit: '%',
      ...(goal === undefined ? {} : { goal: goal.text, ok: goal.ok }),
    });
  };
  for (const margin of [0.02, 0.05]) {
    for (const correlation of [0.8, 0.95]) {
      for (const events of [100, 300, 850]) {
        progress(`decisions: margin ${margin}, correlation ${correlation}, ${events} events`);
        for (const change of [-3, -1, 0, 1]) {
          const rates = ratesOf({ events, margin, change, correlation, oddsShift: 1 }, draws, { calibration: false });
          const name = `margin ${margin}, correlation ${correlation}, ${events} events, true change ${change} margins`;
          if (change <= -1) {
            add(name, 'false accepts', rates.accept, {
              text: 'at most 5, chance allowed',
              ok: within(rates.accept, 0.05, draws),
            });
            add(name, 'holds', rates.hold);
            add(name, 'rejects', rates.reject);
          } else {
            add(name, 'accepts', rates.accept);
            add(name, 'false holds', rates.hold);
            add(name, 'false rejects', rates.reject, {
              text: 'at most 5, chance allowed',
              ok: within(rates.reject, 0.05, draws),
            });
          }
        }
      }
    }
  }
  // Calibration curves take a hundred times as long as everything else.
  const shifted = Math.min(draws, 200);
  for (const events of [100, 300, 850]) {
    progress(`decisions: shifted odds, ${events} events`);
    for (const oddsShift of [1, 1.2, 1.5, 2, 3]) {
      const rates = ratesOf({ events, margin: 0.05, change: 0, correlation: 0.95, oddsShift }, shifted, {
        calibration: true,
      });
      const name = `odds of the event times ${oddsShift}, ${events} events, no update allowed`;
      add(name, 'accepts', rates.accept);
      add(name, 'holds', rates.hold);
      add(name, 'rejects', rates.reject);
    }
  }
  return rows;
}
