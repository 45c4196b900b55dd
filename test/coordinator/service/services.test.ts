import { connect as connectHttp2, type Settings } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { Client, credentials, Metadata, type MethodDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath } from 'grpc-health-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientSecureContext } from '../../../shared/wire/client-tls.ts';
import { loaderOptions, metadataKeys, serviceNames } from '../../../shared/wire/definitions.ts';
import type { TestCredentials } from '../../support/authority.ts';
import { type GrpcBench, openGrpcBench } from '../../support/coordinator-over-grpc.ts';

let bench: GrpcBench;
let berlin: TestCredentials;
let client: Client;
beforeAll(async () => {
  bench = await openGrpcBench();
  ({ credentials: berlin } = await bench.newSite('berlin'));
  client = new Client(
    bench.address,
    credentials.createFromSecureContext(
      clientSecureContext(berlin.rootPem, { key: berlin.keyPem, certificateChain: berlin.chainPem }),
    ),
    { 'grpc.ssl_target_name_override': 'localhost' },
  );
});
afterAll(async () => {
  client.close();
  await bench.close();
});

describe('the services beside ours', () => {
  it('health, for every service, as the gRPC health protocol has it', async () => {
    const health = loadSync(protoPath, loaderOptions)['grpc.health.v1.Health'] as unknown as Record<
      string,
      MethodDefinition<{ service: string }, { status: string }>
    >;
    const check = health.Check as MethodDefinition<{ service: string }, { status: string }>;
    const ask = (service: string): Promise<unknown> =>
      new Promise((resolve) => {
        client.makeUnaryRequest(
          check.path,
          check.requestSerialize,
          check.responseDeserialize,
          { service },
          new Metadata(),
          {},
          (error, answer) => resolve(error === null ? answer?.status : error.code),
        );
      });
    for (const service of ['', ...Object.values(serviceNames)]) expect(await ask(service)).toBe('SERVING');
    expect(await ask('nothing')).toBe(5);
  });

  it('reflection lists the services', async () => {
    // grpc.reflection.v1 ServerReflectionRequest{list_services = 7: ""}, written out by hand: field 7, length 0.
    const request = Buffer.from([0x3a, 0x00]);
    const raw = (bytes: Buffer) => bytes;
    const call = client.makeBidiStreamRequest(
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      raw,
      raw,
      new Metadata(),
    );
    const answer = await new Promise<Buffer>((resolve, reject) => {
      call.once('data', resolve);
      call.once('error', reject);
      call.write(request);
    });
    call.end();
    for (const name of Object.values(serviceNames)) expect(answer.toString('latin1')).toContain(name);
  });

  it('a method that is not there', async () => {
    const raw = (bytes: Buffer) => bytes;
    const path = `/${serviceNames.federation}/Run`;
    const code = await new Promise((resolve) => {
      client.makeUnaryRequest(path, raw, raw, Buffer.alloc(0), new Metadata(), {}, (error) => resolve(error?.code));
    });
    expect(code).toBe(12);
  });

  it('a message that is no protobuf ends the call and nothing else', async () => {
    const raw = (bytes: Buffer) => bytes;
    const path = `/${serviceNames.federation}/SubmitUpdate`;
    const ask = (body: Buffer): Promise<unknown> =>
      new Promise((resolve) => {
        client.makeUnaryRequest(path, raw, raw, body, new Metadata(), {}, (error) =>
          resolve(error?.metadata.get(metadataKeys.code)[0]),
        );
      });
    expect(await ask(Buffer.alloc(100, 0xff))).toBe('invalid_argument');
    expect(await ask(Buffer.alloc(0))).toBe('invalid_argument');
  });
});

describe('HTTP/2', () => {
  it('announces its limits, and windows large enough for a line with delay', async () => {
    const socket = connectTls({
      host: '127.0.0.1',
      port: bench.service.address.port,
      servername: 'localhost',
      ca: berlin.rootPem,
      key: berlin.keyPem,
      cert: berlin.chainPem,
      ALPNProtocols: ['h2'],
    });
    const session = connectHttp2('https://localhost', { createConnection: () => socket });
    const settings: Settings = {};
    await new Promise<void>((resolve, reject) => {
      session.on('error', reject);
      session.on('remoteSettings', (announced) => {
        Object.assign(settings, announced);
        if (settings.initialWindowSize !== 65_535) resolve();
      });
    });
    session.destroy();
    expect(settings).toMatchObject({
      maxConcurrentStreams: 64,
      initialWindowSize: 1024 * 1024,
      maxHeaderListSize: 16 * 1024,
    });
  });
});
