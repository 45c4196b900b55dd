import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { digestOf } from '../../../shared/runtime/digest.ts';
import type { Digest, RunId, SiteName, TaskId } from '../../../shared/runtime/ids.ts';
import { clientSecureContext } from '../../../shared/wire/client-tls.ts';
import { metadataKeys, wireDefinitions } from '../../../shared/wire/definitions.ts';
import type { SiteMessage, UpdateHeader } from '../../../shared/wire/messages.ts';
import type { SiteConnection } from '../../../site-agent/client/connect.ts';
import { createTestAuthority, type TestCredentials } from '../../support/authority.ts';
import { movableClock } from '../../support/clock.ts';
import { clientIdentity, type GrpcBench, openGrpcBench, serviceTls } from '../../support/coordinator-over-grpc.ts';
import { wireCodeOf } from '../../support/wire-error-of.ts';
import { sampleJudgement, sampleNotice } from '../../support/wire-samples.ts';

/** For what happens in another turn of the loop; long, for a busy machine. */
const soon = { timeout: 20_000, interval: 10 };

const plan = new TextEncoder().encode('{"a":1}');
const hello = (heartbeatMs: number): SiteMessage => ({
  kind: 'hello',
  software: 'test',
  heartbeatMs,
  approvedPlans: [],
});

