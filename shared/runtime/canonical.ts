import canonicalize from 'canonicalize';
import { digestOf } from './digest.ts';
import type { Digest } from './ids.ts';

// The package is CommonJS with an ESM-style declaration: what arrives is the function itself.
const serialise = canonicalize as unknown as (value: unknown) => string | undefined;

/**
 * Canonical JSON (RFC 8785): sorted keys, shortest round-trip numbers, no white space; the same bytes on every machine.
 * @throws TypeError for NaN, infinities and values JSON cannot hold: a figure that is unknown must be null.
 */
export function canonicalJson(value: unknown): string {
  const text = serialise(value);
  if (text === undefined) throw new TypeError('canonicalJson: the value has no JSON form');
  return text;
}

/** SHA-256 of the canonical JSON. */
export function canonicalDigest(value: unknown): Digest {
  return digestOf(canonicalJson(value));
}
