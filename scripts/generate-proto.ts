import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { protoFiles } from '../shared/wire/definitions.ts';

const scalars: Readonly<Record<string, string>> = {
  double: 'number',
  float: 'number',
  int32: 'number',
  uint32: 'number',
  sint32: 'number',
  fixed32: 'number',
  sfixed32: 'number',
  // `longs: Number`; the codec refuses what is not a safe integer.
  int64: 'number',
  uint64: 'number',
  sint64: 'number',
  fixed64: 'number',
  sfixed64: 'number',
  bool: 'boolean',
  string: 'string',
  bytes: 'Uint8Array',
};

function scalarType(field: protobuf.Field): string {
  const scalar = scalars[field.type];
  if (scalar !== undefined) return scalar;
  const resolved = field.resolvedType;
  if (resolved instanceof protobuf.Enum) return `${resolved.name} | number`;
  if (resolved === null) throw new Error(`${field.fullName}: unknown type ${field.type}`);
  return resolved.name;
}

/** One line of an interface, as `defaults`, `arrays`, `objects` and `oneofs` of the loader make it. */
function fieldLine(field: protobuf.Field): string {
  const type = scalarType(field);
  if (field instanceof protobuf.MapField) return `readonly ${field.name}: Readonly<Record<string, ${type}>>;`;
  if (field.repeated) return `readonly ${field.name}: readonly ${type.includes(' ') ? `(${type})` : type}[];`;
  // Members of a oneof, and proto3 `optional`, are absent when not set; an unset message is null.
  if (field.partOf !== null) return `readonly ${field.name}?: ${type};`;
  if (field.resolvedType instanceof protobuf.Type) return `readonly ${field.name}: ${type} | null;`;
  return `readonly ${field.name}: ${type};`;
}

function* messagesOf(namespace: protobuf.NamespaceBase): Generator<protobuf.Type | protobuf.Enum | protobuf.Service> {
  for (const item of namespace.nestedArray) {
    if (item instanceof protobuf.Type || item instanceof protobuf.Enum || item instanceof protobuf.Service) yield item;
    if (item instanceof protobuf.Namespace) yield* messagesOf(item);
  }
}

/** TypeScript for one .proto file: an interface a message, a union an enum, and the methods of each service. */
function typesOf(file: string): string {
  const root = new protobuf.Root();
  root.loadSync(file, { keepCase: false });
  root.resolveAll();
  const parts = [`// Generated from proto/${basename(file)} by scripts/generate-proto.ts; do not edit.\n`];
  const services: string[] = [];
  for (const item of messagesOf(root)) {
    if (item instanceof protobuf.Enum) {
      const names = Object.keys(item.values).map((name) => `'${name}'`);
      parts.push(`export type ${item.name} = ${names.join(' | ')};\n`);
    } else if (item instanceof protobuf.Type) {
      const lines = item.fieldsArray.map((field) => `  ${fieldLine(field)}\n`);
      parts.push(
        lines.length === 0
          ? `export type ${item.name} = Readonly<Record<never, never>>;\n`
          : `export interface ${item.name} {\n${lines.join('')}}\n`,
      );
    } else {
      const fullName = item.fullName.replace(/^\./, '');
      services.push(`/** Methods of \`${fullName}\`: what goes in and out, and the path on the wire. */`);
      services.push(`export interface ${item.name}Methods {`);
      for (const method of item.methodsArray) {
        services.push(`  readonly ${method.name}: {`);
        services.push(`    readonly path: '/${fullName}/${method.name}';`);
        services.push(`    readonly request: ${method.resolvedRequestType?.name};`);
        services.push(`    readonly response: ${method.resolvedResponseType?.name};`);
        services.push(`    readonly requestStream: ${method.requestStream === true};`);
        services.push(`    readonly responseStream: ${method.responseStream === true};`);
        services.push('  };');
      }
      services.push('}\n');
    }
  }
  return [...parts, services.join('\n')].join('\n');
}

/**
 * Writes `shared/wire/generated/*.ts` from the .proto files.
 * @param check true: write nothing, only compare.
 * @returns the files that were (or, with `check`, would be) changed; empty when all are current.
 */
export function generateProtoTypes(check: boolean): string[] {
  const changed: string[] = [];
  for (const [name, file] of Object.entries(protoFiles)) {
    const target = fileURLToPath(new URL(`../shared/wire/generated/${name}.ts`, import.meta.url));
    const text = typesOf(file);
    let current: string | undefined;
    try {
      current = readFileSync(target, 'utf8');
    } catch {
      current = undefined;
    }
    if (current === text) continue;
    changed.push(`shared/wire/generated/${name}.ts`);
    if (check) continue;
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
  }
  return changed;
}
