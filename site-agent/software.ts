import { readFileSync } from 'node:fs';

/** Name and version of this program, as it stands on the wire and in the cards of local variants. */
export function siteSoftware(): string {
  // The source and the compiled tree have the same layout, each with a package.json at its root.
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return `wardround/${(JSON.parse(text) as { version: string }).version}`;
}
