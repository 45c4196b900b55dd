import type { Estimate } from '../../shared/plan/judgement.ts';
import type { ScoreCells } from '../../shared/plan/shared-judgement.ts';
import type { BoundedFigure } from '../../shared/statistics/shared-counts.ts';

export interface RankedSite {
  readonly cells: ScoreCells;
  /** The hospital's own AUROC. */
  readonly auroc: Estimate;
}

/** Shared figures are rounded to four decimals. */
const roundingError = 0.00005;

/** Probability that a uniform value of [a, b) exceeds one of [c, d), for intervals that overlap. */
function exceeds(a: number, b: number, c: number, d: number): number {
  // Mean over the first of the share of the second below it, which is piecewise linear.
  const area = (x: number): number => {
    const inside = Math.min(Math.max(x, c), d) - c;
    return (inside * inside) / (2 * (d - c)) + Math.max(0, x - d);
  };
  return (area(b) - area(a)) / (b - a);
}

/**
 * AUROC of the pooled patients of several hospitals, with bounds that hold wherever they lie within their cells. It is the mean over pairs of a
 * patient with the event and one without: pairs of one hospital are counted by its own AUROC, and pairs across hospitals by their cells, whose
 * edges need not be the same: only pairs whose cells overlap are open.
 */
export function pooledAuroc(sites: readonly RankedSite[]): BoundedFigure {
  let pairs = 0;
  let won = 0;
  let open = 0;
  let expected = 0;
  const bounds = ({ edges }: ScoreCells): readonly number[] => [0, ...edges, 1];
  for (const [first, { cells: withEvent, auroc }] of sites.entries()) {
    const events = withEvent.events.reduce((sum, count) => sum + count, 0);
    for (const [second, { cells: without }] of sites.entries()) {
      const all = events * without.nonEvents.reduce((sum, count) => sum + count, 0);
      pairs += all;
      if (first === second && auroc.value !== null) {
        const error = Math.min(roundingError, auroc.value, 1 - auroc.value);
        won += all * (auroc.value - error);
        open += all * 2 * error;
        expected += all * error;
        continue;
      }
      const [a, c] = [bounds(withEvent), bounds(without)];
      for (const [cell, count] of withEvent.events.entries()) {
        if (count === 0) continue;
        const [from, to] = [a[cell] as number, a[cell + 1] as number];
        for (const [other, otherCount] of without.nonEvents.entries()) {
          const [low, high] = [c[other] as number, c[other + 1] as number];
          if (otherCount === 0 || to <= low) continue;
          if (from >= high) won += count * otherCount;
          else {
            open += count * otherCount;
            expected += count * otherCount * exceeds(from, to, low, high);
          }
        }
      }
    }
  }
  if (pairs === 0) {
    return {
      value: null,
      low: null,
      high: null,
      errorBound: null,
      reason: sites.length === 0 ? 'no_rows' : 'single_class',
    };
  }
  const [value, low, high] = [(won + expected) / pairs, won / pairs, (won + open) / pairs];
  return { value, low, high, errorBound: Math.max(value - low, high - value), reason: null };
}
