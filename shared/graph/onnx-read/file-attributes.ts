import type { Attribute } from '../graph.ts';
import type { FileAttribute, FileNode } from './file-model.ts';
import { OnnxError } from './onnx-error.ts';

/** Integers beyond 2^31 - 1 stand for "to the end" in files; nothing that is read has such a length. */
const mostInteger = 2 ** 31 - 1;

export function plainInteger(value: bigint | number): number {
  return Math.max(-mostInteger, Math.min(mostInteger, Number(value)));
}

export function intOf(node: FileNode, name: string, byDefault: number): number {
  const attribute = node.attributes.get(name);
  return attribute !== undefined && 'int' in attribute ? plainInteger(attribute.int) : byDefault;
}

export function floatOf(node: FileNode, name: string, byDefault: number): number {
  const attribute = node.attributes.get(name);
  return attribute !== undefined && 'float' in attribute ? attribute.float : byDefault;
}

export function floatsOf(node: FileNode, name: string): readonly number[] | null {
  const attribute = node.attributes.get(name);
  return attribute !== undefined && 'floats' in attribute ? attribute.floats : null;
}

export function intsOf(node: FileNode, name: string): readonly number[] | null {
  const attribute = node.attributes.get(name);
  return attribute !== undefined && 'ints' in attribute ? attribute.ints.map(plainInteger) : null;
}

export function textOf(node: FileNode, name: string, byDefault: string): string {
  const attribute = node.attributes.get(name);
  return attribute !== undefined && 'string' in attribute ? attribute.string : byDefault;
}

/** Attributes that say nothing in float32 and set 17. */
const mute = new Set(['saturate', 'stash_type']);

/** The attributes of a node as those of the network. @throws OnnxError `unsupported_form`, `not_finite` */
export function plainAttributes(node: FileNode, without: readonly string[] = []): Readonly<Record<string, Attribute>> {
  const result: Record<string, Attribute> = {};
  const convert = (name: string, attribute: FileAttribute): Attribute => {
    if ('int' in attribute) return { int: plainInteger(attribute.int) };
    if ('ints' in attribute) return { ints: attribute.ints.map(plainInteger) };
    if ('string' in attribute) return { string: attribute.string };
    const numbers = 'float' in attribute ? [attribute.float] : 'floats' in attribute ? attribute.floats : null;
    if (numbers === null) {
      throw new OnnxError(
        'unsupported_form',
        `${node.operator}: attribute ${name} is of a kind that is not supported`,
        {
          operator: node.operator,
        },
      );
    }
    if (!numbers.every(Number.isFinite)) {
      throw new OnnxError('not_finite', `${node.operator}: attribute ${name} is not a finite number`);
    }
    return 'float' in attribute ? { float: attribute.float } : { floats: [...numbers] };
  };
  for (const [name, attribute] of node.attributes) {
    if (!mute.has(name) && !without.includes(name)) result[name] = convert(name, attribute);
  }
  return result;
}
