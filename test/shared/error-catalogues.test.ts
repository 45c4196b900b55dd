import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { errorCatalogues } from '../../scripts/error-catalogues.ts';

const root = new URL('../../', import.meta.url);
const rooms = ['shared', 'certs', 'coordinator', 'site-agent', 'simulations', 'cli'];

function sources(): { readonly file: string; readonly text: string }[] {
  return rooms.flatMap((room) =>
    readdirSync(fileURLToPath(new URL(`${room}/`, root)), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => {
        const file = `${room}/${path.replaceAll('\\', '/')}`;
        return { file, text: readFileSync(new URL(file, root), 'utf8') };
      }),
  );
}

describe('error catalogues', () => {
  it('are all listed for the documentation, each with its file and the subsystem its class names', () => {
    const found = sources().flatMap(({ file, text }) => {
      const classes = [
        ...text.matchAll(/class \w+ extends WardroundError<[^{]*\{\s*(?:override )?readonly subsystem = '([\w-]+)'/g),
      ];
      const counted = [...text.matchAll(/extends WardroundError\b/g)].length;
      if (counted !== classes.length)
        throw new Error(`${file}: a class extends WardroundError without naming its subsystem first`);
      return classes.map((match) => ({ subsystem: match[1] as string, file }));
    });
    const listed = errorCatalogues.map(({ subsystem, file }) => ({ subsystem, file }));
    const order = (left: { subsystem: string }, right: { subsystem: string }) =>
      left.subsystem < right.subsystem ? -1 : 1;
    expect(found.sort(order)).toEqual([...listed].sort(order));
  });

  it('are one a subsystem', () => {
    const names = errorCatalogues.map(({ subsystem }) => subsystem);
    expect(new Set(names).size).toBe(names.length);
  });

  const entries = errorCatalogues.flatMap(({ subsystem, catalogue }) =>
    Object.entries(catalogue).map(([code, entry]) => ({ fullCode: `${subsystem}.${code}`, ...entry })),
  );

  it.each(entries)('$fullCode has a plain name, a sentence and advice', ({ fullCode, meaning, advice }) => {
    expect(fullCode).toMatch(/^[a-z][a-z-]*\.[a-z][a-z0-9]*(_[a-z0-9]+)*$/);
    expect(meaning).toMatch(/^\S.{8,}[.?!]$/s);
    expect(['fix', 'retry', 'reject', 'abort']).toContain(advice);
  });
});
