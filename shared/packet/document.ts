import { type Html, html } from '../report/html.ts';
import { page } from '../report/page.ts';
import { table } from '../report/table.ts';

/** A piece of recorded matter. */
export type Block =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly string[] }
  | {
      readonly kind: 'table';
      readonly caption?: string;
      readonly columns: readonly string[];
      readonly rows: readonly (readonly string[])[];
    };

/** What is on record, and where. */
export interface Recorded {
  readonly block: Block;
  readonly source: string;
}

/** What is not on record, and who has to state it. Never filled in by Wardround. */
export interface Open {
  readonly what: string;
  readonly by: Party;
}

export type Party =
  | 'the manufacturer or provider'
  | 'the consortium'
  | 'the hospital'
  | 'the clinical investigators'
  | 'the assessor';

/** One thing a framework asks for, by its own number, with what is on record and what is not. */
export interface Entry {
  /** The framework's own number, such as `Annex IV 2(f)`. */
  readonly ref: string;
  /** What it asks for, in our words. */
  readonly asks: string;
  readonly recorded: readonly Recorded[];
  readonly open: readonly Open[];
}

export interface Section {
  readonly title: string;
  readonly entries: readonly Entry[];
}

export interface PacketDocument {
  /** File name without its ending. */
  readonly name: string;
  readonly title: string;
  /** The framework and its version. */
  readonly framework: string;
  readonly introduction: string;
  readonly sections: readonly Section[];
}

export type Matter = Recorded | Open;

export const said = (text: string, source: string): Recorded => ({ block: { kind: 'text', text }, source });
export const listed = (items: readonly string[], source: string): Recorded => ({
  block: { kind: 'list', items },
  source,
});
export const tabled = (
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  source: string,
  caption?: string,
): Recorded => ({
  block: { kind: 'table', columns, rows, ...(caption === undefined ? {} : { caption }) },
  source,
});
export const open = (what: string, by: Party): Open => ({ what, by });

/** An entry of what is on record and what is open; an entry without either asks the manufacturer for everything. */
export function entry(ref: string, asks: string, ...matter: readonly (Matter | null)[]): Entry {
  const given = matter.filter((one) => one !== null);
  const recorded = given.filter((one): one is Recorded => 'block' in one);
  const missing = given.filter((one): one is Open => 'what' in one);
  return {
    ref,
    asks,
    recorded,
    open: recorded.length + missing.length === 0 ? [open('This entry.', 'the manufacturer or provider')] : missing,
  };
}

/** Everything open in a document, with the entry it is open in. */
export function openItems(document: PacketDocument): readonly (Open & { readonly ref: string })[] {
  return document.sections.flatMap(({ entries }) =>
    entries.flatMap(({ ref, open: items }) => items.map((item) => ({ ...item, ref }))),
  );
}

function blockHtml(block: Block): Html {
  if (block.kind === 'text') return html`<p>${block.text}</p>`;
  if (block.kind === 'list') return html`<ul>${block.items.map((item) => html`<li>${item}</li>`)}</ul>`;
  return table({
    ...(block.caption === undefined ? {} : { caption: block.caption }),
    columns: [...block.columns],
    rows: block.rows,
  });
}

export function openHtml({ what, by }: Open): Html {
  return html`<p class="open"><strong>Not recorded.</strong> ${what} To be stated by: ${by}.</p>`;
}

function entryHtml({ ref, asks, recorded, open: items }: Entry): Html {
  return html`<section class="entry"><h3>${ref}</h3><p class="key">${asks}</p>${recorded.map(
    ({ block, source }) => html`${blockHtml(block)}<p class="key source">From: ${source}.</p>`,
  )}${items.map(openHtml)}</section>`;
}

/** The document as one page. @param about which model, release and sides the packet is of */
export function documentPage(document: PacketDocument, about: string): string {
  const missing = openItems(document).length;
  return page({
    title: `${document.title}: ${about}`,
    body: html`<main><p class="faint"><a href="index.html">Packet</a> · ${about}</p><h1>${document.title}</h1><p class="faint">${document.framework}</p><p>${document.introduction}</p><p class="${missing === 0 ? 'faint' : 'open'}">${
      missing === 0
        ? 'Nothing is open.'
        : `${missing} ${missing === 1 ? 'point is' : 'points are'} not on record; each is marked where it belongs, with who has to state it.`
    }</p>${document.sections.map(
      ({ title, entries }) => html`<section><h2>${title}</h2>${entries.map(entryHtml)}</section>`,
    )}</main>`,
  });
}
