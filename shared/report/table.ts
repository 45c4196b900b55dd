import { type Html, html, type Part } from './html.ts';

/** A cell: what it holds, and whether it is a number (set right) or stands out. */
export type Cell = Part | { readonly cell: Part; readonly kind?: 'number' | 'found' | undefined };

export interface Column {
  readonly name: Part;
  readonly number?: boolean;
}

export interface Table {
  readonly caption?: Part;
  readonly columns: readonly (Column | string)[];
  /** The first cell of a row is its header. */
  readonly rows: readonly (readonly Cell[])[];
  readonly compact?: boolean;
}

function isKind(cell: Cell): cell is { readonly cell: Part; readonly kind?: 'number' | 'found' | undefined } {
  return cell !== null && typeof cell === 'object' && 'cell' in cell;
}

/** A table that scrolls sideways by itself where the screen is narrow. The first column heads its rows. */
export function table({ caption, columns, rows, compact = false }: Table): Html {
  const heads = columns.map((column) => (typeof column === 'string' ? { name: column } : column));
  const cells = (row: readonly Cell[]): Html[] =>
    row.map((cell, index) => {
      const content = isKind(cell) ? cell.cell : cell;
      if (index === 0) return html`<th scope="row">${content}</th>`;
      const classes = [
        (heads[index]?.number ?? false) || (isKind(cell) && cell.kind === 'number') ? 'n' : '',
        isKind(cell) && cell.kind === 'found' ? 'found' : '',
      ]
        .filter((name) => name !== '')
        .join(' ');
      return classes === '' ? html`<td>${content}</td>` : html`<td class="${classes}">${content}</td>`;
    });
  return html`<div class="wide" tabindex="0" role="group"><table${compact ? html` class="compact"` : heads.length > 4 ? html` class="many"` : null}>${
    caption === undefined ? null : html`<caption>${caption}</caption>`
  }<thead><tr>${heads.map(({ name, number }) =>
    number === true ? html`<th scope="col" class="n">${name}</th>` : html`<th scope="col">${name}</th>`,
  )}</tr></thead><tbody>${rows.map((row) => html`<tr>${cells(row)}</tr>`)}</tbody></table></div>`;
}

/** Names and values in two columns, such as facts of a package. Null and undefined values are left out. */
export function facts(rows: readonly (readonly [Part, Part | undefined])[]): Html {
  return html`<dl class="facts">${rows.flatMap(([name, value]) =>
    value === null || value === undefined ? [] : [html`<div><dt>${name}</dt><dd>${value}</dd></div>`],
  )}</dl>`;
}
