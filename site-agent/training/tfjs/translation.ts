import type { ElementType, GraphNode } from '../../../shared/graph/graph.ts';
import { GraphError } from '../../../shared/graph/graph-error.ts';
import { elementTypes } from '../../../shared/graph/onnx-file.ts';
import { constantIntegers } from '../../../shared/graph/operators.ts';
import type { TfjsLibrary } from '../tfjs-library.ts';
import { constantNumbers, type Held } from './held.ts';

/** One use of an operator, with the values of its inputs. */
export interface Use {
  readonly tf: TfjsLibrary;
  readonly node: GraphNode;
  /** In the node's order. */
  readonly inputs: readonly (Held | undefined)[];
}

/** An operator in the library's words. Called within `tidy`; what it does not return is disposed of. */
export type Translation = (use: Use) => readonly Held[];

export function required({ node, inputs }: Use, index: number): Held {
  const held = inputs[index];
  if (held === undefined) throw new GraphError('unknown_value', `${node.operator} lacks its input ${index}`);
  return held;
}

/** Integers of an input such as axes: those of a constant, or those that were worked out on the way. */
export function integersOf(use: Use, index: number): number[] {
  const held = required(use, index);
  if (held.integers !== undefined) return [...held.integers];
  const value = use.node.inputs[index];
  if (value?.constant !== undefined) return constantIntegers(value);
  return Array.from(held.tensor.dataSync(), Number);
}

/** As `integersOf`, where the input may be absent. */
export function optionalIntegers(use: Use, index: number): number[] | undefined {
  return use.inputs[index] === undefined ? undefined : integersOf(use, index);
}

/** Numbers of an input that is a constant, or that were worked out on the way. */
export function numbersOf(use: Use, index: number): number[] {
  const value = use.node.inputs[index];
  return value?.constant === undefined
    ? Array.from(required(use, index).tensor.dataSync(), Number)
    : constantNumbers(value);
}

/** @throws GraphError `unknown_operator` for an element type outside the graphs' own */
export function elementTypeOf(number: number): ElementType {
  const found = Object.entries(elementTypes).find(([, code]) => code === number)?.[0];
  if (found === undefined)
    throw new GraphError('unknown_operator', `Cast to the element type ${number} is not on the list`);
  return found as ElementType;
}

export const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** A form of an operator that is on the list, but not in this form. */
export function refuse(node: GraphNode, what: string): never {
  throw new GraphError('unknown_operator', `${node.operator} ${what} is not among what tensorflow.js runs here`, {
    operator: node.operator,
  });
}
