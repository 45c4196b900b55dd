import { logVerbosity, Server, ServerCredentials, type ServiceDefinition, setLogVerbosity } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { serviceNames, wireDefinitions } from '../../shared/wire/definitions.ts';
import { defaultServiceLimits, type ServiceLimits } from '../../shared/wire/limits.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import { enrolmentService } from './enrolment-service.ts';
import { federationService } from './federation-service.ts';
import { createGuard } from './guard.ts';
import { operatorService } from './operator-service.ts';
import { identify, type Peer } from './peers.ts';
import type { Audit, CoordinatorPorts, EnrolmentDesk, Membership } from './ports.ts';
import { createRefusals } from './refusals.ts';
import { configureSessions } from './sessions.ts';
import { createTlsDoor, type ServiceTls } from './tls-door.ts';

// The library writes to standard error, words from the network among them.
setLogVerbosity(logVerbosity.NONE);

export interface ServeOptions {
  readonly ports: CoordinatorPorts;
  readonly membership: Membership;
  readonly enrolment: EnrolmentDesk;
  readonly audit: Audit;
  readonly tls: ServiceTls;
  /** Port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly limits?: Partial<ServiceLimits>;
  readonly log: Logger;
  readonly clock: Clock;
}

export interface CoordinatorService {
  readonly address: { readonly host: string; readonly port: number };
  /** Shows a renewed certificate from the next handshake on; open connections go on. */
  setTls(tls: ServiceTls): void;
  /** Tells every site to dial again, lets calls under way end within the grace time, then ends what is left. */
  close(graceMs: number): Promise<void>;
}

/** How often open calls are held against expiry and the membership list, besides at once on revocation. */
const sweepMs = 1_000;
/** Time for the last status to leave before its connection is ended. */
const lastWordsMs = 500;

/**
 * Opens the coordinator's one port: enrolment, federation, operators, health and reflection over TLS 1.3. Every service
 * but enrolment asks for a certificate of this consortium that is on the membership list now.
 * @throws the listener's error, such as `EADDRINUSE`
 */
export async function serveCoordinator(options: ServeOptions): Promise<CoordinatorService> {
  const { ports, membership, clock, log } = options;
  const limits: ServiceLimits = { ...defaultServiceLimits, ...options.limits };
  const refusals = createRefusals(options.audit, clock, limits);
  const isMember = (peer: Peer): boolean => {
    try {
      identify(peer, membership, clock.now());
      return true;
    } catch {
      return false;
    }
  };

  const guard = createGuard({
    peer: (address, port) => door.peer(address, port),
    membership,
    refusals,
    limits,
    clock,
    log,
  });
  const server = new Server({
    interceptors: [guard.interceptor],
    'grpc.max_concurrent_streams': limits.streamsPerConnection,
    'grpc-node.max_session_memory': limits.sessionMegabytes,
    'grpc.max_receive_message_length': limits.messageBytes,
    'grpc.max_send_message_length': limits.messageBytes,
    'grpc.max_connection_idle_ms': limits.idleMs,
    'grpc.keepalive_time_ms': limits.keepaliveMs,
    'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
    'grpc.enable_channelz': 0,
  });
  const tools = { contextOf: guard.contextOf, log };
  const drains = new Set<() => void>();
  const definitions = wireDefinitions();
  const definitionOf = (service: unknown): ServiceDefinition => service as ServiceDefinition;
  server.addService(definitionOf(definitions.enrolment), enrolmentService(options.enrolment, tools));
  server.addService(definitionOf(definitions.federation), federationService({ ports, limits, clock, drains }, tools));
  server.addService(definitionOf(definitions.operator), operatorService(ports, limits, drains, tools));
  const health = new HealthImplementation({ '': 'SERVING' });
  for (const name of Object.values(serviceNames)) health.setStatus(name, 'SERVING');
  health.addToServer(server as unknown as Parameters<typeof health.addToServer>[0]);
  new ReflectionService(definitions.packages).addToServer(server);

  // The TLS server is ours, so that one port can serve strangers and members, refusals carry their own code, and
  // certificates change without a new listener. To grpc-js the connections are plain.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  configureSessions(server, log);
  const door = createTlsDoor({
    tls: options.tls,
    limits,
    refusals,
    log,
    isMember,
    onConnection: (socket) => injector.injectConnection(socket),
  });

  const expel = (peer: Peer, error: WireError): void => {
    for (const end of [...peer.calls]) end(error);
    setTimeout(() => peer.socket.destroy(), lastWordsMs).unref();
  };
  const unsubscribe = membership.onRevoked((serials) => {
    const gone = new Set(serials);
    for (const peer of door.peers()) {
      if (peer.certificate !== null && gone.has(peer.certificate.serial)) {
        expel(peer, new WireError('certificate_revoked'));
      }
    }
  });
  const sweeping = new AbortController();
  const sweep = async (): Promise<void> => {
    while (!sweeping.signal.aborted) {
      await clock.sleep(sweepMs, sweeping.signal);
      for (const peer of door.peers()) {
        // A stranger's only call is enrolment, and its connection has a short life of its own.
        if (peer.certificate === null || peer.calls.size === 0) continue;
        try {
          identify(peer, membership, clock.now());
        } catch (error) {
          if (error instanceof WireError && peer.chainProblem === null) expel(peer, error);
        }
      }
    }
  };
  sweep().catch(() => undefined);

  let closing: Promise<void> | undefined;
  const close = async (graceMs: number): Promise<void> => {
    door.stop();
    for (const name of ['', ...Object.values(serviceNames)]) health.setStatus(name, 'NOT_SERVING');
    for (const drain of [...drains]) drain();
    // GOAWAY: calls under way go on, new ones look for another connection.
    injector.drain(graceMs + 2 * lastWordsMs);
    const waitUntil = async (over: () => boolean, untilMs: number): Promise<void> => {
      while (!over() && clock.now() < untilMs) await clock.sleep(Math.min(20, Math.max(1, untilMs - clock.now())));
    };
    await waitUntil(() => guard.openCalls() === 0, clock.now() + graceMs);
    const left = guard.openCalls();
    if (left > 0) {
      log.warn({ calls: left, graceMs }, 'calls were still open after the grace time');
      for (const peer of door.peers()) {
        for (const end of [...peer.calls]) end(new WireError('unavailable', 'The coordinator is shutting down.'));
      }
    }
    // A call is over here before its last words have left: connections close by themselves once they have.
    await waitUntil(() => door.connections() === 0, clock.now() + lastWordsMs);
    unsubscribe();
    sweeping.abort();
    door.destroy();
    injector.destroy();
    server.forceShutdown();
    refusals.flush();
  };

  try {
    const address = await door.listen(options.listen.host, options.listen.port);
    log.info({ host: address.host, port: address.port }, 'listening');
    return {
      address,
      setTls: (tls) => door.setTls(tls),
      close(graceMs) {
        closing ??= close(graceMs);
        return closing;
      },
    };
  } catch (error) {
    unsubscribe();
    sweeping.abort();
    injector.destroy();
    server.forceShutdown();
    throw error;
  }
}
