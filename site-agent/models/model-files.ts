import { existsSync } from 'node:fs';
import { copyFile, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '../../shared/runtime/digest.ts';
import { syncDirectory } from '../../shared/runtime/files.ts';
import { type Digest, isLocalVersion, type ReleaseVersion } from '../../shared/runtime/ids.ts';
import type { ReleaseManifest } from '../../shared/wire/messages.ts';
import { AgentError, asStorageError } from '../agent/agent-error.ts';
import type { SiteSigner } from '../agent/signer.ts';
import type { LocalVariant } from './local-variant.ts';
import { isSignedVariant, signVariant } from './variant-signature.ts';

/** Name of the manifest inside a release's folder. */
const manifestName = 'manifest.json';
/** Name of the site's signature inside a variant's folder; not part of its digest, so that signing again changes nothing. */
const signatureName = 'signature.json';
const fileNamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

export function isFileName(name: string): boolean {
  return fileNamePattern.test(name) && name !== manifestName && name !== signatureName;
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
  await buildFolder(directory, release, async (building) => {
    for (const file of manifest.files) {
      const path = join(building, file.name);
      await copyFile(sourceOf(file.digest), path);
      const copy = await open(path, 'r+');
      try {
        await copy.sync();
      } finally {
        await copy.close();
      }
    }
    await writeDurably(join(building, manifestName), manifestBytes);
  });
}

async function writeDurably(path: string, content: Uint8Array | string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Fills a folder beside the one it becomes, so that `models/DIGEST` is whole whenever it is there. */
async function buildFolder(
  directory: string,
  release: Digest,
  fill: (building: string) => Promise<void>,
): Promise<void> {
  const folder = releaseFolder(directory, release);
  const building = `${folder}.part`;
  await rm(building, { recursive: true, force: true });
  await mkdir(building, { recursive: true, mode: 0o700 });
  await fill(building);
  await syncDirectory(building);
  await rename(building, folder);
  await syncDirectory(join(directory, 'models'));
}

/**
 * Puts a local variant on disk under its digest, signed, whole or not at all. One that is there already, from a try that was broken off,
 * stays with the signature it has.
 * @throws AgentError `storage_full`
 */
export async function installVariant(
  directory: string,
  variant: Pick<LocalVariant, 'digest' | 'manifest' | 'files'>,
  signer: Pick<SiteSigner, 'sign'>,
  nowMs: number,
): Promise<void> {
  const folder = releaseFolder(directory, variant.digest);
  if (existsSync(folder)) return;
  try {
    await buildFolder(directory, variant.digest, async (building) => {
      for (const [name, content] of variant.files) await writeDurably(join(building, name), content);
      await writeDurably(join(building, manifestName), variant.manifest);
      await writeDurably(join(building, signatureName), signVariant(variant.digest, signer, nowMs));
    });
  } catch (cause) {
    throw asStorageError(cause, folder);
  }
}

/**
 * A model of this site ready for use: a release checked against its digests, a local variant also against this site's signature.
 * @throws AgentError `model_damaged`, `variant_signature`
 */
export async function readModel(
  directory: string,
  model: { readonly version: ReleaseVersion; readonly digest: Digest },
  signer: Pick<SiteSigner, 'verify'>,
): Promise<ReleaseFiles> {
  const files = await readRelease(directory, model.digest);
  if (!isLocalVersion(model.version)) return files;
  const path = join(releaseFolder(directory, model.digest), signatureName);
  let text = '';
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
  }
  if (!isSignedVariant(text, model.digest, signer)) {
    throw new AgentError(
      'variant_signature',
      `${path} is no signature of this site over the local variant ${model.version}; it will not be used.`,
      { path, version: model.version },
    );
  }
  return files;
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
