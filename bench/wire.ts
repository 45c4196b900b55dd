import { createHash } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { createAuthority, openAuthority } from '../certs/authority.ts';
import { generatePrivateKey, publicKeyOf } from '../certs/keys.ts';
import type { CoordinatorPorts } from '../coordinator/service/ports.ts';
import { serveCoordinator } from '../coordinator/service/serve.ts';
import type { Digest, SiteName } from '../shared/runtime/ids.ts';
import { silentLogger } from '../shared/runtime/logger.ts';
import { systemClock } from '../shared/runtime/system-clock.ts';
import { chunkBytes } from '../shared/wire/messages.ts';
import { connectSite } from '../site-agent/client/connect.ts';
import { type BenchOptions, type BenchRow, median } from './support/bench.ts';

export const title = 'Objects over gRPC with mutual TLS on loopback: MB/s, and small calls a second';

const site = 'bench' as SiteName;
const digest = 'ab'.repeat(32) as Digest;

/** A coordinator that hashes what comes and sends what is asked for, without a disk. */
function memoryPorts(bytes: number): CoordinatorPorts {
  const chunk = Buffer.alloc(chunkBytes, 0x5a);
  const refuse = (): never => {
    throw new Error('the benchmark does not ask for this');
  };
  return {
    operator: refuse,
    federation: () => ({
      attend: refuse,
      readPlan: async () => new Uint8Array(2),
      async *readObject() {
        for (let sent = 0; sent < bytes; sent += chunk.byteLength) yield chunk;
      },
      readReleaseSignature: refuse,
      renewCertificate: refuse,
      uploadOffset: async () => 0,
      async writeObject(_object, _offset, chunks) {
        const hash = createHash('sha256');
        for await (const part of chunks) hash.update(part);
        hash.digest();
      },
      submitSummary: refuse,
      submitUpdate: refuse,
      submitJudgement: refuse,
      submitNotice: refuse,
      decline: refuse,
    }),
  };
}

export async function run({ quick, progress }: BenchOptions): Promise<readonly BenchRow[]> {
  const megabytes = quick ? 64 : 256;
  const repeats = quick ? 2 : 5;
  const bytes = megabytes * chunkBytes;
  const material = await createAuthority({ name: 'Bench', profile: 'p256' }, systemClock);
  const authority = openAuthority(material, systemClock);
  const [serverKey, siteKey] = await Promise.all([generatePrivateKey('p256'), generatePrivateKey('p256')]);
  const server = await authority.issueServer(['127.0.0.1'], publicKeyOf(serverKey));
  const member = await authority.issueSite(site, publicKeyOf(siteKey));
  const service = await serveCoordinator({
    ports: memoryPorts(bytes),
    membership: {
      check: (serial) =>
        serial === member.serial
          ? { status: 'active', identity: { role: 'site', site, serial }, certificateSha256: member.sha256 }
          : { status: 'unknown' },
      onRevoked: () => () => undefined,
    },
    enrolment: { enrol: () => Promise.reject(new Error('the benchmark does not enrol')) },
    audit: { record: () => undefined },
    tls: {
      certificateChain: server.chain.join(''),
      key: serverKey,
      issuing: material.issuingPem,
      root: material.rootPem,
    },
    listen: { host: '127.0.0.1', port: 0 },
    log: silentLogger,
    clock: systemClock,
  });
  const connection = connectSite({
    address: `127.0.0.1:${service.address.port}`,
    site,
    identity: { key: siteKey, certificateChain: member.chain.join(''), root: material.rootPem },
    log: silentLogger,
  });
  const chunk = Buffer.alloc(chunkBytes, 0x5a);
  async function* outgoing() {
    for (let sent = 0; sent < bytes; sent += chunk.byteLength) yield chunk;
  }
  const cases: readonly [string, () => Promise<void>][] = [
    ['upload', () => connection.writeObject({ digest, bytes }, 0, outgoing())],
    [
      'download',
      async () => {
        let got = 0;
        for await (const part of connection.readObject(digest, 0)) got += part.byteLength;
        if (got !== bytes) throw new Error(`${got} bytes came, ${bytes} were sent`);
      },
    ],
  ];
  const rows: BenchRow[] = [];
  try {
    await connection.readPlan(digest);
    for (const [name, transfer] of cases) {
      const rates: number[] = [];
      for (let turn = 0; turn <= repeats; turn++) {
        progress(`${name}, ${megabytes} MiB, ${turn} of ${repeats}`);
        const began = performance.now();
        await transfer();
        // The first turn warms up.
        if (turn > 0) rates.push(bytes / 1000 / (performance.now() - began));
      }
      rows.push({ case: `${name}, ${megabytes} MiB`, figure: 'rate, median', value: median(rates), unit: 'MB/s' });
    }
    const calls = quick ? 200 : 2000;
    const began = performance.now();
    for (let turn = 0; turn < calls; turn++) await connection.readPlan(digest);
    rows.push({
      case: 'one small call after another',
      figure: 'mean',
      value: (performance.now() - began) / calls,
      unit: 'ms',
    });
  } finally {
    connection.close();
    await service.close(0);
  }
  return rows;
}
