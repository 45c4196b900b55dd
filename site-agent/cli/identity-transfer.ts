import { readFile } from 'node:fs/promises';
import { parseAddress } from '../../certs/address.ts';
import { CertificateError } from '../../certs/certificate-error.ts';
import { verifyChain } from '../../certs/chain.ts';
import { certificateFacts, fingerprintOf, readCertificate } from '../../certs/facts.ts';
import { withFiles } from '../../certs/file-access.ts';
import type { Identity, IdentityStore } from '../../certs/identity-store.ts';
import { decodePkcs12, encodePkcs12 } from '../../certs/pkcs12.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { writeFileAtomically } from '../../shared/runtime/files.ts';
import type { SiteName } from '../../shared/runtime/ids.ts';

/**
 * A password from a file (its first line) or a value of the environment. Never from the command line, where every user of
 * the machine could read it.
 * @throws CertificateError `password_missing`
 */
export async function readPassword(file: string | undefined, fromEnvironment: string | undefined): Promise<string> {
  const text = file === undefined ? fromEnvironment : await withFiles(file, () => readFile(file, 'utf8'));
  const password = text?.split(/\r?\n/, 1)[0] ?? '';
  if (password === '') {
    throw new CertificateError(
      'password_missing',
      'A password is needed: write it into a file and name that with --password-file, or set WARDROUND_P12_PASSWORD.',
    );
  }
  return password;
}

/** Writes the site's key, chain and root as one PKCS#12 file (0600). */
export async function exportIdentity(store: IdentityStore, path: string, password: string): Promise<Identity> {
  const identity = await store.read();
  const pair = { keyPem: identity.keyPem, chain: identity.certificateChainPem };
  const bytes = encodePkcs12(pair, [identity.rootPem], `wardround ${identity.site}`, password);
  await writeFileAtomically(path, bytes, { mode: 0o600 });
  return identity;
}

/**
 * Takes key, chain and root out of a PKCS#12 file into a site's directory. Everything is verified before anything is written.
 * @param address `host:port` of the coordinator; the file does not say it. Taken from the directory when that has an identity.
 * @throws CertificateError `pkcs12_*`, `password_*`, `identity_present`, `address_invalid`, and as `verifyChain`
 */
export async function importIdentity(
  store: IdentityStore,
  path: string,
  password: string,
  address: string | undefined,
  clock: Clock,
): Promise<Identity> {
  const { keyPem, certificatePem, others } = decodePkcs12(await readFile(path), password);
  const held = (await store.exists()) ? await store.read() : null;
  const rootPem = others.find((pem) => {
    const certificate = readCertificate(pem);
    return certificate.ca && certificate.checkIssued(certificate);
  });
  if (rootPem === undefined) {
    throw new CertificateError('pkcs12_incomplete', `${path}: the consortium's root certificate is not in the file.`);
  }
  const site = certificateFacts(certificatePem).name as SiteName;
  const chain = [certificatePem, ...others.filter((pem) => pem !== rootPem)];
  verifyChain(chain, rootPem, clock.now(), { role: 'site' });
  if (held !== null && (held.site !== site || fingerprintOf(held.rootPem) !== fingerprintOf(rootPem))) {
    throw new CertificateError(
      'identity_present',
      `The directory belongs to the site ${held.site}; the file is of ${site}${held.site === site ? ' in another consortium' : ''}.`,
      { site: held.site },
    );
  }
  const coordinator = address ?? held?.address;
  if (coordinator === undefined) {
    throw new CertificateError(
      'address_invalid',
      'Name the coordinator with --address host:port; the file does not say it.',
    );
  }
  parseAddress(coordinator);
  const identity = { site, address: coordinator, keyPem, certificateChainPem: chain, rootPem };
  await store.create(identity);
  return identity;
}
