// @peculiar/x509 needs the Reflect metadata functions to exist before it is loaded.
import 'reflect-metadata';
import { type KeyObject, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';
import { CertificateError } from './certificate-error.ts';
import { readPrivateKey } from './keys.ts';
import { type CertificateRole, roleUri, usageOfRole } from './roles.ts';

/** Everything that is in a certificate but the signature. */
export interface CertificateTemplate {
  readonly kind: 'root' | 'issuing' | CertificateRole;
  readonly organisation: string;
  readonly commonName: string;
  /** Host names and IP addresses of a server; empty for the others. */
  readonly hosts?: readonly string[];
  /** Milliseconds since the epoch; certificates hold whole seconds. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly publicKey: KeyObject;
  /** Upper-case hex without leading zeros; random when absent. */
  readonly serial?: string;
}

/** Key and certificate that sign. A root signs itself: its certificate is null. */
export interface Issuer {
  readonly certificatePem: string | null;
  readonly privateKeyPem: string;
}

/**
 * A random serial of 16 bytes. The first two bits are 01, so that it is positive, has no leading zero in hex and is
 * written the same way by every library; 126 bits are random (RFC 5280 4.1.2.2 asks for at most 20 bytes, positive).
 */
export function randomSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] as number) & 0x3f) | 0x40;
  return bytes.toString('hex').toUpperCase();
}

/** Signing parameters of the web cryptography interface for a private key of either profile. */
export function signingAlgorithm(profile: 'p256' | 'rsa3072') {
  return profile === 'p256'
    ? { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
    : { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
}

export async function importSigningKey(privateKeyPem: string): Promise<webcrypto.CryptoKey> {
  const { key, profile } = readPrivateKey(privateKeyPem);
  const der = key.export({ type: 'pkcs8', format: 'der' });
  return await webcrypto.subtle.importKey('pkcs8', der, signingAlgorithm(profile), false, ['sign']);
}

function subjectOf(organisation: string, unit: string, commonName: string): x509.Name {
  // The object form: the plain one takes quotes and '#' in a value for syntax.
  const text = (value: string) => [{ utf8String: value }];
  return new x509.Name([{ O: text(organisation) }, { OU: text(unit) }, { CN: text(commonName) }]);
}

/** The organisation a certificate names, as it was written. */
export function organisationOf(certificatePem: string): string | null {
  return new x509.X509Certificate(certificatePem).subjectName.getField('O')[0] ?? null;
}

function extensionsOf(template: CertificateTemplate): x509.Extension[] {
  const { kind } = template;
  if (kind === 'root' || kind === 'issuing') {
    return [
      // Root, issuing authority, leaf: no authority may make a further one below the issuing one.
      new x509.BasicConstraintsExtension(true, kind === 'root' ? 1 : 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ];
  }
  const hosts = (template.hosts ?? []).map((host) => ({ type: isIP(host) === 0 ? 'dns' : 'ip', value: host }) as const);
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([usageOfRole[kind]], false),
    new x509.SubjectAlternativeNameExtension([{ type: 'url', value: roleUri(kind, template.commonName) }, ...hosts]),
  ];
}

/**
 * Signs a certificate; both key profiles take this one path.
 * @returns PEM
 * @throws CertificateError `lifetime_invalid` when it would end before it begins
 */
export async function issueCertificate(template: CertificateTemplate, issuer: Issuer): Promise<string> {
  const notBefore = new Date(Math.floor(template.notBeforeMs / 1000) * 1000);
  const notAfter = new Date(Math.floor(template.notAfterMs / 1000) * 1000);
  if (!(notAfter.getTime() > notBefore.getTime())) {
    throw new CertificateError(
      'lifetime_invalid',
      `The certificate of ${template.commonName} would be valid from ${notBefore.toISOString()} to ${notAfter.toISOString()}.`,
    );
  }
  const { profile } = readPrivateKey(issuer.privateKeyPem);
  const publicKey = new x509.PublicKey(template.publicKey.export({ type: 'spki', format: 'der' }));
  const subject = subjectOf(template.organisation, template.kind, template.commonName);
  const parent = issuer.certificatePem === null ? null : new x509.X509Certificate(issuer.certificatePem);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: template.serial ?? randomSerial(),
      subject,
      issuer: parent?.subjectName ?? subject,
      notBefore,
      notAfter,
      publicKey,
      signingKey: (await importSigningKey(issuer.privateKeyPem)) as never,
      signingAlgorithm: signingAlgorithm(profile),
      extensions: [
        ...extensionsOf(template),
        await x509.SubjectKeyIdentifierExtension.create(publicKey, false, webcrypto as never),
        await x509.AuthorityKeyIdentifierExtension.create(
          parent === null ? publicKey : parent.publicKey,
          false,
          webcrypto as never,
        ),
      ],
    },
    webcrypto as never,
  );
  return `${certificate.toString('pem')}\n`;
}
