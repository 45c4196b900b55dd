import type { Attributes, Dimension, Value } from '../graph.ts';
import { intAttribute } from './attributes.ts';
import { axisOf, productOf, quotientOf } from './dimensions.ts';
import { misfit } from './rule.ts';
import { sliceBounds } from './slice-bounds.ts';

/** Longest vector of lengths followed through a graph; a tensor has far fewer axes. */
const longestFollowed = 64;

/** What an integer value holds, where that is known when the graph is built: numbers, or names of lengths. */
export function knownContents(value: Value | undefined): readonly Dimension[] | undefined {
  if (value?.constant !== undefined) return Array.from(value.constant, Number);
  return value?.dimensions;
}

/** Most integers that say how an operator works, such as the sizes of a Split: what holds more is data. */
const mostIntegers = 1024;

function checkFew(value: Value | undefined): void {
  const count = value?.constant?.length ?? 0;
  if (count > mostIntegers) throw misfit(`${value?.name} holds ${count} integers, where ${mostIntegers} are the most`);
}

/** Integers of an input that must be known when the graph is built, such as the axes of ReduceSum. */
export function constantIntegers(value: Value | undefined): number[] {
  checkFew(value);
  const contents = knownContents(value);
  if (contents === undefined) throw misfit(`${value?.name ?? 'an absent input'} must be a constant of integers`);
  return contents.map((one) => {
    if (typeof one === 'string') throw misfit(`${value?.name} holds ${one}, which is known only when the graph runs`);
    return one;
  });
}

/** Lengths held by an input, such as the shape given to Reshape. */
export function lengthsOf(value: Value): readonly Dimension[] {
  checkFew(value);
  const contents = knownContents(value);
  if (contents === undefined) {
    throw misfit(`${value.name}, a shape, must be a constant or made from the shapes of other values`);
  }
  return contents;
}

function sliced(contents: readonly Dimension[], inputs: readonly Value[]): readonly Dimension[] | undefined {
  const [, starts, ends, , steps] = inputs;
  const [start] = constantIntegers(starts);
  const [end] = constantIntegers(ends);
  const step = steps === undefined ? 1 : constantIntegers(steps)[0];
  if (start === undefined || end === undefined || step === undefined) return undefined;
  const bounds = sliceBounds(contents.length, start, end, step);
  return Array.from({ length: bounds.count }, (_, index) => contents[bounds.start + index * step] as Dimension);
}

function paired(
  a: readonly Dimension[],
  b: readonly Dimension[],
  combine: (a: Dimension, b: Dimension) => Dimension | null,
): readonly Dimension[] | undefined {
  const length = Math.max(a.length, b.length);
  const results: Dimension[] = [];
  for (let index = 0; index < length; index++) {
    const left = a.length === 1 ? a[0] : a[index];
    const right = b.length === 1 ? b[0] : b[index];
    const result = left === undefined || right === undefined ? null : combine(left, right);
    if (result === null) return undefined;
    results.push(result);
  }
  return results;
}

const numbersOnly =
  (combine: (a: number, b: number) => number) =>
  (a: Dimension, b: Dimension): Dimension | null =>
    typeof a === 'number' && typeof b === 'number' ? combine(a, b) : null;

/** Quotients of whole numbers leave the fraction off; those of names must come out even. */
function wholeQuotient(a: Dimension, b: Dimension): Dimension | null {
  if (typeof a === 'number' && typeof b === 'number') return b === 0 ? null : Math.trunc(a / b);
  return quotientOf([a], [b]);
}

/**
 * What an operator's integer output of at most one axis holds, when it is made from the lengths of other values, as the chains
 * Shape, Gather, Concat that exporters write are. Undefined when it is known only at run time, or longer than any tensor has axes: a chain that
 * adds one length at each of its nodes would be written out anew at each.
 */
export function followedContents(
  operator: string,
  inputs: readonly Value[],
  attributes: Attributes,
): readonly Dimension[] | undefined {
  const found = contentsAfter(operator, inputs, attributes);
  return found === undefined || found.length > longestFollowed ? undefined : found;
}

function contentsAfter(
  operator: string,
  inputs: readonly Value[],
  attributes: Attributes,
): readonly Dimension[] | undefined {
  const [first] = inputs;
  if (first === undefined) return undefined;
  if (operator === 'Shape') {
    const rank = first.shape.length;
    return first.shape.slice(intAttribute(attributes, 'start', 0), intAttribute(attributes, 'end', rank));
  }
  if (operator === 'Size') return [productOf(first.shape)];
  // Looked at before it is copied: a constant may be a table, and be used by many nodes.
  const contents = inputs.map((value) =>
    (value.constant?.length ?? 0) > longestFollowed ? undefined : knownContents(value),
  );
  const [a, b] = contents;
  if (a === undefined || a.length > longestFollowed) return undefined;
  switch (operator) {
    case 'Identity':
    case 'Cast':
    case 'Squeeze':
    case 'Unsqueeze':
    case 'Reshape':
      return a;
    case 'Gather':
      return first.shape.length !== 1 || b === undefined
        ? undefined
        : constantIntegers(inputs[1]).map((index) => a[axisOf(index, a.length)] as Dimension);
    case 'Concat': {
      const parts: Dimension[] = [];
      for (const part of contents) {
        if (part === undefined || parts.length > longestFollowed) return undefined;
        parts.push(...part);
      }
      return parts;
    }
    case 'Slice':
      return sliced(a, inputs);
    case 'Mul':
      return b === undefined ? undefined : paired(a, b, (x, y) => productOf([x, y]));
    case 'Div':
      return b === undefined ? undefined : paired(a, b, wholeQuotient);
    case 'Add':
      return b === undefined
        ? undefined
        : paired(
            a,
            b,
            numbersOnly((x, y) => x + y),
          );
    case 'Sub':
      return b === undefined
        ? undefined
        : paired(
            a,
            b,
            numbersOnly((x, y) => x - y),
          );
    default:
      return undefined;
  }
}
