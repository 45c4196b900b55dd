import type { ComparisonFigures, Estimate, LookEvidence, PowerEvidence } from '../../shared/plan/judgement.ts';
import type { Policy } from '../../shared/plan/policy.ts';
import { spendingBoundaries } from '../../shared/statistics/alpha-spending.ts';
import { resolvableZ, singleLook } from '../../shared/statistics/estimate.ts';
import { eventsToResolve } from '../../shared/statistics/non-inferiority.ts';

const weekMs = 7 * 86_400_000;
/** Looks nearer than this to the one before add nothing to speak of. */
const sameInformation = 1e-3;
/** No level is so small that a bound could not be written down. */
const smallestLevel = 1e-300;

/**
 * Which look this is and the levels of its bounds. With t the share of the information that the margin needs, (margin / (2.486 SE))² and at
 * most 1, the error that may have been spent by now is the policy's spending function at t, all of it at t = 1; the levels are those that
 * spend just what this look may (Lan and DeMets 1983).
 *
 * A look that adds no information repeats the one before, at its levels; after a look at t = 1 nothing is left to spend, and no bound can
 * show anything any more. A look with fewer events or non-events than the policy asks for is no test, since nothing can be accepted on
 * it: its fraction is null, and it spends nothing of what later looks may.
 *
 * @param standardError of the AUROC difference; null without one. @param earlier fractions of the looks before, ascending.
 */
export function lookOf(
  policy: Policy,
  standardError: number | null,
  counts: { readonly events: number; readonly nonEvents: number },
  earlier: readonly number[],
): LookEvidence {
  const base = { number: earlier.length + 1, earlier };
  const fraction = informationFraction(policy.auroc.margin, standardError);
  if (fraction === null) {
    return {
      ...base,
      informationFraction: null,
      oneSidedLevel: singleLook.oneSided,
      twoSidedLevel: singleLook.twoSided,
    };
  }
  const last = Math.max(0, ...earlier);
  const repeats = earlier.length > 0 && fraction < last + sameInformation;
  const fractions = distinct(repeats ? earlier : [...earlier, fraction]);
  const spent = last >= 1 - sameInformation;
  const level = (alpha: number, sided: 1 | 2): number => {
    if (spent) return smallestLevel;
    const boundaries = spendingBoundaries({
      kind: policy.looks.spending,
      alpha,
      sided,
      informationFractions: fractions,
    });
    return Math.max(smallestLevel, boundaries.at(-1)?.level ?? alpha);
  };
  const tests = counts.events >= policy.minimumEvents && counts.nonEvents >= policy.minimumNonEvents;
  return {
    ...base,
    informationFraction: tests ? Math.max(fraction, last) : null,
    oneSidedLevel: level(singleLook.oneSided, 1),
    twoSidedLevel: level(singleLook.twoSided, 2),
  };
}

function informationFraction(margin: number, standardError: number | null): number | null {
  if (standardError === null) return null;
  // A margin of 0 is never resolved, and models that rank alike have nothing left to learn: neither leaves a look to wait for.
  if (margin === 0 || standardError === 0) return 1;
  return Math.min(1, (margin / (resolvableZ * standardError)) ** 2);
}

/** Ascending, those that add no information left out. */
function distinct(fractions: readonly number[]): number[] {
  const kept: number[] = [];
  for (const fraction of fractions) if (fraction >= (kept.at(-1) ?? 0) + sameInformation) kept.push(fraction);
  return kept.length > 0 ? kept : fractions.slice(0, 1);
}

/**
 * What would settle a hold: events a week, and events in all at which each margin could be resolved at 80% power by a single look, if the
 * models are alike.
 *
 * @param timesMs of the judged rows; NaN where there are none.
 */
export function powerOf(
  policy: Policy,
  timesMs: Float64Array,
  events: number,
  auroc: Estimate | null,
  comparison: ComparisonFigures | null,
): PowerEvidence {
  return {
    eventsPerWeek: eventsPerWeek(timesMs, events),
    eventsForMargin: eventsFor(auroc, events, policy.auroc.margin),
    eventsForNetBenefit: eventsFor(comparison?.netBenefit.estimate ?? null, events, policy.netBenefit.margin),
  };
}

function eventsFor(difference: Estimate | null, events: number, margin: number): number | null {
  const standardError = difference?.standardError ?? null;
  if (standardError === null || events === 0 || margin === 0) return null;
  return eventsToResolve({ standardError, events, margin, difference: 0 }).events;
}

/** n rows span n - 1 gaps between them. */
function eventsPerWeek(timesMs: Float64Array, events: number): number | null {
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const time of timesMs) {
    if (Number.isNaN(time)) return null;
    first = Math.min(first, time);
    last = Math.max(last, time);
  }
  const rows = timesMs.length;
  if (rows < 2 || last === first) return null;
  return (events * ((rows - 1) / rows) * weekMs) / (last - first);
}
