import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '../../shared/runtime/files.ts';
import { type Digest, isDigest } from '../../shared/runtime/ids.ts';
import { chunkBytes, type ObjectRef } from '../../shared/wire/messages.ts';
import { asStoreError, StoreError } from './store-error.ts';

/** An object opened for reading at any place, so that large ones are never whole in memory. */
export interface ObjectReader {
  readonly bytes: number;
  /** Fills `target` from `position` on. @throws StoreError `object_corrupt` when the file ends before. */
  readAt(target: Uint8Array, position: number): Promise<void>;
  close(): Promise<void>;
}

/** An object that is being written; it is there for others once `finish` has resolved. */
export interface ObjectWriter {
  write(bytes: Uint8Array): Promise<void>;
  finish(): Promise<ObjectRef>;
  discard(): Promise<void>;
}

/** Files named by the SHA-256 of their bytes, under `ab/abcdef...`. Writing the same bytes twice is harmless. */
export interface ObjectStore {
  readonly folder: string;
  /** Bytes of the object, or null when it is not there. */
  size(digest: Digest): Promise<number | null>;
  put(bytes: Uint8Array): Promise<ObjectRef>;
  create(): Promise<ObjectWriter>;
  /** Takes over a finished file, whose digest has been checked. */
  adopt(path: string, object: ObjectRef): Promise<void>;
  /** The whole object, its digest checked. For small ones. @throws StoreError `object_missing`, `object_corrupt` */
  read(digest: Digest): Promise<Uint8Array>;
  open(digest: Digest): Promise<ObjectReader>;
  /** Bytes from `offset` on, in chunks of at most 1 MiB, each with memory of its own. */
  stream(digest: Digest, offset: number, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /**
   * Removes what no one needs: objects not in `keep` and files of interrupted writes, when last changed before `beforeMs`
   * (what is being written now is younger). Returns how many went.
   */
  sweep(keep: ReadonlySet<string>, beforeMs: number): Promise<number>;
}

/** SHA-256 of a file, read in pieces. */
export async function digestOfFile(path: string): Promise<Digest> {
  const hash = createHash('sha256');
  const file = await open(path, 'r');
  try {
    const buffer = new Uint8Array(chunkBytes);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
  return hash.digest('hex') as Digest;
}

/** Writes all of `bytes`: a single write may take less, most of all on a disk that is filling up. */
export async function writeFully(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.byteLength) {
    const { bytesWritten } = await file.write(bytes, done, bytes.byteLength - done);
    done += bytesWritten;
  }
}

/** Opens, and makes when absent, the folder of objects. @throws StoreError */
export function openObjectStore(folder: string): ObjectStore {
  const temporary = join(folder, 'temporary');
  try {
    mkdirSync(temporary, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw asStoreError(cause, folder);
  }
  const pathOf = (digest: Digest): string => {
    if (!isDigest(digest)) throw new StoreError('object_missing', `${String(digest)} is no digest`);
    return join(folder, digest.slice(0, 2), digest);
  };
  const guarded = async <Result>(action: () => Promise<Result>): Promise<Result> => {
    try {
      return await action();
    } catch (cause) {
      throw asStoreError(cause, folder);
    }
  };
  const size = (digest: Digest): Promise<number | null> =>
    guarded(async () => {
      try {
        return (await stat(pathOf(digest))).size;
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw cause;
      }
    });
  const adopt = (path: string, object: ObjectRef): Promise<void> =>
    guarded(async () => {
      const target = pathOf(object.digest);
      const shelf = join(folder, object.digest.slice(0, 2));
      mkdirSync(shelf, { recursive: true, mode: 0o700 });
      await rename(path, target);
      await syncDirectory(shelf);
      await syncDirectory(folder);
    });
  const openObject = (digest: Digest): Promise<ObjectReader> =>
    guarded(async () => {
      let file: FileHandle;
      try {
        file = await open(pathOf(digest), 'r');
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
        throw new StoreError('object_missing', `Object ${digest} is not in ${folder}.`, { digest }, cause);
      }
      const bytes = (await file.stat()).size;
      return {
        bytes,
        async readAt(target, position) {
          let done = 0;
          while (done < target.byteLength) {
            const { bytesRead } = await file.read(target, done, target.byteLength - done, position + done);
            if (bytesRead === 0) {
              throw new StoreError('object_corrupt', `Object ${digest} ends at ${position + done}.`, { digest });
            }
            done += bytesRead;
          }
        },
        close: () => file.close(),
      };
    });
  const create = (): Promise<ObjectWriter> =>
    guarded(async () => {
      const path = join(temporary, randomUUID());
      const file = await open(path, 'wx', 0o600);
      const hash = createHash('sha256');
      let bytes = 0;
      let open_ = true;
      const close = async (): Promise<void> => {
        if (open_) {
          open_ = false;
          await file.close();
        }
      };
      const discard = async (): Promise<void> => {
        await close();
        await rm(path, { force: true });
      };
      return {
        discard,
        async write(chunk) {
          try {
            await writeFully(file, chunk);
            hash.update(chunk);
            bytes += chunk.byteLength;
          } catch (cause) {
            await discard();
            throw asStoreError(cause, folder);
          }
        },
        async finish() {
          try {
            await file.sync();
            await close();
            const object = { digest: hash.digest('hex') as Digest, bytes };
            await adopt(path, object);
            return object;
          } catch (cause) {
            await discard();
            throw asStoreError(cause, folder);
          }
        },
      };
    });

  return {
    folder,
    size,
    adopt,
    create,
    open: openObject,
    async put(bytes) {
      const writer = await create();
      await writer.write(bytes);
      return writer.finish();
    },
    async read(digest) {
      const reader = await openObject(digest);
      try {
        const bytes = new Uint8Array(reader.bytes);
        await guarded(() => reader.readAt(bytes, 0));
        const found = createHash('sha256').update(bytes).digest('hex');
        if (found !== digest) {
          throw new StoreError('object_corrupt', `Object ${digest} in ${folder} now has the digest ${found}.`, {
            digest,
            found,
          });
        }
        return bytes;
      } finally {
        await reader.close();
      }
    },
    async *stream(digest, offset, signal) {
      const reader = await openObject(digest);
      try {
        for (let position = offset; position < reader.bytes; position += chunkBytes) {
          signal?.throwIfAborted();
          const chunk = new Uint8Array(Math.min(chunkBytes, reader.bytes - position));
          await guarded(() => reader.readAt(chunk, position));
          yield chunk;
        }
      } finally {
        await reader.close();
      }
    },
    sweep: (keep, beforeMs) =>
      guarded(async () => {
        let removed = 0;
        for (const shelf of await readdir(folder, { withFileTypes: true })) {
          const isShelf = /^[0-9a-f]{2}$/.test(shelf.name);
          if (!shelf.isDirectory() || !(isShelf || shelf.name === 'temporary')) continue;
          for (const name of await readdir(join(folder, shelf.name))) {
            if (isShelf && (keep.has(name) || !isDigest(name))) continue;
            const path = join(folder, shelf.name, name);
            if ((await stat(path)).mtimeMs >= beforeMs) continue;
            await rm(path, { force: true });
            removed++;
          }
        }
        return removed;
      }),
  };
}
