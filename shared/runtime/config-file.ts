import { readFileSync, statSync } from 'node:fs';
import type { z } from 'zod';
import { ConfigError } from './config-error.ts';
import { deepFreeze } from './freeze.ts';
import { type Problem, pathText, problemsText } from './problem.ts';
import { parseWith } from './schema-problems.ts';
import { parseYaml } from './yaml-source.ts';

const maximumBytes = 256 * 1024;

export interface EnvironmentOverrides {
  /** Usually `process.env`; only a `config.ts` passes it. Absent: the file alone counts. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Variables with names of their own and the setting each stands for, such as `{ WARDROUND_LOG_LEVEL: 'logLevel' }`. */
  readonly overrides?: Readonly<Record<string, string>>;
  /**
   * First word of variables that may name any setting: with `WARDROUND_SITE`, `WARDROUND_SITE__LISTEN__IDLE_TIMEOUT_MS`
   * sets `listen.idleTimeoutMs`. Two underscores go one key deeper, single ones join words. One that names no setting
   * is refused like an unknown key of the file.
   */
  readonly prefix?: string;
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

/** Sets an own property even for a name such as `__proto__`, which assignment would lose. */
function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

/** The variables that are set, in the order of their names, each with the path of its setting. An empty one counts as absent. */
function settingsOf(environment: EnvironmentOverrides): { name: string; text: string; path: string[] }[] {
  const { env = {}, overrides = {}, prefix } = environment;
  const settings: { name: string; text: string; path: string[] }[] = [];
  for (const name of Object.keys(env).sort()) {
    const text = env[name];
    if (text === undefined || text === '') continue;
    const named = Object.hasOwn(overrides, name) ? overrides[name] : undefined;
    if (named !== undefined) settings.push({ name, text, path: named.split('.') });
    else if (prefix !== undefined && name.startsWith(`${prefix}__`)) {
      settings.push({ name, text, path: pathOfVariable(name.slice(prefix.length + 2)) });
    }
  }
  return settings;
}

/** Puts the values of the environment, which are YAML (`5000`, `true`, `[a, b]`, text), in place of the file's. */
function override(
  value: unknown,
  environment: EnvironmentOverrides,
): { readonly value: unknown; readonly origins: ReadonlyMap<string, string> } {
  const origins = new Map<string, string>();
  if (!isGroup(value)) return { value, origins };
  const result = structuredClone(value);
  for (const { name, text, path } of settingsOf(environment)) {
    let target = result;
    for (const key of path.slice(0, -1)) {
      const inner = Object.hasOwn(target, key) ? target[key] : undefined;
      const next: Record<string, unknown> = isGroup(inner) ? inner : {};
      setOwn(target, key, next);
      target = next;
    }
    const parsed = parseYaml(text, maximumBytes);
    // What is no YAML (a stray colon or bracket in a path) is meant as text.
    setOwn(target, path.at(-1) ?? '', parsed.ok ? parsed.source.value : text);
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
  environment: EnvironmentOverrides = {},
): z.output<Schema> {
  const parsed = parseYaml(text, maximumBytes);
  if (!parsed.ok) throw failure(file, parsed.problems);
  const { value, origins } = override(parsed.source.value, environment);
  const result = parseWith(schema, value, parsed.source.locate, (path) => origins.get(pathText(path)));
  if (!result.ok) throw failure(file, result.problems);
  return deepFreeze(result.value);
}

/**
 * Reads a YAML configuration file through a zod schema, once, at the start: defaults filled in, unknown keys refused, frozen.
 * Variables of the environment can take the place of the file's values. Reads synchronously: nothing runs yet that could wait.
 * @throws ConfigError naming the file, every path that is wrong, the value found and what to do.
 */
export function readYamlFile<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
  environment: EnvironmentOverrides = {},
): z.output<Schema> {
  let text: string;
  try {
    // Before it is read: what is no file (a device, a pipe) has no size to check afterwards.
    const facts = statSync(file);
    if (!facts.isFile()) throw new ConfigError('unreadable', `${file}: is not a file`, { file });
    if (facts.size > maximumBytes) {
      throw new ConfigError('too_large', `${file}: has ${facts.size} bytes; the most is ${maximumBytes}`, { file });
    }
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') throw new ConfigError('not_found', `${file}: there is no such file`, { file }, cause);
    throw new ConfigError('unreadable', `${file}: cannot be read (${code ?? 'unknown error'})`, { file }, cause);
  }
  return parseYamlText(text, file, schema, environment);
}
