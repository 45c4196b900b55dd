/** Names and beginnings of names that graphs of training use for something else. */
const reservedNames = new Set(['features', 'payload', 'labels', 'loss', 'proximal', 'constructor', 'prototype']);
const reservedStart = /^(?:[%#]|[a-z]+\/)/;
const longest = 190;

/** Whether graphs of training would take a parameter of this name for something of their own. */
export const isReserved = (name: string): boolean =>
  name.includes('#') || reservedNames.has(name) || reservedStart.test(name);

/**
 * The name of a parameter as in the file, changed only where graphs would read something else into it: `#`, which marks values made by
 * Wardround, a beginning such as `next/`, or a name that is taken.
 * @param taken the names so far, each with the number of its last copy; the new one is added
 */
export function parameterName(written: string, taken: Map<string, number>): string {
  const plain = written.replaceAll('#', '-').slice(-longest).trim();
  const safe = isReserved(plain) || plain === '' ? `file.${plain}` : plain;
  let name = safe;
  let copy = taken.get(safe) ?? 1;
  while (taken.has(name)) name = `${safe}.${++copy}`;
  taken.set(name, 1);
  taken.set(safe, copy);
  return name;
}
