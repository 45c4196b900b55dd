import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync } from 'node:fs';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '../../shared/runtime/digest.ts';
import { syncDirectory, writeFileAtomically } from '../../shared/runtime/files.ts';
import type { Digest } from '../../shared/runtime/ids.ts';
import type { ObjectRef } from '../../shared/wire/messages.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import { AgentError, asStorageError } from './agent-error.ts';

/** Largest object the agent takes from a coordinator. */
const largestObjectBytes = 8 * 1024 ** 3;

/** Files named by the SHA-256 of their bytes, and downloads that are not whole yet (`DIGEST.part`). */
export interface SiteObjects {
  path(digest: Digest): string;
  has(object: ObjectRef): Promise<boolean>;
  /** The bytes, with their digest checked once more. */
  read(digest: Digest): Promise<Uint8Array>;
  write(content: Uint8Array | string): Promise<ObjectRef>;
  /** Downloads what is missing of an object; a download that was broken off goes on where it stopped. */
  fetch(object: ObjectRef, readFrom: (offset: number) => AsyncIterable<Uint8Array>): Promise<void>;
  remove(digest: Digest): Promise<void>;
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw cause;
  }
}

async function fileDigest(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

export function openObjects(directory: string): SiteObjects {
  const folder = join(directory, 'state', 'objects');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const pathOf = (digest: Digest): string => join(folder, digest);

  async function download(object: ObjectRef, readFrom: (offset: number) => AsyncIterable<Uint8Array>): Promise<void> {
    const partial = `${pathOf(object.digest)}.part`;
    let offset = (await sizeOf(partial)) ?? 0;
    if (offset > object.bytes) {
      await rm(partial);
      offset = 0;
    }
    if (offset < object.bytes) {
      const file = await open(partial, 'a', 0o600);
      try {
        for await (const chunk of readFrom(offset)) {
          offset += chunk.byteLength;
          if (offset > object.bytes) break;
          await file.writeFile(chunk);
        }
        await file.sync();
      } finally {
        await file.close();
      }
    }
    if (offset < object.bytes) {
      throw new WireError('truncated', `Object ${object.digest} ended after ${offset} of ${object.bytes} bytes.`, {
        object: object.digest,
        offset,
        bytes: object.bytes,
      });
    }
    if (object.bytes === 0 && !existsSync(partial)) await (await open(partial, 'a', 0o600)).close();
    if (offset > object.bytes || (await fileDigest(partial)) !== object.digest) {
      // Whatever was wrong with it, no byte of it may be trusted: the next try starts anew.
      await rm(partial, { force: true });
      throw new WireError('digest_mismatch', `Object ${object.digest}: the bytes received have another digest.`, {
        object: object.digest,
      });
    }
    await rename(partial, pathOf(object.digest));
    await syncDirectory(folder);
  }

  return {
    path: pathOf,
    has: async (object) => (await sizeOf(pathOf(object.digest))) === object.bytes,
    async read(digest) {
      const bytes = await readFile(pathOf(digest));
      if (digestOf(bytes) !== digest) {
        throw new AgentError('model_damaged', `${pathOf(digest)} does not have the digest it is named by.`, {
          path: pathOf(digest),
        });
      }
      return bytes;
    },
    async write(content) {
      const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
      const digest = digestOf(bytes);
      const object = { digest, bytes: bytes.byteLength };
      if ((await sizeOf(pathOf(digest))) !== object.bytes) {
        try {
          await writeFileAtomically(pathOf(digest), bytes, { mode: 0o600 });
        } catch (cause) {
          throw asStorageError(cause, pathOf(digest));
        }
      }
      return object;
    },
    async fetch(object, readFrom) {
      if (object.bytes > largestObjectBytes) {
        throw new AgentError('object_too_large', `Object ${object.digest} has ${object.bytes} bytes.`, {
          object: object.digest,
          bytes: object.bytes,
        });
      }
      if ((await sizeOf(pathOf(object.digest))) === object.bytes) return;
      try {
        await download(object, readFrom);
      } catch (cause) {
        throw asStorageError(cause, pathOf(object.digest));
      }
    },
    remove: async (digest) => rm(pathOf(digest), { force: true }),
  };
}
