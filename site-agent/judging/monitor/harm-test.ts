import { defaultBetShares } from '../../../shared/statistics/e-process.ts';
import { initMixture, type MixtureMartingale, stepMixture } from '../../../shared/statistics/mixture-martingale.ts';

/** State of the paired test; numbers only. */
export interface HarmTest {
  readonly capital: MixtureMartingale;
  /** Most that any patient so far could have spoken for the model in use: bounds the bets. */
  readonly scale: number;
}

export function initHarmTest(lifetimePatients: number): HarmTest {
  return { capital: initMixture(defaultBetShares.length, { initialShare: 0.5, lifetimePatients }), scale: 0 };
}

/**
 * One patient of the paired test of harm: d = (p - y)² - (q - y)² with p of the model in use and q of the version before it (or, where
 * there is none, the accepted share of events for everybody: what one would say without a model). Each bet's factor is 1 + share · d / scale,
 * where scale is the largest loss |min d| that the two predictions of any patient so far allowed; it is known before the outcome, and no
 * bet can lose everything. I. Waudby-Smith, A. Ramdas (2024), JRSS B 86:1, section 4, for bets that are fixed before each value.
 *
 * Null hypothesis: given all earlier patients, the expected squared error of the model in use is at most that of the other, for every patient. Under
 * it the chance that the capital ever reaches 1/alpha is at most alpha (J. Ville 1939). Reaching it is what proven harm means here.
 */
export function stepHarmTest(state: HarmTest, inUse: number, other: number, label: 0 | 1): HarmTest {
  const forEvent = (inUse - 1) ** 2 - (other - 1) ** 2;
  const forNonEvent = inUse ** 2 - other ** 2;
  // Where both say the same, nothing is bet.
  if (forEvent === forNonEvent) return state;
  const scale = Math.max(state.scale, -Math.min(forEvent, forNonEvent));
  const difference = label === 1 ? forEvent : forNonEvent;
  return {
    capital: stepMixture(
      state.capital,
      defaultBetShares.map((share) => 1 + (share * difference) / scale),
    ),
    scale,
  };
}
