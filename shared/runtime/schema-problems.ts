import type { z } from 'zod';
import { nearestWord, type Problem, pathText, valueText } from './problem.ts';
import type { YamlSource } from './yaml-source.ts';

type Issue = z.core.$ZodIssue;

/**
 * Passed to `safeParse`, it leaves the keys an object knows in the message of an `unrecognized_keys` issue,
 * joined by a space: the issue itself names only the unknown ones.
 */
function knownKeys(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== 'unrecognized_keys') return undefined;
  const definition = issue.inst?._zod.def as { shape?: Record<string, unknown> } | undefined;
  return Object.keys(definition?.shape ?? {}).join(' ');
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const part of path) {
    if (value === null || typeof value !== 'object') return undefined;
    if (!Object.hasOwn(value, part)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}

/** Of a union's branches, the one the author most likely meant: fewest unknown keys, then fewest other issues. */
function likelyBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] {
  const misfit = (issues: readonly Issue[]): number =>
    issues.reduce((sum, issue) => {
      if (issue.code === 'unrecognized_keys') return sum + 10 * issue.keys.length;
      return sum + (issue.path.length === 0 && issue.code === 'invalid_type' ? 100 : 1);
    }, 0);
  return [...branches].sort((left, right) => misfit(left) - misfit(right))[0] ?? [];
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'a group of keys',
  record: 'a group of keys',
  null: 'null',
};

function lengthUnit(origin: string, count: number): string {
  if (origin === 'string') return count === 1 ? 'character' : 'characters';
  return count === 1 ? 'item' : 'items';
}

function boundText(issue: Extract<Issue, { code: 'too_small' | 'too_big' }>): string {
  const small = issue.code === 'too_small';
  const bound = Number(small ? issue.minimum : issue.maximum);
  if (issue.origin === 'number' || issue.origin === 'int') {
    const relation = issue.inclusive === false ? (small ? 'more than' : 'less than') : small ? 'at least' : 'at most';
    return `must be ${relation} ${bound}`;
  }
  const exact = 'exact' in issue && issue.exact === true;
  return `must have ${exact ? 'exactly' : small ? 'at least' : 'at most'} ${bound} ${lengthUnit(issue.origin, bound)}`;
}

function describe(issue: Issue, value: unknown): string {
  const found = `found ${valueText(value)}`;
  switch (issue.code) {
    case 'invalid_type': {
      const wanted = typeWords[issue.expected] ?? issue.expected;
      const quote =
        issue.expected === 'string' && (typeof value === 'number' || typeof value === 'boolean')
          ? `; put it in quotes: "${value}"`
          : '';
      return `must be ${wanted}, ${found}${quote}`;
    }
    case 'invalid_value': {
      const values = issue.values.map((allowed) => (typeof allowed === 'string' ? allowed : valueText(allowed)));
      const near = typeof value === 'string' ? nearestWord(value, values) : null;
      const list = values.length === 1 ? values[0] : `one of ${values.join(', ')}`;
      return `must be ${list}, ${found}${near === null || values.length === 1 ? '' : `; did you mean ${near}?`}`;
    }
    case 'too_small':
    case 'too_big':
      return `${boundText(issue)}, ${found}`;
    case 'invalid_format':
      return issue.format === 'date'
        ? `must be a date such as 2024-12-31, ${found}`
        : `${issue.message.replace(/^Invalid /, 'must be a valid ')}, ${found}`;
    default:
      return `${issue.message}, ${found}`;
  }
}

/** Turns zod's issues about `value` into problems with the place in the file, flattening unions to their likeliest branch. */
export function schemaProblems(
  issues: readonly Issue[],
  value: unknown,
  locate: YamlSource['locate'],
  originOf: (path: readonly PropertyKey[]) => string | undefined = () => undefined,
): Problem[] {
  const problems: Problem[] = [];
  /** Keys that stand misspelt where they are missing: one mistake, reported once. */
  const meant = new Set<string>();
  const add = (
    code: Problem['code'],
    path: readonly PropertyKey[],
    message: string,
    position: Problem['position'],
  ): void => {
    const origin = originOf(path);
    problems.push({ code, path: pathText(path), message, position, ...(origin === undefined ? {} : { origin }) });
  };
  const take = (issue: Issue, base: readonly PropertyKey[]): void => {
    const path = [...base, ...issue.path];
    if (issue.code === 'unrecognized_keys') {
      const known = issue.message === '' ? [] : issue.message.split(' ');
      for (const key of issue.keys) {
        const near = nearestWord(key, known);
        if (near !== null) meant.add(pathText([...path, near]));
        const advice = near === null ? `known here: ${known.join(', ')}` : `did you mean ${near}?`;
        add('unknown_key', [...path, key], `unknown key; ${advice}`, locate(path, key));
      }
      return;
    }
    const found = valueAt(value, path);
    if (issue.code === 'invalid_union') {
      if (issue.errors.length > 0) {
        for (const inner of likelyBranch(issue.errors)) take(inner, path);
        return;
      }
      const options = ('options' in issue && Array.isArray(issue.options) ? issue.options : []).map(String);
      const near = typeof found === 'string' ? nearestWord(found, options) : null;
      const code = found === undefined ? 'missing_key' : 'invalid_value';
      const lead = found === undefined ? 'is missing; ' : '';
      const tail = found === undefined ? '' : `, found ${valueText(found)}`;
      const hint = near === null ? '' : `; did you mean ${near}?`;
      add(code, path, `${lead}must be one of ${options.join(', ')}${tail}${hint}`, locate(path));
      return;
    }
    if (found === undefined && path.length > 0) {
      const wanted = issue.code === 'invalid_type' ? (typeWords[issue.expected] ?? issue.expected) : undefined;
      const allowed = issue.code === 'invalid_value' ? issue.values.map(String).join(' or ') : undefined;
      add('missing_key', path, `is missing; write ${wanted ?? allowed ?? 'it'} here`, locate(path.slice(0, -1)));
      return;
    }
    add('invalid_value', path, describe(issue, found), locate(path));
  };
  for (const issue of issues) take(issue, []);
  return problems
    .filter((problem) => problem.code !== 'missing_key' || !meant.has(problem.path))
    .sort((left, right) => placeOf(left) - placeOf(right));
}

/** Order of the file; what did not come from it goes last. */
function placeOf({ position }: Problem): number {
  return position === null ? Number.MAX_SAFE_INTEGER : position.line * 1e6 + Math.min(position.column, 999_999);
}

/** Parses `value` with the schema; on failure gives every problem. */
export function parseWith<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  locate: YamlSource['locate'],
  originOf?: (path: readonly PropertyKey[]) => string | undefined,
):
  | { readonly ok: true; readonly value: z.output<Schema> }
  | { readonly ok: false; readonly problems: readonly Problem[] } {
  const result = schema.safeParse(value, { error: knownKeys });
  if (result.success) return { ok: true, value: result.data };
  return { ok: false, problems: schemaProblems(result.error.issues, value, locate, originOf) };
}
