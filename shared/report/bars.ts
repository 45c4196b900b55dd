import { coordinate, place } from './axis.ts';
import { figure } from './figures.ts';
import { type Html, html, type Part, trusted } from './html.ts';

export interface BarRow {
  readonly name: Part;
  /** Null draws nothing and leaves `text` to say why. */
  readonly value: number | null;
  readonly text: Part;
  /** Filled; otherwise outlined. */
  readonly found: boolean;
  readonly note?: Part;
}

export interface Bars {
  readonly caption: Part;
  readonly names: readonly [Part, Part, Part];
  readonly rows: readonly BarRow[];
  /** A bound to read the bars against. */
  readonly bound: { readonly value: number; readonly name: string };
}

const height = 22;

/** Bars from zero over a common scale, one a row, with their figures beside them: a table, as `forest` is. */
export function bars({ caption, names, rows, bound }: Bars): Html {
  const most = rows.reduce((largest, { value }) => Math.max(largest, value ?? 0), bound.value * 1.25);
  const at = (value: number): string => coordinate(place(value, [0, most], [0, 100]));
  const drawn = ({ value, found }: BarRow): Html =>
    trusted(
      `<svg class="row" width="100%" height="${height}" aria-hidden="true" focusable="false">${
        value === null
          ? ''
          : `<rect x="0" y="5" width="${at(value)}%" height="${height - 10}" class="${found ? 'bar found' : 'bar'}"/>`
      }<line x1="${at(bound.value)}%" x2="${at(bound.value)}%" y1="0" y2="${height}" class="ref"/></svg>`,
    );
  return html`<div class="wide" tabindex="0" role="group"><table class="forest bars"><caption>${caption} <span class="key">Broken line: ${bound.name} ${figure(bound.value, 2)}.</span></caption><thead><tr><th scope="col">${names[0]}</th><th scope="col" class="d"><span class="hidden">Drawing</span></th><th scope="col">${names[1]}</th><th scope="col">${names[2]}</th></tr></thead><tbody>${rows.map(
    (row) =>
      html`<tr><th scope="row">${row.name}</th><td class="d">${drawn(row)}</td><td class="n${row.found ? ' found' : ''}">${row.text}</td><td>${row.note ?? null}</td></tr>`,
  )}</tbody></table></div>`;
}
