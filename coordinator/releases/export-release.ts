import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { verifyReleaseSignature } from '../../certs/signing.ts';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import { WardroundError } from '../../shared/runtime/errors.ts';
import { syncDirectory } from '../../shared/runtime/files.ts';
import type { Digest } from '../../shared/runtime/ids.ts';
import type { ObjectRef, ReleaseManifest, ReleaseSignature } from '../../shared/wire/messages.ts';
import type { OperatorPort } from '../../shared/wire/operator-port.ts';
import { writeFully } from '../store/object-store.ts';
import { ExportError } from './export-error.ts';

const fileName = /^[a-z][a-z0-9._-]{0,99}$/;

async function fetchFile(port: OperatorPort, object: ObjectRef & { readonly name: string }, path: string) {
  const file = await open(path, 'wx', 0o644);
  const hash = createHash('sha256');
  try {
    for await (const chunk of port.readObject(object.digest, 0)) {
      hash.update(chunk);
      await writeFully(file, chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  const found = hash.digest('hex') as Digest;
  if (found !== object.digest) {
    throw new ExportError(
      'digest_mismatch',
      `${object.name} has the digest ${found}, its release names ${object.digest}.`,
      {
        file: object.name,
      },
    );
  }
}

/** Whether the directory is there. @throws ExportError `not_empty` */
async function isThere(directory: string): Promise<boolean> {
  try {
    if ((await readdir(directory)).length === 0) return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw cause;
  }
  throw new ExportError('not_empty', `${directory} is not empty; name a new directory.`, { directory });
}

/** What the file system says against a directory a person named is no defect. */
function asExportError(directory: string, cause: unknown): unknown {
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  if (cause instanceof WardroundError || !/^E[A-Z]+$/.test(code)) return cause;
  return new ExportError(
    'not_writable',
    `${directory}: the release cannot be written there (${code}); name another directory.`,
    { directory },
    cause,
  );
}

/**
 * Writes a release to a new or empty directory: its files, `manifest.json` and `signature.json`. Every digest is checked on
 * what was written, and the signature against the consortium's root, before a file gets its name.
 * @returns the names of the files
 * @throws ExportError `not_empty`, `not_writable`, `digest_mismatch`, `manifest_mismatch`; CertificateError for the signature;
 *   WireError
 */
export async function exportRelease(
  port: OperatorPort,
  version: string,
  directory: string,
  trust: { readonly rootPem: string; readonly nowMs: number },
): Promise<readonly string[]> {
  try {
    return await exportTo(port, version, resolve(directory), trust);
  } catch (cause) {
    throw asExportError(directory, cause);
  }
}

async function exportTo(
  port: OperatorPort,
  version: string,
  /** Absolute: a slash at the end would put the part that is being written inside. */
  directory: string,
  trust: { readonly rootPem: string; readonly nowMs: number },
): Promise<readonly string[]> {
  const there = await isThere(directory);
  const release = await port.showRelease(version);
  const objects = await port.readReleaseObjects(version);
  const temporary = `${directory}.part-${process.pid}`;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true });
  try {
    for (const object of objects) {
      if (!fileName.test(object.name)) {
        throw new ExportError('manifest_mismatch', `The release names a file ${JSON.stringify(object.name)}.`);
      }
      await fetchFile(port, object, join(temporary, object.name));
    }
    const manifestBytes = await readFile(join(temporary, 'manifest.json'));
    const manifest = JSON.parse(manifestBytes.toString('utf8')) as ReleaseManifest;
    const files = objects.filter(({ name }) => name !== 'manifest.json' && name !== 'signature.json');
    const listed = (list: readonly { name: string; digest: string; bytes: number }[]): string =>
      canonicalJson([...list].map(({ name, digest, bytes }) => [name, digest, bytes]).sort());
    const digest = createHash('sha256').update(manifestBytes).digest('hex');
    if (digest !== release.digest || manifest.version !== version || listed(manifest.files) !== listed(files)) {
      throw new ExportError('manifest_mismatch', `The manifest sent is not that of ${version}.`, { version, digest });
    }
    const signature = JSON.parse(await readFile(join(temporary, 'signature.json'), 'utf8')) as ReleaseSignature;
    verifyReleaseSignature(manifestBytes, signature, trust.rootPem, trust.nowMs);
    const names = objects.map(({ name }) => name).sort();
    if (there) {
      // Somebody may stand in it, and its permissions are theirs: it stays, and is filled. `signature.json` comes last.
      for (const name of names) await rename(join(temporary, name), join(directory, name));
      await syncDirectory(directory);
      await rm(temporary, { recursive: true, force: true });
    } else {
      await rename(temporary, directory);
    }
    await syncDirectory(dirname(directory));
    return names;
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true });
    throw cause;
  }
}
