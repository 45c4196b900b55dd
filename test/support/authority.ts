import { type Authority, type AuthorityMaterial, createAuthority, openAuthority } from '../../certs/authority.ts';
import { certificateFacts } from '../../certs/facts.ts';
import { type CertificateTemplate, issueCertificate } from '../../certs/issuing.ts';
import { generatePrivateKey, type KeyProfile, publicKeyOf } from '../../certs/keys.ts';
import type { CertificateRole } from '../../certs/roles.ts';
import { type ManualClock, manualClock } from './clock.ts';

/** Key and certificate in the forms TLS, files and the membership list want them. */
export interface TestCredentials {
  readonly keyPem: string;
  /** Leaf, then issuing authority. */
  readonly chain: readonly string[];
  /** The chain as one text. */
  readonly chainPem: string;
  readonly rootPem: string;
  readonly serial: string;
  readonly sha256: string;
}

type Overrides = Partial<Pick<CertificateTemplate, 'notBeforeMs' | 'notAfterMs' | 'serial' | 'hosts' | 'organisation'>>;

export interface TestAuthority {
  readonly clock: ManualClock;
  /** The production authority on this material. */
  readonly authority: Authority;
  readonly material: AuthorityMaterial & { readonly rootKeyPem: string };
  readonly rootPem: string;
  /** Any leaf, right or wrong: dates, serial and hosts can be set. Valid for a day around the clock otherwise. */
  issue(role: CertificateRole, name: string, overrides?: Overrides): Promise<TestCredentials>;
  site(name: string, overrides?: Overrides): Promise<TestCredentials>;
  operator(name: string, overrides?: Overrides): Promise<TestCredentials>;
  /** For localhost, 127.0.0.1 and ::1. */
  server(overrides?: Overrides): Promise<TestCredentials>;
  release(overrides?: Overrides): Promise<TestCredentials>;
  /** Ended an hour ago. */
  expiredSite(name: string): Promise<TestCredentials>;
  /** Begins in an hour. */
  futureSite(name: string): Promise<TestCredentials>;
  /** Says it is the site, but signed itself. */
  selfSignedSite(name: string): Promise<TestCredentials>;
}

const hourMs = 3_600_000;

/** A whole authority with a settable clock. Two calls give two authorities that do not know each other. */
export async function createTestAuthority(
  options: { readonly profile?: KeyProfile; readonly clock?: ManualClock; readonly name?: string } = {},
): Promise<TestAuthority> {
  const profile = options.profile ?? 'p256';
  const clock = options.clock ?? manualClock(Date.now());
  const name = options.name ?? 'Test consortium';
  const material = await createAuthority({ name, profile }, clock);
  const authority = openAuthority(material, clock);

  const make = async (
    role: CertificateRole,
    member: string,
    overrides: Overrides,
    selfSigned: boolean,
  ): Promise<TestCredentials> => {
    const keyPem = await generatePrivateKey(profile);
    const pem = await issueCertificate(
      {
        kind: role,
        organisation: name,
        commonName: member,
        notBeforeMs: clock.now() - 12 * hourMs,
        notAfterMs: clock.now() + 12 * hourMs,
        publicKey: publicKeyOf(keyPem),
        ...overrides,
      },
      selfSigned
        ? { certificatePem: null, privateKeyPem: keyPem }
        : { certificatePem: material.issuingPem, privateKeyPem: material.issuingKeyPem },
    );
    const chain = selfSigned ? [pem] : [pem, material.issuingPem];
    const { serial, sha256 } = certificateFacts(pem);
    return { keyPem, chain, chainPem: chain.join(''), rootPem: material.rootPem, serial, sha256 };
  };
  const issue = (role: CertificateRole, member: string, overrides: Overrides = {}) =>
    make(role, member, overrides, false);

  return {
    clock,
    authority,
    material,
    rootPem: material.rootPem,
    issue,
    site: (member, overrides) => issue('site', member, overrides),
    operator: (member, overrides) => issue('operator', member, overrides),
    server: (overrides) =>
      issue('coordinator', 'coordinator', { hosts: ['localhost', '127.0.0.1', '::1'], ...overrides }),
    release: (overrides) => issue('release', 'release signing', overrides),
    expiredSite: (member) => issue('site', member, { notAfterMs: clock.now() - hourMs }),
    futureSite: (member) => issue('site', member, { notBeforeMs: clock.now() + hourMs }),
    selfSignedSite: (member) => make('site', member, {}, true),
  };
}
