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
