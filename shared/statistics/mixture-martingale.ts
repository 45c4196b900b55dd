import { StatisticsError } from './statistics-error.ts';

/** Largest wealth kept: cutting above it only makes the process smaller, and keeps it a finite number. */
const largestWealth = 1e250;

export interface MixtureSettings {
  /** Share of the capital put on the bets before the first patient; the rest enters evenly over the lifetime. Inside [0, 1]. */
  readonly initialShare: number;
  /** Patients over which the rest enters. */
  readonly lifetimePatients: number;
}

/**
 * A mixture of bets, each started at every time: capital 1 is divided beforehand between bets and starting times, so the total stays a
 * test supermartingale whenever each bet's factor has conditional mean at most 1 (V. Vovk, R. Wang 2021, Ann. Stat. 49:1736, for means
 * of e-values; J. Shin, A. Ramdas, A. Rinaldo 2023, New England J. Stat. Data Sci. 2:229, for mixing over starting times). By
 * Ville's inequality P(it ever reaches 1/alpha) <= alpha. Starting anew at every time is what lets it notice a change that comes late.
 */
export interface MixtureMartingale extends MixtureSettings {
  readonly patients: number;
  /** Capital not yet put on any bet. */
  readonly reserve: number;
  /** Capital on each bet. */
  readonly wealth: readonly number[];
  /** The e-value now: reserve and wealth together. */
  readonly eValue: number;
  /** Its highest value so far; 1/alpha or more is an alarm at level alpha, whenever one looks. */
  readonly maximum: number;
}

/** @throws StatisticsError `out_of_range`. */
export function initMixture(bets: number, { initialShare, lifetimePatients }: MixtureSettings): MixtureMartingale {
  if (!(initialShare >= 0 && initialShare <= 1)) {
    throw new StatisticsError('out_of_range', `e-process: initialShare is ${initialShare}, not between 0 and 1`);
  }
  if (!(Number.isInteger(lifetimePatients) && lifetimePatients >= 1)) {
    throw new StatisticsError(
      'out_of_range',
      `e-process: lifetimePatients is ${lifetimePatients}, not a whole number above 0`,
    );
  }
  if (bets < 1) throw new StatisticsError('out_of_range', 'e-process: there is no bet');
  return {
    initialShare,
    lifetimePatients,
    patients: 0,
    reserve: 1 - initialShare,
    wealth: new Array<number>(bets).fill(initialShare / bets),
    eValue: 1,
    maximum: 1,
  };
}

/** One patient: capital for this starting time enters, then every bet is multiplied by its factor. */
export function stepMixture(state: MixtureMartingale, factors: readonly number[]): MixtureMartingale {
  const { initialShare, lifetimePatients } = state;
  const patients = state.patients + 1;
  const entering = patients <= lifetimePatients ? (1 - initialShare) / lifetimePatients : 0;
  // The last part is whatever is left, so that rounding neither makes nor loses capital.
  const reserve = patients >= lifetimePatients ? 0 : state.reserve - entering;
  const perBet = (patients === lifetimePatients ? state.reserve : entering) / state.wealth.length;
  let eValue = reserve;
  const wealth = state.wealth.map((held, bet) => {
    const grown = Math.min(largestWealth, (held + perBet) * (factors[bet] as number));
    eValue += grown;
    return grown;
  });
  return {
    initialShare,
    lifetimePatients,
    patients,
    reserve,
    wealth,
    eValue,
    maximum: Math.max(state.maximum, eValue),
  };
}
