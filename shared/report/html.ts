/** Markup that is already safe to put into a page. */
export interface Html {
  readonly markup: string;
}

export type Part = Html | string | number | null | readonly Html[];

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] as string);
}

function markupOf(part: Part): string {
  if (part === null) return '';
  if (typeof part === 'string' || typeof part === 'number') return escaped(String(part));
  if ('markup' in part) return part.markup;
  return part.map((one) => one.markup).join('');
}

/** Template of markup: every value put in is escaped, save what `html` or `trusted` made. Null puts in nothing. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return {
    markup: strings.map((text, index) => text + (index < parts.length ? markupOf(parts[index] as Part) : '')).join(''),
  };
}

/** Markup written in this repository or made by a library, never by a plan, a site or a person. */
export function trusted(markup: string): Html {
  return { markup };
}
