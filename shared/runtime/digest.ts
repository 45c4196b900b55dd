import { createHash } from 'node:crypto';
import type { Digest } from './ids.ts';

/** SHA-256 of the bytes, or of the text's UTF-8, as 64 lower-case hex digits. */
export function digestOf(content: Uint8Array | string): Digest {
  return createHash('sha256').update(content).digest('hex') as Digest;
}
