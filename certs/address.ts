import { isIPv6 } from 'node:net';
import { CertificateError } from './certificate-error.ts';

export interface Address {
  /** Name or IP address, without brackets. */
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `host:port`; an IPv6 address stands in brackets: `[::1]:7443`.
 * @throws CertificateError `address_invalid`
 */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]{1,253})):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  const bracketed = match?.[1] !== undefined;
  if (host === undefined || !(port >= 1 && port <= 65_535) || (bracketed && !isIPv6(host))) {
    throw new CertificateError(
      'address_invalid',
      `${JSON.stringify(text.slice(0, 300))} is not an address; write host:port, such as coordinator.example.org:7443.`,
      { address: text.slice(0, 300) },
    );
  }
  return { host: host.toLowerCase(), port };
}
