import type { Dimension } from '../graph.ts';
import { misfit } from './rule.ts';

/** An Einsum equation with its ellipses spelt out, one label a character, and the length each label stands for. */
export interface EinsumTerms {
  readonly operands: readonly string[];
  readonly output: string;
  readonly lengths: ReadonlyMap<string, Dimension>;
}

/** Labels for the axes behind an ellipsis; an equation itself has letters only. */
const hidden = '0123456789';

/** Reads an equation such as `bij,bjk->bik`. @throws GraphError `shape_mismatch` when it does not fit the shapes */
export function einsumTerms(equation: string, shapes: readonly (readonly Dimension[])[]): EinsumTerms {
  const compact = equation.replaceAll(' ', '');
  const match = /^((?:[A-Za-z]|\.{3}|,)*)(?:->((?:[A-Za-z]|\.{3})*))?$/.exec(compact);
  if (match === null) throw misfit(`equation ${JSON.stringify(equation)} is not one of Einsum`);
  const written = (match[1] ?? '').split(',');
  if (written.length !== shapes.length) {
    throw misfit(`equation ${JSON.stringify(equation)} has ${written.length} terms for ${shapes.length} inputs`);
  }
  let widest = 0;
  const operands = written.map((term, index) => {
    const rank = shapes[index]?.length ?? 0;
    const letters = term.replace('...', '').length;
    const behind = term.includes('...') ? rank - letters : 0;
    if (letters + behind !== rank || behind < 0 || behind > hidden.length) {
      throw misfit(`term ${JSON.stringify(term)} does not fit an input of rank ${rank}`);
    }
    widest = Math.max(widest, behind);
    return term.replace('...', hidden.slice(0, behind).split('').reverse().join(''));
  });
  const lengths = new Map<string, Dimension>();
  for (const [index, term] of operands.entries()) {
    for (const [axis, label] of [...term].entries()) {
      const length = shapes[index]?.[axis] ?? 1;
      const known = lengths.get(label);
      if (known === undefined || known === 1) lengths.set(label, length);
      else if (length !== 1 && length !== known) {
        throw misfit(`label ${label} of ${JSON.stringify(equation)} stands for ${known} and for ${length}`);
      }
    }
  }
  const ellipsis = hidden.slice(0, widest).split('').reverse().join('');
  const counts = new Map<string, number>();
  for (const label of operands.join('')) counts.set(label, (counts.get(label) ?? 0) + 1);
  const implicit = [...counts.keys()].filter((label) => !hidden.includes(label) && counts.get(label) === 1).sort();
  const output = match[2] === undefined ? ellipsis + implicit.join('') : match[2].replace('...', ellipsis);
  for (const label of output) {
    if (!lengths.has(label)) throw misfit(`label ${label} of the result is in no term of ${JSON.stringify(equation)}`);
  }
  return { operands, output, lengths };
}
