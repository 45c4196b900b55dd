import type { Estimate } from '../plan/judgement.ts';
import { coordinate, extent, place, tickDecimals, ticks } from './axis.ts';
import { estimateText, figure } from './figures.ts';
import { type Html, html, type Part, trusted } from './html.ts';

/**
 * How an estimate is drawn; told apart by shape and filling, not by colour alone. `prediction` is a wide thin bar below a pooled
 * diamond: where a further hospital's own figure is expected.
 */
export type Mark = 'new' | 'current' | 'difference' | 'site' | 'alone' | 'pooled' | 'prediction';

export interface ForestRow {
  readonly name: Part;
  /** Said after the name, small: how many patients, events. */
  readonly note?: Part;
  readonly mark: Mark;
  readonly estimate: Estimate;
  /** Where `estimate` is undefined or has something to add: put in the last column. */
  readonly text?: Part;
}

export interface Forest {
  readonly caption: Part;
  /** Of the first and the last column. */
  readonly names: readonly [Part, Part];
  readonly rows: readonly ForestRow[];
  /** Lines to read the estimates against, such as a policy's bound. */
  readonly references?: readonly { readonly value: number; readonly name: string }[];
  /** Shaded range, such as the one a policy allows. */
  readonly allowed?: readonly [number, number];
  /** Ends of the axis; from the data when absent. Intervals beyond them end in an arrow. */
  readonly domain?: readonly [number, number];
  readonly decimals?: number;
}

const rowHeight = 30;

// Marks are drawn around the origin of an inner <svg> placed by percentage, so that the row is as wide as its column and nothing is distorted.
function markOf(mark: Mark, at: string, middle: number): string {
  const put = (shape: string): string => `<svg x="${at}%" y="${middle}" class="at">${shape}</svg>`;
  if (mark === 'new' || mark === 'difference') return put('<circle r="4.5" class="m f"/>');
  if (mark === 'current') return put('<circle r="4.5" class="m c"/>');
  if (mark === 'site') return put('<rect x="-4" y="-4" width="8" height="8" class="m f"/>');
  if (mark === 'alone') return put('<rect x="-4" y="-4" width="8" height="8" class="m c"/>');
  if (mark === 'pooled') return put('<path d="M0 -7L8 0L0 7L-8 0Z" class="m f"/>');
  return put('<path d="M0 -4V4" class="m"/>');
}

function intervalOf(row: ForestRow, domain: readonly [number, number]): string {
  const { value, low, high } = row.estimate;
  if (value === null) return '';
  const middle = rowHeight / 2;
  const at = (x: number): string => coordinate(place(x, domain, [0, 100]));
  const end = (x: number, beyond: boolean, points: number): string =>
    beyond
      ? `<svg x="${at(x)}%" y="${middle}" class="at"><path d="M0 0l${-points * 6} -4v8Z" class="m f"/></svg>`
      : `<line x1="${at(x)}%" x2="${at(x)}%" y1="${middle - 4}" y2="${middle + 4}" class="l"/>`;
  const line =
    low === null || high === null
      ? ''
      : `<line x1="${at(low)}%" x2="${at(high)}%" y1="${middle}" y2="${middle}" class="l"/>` +
        end(low, low < domain[0], -1) +
        end(high, high > domain[1], 1);
  return line + markOf(row.mark, at(value), middle);
}

function background(forest: Forest, domain: readonly [number, number]): string {
  const at = (x: number): string => coordinate(place(x, domain, [0, 100]));
  const allowed =
    forest.allowed === undefined
      ? ''
      : `<rect x="${at(forest.allowed[0])}%" width="${coordinate(place(forest.allowed[1], domain, [0, 100]) - place(forest.allowed[0], domain, [0, 100]))}%" y="0" height="${rowHeight}" class="allowed"/>`;
  const lines = (forest.references ?? [])
    .filter(({ value }) => value >= domain[0] && value <= domain[1])
    .map(({ value }) => `<line x1="${at(value)}%" x2="${at(value)}%" y1="0" y2="${rowHeight}" class="ref"/>`)
    .join('');
  return allowed + lines;
}

/**
 * Estimates with their 95% intervals, one a row, over a common axis. It is a table: the figures stand beside each drawing, so that it can
 * be read aloud, copied, printed, and read at the width of a telephone.
 */
export function forest(plot: Forest): Html {
  const { rows, references = [], decimals = 3 } = plot;
  const domain =
    plot.domain ??
    extent([
      ...rows.flatMap(({ estimate: { value, low, high } }) => [value, low, high]),
      ...references.map(({ value }) => value),
      ...(plot.allowed ?? []),
    ]);
  const behind = background(plot, domain);
  const steps = ticks(domain[0], domain[1], 4);
  const places = tickDecimals(steps);
  const axis = steps
    .map((value) => {
      const at = coordinate(place(value, domain, [0, 100]));
      return `<line x1="${at}%" x2="${at}%" y1="0" y2="5" class="ax"/><text x="${at}%" y="19" text-anchor="middle">${figure(value, places)}</text>`;
    })
    .join('');
  const drawn = (inner: string, height = rowHeight): Html =>
    trusted(`<svg class="row" width="100%" height="${height}" aria-hidden="true" focusable="false">${inner}</svg>`);
  return html`<div class="wide" tabindex="0" role="group"><table class="forest"><caption>${plot.caption}${
    references.length === 0
      ? null
      : html` <span class="key">Broken line: ${references.map(({ name, value }) => `${name} ${figure(value, decimals).replace(/0+$/, '').replace(/\.$/, '')}`).join('; ')}.</span>`
  }</caption><thead><tr><th scope="col">${plot.names[0]}</th><th scope="col" class="d"><span class="hidden">Drawing</span></th><th scope="col">${plot.names[1]}</th></tr></thead><tbody>${rows.map(
    (row) =>
      html`<tr class="${row.mark}"><th scope="row">${row.name}${row.note === undefined ? null : html` <span class="key">${row.note}</span>`}</th><td class="d">${drawn(behind + intervalOf(row, domain))}</td><td>${row.text ?? estimateText(row.estimate, decimals)}</td></tr>`,
  )}</tbody><tfoot aria-hidden="true"><tr><td></td><td class="d">${drawn(`<line x1="0" x2="100%" y1="0.5" y2="0.5" class="ax"/>${axis}`, 24)}</td><td></td></tr></tfoot></table></div>`;
}
