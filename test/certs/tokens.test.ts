import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EnrolmentToken, formatToken, newTokenSecret, parseToken } from '../../certs/tokens.ts';
import type { Digest, SiteName } from '../../shared/runtime/ids.ts';

const token: EnrolmentToken = {
  site: 'berlin' as SiteName,
  address: 'coordinator.example.org:7443',
  rootFingerprint: '0123456789abcdef'.repeat(4) as Digest,
  secret: new Uint8Array(32).map((_, index) => index * 7),
  expiresMs: Date.UTC(2026, 10, 22, 11, 30),
  profile: 'p256',
};

function messageOf(text: string): string {
  try {
    parseToken(text);
  } catch (error) {
    expect(error).toMatchObject({ subsystem: 'wire', code: 'token_malformed' });
    return (error as Error).message;
  }
  throw new Error('the token was taken');
}

describe('an enrolment token', () => {
  it('stays what it is: tokens handed out by earlier versions must be readable', () => {
    const text = formatToken(token);
    const bytes = Buffer.from(text.slice('wardround1_'.length), 'base64url');
    expect(bytes.subarray(0, 32).toString('hex')).toBe('0123456789abcdef'.repeat(4));
    expect([...bytes.subarray(32, 64)]).toEqual([...token.secret]);
    // 2026-11-22T11:30:00Z: `date -u -d 2026-11-22T11:30:00Z +%s` is 1795347000 = 0x6b02d238.
    expect(bytes.subarray(64, 70).toString('hex')).toBe('00006b02d238');
    expect(bytes[70]).toBe(0);
    expect(bytes.subarray(71, 78).toString('latin1')).toBe('\x06berlin');
    const hashed = createHash('sha256').update(Buffer.concat([Buffer.from('wardround1_'), bytes.subarray(0, -4)]));
    expect(bytes.subarray(-4).toString('hex')).toBe(hashed.digest('hex').slice(0, 8));
    expect(bytes.subarray(78, -4).toString('latin1')).toBe('\x1ccoordinator.example.org:7443');
  });

  it('comes back whole, also with line breaks and spaces from a mail', () => {
    const text = formatToken(token);
    expect(parseToken(text)).toEqual(token);
    expect(parseToken(`  ${text.slice(0, 40)}\r\n\t${text.slice(40)} \n`)).toEqual(token);
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z][a-z0-9-]{0,62}$/),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.integer({ min: 0, max: 2 ** 40 }),
        fc.constantFrom('p256' as const, 'rsa3072' as const),
        fc.constantFrom('127.0.0.1:7443', '[::1]:1', 'a.b:65535'),
        (site, secret, seconds, profile, address) => {
          const given = { ...token, site: site as SiteName, secret, expiresMs: seconds * 1000, profile, address };
          expect(parseToken(formatToken(given))).toEqual(given);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('says what is wrong with the text', () => {
    const text = formatToken(token);
    expect(messageOf('')).toMatch(/empty/);
    expect(messageOf('hello')).toMatch(/not an enrolment token/);
    expect(messageOf(text.replace('wardround1_', 'wardround2_'))).toMatch(/update this site/);
    expect(messageOf(`"${text}"`)).toMatch(/not an enrolment token/);
    expect(messageOf(`${text}"`)).toMatch(/character that no token has/);
    expect(messageOf(`${text}=`)).toMatch(/character that no token has/);
    expect(messageOf(text.slice(0, 60))).toMatch(/not whole/);
    expect(messageOf(text.slice(0, -1))).toMatch(/not whole/);
    expect(messageOf(text.slice(0, -8))).toMatch(/not whole/);
    expect(messageOf(text + text)).toMatch(/character that no token has|not whole/);
  });

  it('is refused when any one character changed', () => {
    const text = formatToken(token);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    for (let place = 'wardround1_'.length; place < text.length; place++) {
      const character = text[place] as string;
      const other = alphabet[(alphabet.indexOf(character) + 1) % 64] as string;
      messageOf(text.slice(0, place) + other + text.slice(place + 1));
    }
  });

  it('never repeats a secret into its errors', () => {
    const secret = newTokenSecret();
    const text = formatToken({ ...token, secret });
    expect(messageOf(text.slice(0, -2))).not.toContain(Buffer.from(secret).toString('base64url').slice(4, 24));
    expect(new Set(Array.from({ length: 100 }, () => Buffer.from(newTokenSecret()).toString('hex'))).size).toBe(100);
  });
});
