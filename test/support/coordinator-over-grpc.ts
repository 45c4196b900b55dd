import { connectOperator, type OperatorConnection } from '../../coordinator/client/connect.ts';
import { type CoordinatorService, serveCoordinator } from '../../coordinator/service/serve.ts';
import type { ServiceTls } from '../../coordinator/service/tls-door.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { SiteName } from '../../shared/runtime/ids.ts';
import { silentLogger } from '../../shared/runtime/logger.ts';
import { systemClock } from '../../shared/runtime/system-clock.ts';
import type { ServiceLimits } from '../../shared/wire/limits.ts';
import { connectSite, type SiteConnection, type SiteDeadlines } from '../../site-agent/client/connect.ts';
import { createTestAuthority, type TestAuthority, type TestCredentials } from './authority.ts';
import { createFakeCoordinator, type FakeCoordinator } from './fake-coordinator.ts';

/** A served fake coordinator on loopback with real TLS, and clients of it that are closed with it. */
export interface GrpcBench {
  readonly authority: TestAuthority;
  readonly coordinator: FakeCoordinator;
  readonly service: CoordinatorService;
  readonly server: TestCredentials;
  /** `127.0.0.1:port`. */
  readonly address: string;
  /** A client with these credentials; `site` is what it calls itself. */
  site(credentials: TestCredentials, site: string, deadlines?: Partial<SiteDeadlines>): SiteConnection;
  operator(credentials: TestCredentials): OperatorConnection;
  /** Makes a member of this name and a client for it. */
  newSite(name: string): Promise<{ credentials: TestCredentials; connection: SiteConnection }>;
  close(): Promise<void>;
}

export const serviceTls = (authority: TestAuthority, server: TestCredentials): ServiceTls => ({
  certificateChain: server.chainPem,
  key: server.keyPem,
  issuing: authority.material.issuingPem,
  root: authority.rootPem,
});

export const clientIdentity = (credentials: TestCredentials) => ({
  key: credentials.keyPem,
  certificateChain: credentials.chainPem,
  root: credentials.rootPem,
});

/** `clock` is that of the service and of the sites' connections; the system's when absent. */
export async function openGrpcBench(
  limits: Partial<ServiceLimits> = {},
  clock: Clock = systemClock,
): Promise<GrpcBench> {
  const authority = await createTestAuthority();
  const server = await authority.server();
  const coordinator = createFakeCoordinator(server.chain, authority.rootPem);
  const service = await serveCoordinator({
    ports: coordinator.ports,
    membership: coordinator.membership,
    enrolment: coordinator.enrolment,
    audit: coordinator.audit,
    tls: serviceTls(authority, server),
    listen: { host: '127.0.0.1', port: 0 },
    limits,
    log: silentLogger,
    clock,
  });
  const address = `127.0.0.1:${service.address.port}`;
  const clients: { close(): void }[] = [];
  const bench: GrpcBench = {
    authority,
    coordinator,
    service,
    server,
    address,
    site(credentials, site, deadlines) {
      const connection = connectSite({
        address,
        site: site as SiteName,
        identity: clientIdentity(credentials),
        log: silentLogger,
        clock,
        ...(deadlines === undefined ? {} : { deadlines }),
      });
      clients.push(connection);
      return connection;
    },
    operator(credentials) {
      const connection = connectOperator({ address, identity: clientIdentity(credentials) });
      clients.push(connection);
      return connection;
    },
    async newSite(name) {
      const credentials = await authority.site(name);
      coordinator.admit(credentials, { role: 'site', site: name });
      return { credentials, connection: bench.site(credentials, name) };
    },
    async close() {
      for (const client of clients) client.close();
      await service.close(100);
    },
  };
  return bench;
}
