import { createHash, randomBytes } from 'node:crypto';
import { type Digest, isSiteName, type SiteName } from '../shared/runtime/ids.ts';
import { WireError } from '../shared/wire/wire-error.ts';
import { parseAddress } from './address.ts';
import { type KeyProfile, keyProfiles } from './keys.ts';

/** What an operator hands to a hospital, once, over a channel both trust. Whoever holds it can enrol as that site. */
export interface EnrolmentToken {
  readonly site: SiteName;
  /** `host:port` of the coordinator. */
  readonly address: string;
  /** SHA-256 of the root certificate's DER, hex: the site trusts this root and no other. */
  readonly rootFingerprint: Digest;
  /** 32 bytes. */
  readonly secret: Uint8Array;
  /** Milliseconds since the epoch, whole seconds. */
  readonly expiresMs: number;
  /** Type of key the site must make. */
  readonly profile: KeyProfile;
}

// Layout after the prefix, base64url: fingerprint 32, secret 32, expiry in seconds 6 (big endian), key profile 1, length
// and text of the site, length and text of the address, and the first 4 bytes of SHA-256 over prefix and all before.
const prefix = 'wardround1_';
const fixedBytes = 32 + 32 + 6 + 1;
const checksumBytes = 4;

export function newTokenSecret(): Uint8Array {
  return new Uint8Array(randomBytes(32));
}

function checksum(payload: Uint8Array): Buffer {
  return createHash('sha256').update(prefix).update(payload).digest().subarray(0, checksumBytes);
}

export function formatToken(token: EnrolmentToken): string {
  if (token.secret.byteLength !== 32) throw new RangeError('formatToken: the secret must have 32 bytes');
  const expiry = Buffer.alloc(6);
  expiry.writeUIntBE(Math.floor(token.expiresMs / 1000), 0, 6);
  const site = Buffer.from(token.site, 'ascii');
  const address = Buffer.from(token.address, 'ascii');
  if (address.byteLength > 255) throw new RangeError('formatToken: the address must have at most 255 characters');
  const payload = Buffer.concat([
    Buffer.from(token.rootFingerprint, 'hex'),
    token.secret,
    expiry,
    Buffer.from([keyProfiles.indexOf(token.profile), site.byteLength]),
    site,
    Buffer.from([address.byteLength]),
    address,
  ]);
  return prefix + Buffer.concat([payload, checksum(payload)]).toString('base64url');
}

function malformed(message: string): WireError {
  return new WireError('token_malformed', message);
}

/**
 * Reads a token as it was pasted: white space and line breaks anywhere are ignored. The token's text is in no error.
 * @throws WireError `token_malformed`, saying what is wrong with the text
 */
export function parseToken(text: string): EnrolmentToken {
  const compact = text.replace(/\s+/g, '');
  if (compact === '') throw malformed('The enrolment token is empty.');
  if (/^wardround\d+_/.test(compact) && !compact.startsWith(prefix)) {
    throw malformed('The enrolment token is of a form this version of Wardround does not know; update this site.');
  }
  if (!compact.startsWith(prefix)) {
    throw malformed(`The text is not an enrolment token: a token begins with ${prefix}`);
  }
  const body = compact.slice(prefix.length);
  if (!/^[A-Za-z0-9_-]*$/.test(body)) {
    throw malformed("The enrolment token holds a character that no token has; paste it without quotes or '='.");
  }
  const bytes = Buffer.from(body, 'base64url');
  if (bytes.byteLength < fixedBytes + 2 + checksumBytes || bytes.byteLength > 500) {
    throw malformed('The enrolment token is not whole; paste all of it.');
  }
  const payload = bytes.subarray(0, -checksumBytes);
  // Reading back to text also refuses bits beyond the last byte, which two different texts could share.
  if (!checksum(payload).equals(bytes.subarray(-checksumBytes)) || bytes.toString('base64url') !== body) {
    throw malformed('The enrolment token is not whole or a character of it changed; paste all of it again.');
  }
  const siteEnd = fixedBytes + 1 + (payload[fixedBytes] as number);
  const site = payload.subarray(fixedBytes + 1, siteEnd).toString('latin1');
  const addressEnd = siteEnd + 1 + (payload[siteEnd] ?? 0);
  const address = payload.subarray(siteEnd + 1, addressEnd).toString('latin1');
  if (!isSiteName(site) || addressEnd !== payload.byteLength) {
    throw malformed('The enrolment token names no valid site; ask the operator for a new one.');
  }
  const profile = keyProfiles[payload[fixedBytes - 1] as number];
  if (profile === undefined) {
    throw malformed(
      'The enrolment token asks for a type of key this version of Wardround does not know; update this site.',
    );
  }
  try {
    parseAddress(address);
  } catch (cause) {
    throw new WireError('token_malformed', 'The enrolment token names no valid address.', {}, cause);
  }
  return {
    site,
    address,
    rootFingerprint: payload.subarray(0, 32).toString('hex') as Digest,
    secret: new Uint8Array(payload.subarray(32, 64)),
    expiresMs: payload.readUIntBE(64, 6) * 1000,
    profile,
  };
}
