import type { Estimate } from '../../../shared/plan/judgement.ts';
import { randomStream } from '../../../shared/runtime/random.ts';
import { twoSidedZ, undefinedEstimate } from '../../../shared/statistics/estimate.ts';
import { ascendingOrder } from '../../../shared/statistics/sorted-order.ts';
import type { CaseMix } from './case-mix.ts';

const resamples = 200;

/** Steps that leave every pair of patients in its order forget nothing, whatever the case mix. */
export const nothingForgotten: Estimate = { value: 0, low: 0, high: 0, standardError: 0 };

/**
 * AUROC on the consortium's case mix, updated minus release, both on the site's rows weighted as `consortiumCaseMix` says. What the
 * consortium's patients would show, as far as this site's patients can stand for them. Standard error and normal interval from a seeded
 * bootstrap within each class, the weights kept with their rows (B. Efron, R. Tibshirani 1993, section 6.2).
 */
export function forgetting(
  updated: ArrayLike<number>,
  release: ArrayLike<number>,
  labels: ArrayLike<number>,
  mix: CaseMix | { readonly reason: string },
  seed: number,
): Estimate {
  if ('reason' in mix) return undefinedEstimate(mix.reason);
  const classes = [placesOf(labels, 0), placesOf(labels, 1)] as const;
  if (classes.some((places) => places.length < 2)) return undefinedEstimate('single_class');
  const orders = [rankCells(updated), rankCells(release)] as const;
  const difference = (weights: Float64Array): number =>
    weightedAuroc(orders[0], labels, weights) - weightedAuroc(orders[1], labels, weights);
  const value = difference(mix.weights);

  const stream = randomStream(seed, 'forgetting');
  const drawn = new Float64Array(labels.length);
  let mean = 0;
  let squares = 0;
  for (let resample = 1; resample <= resamples; resample++) {
    drawn.fill(0);
    for (const places of classes) {
      for (let draw = 0; draw < places.length; draw++) {
        const place = places[stream.integer(places.length)] as number;
        drawn[place] = (drawn[place] as number) + (mix.weights[place] as number);
      }
    }
    const found = difference(drawn);
    const apart = found - mean;
    mean += apart / resample;
    squares += apart * (found - mean);
  }
  const standardError = Math.sqrt(squares / (resamples - 1));
  if (!Number.isFinite(value) || !Number.isFinite(standardError)) return undefinedEstimate('single_class');
  const half = twoSidedZ * standardError;
  return { value, low: Math.max(-1, value - half), high: Math.min(1, value + half), standardError };
}

function placesOf(labels: ArrayLike<number>, label: number): Uint32Array {
  return Uint32Array.from(Array.from(labels).flatMap((found, place) => (found === label ? [place] : [])));
}

/** Rows in ascending order of score, with the cell of equal scores each belongs to. */
interface RankCells {
  readonly order: Uint32Array;
  /** [rows], by place in the order; ascending. */
  readonly cell: Uint32Array;
}

function rankCells(scores: ArrayLike<number>): RankCells {
  const order = ascendingOrder(scores);
  const cell = new Uint32Array(order.length);
  for (let at = 1; at < order.length; at++) {
    const same = scores[order[at] as number] === scores[order[at - 1] as number];
    cell[at] = (cell[at - 1] as number) + (same ? 0 : 1);
  }
  return { order, cell };
}

/** Weight of pairs in which the event scores higher, ties by half, over the weight of all pairs. NaN without weight in a class. */
function weightedAuroc({ order, cell }: RankCells, labels: ArrayLike<number>, weights: Float64Array): number {
  let concordant = 0;
  let below = 0;
  let events = 0;
  let at = 0;
  while (at < order.length) {
    let tiedEvents = 0;
    let tiedOthers = 0;
    const here = cell[at];
    for (; at < order.length && cell[at] === here; at++) {
      const row = order[at] as number;
      if (labels[row] === 1) tiedEvents += weights[row] as number;
      else tiedOthers += weights[row] as number;
    }
    concordant += tiedEvents * (below + tiedOthers / 2);
    below += tiedOthers;
    events += tiedEvents;
  }
  return concordant / (events * below);
}
