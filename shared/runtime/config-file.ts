import { readFile, stat } from 'node:fs/promises';
import type { z } from 'zod';
import { ConfigError } from './config-error.ts';
import { deepFreeze } from './freeze.ts';
import { type Problem, pathText, problemsText } from './problem.ts';
import { parseWith } from './schema-problems.ts';
import { parseYaml } from './yaml-source.ts';

const maximumBytes = 256 * 1024;

export interface EnvironmentOverrides {
  /** Usually `process.env`; only a `config.ts` passes it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** First word of the variables, such as `WARDROUND_SITE` for `WARDROUND_SITE__DATA__FILE`. */
  readonly prefix: string;
}

/** `DATA__ROUND_DEADLINE_MS` names `data.roundDeadlineMs`. */
function pathOfVariable(rest: string): string[] {
  return rest
    .split('__')
    .map((part) => part.toLowerCase().replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()));
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/**
 * Puts the values of the environment in place of the file's. Two underscores go one key deeper, single ones join words:
 * `PREFIX__LISTEN__IDLE_TIMEOUT_MS=5000` sets `listen.idleTimeoutMs`. Values are YAML (`5000`, `true`, `[a, b]`, text);
 * an empty variable counts as absent. A variable that names no setting is refused like an unknown key of the file.
 */
function override(value: unknown, overrides: EnvironmentOverrides): { value: unknown; origins: Map<string, string> } {
  const origins = new Map<string, string>();
  const start = `${overrides.prefix}__`;
  const result: unknown = structuredClone(value);
  for (const name of Object.keys(overrides.env).sort()) {
    const text = overrides.env[name];
    if (!name.startsWith(start) || text === undefined || text === '' || !isGroup(result)) continue;
    const path = pathOfVariable(name.slice(start.length));
    const parsed = parseYaml(text, maximumBytes);
    let target = result;
    for (const key of path.slice(0, -1)) {
      const inner = Object.hasOwn(target, key) ? target[key] : undefined;
      const next: Record<string, unknown> = isGroup(inner) ? inner : {};
      Object.defineProperty(target, key, { value: next, enumerable: true, configurable: true, writable: true });
      target = next;
    }
    Object.defineProperty(target, path.at(-1) ?? '', {
      // What is no YAML (a stray colon or bracket in a path) is meant as text.
      value: parsed.ok ? parsed.source.value : text,
      enumerable: true,
      configurable: true,
      writable: true,
    });
    origins.set(pathText(path), `environment variable ${name}`);
  }
  return { value: result, origins };
}

function failure(file: string, problems: readonly Problem[]): ConfigError {
  const first = problems[0] as Problem;
  return new ConfigError(first.code, problemsText(file, problems), {
    file,
    path: first.path,
    line: first.position?.line ?? null,
    problems: problems.length,
  });
}

/** Parses configuration text; see `readYamlFile`. */
export function parseYamlText<Schema extends z.ZodType>(
  text: string,
  file: string,
  schema: Schema,
  overrides?: EnvironmentOverrides,
): z.output<Schema> {
  const parsed = parseYaml(text, maximumBytes);
  if (!parsed.ok) throw failure(file, parsed.problems);
  const { value, origins } =
    overrides === undefined
      ? { value: parsed.source.value, origins: new Map<string, string>() }
      : override(parsed.source.value, overrides);
  const result = parseWith(schema, value, parsed.source.locate, (path) => origins.get(pathText(path)));
  if (!result.ok) throw failure(file, result.problems);
  return deepFreeze(result.value);
}

/**
 * Reads a YAML configuration file through a zod schema, once: defaults filled in, unknown keys refused, frozen.
 * `overrides` lets environment variables take the place of the file's values.
 * @throws ConfigError naming the file, every path that is wrong, the value found and what to do.
 */
export async function readYamlFile<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
  overrides?: EnvironmentOverrides,
): Promise<z.output<Schema>> {
  let text: string;
  try {
    // Before it is read: what is no file (a device, a pipe) has no size to check afterwards.
    const facts = await stat(file);
    if (!facts.isFile()) throw new ConfigError('unreadable', `${file}: is not a file`, { file });
    if (facts.size > maximumBytes) {
      throw new ConfigError('too_large', `${file}: has ${facts.size} bytes; the most is ${maximumBytes}`, { file });
    }
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') throw new ConfigError('not_found', `${file}: there is no such file`, { file }, cause);
    throw new ConfigError('unreadable', `${file}: cannot be read (${code ?? 'unknown error'})`, { file }, cause);
  }
  return parseYamlText(text, file, schema, overrides);
}
