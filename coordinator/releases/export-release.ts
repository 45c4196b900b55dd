import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { verifyReleaseSignature } from '../../certs/signing.ts';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
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

async function isFree(directory: string): Promise<boolean> {
  try {
    return (await readdir(directory)).length === 0;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw cause;
  }
}

/**
 * Writes a release to a new or empty directory: its files, `manifest.json` and `signature.json`. Every digest is checked on
 * what was written, and the signature against the consortium's root, before the directory gets its name.
 * @returns the names of the files
 * @throws ExportError `not_empty`, `digest_mismatch`, `manifest_mismatch`; CertificateError for the signature; WireError
 */
export async function exportRelease(
  port: OperatorPort,
  version: string,
  directory: string,
  trust: { readonly rootPem: string; readonly nowMs: number },
): Promise<readonly string[]> {
  if (!(await isFree(directory))) {
    throw new ExportError('not_empty', `${directory} is not empty; name a new directory.`, { directory });
  }
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
    await rm(directory, { recursive: true, force: true });
    await rename(temporary, directory);
    await syncDirectory(dirname(directory));
    return objects.map(({ name }) => name).sort();
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true });
    throw cause;
  }
}
