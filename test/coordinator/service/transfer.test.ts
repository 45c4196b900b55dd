import { createHash } from 'node:crypto';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestOf } from '../../../shared/runtime/digest.ts';
import type { Digest, SiteName } from '../../../shared/runtime/ids.ts';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import { clientSecureContext } from '../../../shared/wire/client-tls.ts';
import { metadataKeys, wireDefinitions } from '../../../shared/wire/definitions.ts';
import { connectSite, type SiteConnection } from '../../../site-agent/client/connect.ts';
import type { TestCredentials } from '../../support/authority.ts';
import { garbageCollector } from '../../support/collect-garbage.ts';
import { clientIdentity, type GrpcBench, openGrpcBench } from '../../support/coordinator-over-grpc.ts';
import { openProxy } from '../../support/proxy.ts';
import { wireCodeOf } from '../../support/wire-error-of.ts';

/** For what happens in another turn of the loop; long, for a busy machine. */
const soon = { timeout: 20_000, interval: 10 };

const mib = 1024 * 1024;
let bench: GrpcBench;
let berlin: { credentials: TestCredentials; connection: SiteConnection };
beforeAll(async () => {
  bench = await openGrpcBench();
  berlin = await bench.newSite('berlin');
});
afterAll(async () => {
  await bench.close();
});

/** `count` MiB made as they are asked for: the n-th holds the byte n in every place. */
async function* made(count: number, onChunk: () => void = () => undefined): AsyncGenerator<Uint8Array, void, void> {
  for (let index = 0; index < count; index++) {
    onChunk();
    yield Buffer.alloc(mib, index % 251);
  }
}

function digestOfMade(count: number): Digest {
  const hash = createHash('sha256');
  for (let index = 0; index < count; index++) hash.update(Buffer.alloc(mib, index % 251));
  return hash.digest('hex') as Digest;
}

describe('large objects', () => {
  it('64 MiB go up in chunks without being held', async () => {
    const object = { digest: digestOfMade(64), bytes: 64 * mib };
    let largest = 0;
    let asked = 0;
    const collect = garbageCollector();
    collect();
    const before = process.memoryUsage();
    await berlin.connection.writeObject(
      object,
      0,
      made(64, () => {
        // What is held, not what nobody has tidied up yet: that depends on how busy the machine is.
        if (asked++ % 4 !== 0) return;
        collect();
        const now = process.memoryUsage();
        largest = Math.max(largest, now.arrayBuffers - before.arrayBuffers);
      }),
    );
    expect(bench.coordinator.received.get(object.digest)).toBe(64 * mib);
    // Both ends are in this process: less than the object is in buffers at any time.
    expect(largest).toBeLessThan(48 * mib);
  });

  it('a sender is held back when the store is slow', async () => {
    const object = { digest: digestOfMade(40), bytes: 40 * mib };
    let sent = 0;
    let taken = 0;
    let ahead = 0;
    // A port that takes a chunk only every few milliseconds.
    const slow = await openGrpcBench();
    try {
      const ports = slow.coordinator.ports;
      const federation = ports.federation.bind(ports);
      (ports as { federation: typeof federation }).federation = (identity) => {
        const port = federation(identity);
        return {
          ...port,
          writeObject: (ref, offset, chunks, signal) => {
            async function* slowly() {
              for await (const chunk of chunks) {
                await new Promise((resolve) => setTimeout(resolve, 5));
                taken++;
                ahead = Math.max(ahead, sent - taken);
                yield chunk;
              }
            }
            return port.writeObject(ref, offset, slowly(), signal);
          },
        };
      };
      const { connection } = await slow.newSite('berlin');
      await connection.writeObject(
        object,
        0,
        made(40, () => {
          sent++;
        }),
      );
      expect(taken).toBe(40);
      // Two chunks unread, one or two on the way, and what the sockets of the system hold.
      expect(ahead).toBeLessThan(16);
    } finally {
      await slow.close();
    }
  });

  it('a reader that is slow holds the coordinator back', async () => {
    let made = 0;
    let read = 0;
    let ahead = 0;
    const slow = await openGrpcBench();
    try {
      const ports = slow.coordinator.ports;
      const federation = ports.federation.bind(ports);
      (ports as { federation: typeof federation }).federation = (identity) => ({
        ...federation(identity),
        async *readObject() {
          for (let index = 0; index < 64; index++) {
            made++;
            ahead = Math.max(ahead, made - read);
            yield Buffer.alloc(mib, index);
          }
        },
      });
      const { connection } = await slow.newSite('berlin');
      for await (const _ of connection.readObject('ab'.repeat(32) as Digest, 0)) {
        read++;
        await new Promise((resolve) => setTimeout(resolve, 3));
      }
      expect(read).toBe(64);
      expect(ahead).toBeLessThan(40);
    } finally {
      await slow.close();
    }
  });

  it('goes on where it stopped after the connection was cut', async () => {
    const object = { digest: digestOfMade(6), bytes: 6 * mib };
    async function* breaking() {
      let sent = 0;
      for await (const chunk of made(6)) {
        if (sent++ === 3) {
          await expect.poll(() => berlin.connection.uploadOffset(object), soon).toBe(3 * mib);
          throw new Error('the file could not be read on');
        }
        yield chunk;
      }
    }
    await expect(berlin.connection.writeObject(object, 0, breaking())).rejects.toThrow('could not be read on');
    const offset = await berlin.connection.uploadOffset(object);
    expect(offset).toBe(3 * mib);
    async function* rest() {
      let index = 0;
      for await (const chunk of made(6)) if (index++ >= 3) yield chunk;
    }
    await berlin.connection.writeObject(object, offset, rest());
    expect(bench.coordinator.received.get(object.digest)).toBe(6 * mib);
  });

  it('goes on where it stopped after the network between the two was cut', async () => {
    const hop = await openProxy('user:secret');
    const connection = connectSite({
      address: bench.address,
      site: 'berlin' as SiteName,
      identity: clientIdentity(berlin.credentials),
      proxy: { host: '127.0.0.1', port: hop.port, credentials: 'user:secret' },
      log: silentLogger,
    });
    const object = { digest: digestOfMade(5), bytes: 5 * mib };
    async function* cutting() {
      let sent = 0;
      for await (const chunk of made(5)) {
        if (sent++ === 2) {
          await expect.poll(() => berlin.connection.uploadOffset(object), soon).toBe(2 * mib);
          await hop.close();
        }
        yield chunk;
      }
    }
    expect(await wireCodeOf(connection.writeObject(object, 0, cutting()))).toBe('unavailable');
    connection.close();
    expect(await berlin.connection.uploadOffset(object)).toBe(2 * mib);
    async function* rest() {
      let index = 0;
      for await (const chunk of made(5)) if (index++ >= 2) yield chunk;
    }
    await berlin.connection.writeObject(object, 2 * mib, rest());
    expect(bench.coordinator.received.get(object.digest)).toBe(5 * mib);
  });

  it('an abandoned download lets go of the coordinator', async () => {
    const bytes = Buffer.alloc(20 * mib, 1);
    const digest = createHash('sha256').update(bytes).digest('hex') as Digest;
    bench.coordinator.objects.set(digest, bytes);
    for await (const _ of berlin.connection.readObject(digest, 0)) break;
    const stop = new AbortController();
    const reason = new Error('enough');
    const reading = (async () => {
      for await (const _ of berlin.connection.readObject(digest, 0, stop.signal)) stop.abort(reason);
    })();
    await expect(reading).rejects.toBe(reason);
  });
});

