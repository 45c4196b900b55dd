import type { Attributes } from '../graph.ts';
import { floatAttribute, intAttribute, intsAttribute, stringAttribute } from '../operators.ts';

/** Attributes of a node, read by name and type. */
export interface FixedAttributes {
  int(name: string, byDefault: number): number;
  float(name: string, byDefault: number): number;
  ints(name: string): readonly number[] | undefined;
  text(name: string, byDefault: string): string;
}

export function fixedAttributes(attributes: Attributes): FixedAttributes {
  return {
    int: (name, byDefault) => intAttribute(attributes, name, byDefault),
    float: (name, byDefault) => floatAttribute(attributes, name, byDefault),
    ints: (name) => intsAttribute(attributes, name),
    text: (name, byDefault) => stringAttribute(attributes, name, byDefault),
  };
}
