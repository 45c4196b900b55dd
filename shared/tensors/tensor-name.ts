/**
 * A tensor's name as it may stand in messages, whoever wrote it: as it is where it is plain, else quoted, cut, and with every other character
 * spelt out. Two names that look alike do not, and none can move a cursor.
 * @param most characters that are shown; by default those that a name of a plan may have
 */
export function tensorNameText(name: string, most = 200): string {
  if (name.length <= most && /^[\w./:-]+$/.test(name)) return name;
  return JSON.stringify(name.length > most ? `${name.slice(0, most)}...` : name).replaceAll(
    /[^\x20-\x7e]/gu,
    (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`,
  );
}
