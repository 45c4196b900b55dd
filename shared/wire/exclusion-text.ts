import type { Exclusion } from './operator-port.ts';

/** `north (declined: too_few_rows)`, with at most so many characters of the detail. */
export function exclusionText({ site, reason, detail }: Exclusion, mostCharacters = Number.POSITIVE_INFINITY): string {
  if (detail === null) return `${site} (${reason})`;
  const told = [...detail];
  const text = told.length > mostCharacters ? `${told.slice(0, mostCharacters).join('')}…` : detail;
  return `${site} (${reason}: ${text})`;
}

/** Names in a sentence, the first ones and how many more there are: `none` where there is none. */
export function namedList(names: readonly string[], most = 20): string {
  if (names.length === 0) return 'none';
  const more = names.length - most;
  return more > 0 ? `${names.slice(0, most).join(', ')} and ${more} more` : names.join(', ');
}
