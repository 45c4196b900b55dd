import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { stringAttribute } from '../operators/attributes.ts';
import { type EinsumTerms, einsumTerms } from '../operators/einsum-terms.ts';
import { byFirstOutput, refusal, type VectorJacobians } from './product.ts';
import { repeatLike, sumToShape } from './shapes.ts';

/** The terms with letters for every label, those behind an ellipsis too. */
function lettered({ operands, output }: EinsumTerms): { readonly operands: string[]; readonly output: string } {
  const used = new Set([...operands.join(''), ...output]);
  const free = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'].filter((letter) => !used.has(letter));
  const names = new Map([...used].map((label) => [label, /[A-Za-z]/.test(label) ? label : (free.pop() ?? label)]));
  const spell = (term: string): string => [...term].map((label) => names.get(label) ?? label).join('');
  return { operands: operands.map(spell), output: spell(output) };
}

/** Gradient by operand `index`: the gradient takes the operand's place, and the operand's term that of the result. */
function byOperand(
  b: GraphBuilder,
  terms: { readonly operands: readonly string[]; readonly output: string },
  inputs: readonly Value[],
  g: Value,
  index: number,
): Value {
  const own = terms.operands[index] as string;
  const value = inputs[index] as Value;
  const others = terms.operands.flatMap((term, at) => (at === index ? [] : [{ term, input: inputs[at] as Value }]));
  const reachable = new Set([...terms.output, ...others.flatMap(({ term }) => [...term])]);
  const present = [...own].filter((label) => reachable.has(label)).join('');
  const equation = `${[terms.output, ...others.map(({ term }) => term)].join(',')}->${present}`;
  let gradient = b.op('Einsum', [g, ...others.map(({ input }) => input)], { equation: { string: equation } });
  const summed = [...own].flatMap((label, axis) => (reachable.has(label) ? [] : [axis]));
  if (summed.length > 0) gradient = b.op('Unsqueeze', [gradient, b.integers('axes', summed)]);
  return repeatLike(b, sumToShape(b, gradient, value.shape), value);
}

export const einsum: VectorJacobians = {
  Einsum: byFirstOutput(({ b, inputs, attributes, g, needed }) => {
    const terms = lettered(
      einsumTerms(
        stringAttribute(attributes, 'equation', ''),
        inputs.map((value) => value.shape),
      ),
    );
    const twice = [...terms.operands, terms.output].find((term) => new Set(term).size !== term.length);
    if (twice !== undefined) throw refusal('Einsum', `where a term names one axis twice, as ${twice} does`);
    return inputs.map((_, index) => (needed[index] === true ? byOperand(b, terms, inputs, g, index) : null));
  }),
};
