import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestOf } from '../../../shared/runtime/digest.ts';
import type { SiteName } from '../../../shared/runtime/ids.ts';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import { WireError } from '../../../shared/wire/wire-error.ts';
import { connectSite } from '../../../site-agent/client/connect.ts';
import { proxyFor } from '../../../site-agent/client/proxy.ts';
import { clientIdentity, type GrpcBench, openGrpcBench } from '../../support/coordinator-over-grpc.ts';
import { openProxy } from '../../support/proxy.ts';

const host = 'coordinator.example.org';
const proxy = 'http://user:p%40ss@proxy.hospital:3128';

describe('proxy settings', () => {
  it('reads the usual variables in both cases, the most particular first', () => {
    expect(proxyFor(host, {})).toEqual({ proxy: null, source: null });
    expect(proxyFor(host, { HTTPS_PROXY: proxy })).toEqual({
      proxy: { host: 'proxy.hospital', port: 3128, credentials: 'user:p@ss' },
      source: 'HTTPS_PROXY',
    });
    expect(proxyFor(host, { http_proxy: 'http://a', https_proxy: 'http://b:8080', grpc_proxy: ' ' })).toEqual({
      proxy: { host: 'b', port: 8080, credentials: null },
      source: 'https_proxy',
    });
    expect(proxyFor(host, { http_proxy: 'http://a' }).proxy).toEqual({ host: 'a', port: 80, credentials: null });
  });

  it.each([
    ['coordinator.example.org', null],
    ['.example.org', null],
    ['example.org', null],
    ['*.example.org', null],
    ['*', null],
    ['internal, example.org ,', null],
    // An empty item means nothing; grpc-js would take it for every host.
    ['', 3128],
    [',', 3128],
    ['internal,', 3128],
    ['ample.org', 3128],
    ['coordinator.example.org.evil', 3128],
  ])('no_proxy %j', (list, port) => {
    expect(proxyFor(host, { https_proxy: proxy, no_proxy: list }).proxy?.port ?? null).toBe(port);
  });

  it.each([
    ['10.20.0.0/16', null],
    ['10.21.0.0/16', 3128],
    ['10.20.30.40', null],
    ['0.0.0.0/0', null],
    ['10.20.30.40/33', 3128],
    ['10.20.30.40/x', 3128],
  ])('no_proxy %j for an address', (list, port) => {
    expect(proxyFor('10.20.30.40', { https_proxy: proxy, NO_PROXY: list }).proxy?.port ?? null).toBe(port);
  });

  it.each(['https://user:secret@proxy:3128', 'secret:3128', 'socks5://secret', '::secret'])(
    'refuses %j rather than dial past the proxy, and does not quote it',
    (value) => {
      try {
        proxyFor(host, { https_proxy: value });
        expect.unreachable();
      } catch (error) {
        expect(error).toBeInstanceOf(WireError);
        expect((error as WireError).code).toBe('invalid_argument');
        expect((error as WireError).message).toContain('https_proxy');
        expect((error as WireError).message).not.toContain('secret');
      }
    },
  );
});

describe('a site behind a proxy', () => {
  let bench: GrpcBench;
  beforeAll(async () => {
    bench = await openGrpcBench();
  });
  afterAll(async () => {
    await bench.close();
  });

  it('asks it to CONNECT to the coordinator, whose name is still checked', async () => {
    const plan = new TextEncoder().encode('{}');
    bench.coordinator.plans.set(digestOf(plan), plan);
    const { credentials } = await bench.newSite('berlin');
    const hop = await openProxy('user:secret');
    const open = (auth: string) =>
      connectSite({
        address: bench.address,
        site: 'berlin' as SiteName,
        identity: clientIdentity(credentials),
        proxy: { host: '127.0.0.1', port: hop.port, credentials: auth },
        log: silentLogger,
      });
    const good = open('user:secret');
    const bad = open('user:wrong');
    try {
      expect((await good.readPlan(digestOf(plan))).byteLength).toBe(2);
      expect(hop.asked).toEqual([bench.address]);
      await expect(bad.readPlan(digestOf(plan))).rejects.toMatchObject({ code: 'unavailable' });
    } finally {
      good.close();
      bad.close();
      await hop.close();
    }
  });
});
