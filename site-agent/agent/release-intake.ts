import { z } from 'zod';
import { CertificateError } from '../../certs/certificate-error.ts';
import { verifyReleaseSignature } from '../../certs/signing.ts';
import { digestText } from '../../shared/plan/bounds.ts';
import type { ReleaseManifest, ReleaseRef } from '../../shared/wire/messages.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import { installRelease, isFileName, type ReleaseFiles } from '../models/model-files.ts';
import type { TaskParts } from './task-parts.ts';

/** A release as it came, with what is wrong with it. Its own digests and names are checked once more by the gate. */
export interface ReceivedRelease extends ReleaseFiles {
  /** One sentence each. With any of them the release is not installed. */
  readonly problems: readonly string[];
  /** Whether the consortium's release key signed this very manifest. */
  readonly authentic: boolean;
}

const largestFileBytes = 4 * 1024 ** 3;

/** What the agent must know to fetch the files; the gate reads the manifest strictly. */
const manifestFiles = z.object({
  files: z
    .array(
      z.object({
        name: z.string().refine(isFileName),
        digest: digestText,
        bytes: z.int().min(0).max(largestFileBytes),
      }),
    )
    .min(1)
    .max(100),
});

/** An object that cannot be had as it is named is a fault of the package; a line that is down is none. */
function isFaultOfPackage(error: unknown): boolean {
  return error instanceof WireError && (error.code === 'digest_mismatch' || error.code === 'not_found');
}

function parseManifest(bytes: Uint8Array): Pick<ReleaseManifest, 'files'> | null {
  try {
    return manifestFiles.parse(JSON.parse(Buffer.from(bytes).toString('utf8'))) as Pick<ReleaseManifest, 'files'>;
  } catch {
    return null;
  }
}

/**
 * Fetches a release: manifest, signature, files. Where it is signed and whole it is installed under `models/DIGEST`.
 * @throws WireError when the coordinator cannot be reached
 */
export async function receiveRelease(
  parts: TaskParts,
  release: ReleaseRef,
  signal: AbortSignal,
): Promise<ReceivedRelease> {
  const { downloads, objects, clock } = parts;
  const problems: string[] = [];
  const files = new Map<string, Uint8Array>();
  if (release.manifest.digest !== release.digest)
    problems.push('the release is not named by the digest of its manifest');

  const manifest = await downloads.bytes(release.manifest, signal);
  let authentic = false;
  try {
    const signature = await downloads.releaseSignature(release.digest, signal);
    verifyReleaseSignature(manifest, signature, parts.rootPem, clock.now());
    authentic = release.manifest.digest === release.digest;
  } catch (error) {
    if (!(error instanceof CertificateError) && !isFaultOfPackage(error)) throw error;
    problems.push(`the signature of the release does not hold (${(error as CertificateError | WireError).fullCode})`);
  }

  const parsed = parseManifest(manifest);
  if (parsed === null) problems.push('the manifest cannot be read');
  // What nobody vouches for is not even downloaded.
  if (!authentic || parsed === null) return { manifest, files, problems, authentic };

  for (const file of parsed.files) {
    try {
      files.set(file.name, await downloads.bytes(file, signal));
    } catch (error) {
      if (!isFaultOfPackage(error)) throw error;
      problems.push(`file ${file.name} cannot be had (${(error as WireError).fullCode})`);
    }
  }
  if (problems.length === 0) {
    await installRelease(parts.directory, release.digest, manifest, parsed, objects.path);
    // Installed as copies; a release of another version may bring the same files, and is downloaded again.
    for (const file of parsed.files) await objects.remove(file.digest);
  }
  return { manifest, files, problems, authentic };
}
