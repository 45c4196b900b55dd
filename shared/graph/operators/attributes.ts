import type { Attributes } from '../graph.ts';

export function intAttribute(attributes: Attributes, name: string, byDefault: number): number {
  const attribute = attributes[name];
  return attribute !== undefined && 'int' in attribute ? attribute.int : byDefault;
}

export function floatAttribute(attributes: Attributes, name: string, byDefault: number): number {
  const attribute = attributes[name];
  return attribute !== undefined && 'float' in attribute ? attribute.float : byDefault;
}

export function intsAttribute(attributes: Attributes, name: string): readonly number[] | undefined {
  const attribute = attributes[name];
  return attribute !== undefined && 'ints' in attribute ? attribute.ints : undefined;
}

export function stringAttribute(attributes: Attributes, name: string, byDefault: string): string {
  const attribute = attributes[name];
  return attribute !== undefined && 'string' in attribute ? attribute.string : byDefault;
}
