import type { FineScores, ScoreCells } from '../plan/shared-judgement.ts';
import type { RandomStream } from '../runtime/random.ts';
import type { PublishedFigure } from './published-table.ts';
import { effectiveMinimum } from './suppression.ts';
import { mayLeave } from './table-suppression.ts';

/**
 * How much a boundary is worth: the middle of the plan's edges most, then the quarters half of that, and so on, so that hospitals which
 * cannot show every cell tend to keep the same ones, and their histograms add up.
 */
function worthOf(at: number, boundaries: number): number {
  let step = 1;
  while (step * 2 <= boundaries + 1) step *= 2;
  while ((at + 1) % step !== 0) step /= 2;
  return step;
}

/** Sums of the cells before each boundary; entry i is of cells 0 to i - 1. */
function running(counts: readonly number[]): number[] {
  const sums = [0];
  for (const count of counts) sums.push((sums.at(-1) as number) + count);
  return sums;
}

/**
 * Boundaries to keep of a histogram, by their index among the edges, so that every cell left holds no event or at least the minimum, and
 * the same of non-events: the set worth most, by dynamic programming over the boundaries. Null when not even one single cell may be shown.
 *
 * @param wanted index of an edge that is kept where it can be, such as the operating threshold.
 * @param barred boundaries that are not kept.
 */
export function keepBoundaries(
  { edges, events, nonEvents }: FineScores,
  minimumCount: number,
  wanted: number | null,
  barred: ReadonlySet<number> = new Set(),
): readonly number[] | null {
  const minimum = effectiveMinimum(minimumCount);
  const eventsBefore = running(events);
  const nonEventsBefore = running(nonEvents);
  const fits = (count: number): boolean => count === 0 || count >= minimum;
  const mayStand = (from: number, to: number): boolean =>
    fits((eventsBefore[to] as number) - (eventsBefore[from] as number)) &&
    fits((nonEventsBefore[to] as number) - (nonEventsBefore[from] as number));
  const cells = edges.length + 1;
  // best[i]: worth of the best way to cut cells 0 to i - 1 into groups that may stand.
  const best = new Float64Array(cells + 1).fill(-Infinity);
  const before = new Int32Array(cells + 1).fill(-1);
  best[0] = 0;
  for (let to = 1; to <= cells; to++) {
    if (to < cells && barred.has(to - 1)) continue;
    const worth = to === cells ? 0 : worthOf(to - 1, edges.length) + (to - 1 === wanted ? cells * cells : 0);
    for (let from = 0; from < to; from++) {
      if (best[from] === -Infinity || !mayStand(from, to)) continue;
      const value = (best[from] as number) + worth;
      if (value > (best[to] as number)) {
        best[to] = value;
        before[to] = from;
      }
    }
  }
  if (best[cells] === -Infinity) return null;
  const kept: number[] = [];
  for (let at = before[cells] as number; at > 0; at = before[at] as number) kept.push(at - 1);
  return kept.reverse();
}

function grouped(scores: FineScores, kept: readonly number[]): ScoreCells {
  const bounds = [0, ...kept.map((boundary) => boundary + 1), scores.events.length];
  const sums = (counts: readonly number[]): number[] =>
    bounds
      .slice(1)
      .map((to, group) => counts.slice(bounds[group] as number, to).reduce((sum, count) => sum + count, 0));
  return {
    edges: kept.map((boundary) => scores.edges[boundary] as number),
    events: sums(scores.events),
    nonEvents: sums(scores.nonEvents),
  };
}

/** A published histogram as sums of the plan's cells; null when its edges are not among the plan's. */
export function scoreFigures(cells: ScoreCells, edges: readonly number[]): readonly PublishedFigure[] | null {
  const places = cells.edges.map((edge) => edges.indexOf(edge));
  if (places.includes(-1)) return null;
  const bounds = [0, ...places.map((place) => place + 1), edges.length + 1];
  return (['events', 'nonEvents'] as const).flatMap((outcome) =>
    cells[outcome].map((value, group) => {
      const [from, to] = [bounds[group] as number, bounds[group + 1] as number];
      const names = Array.from({ length: to - from }, (_, step) => `${outcome} ${from + step}`);
      return { name: `${outcome} ${from} to ${to - 1}`, cells: names, value };
    }),
  );
}

/**
 * A histogram of predicted risks by outcome as it may leave: neighbouring cells of the plan's are put together until none holds 1 to
 * minimum - 1 events or non-events, and none would follow from the histograms of the same model that left before. Nothing else of it is
 * withheld, so its cells add up to the classes. Null when not even the classes may be shown.
 *
 * @param earlier histograms of this model on rows of which the present ones are taken to be a superset, oldest first.
 */
export function groupScores(
  scores: FineScores,
  options: {
    readonly minimum: number;
    readonly threshold: number | null;
    readonly earlier: readonly ScoreCells[];
    readonly stream: RandomStream;
  },
): ScoreCells | null {
  const { minimum, threshold, stream } = options;
  const place = threshold === null ? -1 : scores.edges.indexOf(threshold);
  const wanted = place < 0 ? null : place;
  const earlier = options.earlier.flatMap((cells) => {
    const figures = scoreFigures(cells, scores.edges);
    return figures === null ? [] : [figures];
  });
  const barred = new Set<number>();
  for (;;) {
    const kept = keepBoundaries(scores, minimum, wanted, barred);
    if (kept === null) return null;
    const cells = grouped(scores, kept);
    const figures = scoreFigures(cells, scores.edges) ?? [];
    if (mayLeave('scores', figures, earlier, minimum)) return cells;
    // A boundary less, drawn: with it goes whatever it told in common with an earlier histogram.
    const left = kept.filter((boundary) => boundary !== wanted);
    const next = left.length > 0 ? left[stream.integer(left.length)] : kept[0];
    if (next === undefined) return null;
    barred.add(next);
  }
}
