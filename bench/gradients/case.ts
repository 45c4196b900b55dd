import type { Dimension, Value } from '../../shared/graph/graph.ts';
import type { GraphBuilder } from '../../shared/graph/graph-builder.ts';
import { scalarLike } from '../../shared/graph/vector-jacobian/numbers.ts';
import type { RandomStream } from '../../shared/runtime/random.ts';

/** An input of a case, differentiated: its shape, and how its numbers are drawn. */
export interface CaseInput {
  readonly shape: readonly Dimension[];
  readonly draw: (stream: RandomStream) => number;
}

/** What a case adds its operator to: a builder, and its inputs in order. */
export interface CaseUse {
  readonly b: GraphBuilder;
  readonly x: Value;
  readonly y: Value;
  readonly z: Value;
  readonly inputs: readonly Value[];
  /** A constant of the inputs' element type. */
  readonly number: (value: number) => Value;
  /** A constant vector of int64. */
  readonly whole: (...values: number[]) => Value;
}

/** One use of one operator, whose gradient is compared with others. */
export interface GradientCase {
  readonly operator: string;
  readonly title: string;
  readonly inputs: readonly CaseInput[];
  readonly apply: (use: CaseUse) => Value | readonly Value[];
  /** Why tensorflow.js does not differentiate this one, where it does not. */
  readonly notInTfjs?: string;
}

/** Rows of a case whose first length is the name `N`. */
export const rowsOfCases = 5;

export const normal = (...shape: Dimension[]): CaseInput => ({ shape, draw: (stream) => 1.5 * stream.normal() + 0.1 });
export const positive = (...shape: Dimension[]): CaseInput => ({ shape, draw: (stream) => 0.3 + 2 * stream.uniform() });

export function caseUse(b: GraphBuilder, inputs: readonly Value[]): CaseUse {
  const [x, y, z] = inputs as [Value, Value, Value];
  return {
    b,
    inputs,
    x,
    y,
    z,
    number: (value) => scalarLike(b, x, value),
    whole: (...values) => b.integers('whole', values),
  };
}
