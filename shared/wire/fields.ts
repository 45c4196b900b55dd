import type { ReleaseVersion } from '../runtime/ids.ts';
import { type Digest, digestPattern, isSiteName, type RunId, type SiteName, type TaskId } from '../runtime/ids.ts';
import type { ObjectRef } from './messages.ts';
import { WireError } from './wire-error.ts';

/** Longest free text (a reason, a software name) on the wire, in UTF-16 code units. */
const longestText = 2000;
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._:/@#,+=-]{0,199}$/;

export function malformed(field: string, problem: string): WireError {
  return new WireError('invalid_argument', `${field}: ${problem}`, { field });
}

/** Shows a value from the network in a message without letting it fill the log. */
function shown(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
}

export function digestField(value: string, field: string): Digest {
  if (!digestPattern.test(value))
    throw malformed(field, `${shown(value)} is not a SHA-256 in 64 lower-case hex digits`);
  return value as Digest;
}

export function digestFields(values: readonly string[], field: string, most: number): Digest[] {
  if (values.length > most) throw malformed(field, `${values.length} digests, at most ${most} are taken`);
  return values.map((value, index) => digestField(value, `${field}[${index}]`));
}

function nameField(value: string, field: string): string {
  if (!namePattern.test(value)) throw malformed(field, `${shown(value)} is not a name of 1 to 200 plain characters`);
  return value;
}

export const runField = (value: string, field: string): RunId => nameField(value, field) as RunId;
export const taskField = (value: string, field: string): TaskId => nameField(value, field) as TaskId;
export const versionField = (value: string, field: string): ReleaseVersion => nameField(value, field) as ReleaseVersion;

export function siteField(value: string, field: string): SiteName {
  if (!isSiteName(value)) throw malformed(field, `${shown(value)} is not a site name (a-z, 0-9 and -, at most 63)`);
  return value;
}

export function textField(value: string, field: string, most = longestText): string {
  if (value.length > most) throw malformed(field, `${value.length} characters, at most ${most} are taken`);
  return value;
}

/** A whole number that JavaScript holds exactly; the wire's 64 bits can say more than that. */
export function countField(value: number, field: string): number {
  if (!Number.isSafeInteger(value) || value < 0)
    throw malformed(field, `${value} is not a whole number up to 2^53 - 1`);
  return value;
}

export function finiteField(value: number, field: string): number {
  if (!Number.isFinite(value)) throw malformed(field, `${value} is not a finite number`);
  return value;
}

export function metricsField(values: Readonly<Record<string, number>>, field: string): Record<string, number> {
  const entries = Object.entries(values);
  if (entries.length > 100) throw malformed(field, `${entries.length} metrics, at most 100 are taken`);
  return Object.fromEntries(
    entries.map(([name, value]) => [nameField(name, field), finiteField(value, `${field}.${name}`)]),
  );
}

export function present<T>(value: T | null | undefined, field: string): T {
  if (value === null || value === undefined) throw malformed(field, 'is missing');
  return value;
}

export function objectField(value: { digest: string; bytes: number } | null | undefined, field: string): ObjectRef {
  const { digest, bytes } = present(value, field);
  return { digest: digestField(digest, `${field}.digest`), bytes: countField(bytes, `${field}.bytes`) };
}

/** The word, if it is in the closed set; words are the keys of a record so that the compiler sees one left out. */
export function wordField<Word extends string>(
  value: string,
  words: Readonly<Record<Word, true>>,
  field: string,
): Word {
  if (!Object.hasOwn(words, value))
    throw malformed(field, `${shown(value)} is not one of ${Object.keys(words).join(', ')}`);
  return value as Word;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Parses JSON bytes; what it means is the caller's to check, by a schema that refuses unknown keys. */
export function jsonField(bytes: Uint8Array, field: string): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch (cause) {
    throw new WireError('invalid_argument', `${field}: is not JSON in UTF-8`, { field }, cause);
  }
}
