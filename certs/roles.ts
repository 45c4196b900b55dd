import { siteNamePattern } from '../shared/runtime/ids.ts';
import { CertificateError } from './certificate-error.ts';

/**
 * What a certificate may be used for. It stands in the certificate as a URI, `wardround:site:berlin` or
 * `wardround:coordinator`, and again as organisational unit for people who look at it; only the URI is believed.
 */
export type CertificateRole = 'site' | 'operator' | 'coordinator' | 'release';

const serverAuthentication = '1.3.6.1.5.5.7.3.1';
const clientAuthentication = '1.3.6.1.5.5.7.3.2';
const codeSigning = '1.3.6.1.5.5.7.3.3';

/** Extended key usage of each role: a site's certificate cannot serve, and the server's cannot call. */
export const usageOfRole: Readonly<Record<CertificateRole, string>> = {
  site: clientAuthentication,
  operator: clientAuthentication,
  coordinator: serverAuthentication,
  release: codeSigning,
};

const prefix = 'wardround:';

export function roleUri(role: CertificateRole, name: string): string {
  return role === 'site' || role === 'operator' ? `${prefix}${role}:${name}` : `${prefix}${role}`;
}

/** Role and name of a `wardround:` URI; null for anything else. The name is empty for coordinator and release. */
export function parseRoleUri(uri: string): { readonly role: CertificateRole; readonly name: string } | null {
  if (uri === 'wardround:coordinator') return { role: 'coordinator', name: '' };
  if (uri === 'wardround:release') return { role: 'release', name: '' };
  const match = /^wardround:(site|operator):(.+)$/.exec(uri);
  const name = match?.[2] ?? '';
  if (!siteNamePattern.test(name)) return null;
  return { role: match?.[1] as 'site' | 'operator', name };
}

/** Names of sites and operators share one form, so that neither can carry characters a certificate would quote. */
export function checkMemberName(name: string, what: string): void {
  if (!siteNamePattern.test(name)) {
    throw new CertificateError(
      'name_invalid',
      `The ${what} name ${JSON.stringify(name)} is not allowed: 1 to 63 characters of a-z, 0-9 and '-', beginning with a letter.`,
      { name },
    );
  }
}
