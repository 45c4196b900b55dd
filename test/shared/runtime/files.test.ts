import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeFileAtomically } from '../../../shared/runtime/files.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'wardround-files-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('writeFileAtomically', () => {
  it('writes bytes and text, over what was there, and leaves nothing else', async () => {
    const path = join(directory, 'a.bin');
    await writeFileAtomically(path, Uint8Array.of(1, 2, 3));
    expect([...readFileSync(path)]).toEqual([1, 2, 3]);
    await writeFileAtomically(path, 'later');
    expect(readFileSync(path, 'utf8')).toBe('later');
    expect(readdirSync(directory)).toEqual(['a.bin']);
  });

  it.skipIf(process.platform === 'win32')(
    'sets the mode whatever the umask, also over a file with another (no modes on Windows)',
    async () => {
      const path = join(directory, 'key.pem');
      writeFileSync(path, 'old', { mode: 0o644 });
      const before = process.umask(0o077);
      try {
        await writeFileAtomically(path, 'secret', { mode: 0o600 });
        expect(statSync(path).mode & 0o777).toBe(0o600);
        await writeFileAtomically(path, 'open', { mode: 0o644 });
        expect(statSync(path).mode & 0o777).toBe(0o644);
      } finally {
        process.umask(before);
      }
    },
  );

  it('keeps the old file and leaves no temporary one when it fails', async () => {
    const path = join(directory, 'kept');
    await writeFileAtomically(path, 'old');
    const broken = {
      get byteLength(): number {
        throw new Error('broken');
      },
    } as unknown as Uint8Array;
    await expect(writeFileAtomically(path, broken)).rejects.toThrow();
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(directory)).toEqual(['kept']);
  });

  it('fails when the directory is not there', async () => {
    await expect(writeFileAtomically(join(directory, 'no', 'file'), 'x')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it.skipIf(process.platform === 'win32')(
    'replaces a link instead of writing through it (links need rights on Windows)',
    async () => {
      const target = join(directory, 'target');
      const link = join(directory, 'link');
      writeFileSync(target, 'untouched');
      symlinkSync(target, link);
      await writeFileAtomically(link, 'new');
      expect(readFileSync(target, 'utf8')).toBe('untouched');
      expect(readFileSync(link, 'utf8')).toBe('new');
    },
  );

  it('lets the last of several writers at once win whole', async () => {
    const path = join(directory, 'raced');
    const texts = Array.from({ length: 8 }, (_, index) => String(index).repeat(10_000));
    await Promise.all(texts.map((text) => writeFileAtomically(path, text)));
    expect(texts).toContain(readFileSync(path, 'utf8'));
    expect(readdirSync(directory)).toEqual(['raced']);
  });
});
