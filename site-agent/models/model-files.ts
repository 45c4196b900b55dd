import { existsSync } from 'node:fs';
import { copyFile, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '../../shared/runtime/digest.ts';
import { syncDirectory } from '../../shared/runtime/files.ts';
import type { Digest } from '../../shared/runtime/ids.ts';
import type { ReleaseManifest } from '../../shared/wire/messages.ts';
import { AgentError, asStorageError } from '../agent/agent-error.ts';

/** Name of the manifest inside a release's folder. */
const manifestName = 'manifest.json';
const fileNamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

export function isFileName(name: string): boolean {
  return fileNamePattern.test(name) && name !== manifestName;
}

/** Folder of a release: `models/DIGEST`, digest of its manifest. */
export function releaseFolder(directory: string, release: Digest): string {
  return join(directory, 'models', release);
}

/**
 * Puts a release's files on disk under its digest, whole or not at all.
 * @param sourceOf where each file's checked bytes are
 * @throws AgentError `storage_full`
 */
export async function installRelease(
  directory: string,
  release: Digest,
  manifestBytes: Uint8Array,
  manifest: Pick<ReleaseManifest, 'files'>,
  sourceOf: (digest: Digest) => string,
): Promise<void> {
  const folder = releaseFolder(directory, release);
  if (existsSync(folder)) return;
  try {
    await copyRelease(directory, release, manifestBytes, manifest, sourceOf);
  } catch (cause) {
    throw asStorageError(cause, folder);
  }
}

async function copyRelease(
  directory: string,
  release: Digest,
  manifestBytes: Uint8Array,
  manifest: Pick<ReleaseManifest, 'files'>,
  sourceOf: (digest: Digest) => string,
): Promise<void> {
  const folder = releaseFolder(directory, release);
  const building = `${folder}.part`;
  await rm(building, { recursive: true, force: true });
  await mkdir(building, { recursive: true, mode: 0o700 });
  const synchronise = async (path: string): Promise<void> => {
    const file = await open(path, 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  };
  for (const file of manifest.files) {
    await copyFile(sourceOf(file.digest), join(building, file.name));
    await synchronise(join(building, file.name));
  }
  const manifestFile = await open(join(building, manifestName), 'wx', 0o600);
  try {
    await manifestFile.writeFile(manifestBytes);
    await manifestFile.sync();
  } finally {
    await manifestFile.close();
  }
  await syncDirectory(building);
  await rename(building, folder);
  await syncDirectory(join(directory, 'models'));
}

/** Bytes of a manifest and of the files it names, by name. */
export interface ReleaseFiles {
  readonly manifest: Uint8Array;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/**
 * An installed release, with manifest and files checked against their digests again: what is used is what was judged.
 * @throws AgentError `model_damaged`
 */
export async function readRelease(directory: string, release: Digest): Promise<ReleaseFiles> {
  const folder = releaseFolder(directory, release);
  const read = async (name: string, digest: Digest): Promise<Uint8Array> => {
    const path = join(folder, name);
    let bytes: Uint8Array | undefined;
    let cause: unknown;
    try {
      bytes = await readFile(path);
    } catch (error) {
      cause = error;
    }
    if (bytes === undefined || digestOf(bytes) !== digest) {
      const message = `${path} is absent or does not have its digest; it will not be used.`;
      throw new AgentError('model_damaged', message, { path }, cause);
    }
    return bytes;
  };
  const manifest = await read(manifestName, release);
  const { files } = JSON.parse(Buffer.from(manifest).toString('utf8')) as ReleaseManifest;
  const contents = new Map<string, Uint8Array>();
  for (const { name, digest } of files) contents.set(name, await read(name, digest));
  return { manifest, files: contents };
}