async function* saying(first: SiteMessage, signal: AbortSignal): AsyncGenerator<SiteMessage, void, void> {
  yield first;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

/** Resolves with how an attend stream ended. */
function attended(connection: SiteConnection, heartbeatMs: number, signal: AbortSignal): Promise<string> {
  return wireCodeOf(
    (async () => {
      for await (const _ of connection.attend(saying(hello(heartbeatMs), signal), signal));
    })(),
  );
}

let bench: GrpcBench;
const events = () => bench.coordinator.audit.entries;
const recorded = (event: string) => events().filter((entry) => entry.event === event);
const readPlan = (connection: SiteConnection) => connection.readPlan(digestOf(plan));

describe('who is refused, why, and what is kept of it', () => {
  let berlin: { credentials: TestCredentials; connection: SiteConnection };
  const clock = movableClock();
  beforeAll(async () => {
    bench = await openGrpcBench({ strangersPerAddress: 32 }, clock);
    bench.coordinator.plans.set(digestOf(plan), plan);
    berlin = await bench.newSite('berlin');
  });
  afterAll(async () => {
    await bench.close();
  });

  it('serves a member', async () => {
    expect(Buffer.from(await readPlan(berlin.connection)).toString()).toBe('{"a":1}');
  });

  it('no certificate, in every service but enrolment', async () => {
    const client = new Client(
      bench.address,
      credentials.createFromSecureContext(clientSecureContext(bench.authority.rootPem)),
      { 'grpc.ssl_target_name_override': 'localhost' },
    );
    const { federation, operator, enrolment } = wireDefinitions();
    const ask = (path: string, body: Buffer): Promise<unknown> =>
      new Promise((resolve) => {
        client.makeUnaryRequest(
          path,
          (bytes: Buffer) => bytes,
          (bytes: Buffer) => bytes,
          body,
          new Metadata(),
          {},
          (error) => resolve(error === null ? 'answered' : error.metadata.get(metadataKeys.code)[0]),
        );
      });
    try {
      for (const method of [...Object.values(federation), ...Object.values(operator)]) {
        expect(await ask(method.path, Buffer.alloc(0)), method.path).toBe('no_certificate');
      }
      expect(await ask('/grpc.health.v1.Health/Check', Buffer.alloc(0))).toBe('no_certificate');
      expect(await ask('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', Buffer.alloc(0))).toBe(
        'no_certificate',
      );
      expect(await ask(enrolment.Enrol.path, Buffer.alloc(0))).toBe('token_malformed');
    } finally {
      client.close();
    }
    expect(recorded('credentials.no_certificate')[0]).toMatchObject({ actor: null, details: { address: '127.0.0.1' } });
  });

  it('another authority, also one of the same name', async () => {
    const stranger = await createTestAuthority();
    const foreign = { ...(await stranger.site('berlin')), rootPem: bench.authority.rootPem };
    expect(await wireCodeOf(readPlan(bench.site(foreign, 'berlin')))).toBe('wrong_authority');
    const self = await bench.authority.selfSignedSite('berlin');
    expect(await wireCodeOf(readPlan(bench.site(self, 'berlin')))).toBe('wrong_authority');
    expect(recorded('credentials.wrong_authority').map((entry) => entry.details.serial)).toEqual([
      foreign.serial,
      self.serial,
    ]);
  });

  it('a server certificate in the hands of a client', async () => {
    expect(await wireCodeOf(readPlan(bench.site(bench.server, 'berlin')))).toBe('wrong_authority');
  });

  it('expired, and not yet valid', async () => {
    const expired = await bench.authority.expiredSite('berlin');
    bench.coordinator.admit(expired, { role: 'site', site: 'berlin' });
    expect(await wireCodeOf(readPlan(bench.site(expired, 'berlin')))).toBe('certificate_expired');
    const future = await bench.authority.futureSite('berlin');
    bench.coordinator.admit(future, { role: 'site', site: 'berlin' });
    expect(await wireCodeOf(readPlan(bench.site(future, 'berlin')))).toBe('certificate_not_yet_valid');
    expect(recorded('credentials.certificate_expired')).toHaveLength(1);
    expect(recorded('credentials.certificate_not_yet_valid')).toHaveLength(1);
  });

  it('expired while connected: the open stream ends, and so does the next call', async () => {
    const hourMs = 3_600_000;
    const short = await bench.authority.site('short', { notAfterMs: Date.now() + hourMs });
    bench.coordinator.admit(short, { role: 'site', site: 'short' });
    // The site has the same clock: it must not take the hour for a coordinator that never answers.
    const connection = bench.site(short, 'short', { connectMs: 2 * hourMs });
    const stop = new AbortController();
    const ended = attended(connection, 20_000, stop.signal);
    await expect.poll(() => bench.coordinator.attending.has('short'), soon).toBe(true);
    await readPlan(connection);
    clock.move(hourMs);
    expect(await ended).toBe('certificate_expired');
    expect(await wireCodeOf(readPlan(connection))).toBe('certificate_expired');
  });

  it('issued, but not on the membership list, or another one under that serial', async () => {
    const unlisted = await bench.authority.site('ghost');
    expect(await wireCodeOf(readPlan(bench.site(unlisted, 'ghost')))).toBe('certificate_unknown');
    const twin = await bench.authority.site('berlin', { serial: berlin.credentials.serial });
    expect(twin.serial).toBe(berlin.credentials.serial);
    expect(await wireCodeOf(readPlan(bench.site(twin, 'berlin')))).toBe('certificate_unknown');
    expect(recorded('credentials.certificate_unknown')).toHaveLength(2);
  });

  it('revoked while connected: the stream ends within a heartbeat and the next call is refused', async () => {
    const { credentials: own, connection } = await bench.newSite('revoked');
    const stop = new AbortController();
    const heartbeatMs = 40_000;
    const ended = attended(connection, heartbeatMs, stop.signal);
    await expect.poll(() => bench.coordinator.attending.has('revoked'), soon).toBe(true);
    const atMs = Date.now();
    bench.coordinator.revoke(own.serial);
    expect(await ended).toBe('certificate_revoked');
    expect(Date.now() - atMs).toBeLessThan(heartbeatMs);
    expect(await wireCodeOf(readPlan(connection))).toBe('certificate_revoked');
    await expect.poll(() => bench.coordinator.attending.has('revoked'), soon).toBe(false);
    expect(recorded('credentials.certificate_revoked')[0]).toMatchObject({ actor: 'revoked' });
  });

  it('a site that acts as operator, and an operator that acts as site', async () => {
    expect(await wireCodeOf(bench.operator(berlin.credentials).listRuns())).toBe('wrong_role');
    const anna = await bench.authority.operator('anna');
    bench.coordinator.admit(anna, { role: 'operator', name: 'anna' });
    expect(await bench.operator(anna).listRuns()).toEqual([]);
    expect(await wireCodeOf(readPlan(bench.site(anna, 'anna')))).toBe('wrong_role');
    expect(recorded('credentials.wrong_role')).toHaveLength(2);
  });

  it("an update, a judgement and a decline in another site's name", async () => {
    const lyon = await bench.newSite('lyon');
    bench.coordinator.tasks.set('t-1' as TaskId, 'lyon' as SiteName);
    const update: UpdateHeader = {
      task: 't-1' as TaskId,
      run: 'heart-1' as RunId,
      round: 1,
      plan: digestOf('p'),
      base: digestOf('b'),
      delta: { digest: digestOf('d'), bytes: 4 },
      examples: 10,
      weight: 10,
      metrics: {},
    };
    const asLyon = bench.site(berlin.credentials, 'lyon');
    expect(await wireCodeOf(asLyon.submitUpdate(update))).toBe('wrong_site');
    expect(await wireCodeOf(asLyon.decline('t-1' as TaskId, 'busy', ''))).toBe('wrong_site');
    // The right sender, but evidence of another hospital.
    bench.coordinator.tasks.set('t-2' as TaskId, 'berlin' as SiteName);
    expect(await wireCodeOf(berlin.connection.submitJudgement('t-2' as TaskId, sampleJudgement('lyon')))).toBe(
      'wrong_site',
    );
    expect(await wireCodeOf(berlin.connection.submitNotice(sampleNotice('lyon')))).toBe('wrong_site');
    expect(await wireCodeOf(asLyon.submitNotice(sampleNotice('lyon')))).toBe('wrong_site');
    expect(bench.coordinator.submissions).toEqual([]);
    expect(await lyon.connection.submitUpdate(update)).toEqual({ outcome: 'accepted' });
    expect(recorded('credentials.wrong_site').map((entry) => entry.actor)).toEqual(new Array(5).fill('berlin'));
  });

  it('TLS 1.2', async () => {
    const [, port] = bench.address.split(':');
    const failure = await new Promise<NodeJS.ErrnoException>((resolve) => {
      const socket = connectTls({
        host: '127.0.0.1',
        port: Number(port),
        ca: bench.authority.rootPem,
        servername: 'localhost',
        maxVersion: 'TLSv1.2',
        ALPNProtocols: ['h2'],
      });
      socket.once('error', resolve);
    });
    expect(failure.code).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
    await expect.poll(() => recorded('wire.protocol_version').length, soon).toBe(1);
  });

  it('a client that offers no HTTP/2', async () => {
    const [, port] = bench.address.split(':');
    const socket = connectTls({
      host: '127.0.0.1',
      port: Number(port),
      ca: bench.authority.rootPem,
      servername: 'localhost',
    });
    await new Promise((resolve) => socket.once('close', resolve).once('error', resolve));
    await expect.poll(() => recorded('wire.handshake_failed').length, soon).toBeGreaterThan(0);
  });

  it('no session is resumed without the key', async () => {
    const [, port] = bench.address.split(':');
    const dial = (session?: Buffer) =>
      new Promise<{ socket: TLSSocket; session: Buffer | undefined }>((resolve, reject) => {
        let ticket: Buffer | undefined;
        const socket = connectTls({
          host: '127.0.0.1',
          port: Number(port),
          servername: 'localhost',
          ca: bench.authority.rootPem,
          key: berlin.credentials.keyPem,
          cert: berlin.credentials.chainPem,
          ALPNProtocols: ['h2'],
          ...(session === undefined ? {} : { session }),
        });
        socket.on('session', (value: Buffer) => {
          ticket = value;
        });
        socket.once('error', reject);
        // Tickets come before anything else the server says: its first words of HTTP/2.
        socket.once('data', () => resolve({ socket, session: ticket }));
      });
    const first = await dial();
    first.socket.destroy();
    const second = await dial(first.session ?? first.socket.getSession());
    expect(second.socket.isSessionReused()).toBe(false);
    second.socket.destroy();
  });

  it('an update of a protocol this version does not speak', async () => {
    const { key, certificateChain, root } = clientIdentity(berlin.credentials);
    const client = new Client(
      bench.address,
      credentials.createFromSecureContext(clientSecureContext(root, { key, certificateChain })),
      { 'grpc.ssl_target_name_override': 'localhost' },
    );
    const metadata = new Metadata();
    metadata.set(metadataKeys.protocol, '2');
    const { path } = wireDefinitions().federation.ReadPlan;
    const raw = (bytes: Buffer) => bytes;
    const code = await new Promise((resolve) => {
      client.makeUnaryRequest(path, raw, raw, Buffer.alloc(0), metadata, {}, (error) =>
        resolve(error?.metadata.get(metadataKeys.code)[0]),
      );
    });
    client.close();
    expect(code).toBe('protocol_version');
  });
});

describe('limits', () => {
  afterEach(async () => {
    await bench.close();
  });
  const open = async (...given: Parameters<typeof openGrpcBench>) => {
    bench = await openGrpcBench(...given);
    bench.coordinator.plans.set(digestOf(plan), plan);
    return bench.newSite('berlin');
  };

  it('a message above the limit is refused with its own code and recorded', async () => {
    const { credentials: own } = await open({ messageBytes: 100_000 });
    const client = new Client(
      bench.address,
      credentials.createFromSecureContext(
        clientSecureContext(own.rootPem, { key: own.keyPem, certificateChain: own.chainPem }),
      ),
      { 'grpc.ssl_target_name_override': 'localhost' },
    );
    const raw = (bytes: Buffer) => bytes;
    const code = await new Promise((resolve) => {
      client.makeUnaryRequest(
        wireDefinitions().federation.SubmitJudgement.path,
        raw,
        raw,
        Buffer.alloc(100_001),
        new Metadata(),
        {},
        (error) => resolve(error?.metadata.get(metadataKeys.code)[0]),
      );
    });
    client.close();
    expect(code).toBe('message_too_large');
    expect(recorded('wire.message_too_large')[0]).toMatchObject({ actor: 'berlin' });
  });

  it('an object above the limit is refused before a byte of it is stored', async () => {
    const { connection } = await open({ objectBytes: 1000 });
    async function* chunks() {
      yield new Uint8Array(1001);
    }
    const object = { digest: 'ab'.repeat(32) as Digest, bytes: 1001 };
    expect(await wireCodeOf(connection.writeObject(object, 0, chunks()))).toBe('message_too_large');
    expect(bench.coordinator.received.size).toBe(0);
  });

  it('more calls at once than a caller may have', async () => {
    const { connection } = await open({ callsPerCaller: 3 });
    const stop = new AbortController();
    const first = [1, 2, 3].map(() => attended(connection, 20_000, stop.signal).catch(() => 'aborted'));
    await expect.poll(() => bench.coordinator.heard.length, soon).toBeGreaterThanOrEqual(3);
    expect(await wireCodeOf(readPlan(connection))).toBe('too_many_streams');
    expect(recorded('wire.too_many_streams')).toHaveLength(1);
    stop.abort(new Error('done'));
    await Promise.all(first);
    // Room again once they have ended.
    await expect.poll(() => wireCodeOf(readPlan(connection)), soon).toBe('nothing was thrown');
  });

  it('a stream whose site falls silent is ended after two heartbeats, one that beats is not', async () => {
    const clock = movableClock();
    const heartbeatMs = 60_000;
    const { credentials: own } = await open({}, clock);
    const connection = bench.site(own, 'berlin', { connectMs: 10 * heartbeatMs });
    const stop = new AbortController();
    let alive = true;
    let greeted = false;
    let beatsOfOther = 0;
    const beating = (async () => {
      for await (const { kind } of connection.attend(saying(hello(heartbeatMs), stop.signal), stop.signal)) {
        if (kind === 'beat') beatsOfOther++;
        else greeted = true;
      }
    })()
      .catch(() => undefined)
      .finally(() => {
        alive = false;
      });
    const beatsHeard = () => bench.coordinator.heard.filter(({ message }) => message.kind === 'beat').length;
    await expect.poll(() => bench.coordinator.heard.length, soon).toBe(1);
    // A site beats once it has heard of the coordinator.
    bench.coordinator.say('berlin', { kind: 'withdrawn', task: 't-1' as TaskId, reason: 'a first word' });
    await expect.poll(() => greeted, soon).toBe(true);
    // A client of another make, that says hello and nothing more.
    const client = new Client(
      bench.address,
      credentials.createFromSecureContext(
        clientSecureContext(own.rootPem, { key: own.keyPem, certificateChain: own.chainPem }),
      ),
      { 'grpc.ssl_target_name_override': 'localhost' },
    );
    const { Attend } = wireDefinitions().federation;
    const call = client.makeBidiStreamRequest(Attend.path, Attend.requestSerialize, Attend.responseDeserialize);
    let beats = 0;
    let code: unknown = null;
    call.on('data', () => {
      beats++;
    });
    call.on('error', (error) => {
      code = (error as { metadata?: Metadata }).metadata?.get(metadataKeys.code)[0];
    });
    call.write({ hello: { software: 'mute', heartbeatMs, approvedPlans: [] } });
    await expect.poll(() => bench.coordinator.heard.length, soon).toBe(2);
    // A little more than half a heartbeat each, at which both sides beat; all have done so before time goes on.
    for (let step = 1; step <= 3; step++) {
      clock.move(35_000);
      await expect.poll(() => [beatsHeard(), beatsOfOther, beats], soon).toEqual([step, step, step]);
      expect(code).toBeNull();
    }
    clock.move(35_000);
    await expect.poll(() => code, soon).toBe('unavailable');
    await expect.poll(() => [beatsHeard(), beatsOfOther], soon).toEqual([4, 4]);
    client.close();
    expect(alive).toBe(true);
    stop.abort(new Error('done'));
    await beating;
  });

  it('a stream that begins with anything but hello', async () => {
    const { connection } = await open({});
    const stop = new AbortController();
    const code = wireCodeOf(
      (async () => {
        for await (const _ of connection.attend(saying({ kind: 'beat' }, stop.signal), stop.signal));
      })(),
    );
    expect(await code).toBe('invalid_argument');
    stop.abort();
  });

  /** Resolves when the connection is over, however it ends. To be called before anything can have ended it. */
  const closed = (socket: Socket) =>
    new Promise((resolve) => {
      socket.resume().on('error', () => undefined);
      socket.once('close', resolve);
    });

  it('a connection that never begins its handshake is closed', async () => {
    await open({ handshakeMs: 200 });
    const atMs = Date.now();
    const mute = connectTcp({ host: '127.0.0.1', port: bench.service.address.port });
    const begun = new Promise((resolve) => mute.once('connect', resolve));
    await closed(mute);
    await begun;
    // The limit where none is given is 10 s.
    expect(Date.now() - atMs).toBeLessThan(10_000);
  });

  it('a connection that never makes a call is closed', async () => {
    await open({ strangerLifeMs: 300 });
    const atMs = Date.now();
    const stranger = connectTls({
      host: '127.0.0.1',
      port: bench.service.address.port,
      servername: 'localhost',
      ca: bench.authority.rootPem,
      ALPNProtocols: ['h2'],
    });
    const begun = new Promise((resolve) => stranger.once('secureConnect', resolve));
    await closed(stranger);
    await begun;
    // 20 s where none is given.
    expect(Date.now() - atMs).toBeLessThan(20_000);
  });

  it("a member's connection without any call is closed after the idle time, and a later call dials again", async () => {
    const { credentials: own, connection } = await open({ idleMs: 300 });
    await readPlan(connection);
    const socket = connectTls({
      host: '127.0.0.1',
      port: bench.service.address.port,
      servername: 'localhost',
      ca: own.rootPem,
      key: own.keyPem,
      cert: own.chainPem,
      ALPNProtocols: ['h2'],
    });
    const session = connectHttp2('https://localhost', { createConnection: () => socket });
    const atMs = Date.now();
    await new Promise((resolve) => session.once('close', resolve));
    expect(Date.now() - atMs).toBeGreaterThanOrEqual(250);
    expect(Date.now() - atMs).toBeLessThan(10_000);
    expect(await wireCodeOf(readPlan(connection))).toBe('nothing was thrown');
  });

  it('few strangers at once, however many members', async () => {
    const { connection } = await open({ strangers: 2, strangersPerAddress: 2 });
    const port = bench.service.address.port;
    const dial = () =>
      new Promise<TLSSocket>((resolve) => {
        const socket = connectTls({
          host: '127.0.0.1',
          port,
          servername: 'localhost',
          ca: bench.authority.rootPem,
          ALPNProtocols: ['h2'],
        });
        socket.on('error', () => undefined);
        socket.once('secureConnect', () => resolve(socket));
      });
    const sockets = [await dial(), await dial(), await dial()];
    await expect.poll(() => recorded('wire.too_many_connections').length, soon).toBe(1);
    expect(await wireCodeOf(readPlan(connection))).toBe('nothing was thrown');
    for (const socket of sockets) socket.destroy();
  });

  it('a flood of refused calls is counted, not written', async () => {
    await open({ refusalBurst: 5, refusalEveryMs: 60_000, callsPerCaller: 1000 });
    const ghost = bench.site(await bench.authority.site('ghost'), 'ghost');
    for (let turn = 0; turn < 10; turn++) {
      const codes = await Promise.all(Array.from({ length: 20 }, () => wireCodeOf(readPlan(ghost))));
      expect(new Set(codes)).toEqual(new Set(['certificate_unknown']));
    }
    expect(recorded('credentials.certificate_unknown')).toHaveLength(5);
    await bench.service.close(0);
    expect(recorded('credentials.certificate_unknown').at(-1)?.details).toEqual({
      address: '127.0.0.1',
      suppressed: 195,
    });
  });
});

describe('closing and renewing', () => {
  beforeEach(async () => {
    bench = await openGrpcBench();
    bench.coordinator.plans.set(digestOf(plan), plan);
  });
  afterEach(async () => {
    await bench.close();
  });

  it('drains: sites are told, calls under way end well, later ones find nobody', async () => {
    const { connection } = await bench.newSite('berlin');
    const stop = new AbortController();
    const kinds: string[] = [];
    const attending = (async () => {
      for await (const message of connection.attend(saying(hello(20_000), stop.signal), stop.signal)) {
        kinds.push(message.kind);
        if (message.kind === 'drain') return;
      }
    })();
    await expect.poll(() => bench.coordinator.attending.size, soon).toBe(1);
    // An upload that is half done when the drain begins.
    const bytes = Buffer.alloc(2_000_000, 7);
    let goOn = (): void => undefined;
    const wait = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    async function* slowly() {
      yield bytes.subarray(0, 1_000_000);
      await wait;
      yield bytes.subarray(1_000_000);
    }
    const object = { digest: digestOf(bytes), bytes: bytes.byteLength };
    const upload = connection.writeObject(object, 0, slowly());
    await expect.poll(() => connection.uploadOffset(object), soon).toBe(1_000_000);
    const closing = bench.service.close(30_000);
    await attending;
    expect(kinds.at(-1)).toBe('drain');
    goOn();
    await upload;
    expect(bench.coordinator.received.get(object.digest)).toBe(2_000_000);
    await closing;
    expect(await wireCodeOf(readPlan(connection))).toBe('unavailable');
  });

  it('forces what is left after the grace time', async () => {
    const { connection } = await bench.newSite('berlin');
    const stop = new AbortController();
    const ended = attended(connection, 20_000, stop.signal);
    await expect.poll(() => bench.coordinator.attending.size, soon).toBe(1);
    const atMs = Date.now();
    await bench.service.close(200);
    expect(Date.now() - atMs).toBeLessThan(10_000);
    expect(await ended).toBe('unavailable');
  });

  it("a site's new certificate takes over without interrupting a transfer; the stream is asked to dial again", async () => {
    const { connection, credentials: old } = await bench.newSite('berlin');
    const stop = new AbortController();
    const kinds: string[] = [];
    const attending = (async () => {
      for await (const message of connection.attend(saying(hello(20_000), stop.signal), stop.signal)) {
        kinds.push(message.kind);
        if (message.kind === 'drain') return;
      }
    })();
    const bytes = Buffer.alloc(1_500_000, 3);
    let goOn = (): void => undefined;
    const wait = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    async function* slowly() {
      yield bytes.subarray(0, 1_000_000);
      await wait;
      yield bytes.subarray(1_000_000);
    }
    const object = { digest: digestOf(bytes), bytes: bytes.byteLength };
    const upload = connection.writeObject(object, 0, slowly());
    await expect.poll(() => connection.uploadOffset(object), soon).toBe(1_000_000);
    const renewed = await bench.authority.site('berlin');
    bench.coordinator.admit(renewed, { role: 'site', site: 'berlin' });
    connection.replaceIdentity(clientIdentity(renewed));
    await attending;
    goOn();
    await upload;
    expect(bench.coordinator.received.get(object.digest)).toBe(1_500_000);
    // Only the new certificate is used from here on.
    bench.coordinator.revoke(old.serial);
    expect(await wireCodeOf(readPlan(connection))).toBe('nothing was thrown');
  });

  it("the server's new certificate is shown from the next handshake on; open connections stay", async () => {
    const { connection, credentials: own } = await bench.newSite('berlin');
    await readPlan(connection);
    const renewed = await bench.authority.server();
    bench.service.setTls(serviceTls(bench.authority, renewed));
    expect(await wireCodeOf(readPlan(connection))).toBe('nothing was thrown');
    const shown = await new Promise<string | undefined>((resolve, reject) => {
      const socket = connectTls({
        host: '127.0.0.1',
        port: bench.service.address.port,
        servername: 'localhost',
        ca: bench.authority.rootPem,
        ALPNProtocols: ['h2'],
      });
      socket.once('error', reject);
      socket.once('secureConnect', () => {
        resolve(socket.getPeerX509Certificate()?.serialNumber);
        socket.destroy();
      });
    });
    expect(shown?.replace(/^0+/, '')).toBe(renewed.serial);
    expect(await wireCodeOf(readPlan(bench.site(own, 'berlin')))).toBe('nothing was thrown');
  });
});
