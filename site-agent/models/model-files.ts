import { existsSync } from 'node:fs';
import { copyFile, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '../../shared/runtime/digest.ts';
import { syncDirectory } from '../../shared/runtime/files.ts';
import type { Digest } from '../../shared/runtime/ids.ts';
import type { ReleaseManifest } from '../../shared/wire/messages.ts';
import { AgentError } from '../agent/agent-error.ts';

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
 */
export async function installRelease(
  directory: string,
  release: Digest,
  manifestBytes: Uint8Array,
  manifest: ReleaseManifest,
  sourceOf: (digest: Digest) => string,
): Promise<void> {
  const folder = releaseFolder(directory, release);
  if (existsSync(folder)) return;
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

/**
 * One file of an installed release, with manifest and file checked against their digests again: what is used is what was judged.
 * @throws AgentError `model_damaged`
 */
export async function readReleaseFile(directory: string, release: Digest, name: string): Promise<Uint8Array> {
  const folder = releaseFolder(directory, release);
  const damaged = (path: string, cause?: unknown): AgentError =>
    new AgentError(
      'model_damaged',
      `${path} is absent, or does not have its digest; it will not be used.`,
      { path },
      cause,
    );
  const read = async (path: string): Promise<Uint8Array> => {
    try {
      return await readFile(path);
    } catch (cause) {
      throw damaged(path, cause);
    }
  };
  const manifestPath = join(folder, manifestName);
  const manifestBytes = await read(manifestPath);
  if (digestOf(manifestBytes) !== release) throw damaged(manifestPath);
  const manifest = JSON.parse(Buffer.from(manifestBytes).toString('utf8')) as ReleaseManifest;
  const entry = manifest.files.find((file) => file.name === name);
  const path = join(folder, name);
  if (entry === undefined) throw damaged(path);
  const bytes = await read(path);
  if (digestOf(bytes) !== entry.digest) throw damaged(path);
  return bytes;
}
