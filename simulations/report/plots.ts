import type { Estimate } from '../../shared/plan/judgement.ts';
import { forest, type Mark } from '../../shared/report/forest.ts';
import type { Html } from '../../shared/report/html.ts';
import { type LineLook, linePlot } from '../../shared/report/line-plot.ts';

/** A line of values by round; null leaves a gap. */
export interface Series {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

const looks: readonly LineLook[] = ['new', 'current', 'reference'];

/** Loss by round, rounds counted from 1. */
export function lossPlot(label: string, series: readonly Series[]): Html {
  const rounds = Math.max(1, ...series.map(({ values }) => values.length));
  return linePlot({
    title: label,
    description: `Mean loss in each of ${rounds} rounds: ${series.map(({ name }) => name).join(', ')}.`,
    x: { name: 'round', domain: [1, Math.max(2, rounds)] },
    y: { name: 'mean loss' },
    lines: series.map(({ name, values }, index) => ({
      name,
      look: looks[index] ?? 'faint',
      points: values.map((value, round) => [round + 1, value] as const),
      marked: true,
    })),
  });
}

/** What an estimate is of: its mark, and its word beside the hospital's name. */
const kinds = {
  new: { mark: 'new', word: 'new' },
  current: { mark: 'current', word: 'current' },
  difference: { mark: 'difference', word: null },
  federated: { mark: 'new', word: 'federated' },
  pooled: { mark: 'site', word: 'pooled' },
  alone: { mark: 'alone', word: 'alone' },
} as const satisfies Readonly<Record<string, { readonly mark: Mark; readonly word: string | null }>>;

export interface SiteEstimates {
  readonly name: string;
  readonly estimates: readonly { readonly kind: keyof typeof kinds; readonly estimate: Estimate }[];
}

/** Estimates with their 95% intervals by hospital, undefined ones left out, and a broken line at `reference`. */
export function sitesForest(
  caption: string,
  sites: readonly SiteEstimates[],
  reference: { readonly value: number; readonly name: string },
): Html {
  return forest({
    caption,
    names: ['hospital', 'estimate (95%)'],
    references: [reference],
    rows: sites.flatMap(({ name, estimates }) =>
      estimates
        .filter(({ estimate }) => estimate.value !== null)
        .map(({ kind, estimate }) => {
          const { mark, word } = kinds[kind];
          return { name, mark, estimate, ...(word === null ? {} : { note: word }) };
        }),
    ),
  });
}
