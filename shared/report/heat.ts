import { type Html, html, type Part } from './html.ts';

export interface HeatCell {
  /** Strength of the colour, 0 to 1; null leaves the cell bare. */
  readonly strength: number | null;
  readonly text: Part;
  /** Set apart by a frame and bold figures, so that it is seen without colour. */
  readonly found?: boolean;
}

export interface HeatMatrix {
  readonly caption: Part;
  readonly corner: Part;
  readonly columns: readonly Part[];
  readonly rows: readonly { readonly name: Part; readonly cells: readonly HeatCell[] }[];
}

/** A matrix whose cells hold their figures and are coloured by them: columns against hospitals. Reads without colour, too. */
export function heatMatrix({ caption, corner, columns, rows }: HeatMatrix): Html {
  return html`<div class="wide" tabindex="0" role="group"><table class="heat"><caption>${caption}</caption><thead><tr><th scope="col">${corner}</th>${columns.map(
    (name) => html`<th scope="col" class="n">${name}</th>`,
  )}</tr></thead><tbody>${rows.map(
    ({ name, cells }) =>
      html`<tr><th scope="row">${name}</th>${cells.map(({ strength, text, found = false }) =>
        strength === null
          ? html`<td class="n${found ? ' found' : ''}">${text}</td>`
          : html`<td class="h n${found ? ' found' : ''}" style="--a:${Math.min(1, Math.max(0, strength)).toFixed(2)}">${text}</td>`,
      )}</tr>`,
  )}</tbody></table></div>`;
}
