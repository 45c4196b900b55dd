import { z } from 'zod';

// A plan's words are printed on terminals and pages at every hospital. Control characters can rewrite a terminal, direction
// overrides can make one text look like another, and a lone surrogate has no UTF-8, so no digest.
const unfit = /[\p{Cs}\u202a-\u202e\u2066-\u2069]/u;
const control = /\p{Cc}/u;

/** Whether one line of text could do more than be read. */
export const isUnfit = (text: string): boolean => control.test(text) || unfit.test(text);

/** One line a person reads and machines compare: no control characters, no white space at its ends. */
export const lineOfText = (mostCharacters: number) =>
  z
    .string()
    .min(1)
    .max(mostCharacters)
    .refine((text) => !isUnfit(text), {
      message: 'must not hold line ends, control characters or direction overrides',
    })
    .refine((text) => text.trim() === text, { message: 'must not begin or end with white space' });

/** Several lines a person reads. */
export const paragraph = (fewestCharacters: number, mostCharacters: number) =>
  z
    .string()
    .min(fewestCharacters)
    .max(mostCharacters)
    .refine((text) => !control.test(text.replaceAll(/[\n\t]/g, '')) && !unfit.test(text), {
      message: 'must not hold control characters or direction overrides',
    });

const invisible = /[\p{C}\p{Default_Ignorable_Code_Point}\u2028\u2029\u2800]/gu;

/**
 * Words somebody else wrote, for people who decide by them: on one line, what cannot be seen spelt out, so that no text can end a line, leave a
 * gap that looks like one, or be another than it looks.
 */
export function plainLine(text: string): string {
  return text
    .replaceAll(/[\s\u2800]+/gu, ' ')
    .trim()
    .replaceAll(invisible, (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`)
    .replaceAll(/(\p{M}{3})\p{M}+/gu, '$1…');
}

/** Columns of a terminal that a character takes at most. */
const columnsOf = (character: string): number => ((character.codePointAt(0) as number) < 0x300 ? 1 : 2);

/**
 * `name` and what there is to say of it, broken before `width` columns by us and not by the terminal: what goes on stands below its beginning, where
 * no name of a line can stand.
 */
export function namedLine(name: string, text: string, width = Number.POSITIVE_INFINITY): string {
  const indent = 14;
  const room = Math.max(20, width - indent);
  const lines: string[] = [];
  let line = '';
  let columns = 0;
  for (const word of plainLine(text).split(/(?<= )/)) {
    const whole = [...word.trimEnd()].reduce((sum, character) => sum + columnsOf(character), 0);
    if (columns > 0 && columns + whole > room) {
      lines.push(line);
      [line, columns] = ['', 0];
    }
    for (const character of word) {
      if (columns + columnsOf(character) > room && character !== ' ') {
        lines.push(line);
        [line, columns] = ['', 0];
      }
      line += character;
      columns += columnsOf(character);
    }
  }
  lines.push(line);
  return lines.map((part, at) => `${(at === 0 ? name : '').padEnd(indent)}${part.trimEnd()}\n`).join('');
}