describe('uploads of another make', () => {
  /** Sends these parts and says with which code the call ended. */
  function send(parts: readonly object[]): Promise<unknown> {
    const client = new Client(
      bench.address,
      credentials.createFromSecureContext(
        clientSecureContext(berlin.credentials.rootPem, {
          key: berlin.credentials.keyPem,
          certificateChain: berlin.credentials.chainPem,
        }),
      ),
      { 'grpc.ssl_target_name_override': 'localhost' },
    );
    const { WriteObject } = wireDefinitions().federation;
    return new Promise((resolve) => {
      const call = client.makeClientStreamRequest(
        WriteObject.path,
        WriteObject.requestSerialize,
        WriteObject.responseDeserialize,
        new Metadata(),
        {},
        (error) => {
          client.close();
          resolve(error === null ? 'ok' : error.metadata.get(metadataKeys.code)[0]);
        },
      );
      call.on('error', () => undefined);
      for (const part of parts) call.write(part);
      call.end();
    });
  }
  const anObject = 'cd'.repeat(32);
  type Part = ReturnType<typeof header> | ReturnType<typeof chunk>;
  const object = (bytes: number) => ({ digest: anObject, bytes });
  const header = (bytes: number, offset = 0) => ({ header: { object: object(bytes), offset } });
  const chunk = (offset: number, bytes: number) => ({ chunk: { offset, data: Buffer.alloc(bytes) } });

  it.each([
    ['no part at all', [], 'invalid_argument'],
    ['a chunk before the header', [chunk(0, 10)], 'invalid_argument'],
    ['two headers', [header(10), header(10)], 'invalid_argument'],
    ['a name that is no digest', [{ header: { object: { digest: 'x', bytes: 1 }, offset: 0 } }], 'invalid_argument'],
    ['an offset past the end', [header(10, 11)], 'offset_invalid'],
    ['a gap between chunks', [header(10), chunk(0, 4), chunk(5, 5)], 'offset_invalid'],
    ['an empty chunk', [header(10), chunk(0, 0)], 'invalid_argument'],
    ['more bytes than announced', [header(10), chunk(0, 11)], 'invalid_argument'],
    ['a chunk above 1 MiB', [header(2 * mib), chunk(0, mib + 1)], 'message_too_large'],
    ['fewer bytes than announced', [header(1000), chunk(0, 999)], 'truncated'],
  ] as [string, Part[], string][])('%s', async (name, parts, code) => {
    // An object of its own, so that what another case left does not count.
    const digest = digestOf(name);
    const own = parts.map((part) =>
      'header' in part && part.header.object.digest === anObject
        ? { header: { ...part.header, object: { ...part.header.object, digest } } }
        : part,
    );
    expect(await send(own)).toBe(code);
  });

  it('a member still gets through afterwards', async () => {
    expect(await wireCodeOf(berlin.connection.readPlan('ab'.repeat(32) as Digest))).toBe('not_found');
  });
});
