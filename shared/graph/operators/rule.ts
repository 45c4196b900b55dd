import type { Attributes, ConstantData, Dimension, ElementType, Value } from '../graph.ts';
import { GraphError } from '../graph-error.ts';

/** One output of an operator, by its element type and shape; its contents where they are known already. */
export interface Inferred {
  readonly type: ElementType;
  readonly shape: readonly Dimension[];
  readonly constant?: ConstantData;
  readonly dimensions?: readonly Dimension[];
}

/** One use of an operator, before its outputs exist. */
export interface OperatorUse {
  readonly inputs: readonly Value[];
  readonly attributes: Attributes;
  /** Outputs asked for. */
  readonly count: number;
}

/** How many inputs and outputs an operator may have, and what its outputs are. */
export interface OperatorRule {
  readonly least: number;
  readonly most: number;
  readonly outputs: number;
  readonly infer: (use: OperatorUse) => readonly Inferred[];
}

export type OperatorRules = Readonly<Record<string, OperatorRule>>;

/** An operator of one output. */
export function rule(least: number, most: number, infer: (use: OperatorUse) => Inferred): OperatorRule {
  return { least, most, outputs: 1, infer: (use) => [infer(use)] };
}

/** An operator of up to `outputs` outputs. */
export function severalOutputs(
  least: number,
  most: number,
  outputs: number,
  infer: (use: OperatorUse) => readonly Inferred[],
): OperatorRule {
  return { least, most, outputs, infer };
}

/** Input `index`, which must be there. */
export function inputOf(use: { readonly inputs: readonly Value[] }, index: number): Value {
  const value = use.inputs[index];
  if (value === undefined) throw misfit(`input ${index} is not there`);
  return value;
}

/** The error for inputs that do not fit together; the operator's name is put before the message. */
export function misfit(message: string): GraphError {
  return new GraphError('shape_mismatch', message);
}

/** @throws GraphError `shape_mismatch` unless all the values have one element type */
export function sameType(values: readonly Value[]): ElementType {
  const [first] = values;
  if (first === undefined) throw misfit('there is no input');
  const other = values.find((value) => value.type !== first.type);
  if (other !== undefined) {
    throw misfit(`${first.name} is ${first.type} and ${other.name} is ${other.type}; cast one of them`);
  }
  return first.type;
}
