import { mkdirSync } from 'node:fs';
import { open, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { SiteName } from '../../shared/runtime/ids.ts';
import { untilAborted } from '../../shared/runtime/until-aborted.ts';
import type { ObjectRef } from '../../shared/wire/messages.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import { digestOfFile, type ObjectStore, writeFully } from './object-store.ts';
import { asStoreError } from './store-error.ts';

/**
 * Objects on their way in. What has come stays in `partial/SITE.DIGEST` until it is whole, so that an upload goes on where
 * it stopped, after a lost connection and after a restart. Each site has files of its own: none can spoil another's upload,
 * nor learn what another has sent.
 */
export interface Uploads {
  /** Bytes held of an upload that is not finished; 0 when there are none. */
  held(site: SiteName, object: ObjectRef): Promise<number>;
  /**
   * Appends chunks from `offset` on. Resolves when the object is whole, its digest checked, and it is on disk.
   * A second call for the same object ends the first: the site has dialled again.
   * @throws WireError `offset_invalid`, `truncated`, `digest_mismatch`, `invalid_argument`; StoreError `storage_full`
   */
  receive(
    site: SiteName,
    object: ObjectRef,
    offset: number,
    chunks: AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<{ readonly received: number }>;
  /** Removes unfinished uploads last written before `beforeMs`. */
  sweep(beforeMs: number): Promise<number>;
}

/** Unfinished uploads one site may have; the oldest goes when another begins. */
const maximumPartialsOfSite = 8;

export function openUploads(objects: ObjectStore, now: () => number): Uploads {
  const folder = join(objects.folder, 'partial');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw asStoreError(cause, folder);
  }
  const running = new Map<string, { readonly abort: AbortController; readonly ended: Promise<unknown> }>();
  const nameOf = (site: SiteName, object: ObjectRef): string => `${site}.${object.digest}`;

  const sizeOf = async (path: string): Promise<number> => {
    try {
      return (await stat(path)).size;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return 0;
      throw asStoreError(cause, folder);
    }
  };

  const partialsOf = async (site: SiteName): Promise<{ name: string; changedMs: number }[]> => {
    const found: { name: string; changedMs: number }[] = [];
    for (const name of await readdir(folder)) {
      if (!name.startsWith(`${site}.`)) continue;
      try {
        found.push({ name, changedMs: (await stat(join(folder, name))).mtimeMs });
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw asStoreError(cause, folder);
      }
    }
    return found.sort((left, right) => left.changedMs - right.changedMs);
  };

  const append = async (
    site: SiteName,
    object: ObjectRef,
    offset: number,
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<{ received: number }> => {
    const path = join(folder, nameOf(site, object));
    const held = await sizeOf(path);
    if (offset !== held) {
      throw new WireError(
        'offset_invalid',
        `Object ${object.digest}: the upload starts at ${offset}, ${held} bytes are held; go on from there.`,
        { digest: object.digest, offset, held },
      );
    }
    if (held === 0) {
      const others = (await partialsOf(site)).filter(({ name }) => name !== nameOf(site, object));
      for (const { name } of others.slice(0, Math.max(0, others.length - maximumPartialsOfSite + 1))) {
        if (!running.has(name)) await rm(join(folder, name), { force: true });
      }
    }
    const file = await open(path, 'a', 0o600);
    let position = held;
    let keep = true;
    try {
      for await (const chunk of untilAborted(chunks, signal)) {
        if (position + chunk.byteLength > object.bytes) {
          keep = false;
          throw new WireError(
            'invalid_argument',
            `Object ${object.digest}: more than the ${object.bytes} bytes it was said to have.`,
            { digest: object.digest, bytes: object.bytes },
          );
        }
        await writeFully(file, chunk);
        position += chunk.byteLength;
      }
      await file.sync();
    } finally {
      await file.close();
      if (!keep) await rm(path, { force: true });
      else await utimes(path, now() / 1000, now() / 1000).catch(() => undefined);
    }
    if (position < object.bytes) {
      throw new WireError(
        'truncated',
        `Object ${object.digest}: ${position} of ${object.bytes} bytes came; go on from there.`,
        { digest: object.digest, held: position, bytes: object.bytes },
      );
    }
    const found = await digestOfFile(path);
    if (found !== object.digest) {
      await rm(path, { force: true });
      throw new WireError(
        'digest_mismatch',
        `The ${object.bytes} bytes sent as ${object.digest} have the digest ${found}; send them again from the start.`,
        { digest: object.digest, found },
      );
    }
    await objects.adopt(path, object);
    return { received: position - held };
  };

  return {
    held: (site, object) => sizeOf(join(folder, nameOf(site, object))),
    async receive(site, object, offset, chunks, signal) {
      const name = nameOf(site, object);
      for (let former = running.get(name); former !== undefined; former = running.get(name)) {
        former.abort.abort(new WireError('cancelled', 'The site began this upload again on another connection.'));
        await former.ended;
      }
      const abort = new AbortController();
      const both = signal === undefined ? abort.signal : AbortSignal.any([signal, abort.signal]);
      const work = append(site, object, offset, chunks, both);
      const ended = work.then(
        () => undefined,
        () => undefined,
      );
      running.set(name, { abort, ended });
      try {
        return await work;
      } catch (cause) {
        throw asStoreError(cause, folder);
      } finally {
        running.delete(name);
      }
    },
    async sweep(beforeMs) {
      let removed = 0;
      for (const name of await readdir(folder)) {
        if (running.has(name)) continue;
        const path = join(folder, name);
        const facts = await stat(path).catch(() => null);
        if (facts === null || facts.mtimeMs >= beforeMs) continue;
        await rm(path, { force: true });
        removed++;
      }
      return removed;
    },
  };
}
