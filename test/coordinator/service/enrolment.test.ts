import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fingerprintOf } from '../../../certs/facts.ts';
import { generatePrivateKey } from '../../../certs/keys.ts';
import { createCertificateRequest } from '../../../certs/requests.ts';
import { serveCoordinator } from '../../../coordinator/service/serve.ts';
import type { Digest, SiteName } from '../../../shared/runtime/ids.ts';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import { systemClock } from '../../../shared/runtime/system-clock.ts';
import { connectSite } from '../../../site-agent/client/connect.ts';
import { enrolAt } from '../../../site-agent/client/enrol.ts';
import { createTestAuthority } from '../../support/authority.ts';
import { clientIdentity, type GrpcBench, openGrpcBench, serviceTls } from '../../support/coordinator-over-grpc.ts';
import { createFakeCoordinator } from '../../support/fake-coordinator.ts';
import { openProxy } from '../../support/proxy.ts';
import { wireCodeOf } from '../../support/wire-error-of.ts';

let bench: GrpcBench;
let request: Uint8Array;
let rootFingerprint: string;

beforeAll(async () => {
  bench = await openGrpcBench();
  request = await createCertificateRequest('berlin', await generatePrivateKey('p256'));
  rootFingerprint = fingerprintOf(bench.authority.rootPem);
});
afterAll(async () => {
  await bench.close();
});

function token(site: string): Uint8Array {
  const secret = new Uint8Array(randomBytes(32));
  bench.coordinator.tokens.set(Buffer.from(secret).toString('hex'), { site, used: false });
  return secret;
}
const enrol = (over: Partial<Parameters<typeof enrolAt>[0]>) =>
  enrolAt({
    address: bench.address,
    rootFingerprint,
    secret: token('berlin'),
    site: 'berlin',
    certificateRequest: request,
    timeoutMs: 60_000,
    ...over,
  });

describe('enrolment over the wire', () => {
  it('trades a token for a chain and the root the token names', async () => {
    const result = await enrol({});
    expect(result.certificateChain).toEqual(bench.server.chain);
    expect(fingerprintOf(result.rootCertificate)).toBe(rootFingerprint);
  });

  it('takes the fingerprint with colons and in upper case', async () => {
    const colons = rootFingerprint.toUpperCase().replace(/(..)(?=.)/g, '$1:');
    expect((await enrol({ rootFingerprint: colons })).certificateChain).toHaveLength(2);
  });

  it('dials a name as well as an address', async () => {
    const address = bench.address.replace('127.0.0.1', 'localhost');
    expect((await enrol({ address })).certificateChain).toHaveLength(2);
  });

  it('does not send the secret to a coordinator with another root', async () => {
    const impostor = await createTestAuthority();
    const server = await impostor.server();
    const coordinator = createFakeCoordinator();
    let asked = 0;
    const service = await serveCoordinator({
      ports: coordinator.ports,
      membership: coordinator.membership,
      enrolment: {
        enrol: async () => {
          asked++;
          return { certificateChain: ['x'], rootCertificate: impostor.rootPem };
        },
      },
      audit: coordinator.audit,
      // It shows the true root too: a chain that merely holds the right certificate proves nothing.
      tls: { ...serviceTls(impostor, server), certificateChain: `${server.chainPem}${bench.authority.rootPem}` },
      listen: { host: '127.0.0.1', port: 0 },
      log: silentLogger,
      clock: systemClock,
    });
    try {
      const address = `127.0.0.1:${service.address.port}`;
      expect(await wireCodeOf(enrol({ address }))).toBe('fingerprint_mismatch');
      expect(await wireCodeOf(enrol({ rootFingerprint: 'ab'.repeat(32) }))).toBe('fingerprint_mismatch');
      // A site that is enrolled believes its own root alone, too.
      const member = await bench.authority.site('berlin');
      const connection = connectSite({
        address,
        site: 'berlin' as SiteName,
        identity: clientIdentity(member),
        log: silentLogger,
      });
      expect(await wireCodeOf(connection.readPlan('ab'.repeat(32) as Digest))).toBe('wrong_authority');
      connection.close();
      expect(asked).toBe(0);
    } finally {
      await service.close(0);
    }
  });

  it('refuses a coordinator whose certificate is for another host', async () => {
    const server = await bench.authority.server({ hosts: ['elsewhere.example.org', '*.0.0.1'] });
    bench.service.setTls(serviceTls(bench.authority, server));
    try {
      expect(await wireCodeOf(enrol({}))).toBe('wrong_authority');
    } finally {
      bench.service.setTls(serviceTls(bench.authority, bench.server));
    }
  });

  it('passes the refusals of the desk on, each with its code', async () => {
    expect(await wireCodeOf(enrol({ secret: new Uint8Array(randomBytes(32)) }))).toBe('token_unknown');
    expect(await wireCodeOf(enrol({ site: 'lyon' }))).toBe('token_wrong_name');
    expect(await wireCodeOf(enrol({ secret: new Uint8Array(31) }))).toBe('token_malformed');
    expect(await wireCodeOf(enrol({ certificateRequest: new Uint8Array(20_000) }))).toBe('request_invalid');
    const secret = token('berlin');
    const both = await Promise.all([wireCodeOf(enrol({ secret })), wireCodeOf(enrol({ secret }))]);
    expect(both.sort()).toEqual(['nothing was thrown', 'token_used']);
  });

  it('says when nobody answers, and when what answers is mute', async () => {
    const mute = createServer((socket) => socket.resume().on('error', () => undefined));
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const { port } = mute.address() as { port: number };
    expect(await wireCodeOf(enrol({ address: `127.0.0.1:${port}`, timeoutMs: 200 }))).toBe('unavailable');
    await new Promise((resolve) => mute.close(resolve));
    expect(await wireCodeOf(enrol({ address: `127.0.0.1:${port}`, timeoutMs: 200 }))).toBe('unavailable');
  });

  it('goes through a proxy that asks for a password, for the look at the chain and for the call', async () => {
    const proxy = await openProxy('user:secret');
    try {
      const through = { host: '127.0.0.1', port: proxy.port, credentials: 'user:secret' };
      expect((await enrol({ proxy: through })).certificateChain).toHaveLength(2);
      expect(proxy.asked).toEqual([bench.address, bench.address]);
      expect(await wireCodeOf(enrol({ proxy: { ...through, credentials: null } }))).toBe('unavailable');
    } finally {
      await proxy.close();
    }
  });
});
