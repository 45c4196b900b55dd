import type { ScoreCells } from '../../shared/plan/shared-judgement.ts';
import type { ReleaseDecision } from '../../shared/wire/operator-port.ts';

/** Histograms of several hospitals put on edges that all of them share. */
export interface CommonHistograms {
  /** Inner edges. */
  readonly edges: readonly number[];
  readonly sites: readonly { readonly site: string; readonly cells: ScoreCells }[];
  /** Hospitals with a histogram that would have left too few edges in common. */
  readonly leftOut: readonly string[];
}

/** Fewest edges worth pooling for: with fewer the bounds of an AUROC say next to nothing. */
const fewestEdges = 3;

function merged(cells: ScoreCells, edges: readonly number[]): ScoreCells {
  const sums = (counts: readonly number[]): number[] => {
    const result = new Array<number>(edges.length + 1).fill(0);
    let into = 0;
    for (const [at, count] of counts.entries()) {
      if (at > 0 && cells.edges[at - 1] === edges[into]) into++;
      result[into] = (result[into] as number) + count;
    }
    return result;
  };
  return { edges, events: sums(cells.events), nonEvents: sums(cells.nonEvents) };
}

/**
 * Hospitals publish their histograms on the plan's edges that their patients suffice for. Pooled, only edges that all of them have can
 * stand; hospitals with the most edges come first, and one that would leave fewer than three, or less than a third of those in common so
 * far, is left out and named.
 *
 * @param always a hospital that is in, whatever the others lose by it.
 */
export function commonHistograms(decisions: readonly ReleaseDecision[], always?: string): CommonHistograms {
  const candidates = decisions
    .flatMap(({ site, judgement }) => {
      const cells = judgement.cells.scores.new;
      return cells === null ? [] : [{ site: site as string, cells }];
    })
    .sort(
      (a, b) =>
        Number(b.site === always) - Number(a.site === always) ||
        b.cells.edges.length - a.cells.edges.length ||
        (a.site < b.site ? -1 : 1),
    );
  const taken: typeof candidates = [];
  const leftOut: string[] = [];
  let edges: readonly number[] = candidates[0]?.cells.edges ?? [];
  for (const candidate of candidates) {
    const common = edges.filter((edge) => candidate.cells.edges.includes(edge));
    if (taken.length > 0 && common.length < edges.length && common.length < Math.max(fewestEdges, edges.length / 3)) {
      leftOut.push(candidate.site);
      continue;
    }
    taken.push(candidate);
    edges = common;
  }
  return {
    edges,
    sites: taken
      .map(({ site, cells }) => ({ site, cells: merged(cells, edges) }))
      .sort((a, b) => (a.site < b.site ? -1 : 1)),
    leftOut: leftOut.sort(),
  };
}

/** Sum of histograms on the same edges. */
export function summedHistogram(parts: readonly ScoreCells[], edges: readonly number[]): ScoreCells {
  const add = (outcome: 'events' | 'nonEvents'): number[] =>
    Array.from({ length: edges.length + 1 }, (_, cell) =>
      parts.reduce((sum, part) => sum + (part[outcome][cell] ?? 0), 0),
    );
  return { edges, events: add('events'), nonEvents: add('nonEvents') };
}
