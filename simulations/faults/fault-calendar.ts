import type { Plan } from '../../shared/plan/plan.ts';
import type { SiteName } from '../../shared/runtime/ids.ts';
import { SimulationError } from '../simulation-error.ts';
import type { Fault, FaultKind } from './fault-schema.ts';

/** Which fault a site has in which round. */
export interface FaultCalendar {
  /** Null when there is none. Round `lastRound + 1` stands for the judging. */
  of(site: SiteName, round: number): FaultKind | null;
}

/**
 * Lays the faults out by site and round.
 * @throws SimulationError `scenario_invalid` for a site or a round that is not there, two faults of one site in one round, or a round
 *   with fewer undisturbed sites than the plan's minimum: it could never end
 */
export function faultCalendar(faults: readonly Fault[], plan: Plan, sites: readonly SiteName[]): FaultCalendar {
  const { rounds, sites: bounds } = plan.federation;
  const table = new Map<string, FaultKind>();
  const key = (site: string, round: number): string => `${round} ${site}`;
  for (const [index, { site, rounds: span, kind }] of faults.entries()) {
    const [from, to] = span;
    if (!(sites as readonly string[]).includes(site)) {
      throw new SimulationError(
        'scenario_invalid',
        `faults[${index}].site: there is no hospital ${site}; there are ${sites.join(', ')}.`,
        { path: `faults[${index}].site`, value: site },
      );
    }
    if (to > rounds) {
      throw new SimulationError(
        'scenario_invalid',
        `faults[${index}].rounds: ${to} is past the last round of the plan, ${rounds}.`,
        { path: `faults[${index}].rounds`, value: to },
      );
    }
    for (let round = from; round <= to; round++) {
      if (table.has(key(site, round))) {
        throw new SimulationError(
          'scenario_invalid',
          `faults[${index}]: ${site} has another fault in round ${round} already; give each round one.`,
          { path: `faults[${index}]`, site, round },
        );
      }
      table.set(key(site, round), kind);
    }
  }
  for (let round = 0; round <= rounds; round++) {
    const left = sites.filter((site) => !table.has(key(site, round)));
    if (faults.length > 0 && left.length < bounds.minimum) {
      throw new SimulationError(
        'scenario_invalid',
        `faults: round ${round} has ${left.length} undisturbed hospitals, and the plan asks for ${bounds.minimum}; it could not end.`,
        { path: 'faults', round, left: left.length, minimum: bounds.minimum },
      );
    }
  }
  const neverHere = new Set(
    sites.filter((site) =>
      Array.from({ length: rounds + 1 }, (_, round) => table.get(key(site, round))).every((kind) => kind === 'offline'),
    ),
  );
  return {
    of(site, round) {
      // Whoever never took part is not asked to judge either, and must not come while others do: chance would decide whether it is.
      if (round > rounds) return neverHere.has(site) ? 'offline' : null;
      return table.get(key(site, round)) ?? null;
    },
  };
}
