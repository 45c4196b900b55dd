import { readFileSync } from 'node:fs';

/** Values made by another program; the file's `command` says by which. */
export function readReference<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`./${name}`, import.meta.url), 'utf8')) as T;
}
