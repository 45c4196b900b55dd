import type { KeyObject } from 'node:crypto';
import type { Clock } from '../shared/runtime/clock.ts';
import { CertificateError } from './certificate-error.ts';
import { type CertificateFacts, certificateFacts, fingerprintOf, readCertificate, validityOf } from './facts.ts';
import { type CertificateTemplate, issueCertificate, organisationOf } from './issuing.ts';
import { generatePrivateKey, type KeyProfile, publicKeyOf, readPrivateKey } from './keys.ts';
import { checkMemberName } from './roles.ts';

const dayMs = 86_400_000;
/** New certificates begin this long ago, for machines whose clock is a little behind. */
export const backdatingMs = 5 * 60_000;

/** How long certificates live, in days. */
export interface Lifetimes {
  readonly rootDays: number;
  readonly issuingDays: number;
  /** The release certificate outlives the others: a release is verified long after it was signed. */
  readonly releaseDays: number;
  /** Sites, operators and the coordinator's server; all renew by themselves at two thirds of it. */
  readonly memberDays: number;
}

export const defaultLifetimes: Lifetimes = { rootDays: 3650, issuingDays: 1825, releaseDays: 1825, memberDays: 30 };

export interface AuthorityMaterial {
  readonly rootPem: string;
  readonly issuingPem: string;
  readonly issuingKeyPem: string;
}

export interface IssuedCertificate extends CertificateFacts {
  /** PEM, leaf first, then the issuing authority; the root is not in it. */
  readonly chain: readonly string[];
}

/** Issues every kind of leaf certificate of one consortium. Holds the issuing key, never the root's. */
export interface Authority {
  readonly profile: KeyProfile;
  readonly rootPem: string;
  readonly rootFingerprint: string;
  issueSite(site: string, publicKey: KeyObject): Promise<IssuedCertificate>;
  issueOperator(name: string, publicKey: KeyObject): Promise<IssuedCertificate>;
  /** `hosts`: the names and IP addresses clients dial. */
  issueServer(hosts: readonly string[], publicKey: KeyObject): Promise<IssuedCertificate>;
  issueRelease(publicKey: KeyObject): Promise<IssuedCertificate>;
}

const namePattern = /^[\p{L}\p{N}][\p{L}\p{N} .,'()&_-]{0,59}$/u;

/**
 * Makes a root, valid for itself, and an issuing authority below it.
 * @param name of the consortium, 1 to 60 letters, digits, spaces and simple punctuation
 * @throws CertificateError `name_invalid`, `lifetime_invalid`
 */
export async function createAuthority(
  settings: { readonly name: string; readonly profile: KeyProfile; readonly lifetimes?: Partial<Lifetimes> },
  clock: Clock,
): Promise<AuthorityMaterial & { readonly rootKeyPem: string }> {
  const { name, profile } = settings;
  if (!namePattern.test(name)) {
    throw new CertificateError(
      'name_invalid',
      `The consortium name ${JSON.stringify(name)} is not allowed: 1 to 60 letters, digits, spaces and . , ' ( ) & _ -`,
      { name },
    );
  }
  const lifetimes = { ...defaultLifetimes, ...settings.lifetimes };
  const notBeforeMs = clock.now() - backdatingMs;
  const [rootKeyPem, issuingKeyPem] = await Promise.all([generatePrivateKey(profile), generatePrivateKey(profile)]);
  const rootPem = await issueCertificate(
    {
      kind: 'root',
      organisation: name,
      commonName: 'Wardround root',
      notBeforeMs,
      notAfterMs: clock.now() + lifetimes.rootDays * dayMs,
      publicKey: publicKeyOf(rootKeyPem),
    },
    { certificatePem: null, privateKeyPem: rootKeyPem },
  );
  const issuingPem = await issueCertificate(
    {
      kind: 'issuing',
      organisation: name,
      commonName: 'Wardround issuing authority',
      notBeforeMs,
      notAfterMs: clock.now() + Math.min(lifetimes.issuingDays, lifetimes.rootDays) * dayMs,
      publicKey: publicKeyOf(issuingKeyPem),
    },
    { certificatePem: rootPem, privateKeyPem: rootKeyPem },
  );
  return { rootPem, rootKeyPem, issuingPem, issuingKeyPem };
}

/**
 * Opens the issuing authority for use. The root's key is not needed and may be kept elsewhere.
 * @throws CertificateError `key_mismatch`, `wrong_authority`, `key_unreadable`, `certificate_unreadable`
 */
export function openAuthority(
  material: AuthorityMaterial,
  clock: Clock,
  settings: { readonly lifetimes?: Partial<Lifetimes> } = {},
): Authority {
  const lifetimes = { ...defaultLifetimes, ...settings.lifetimes };
  const root = readCertificate(material.rootPem);
  const issuing = readCertificate(material.issuingPem);
  const { key, profile } = readPrivateKey(material.issuingKeyPem);
  if (!issuing.checkPrivateKey(key)) {
    throw new CertificateError('key_mismatch', 'The issuing key does not belong to the issuing certificate.');
  }
  if (!issuing.checkIssued(root) || !issuing.verify(root.publicKey)) {
    throw new CertificateError('wrong_authority', 'The issuing certificate was not issued by the root beside it.');
  }
  const organisation = organisationOf(material.issuingPem) ?? 'Wardround';
  const [issuingNotBeforeMs, issuingNotAfterMs] = validityOf(issuing);

  const issue = async (
    template: Pick<CertificateTemplate, 'kind' | 'commonName' | 'hosts' | 'publicKey'>,
    days: number,
  ): Promise<IssuedCertificate> => {
    const nowMs = clock.now();
    if (nowMs >= issuingNotAfterMs) {
      throw new CertificateError('lifetime_invalid', 'The issuing authority is past its end of validity.', {
        notAfter: issuing.validTo,
      });
    }
    const pem = await issueCertificate(
      {
        ...template,
        organisation,
        notBeforeMs: Math.max(nowMs - backdatingMs, issuingNotBeforeMs),
        // A certificate that outlived its issuer would fail before the date it shows.
        notAfterMs: Math.min(nowMs + days * dayMs, issuingNotAfterMs),
      },
      { certificatePem: material.issuingPem, privateKeyPem: material.issuingKeyPem },
    );
    return { ...certificateFacts(pem), chain: [pem, material.issuingPem] };
  };

  return {
    profile,
    rootPem: material.rootPem,
    rootFingerprint: fingerprintOf(root),
    async issueSite(site, publicKey) {
      checkMemberName(site, 'site');
      return await issue({ kind: 'site', commonName: site, publicKey }, lifetimes.memberDays);
    },
    async issueOperator(name, publicKey) {
      checkMemberName(name, 'operator');
      return await issue({ kind: 'operator', commonName: name, publicKey }, lifetimes.memberDays);
    },
    issueServer: (hosts, publicKey) =>
      issue({ kind: 'coordinator', commonName: 'coordinator', hosts, publicKey }, lifetimes.memberDays),
    issueRelease: (publicKey) =>
      issue({ kind: 'release', commonName: 'release signing', publicKey }, lifetimes.releaseDays),
  };
}
