import { coordinate } from './axis.ts';
import { escaped, type Html, html, trusted } from './html.ts';

/** What a drawing says to who cannot see it. */
export interface Described {
  readonly title: string;
  readonly description: string;
}

/**
 * A drawing of fixed proportions that scales with its place. Colours are the page's own variables, so that light, dark and print need
 * one drawing; every text in it is escaped.
 */
export function drawing(
  { title, description }: Described,
  width: number,
  height: number,
  ...parts: readonly Html[]
): Html {
  return html`<svg role="img" viewBox="0 0 ${width} ${height}" xmlns="http://www.w3.org/2000/svg"><title>${title}</title><desc>${description}</desc>${parts}</svg>`;
}

type Attributes = Readonly<Record<string, string | number | undefined>>;

/** One element; numbers are rounded to hundredths of a unit. */
export function element(name: string, attributes: Attributes, content: Html | string = ''): Html {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? coordinate(value) : escaped(String(value))}"`)
    .join('');
  const inner = typeof content === 'string' ? escaped(content) : content.markup;
  return trusted(inner === '' ? `<${name}${written}/>` : `<${name}${written}>${inner}</${name}>`);
}

/** Path through points; a null point leaves a gap. */
export function pathOf(points: readonly (readonly [number, number] | null)[]): string {
  let text = '';
  let pen = false;
  for (const point of points) {
    if (point === null) {
      pen = false;
      continue;
    }
    text += `${pen ? 'L' : 'M'}${coordinate(point[0])} ${coordinate(point[1])}`;
    pen = true;
  }
  return text;
}

/** A figure: the drawing, what it shows in a sentence or two, and its numbers as a table for who wants or needs them. */
export function figureOf(drawn: Html, caption: Html | string, numbers?: Html): Html {
  return html`<figure>${drawn}<figcaption>${caption}</figcaption>${
    numbers === undefined ? null : html`<details class="numbers"><summary>The numbers</summary>${numbers}</details>`
  }</figure>`;
}
