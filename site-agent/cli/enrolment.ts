import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CertificateError } from '../../certs/certificate-error.ts';
import { verifyChain } from '../../certs/chain.ts';
import { certificateFacts, fingerprintOf } from '../../certs/facts.ts';
import { createIdentityStore } from '../../certs/identity-store.ts';
import { generatePrivateKey, readPrivateKey } from '../../certs/keys.ts';
import { readTextIfThere } from '../../certs/pair-files.ts';
import { createCertificateRequest } from '../../certs/requests.ts';
import { parseToken } from '../../certs/tokens.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import { writeFileAtomically } from '../../shared/runtime/files.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import type { enrolAt } from '../client/enrol.ts';
import { siteConfigTemplate } from '../config.ts';

export interface EnrolmentResult {
  readonly site: string;
  readonly address: string;
  readonly rootFingerprint: string;
  readonly expiresMs: number;
  /** The directory was enrolled with this very token before; nothing was sent. */
  readonly before: boolean;
  /** A commented `site.yaml` was written; one that was there stays as it is. */
  readonly configWritten: boolean;
}

/** `identity/enrolment.json`: which token this directory was enrolled with. */
interface Mark {
  /** SHA-256 of the token's secret. */
  readonly token: string;
  /** Beginning of the certificate it was traded for. */
  readonly notBeforeMs: number;
}

function readMark(text: string | null): Mark | null {
  if (text === null) return null;
  try {
    const { token, notBeforeMs } = JSON.parse(text) as Partial<Mark>;
    return typeof token === 'string' && typeof notBeforeMs === 'number' ? { token, notBeforeMs } : null;
  } catch {
    // Not a reason to keep a site from enrolling.
    return null;
  }
}

async function writeConfigIfAbsent(directory: string): Promise<boolean> {
  const path = join(directory, 'site.yaml');
  try {
    await stat(path);
    return false;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
  }
  await writeFileAtomically(path, siteConfigTemplate);
  return true;
}

/**
 * Enrols a directory: makes the key here, trades the token for a certificate, verifies everything against the token's
 * fingerprint, and writes `identity/` and, when there is none, `site.yaml`. May be killed and repeated at any moment: the key is on
 * disk before the request leaves, and the coordinator answers the same key and token again.
 * A directory of the same site and consortium may be enrolled again with a new token; one of another is refused.
 * @throws WireError as `enrolAt`, `token_malformed`; CertificateError `identity_present` and as `verifyChain`
 */
export async function enrolDirectory(
  directory: string,
  tokenText: string,
  needs: { readonly enrol: typeof enrolAt; readonly clock: Clock },
  options: Pick<Parameters<typeof enrolAt>[0], 'proxy' | 'signal' | 'timeoutMs'> = {},
): Promise<EnrolmentResult> {
  const token = parseToken(tokenText);
  const { site, address, rootFingerprint } = token;
  const identityDirectory = join(directory, 'identity');
  const store = createIdentityStore(identityDirectory);
  const markFile = join(identityDirectory, 'enrolment.json');
  // The coordinator keeps the same digest; it opens nothing.
  const tokenSha256 = digestOf(token.secret);
  const nowMs = needs.clock.now();

  if (await store.exists()) {
    const held = await store.read();
    if (held.site !== site || fingerprintOf(held.rootPem) !== rootFingerprint) {
      throw new CertificateError(
        'identity_present',
        `${directory} belongs to the site ${held.site} at ${held.address}` +
          `${held.site === site ? ' of another consortium' : ''}; enrol ${site} in another directory.`,
        { directory, site: held.site },
      );
    }
    const mark = readMark(await readTextIfThere(markFile));
    const leaf = certificateFacts(held.certificateChainPem[0] ?? '');
    // The mark is written just before the certificate: it counts only with that certificate, or a renewal of it, in place.
    if (mark?.token === tokenSha256 && leaf.notBeforeMs >= mark.notBeforeMs) {
      verifyChain(held.certificateChainPem, held.rootPem, nowMs, { role: 'site', name: site });
      const configWritten = await writeConfigIfAbsent(directory);
      return { site, address, rootFingerprint, expiresMs: leaf.notAfterMs, before: true, configWritten };
    }
  }

  await mkdir(directory, { recursive: true, mode: 0o700 });
  let keyPem = await store.pendingKey(() => generatePrivateKey(token.profile));
  if (readPrivateKey(keyPem).profile !== token.profile) {
    await store.dropPendingKey();
    keyPem = await store.pendingKey(() => generatePrivateKey(token.profile));
  }
  const { certificateChain, rootCertificate } = await needs.enrol({
    address,
    rootFingerprint,
    secret: token.secret,
    site,
    certificateRequest: await createCertificateRequest(site, keyPem),
    ...options,
  });
  if (fingerprintOf(rootCertificate) !== rootFingerprint) throw new WireError('fingerprint_mismatch');
  const issued = verifyChain(certificateChain, rootCertificate, nowMs, { role: 'site', name: site });
  const configWritten = await writeConfigIfAbsent(directory);
  const mark: Mark = { token: tokenSha256, notBeforeMs: issued.notBeforeMs };
  await writeFileAtomically(markFile, `${JSON.stringify(mark, null, 2)}\n`);
  await store.create({ site, address, keyPem, certificateChainPem: certificateChain, rootPem: rootCertificate });
  return { site, address, rootFingerprint, expiresMs: issued.notAfterMs, before: false, configWritten };
}
