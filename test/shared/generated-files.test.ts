import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { generatedFiles } from '../../scripts/generated-files.ts';

const root = new URL('../../', import.meta.url);

interface JsonSchema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema | readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly const?: unknown;
}

function* nodes(schema: JsonSchema, path = ''): Generator<{ readonly path: string; readonly schema: JsonSchema }> {
  yield { path, schema };
  for (const [key, inner] of Object.entries(schema.properties ?? {})) yield* nodes(inner, `${path}.${key}`);
  for (const inner of [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]) yield* nodes(inner, path);
  for (const inner of schema.items === undefined ? [] : [schema.items].flat())
    yield* nodes(inner as JsonSchema, `${path}[]`);
}

describe('generated files', () => {
  it.each([...generatedFiles()])('%s is what npm run generate makes of its sources', (path, text) => {
    expect(readFileSync(new URL(path, root), 'utf8')).toBe(text);
  });

  const schemas = [...generatedFiles()]
    .filter(([path]) => path.startsWith('schemas/'))
    .map(([path, text]): [string, JsonSchema] => [path, JSON.parse(text) as JsonSchema]);
  const described = schemas.filter(([path]) => /\/(plan|policy)\./.test(path));

  it('there is a schema for every file a person writes', () => {
    const names = schemas.map(([path]) => path.replace(/^schemas\/|\.schema\.json$/g, ''));
    expect(names.sort()).toEqual(['coordinator', 'plan', 'policy', 'scenario', 'site']);
  });

  it.each(described)('%s: an editor has a sentence for every key', (_, schema) => {
    const silent = [...nodes(schema)]
      .filter(({ path, schema: node }) => path !== '' && !path.endsWith('[]') && node.description === undefined)
      // A tag (`kind: binary`) is explained by the object it chooses, a branch of a union by the key.
      .filter(({ schema: node }) => node.const === undefined && node.properties === undefined)
      .map(({ path }) => path);
    const explained = new Set(
      [...nodes(schema)].filter(({ schema: node }) => node.description !== undefined).map(({ path }) => path),
    );
    expect(silent.filter((path) => !explained.has(path))).toEqual([]);
  });

  it.each(schemas)('%s: no object takes unknown keys', (_, schema) => {
    const open = [...nodes(schema)].filter(
      ({ schema: node }) => node.properties !== undefined && node.additionalProperties !== false,
    );
    expect(open.map(({ path }) => path)).toEqual([]);
  });
});
