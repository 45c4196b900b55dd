import { constants } from 'node:crypto';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { errorFields, type Logger } from '../../shared/runtime/logger.ts';
import type { ServiceLimits } from '../../shared/wire/limits.ts';
import { type Peer, peerOf } from './peers.ts';
import type { Refusals } from './refusals.ts';

/** What the server shows and whom it believes; all PEM. */
export interface ServiceTls {
  /** The server's certificate, leaf first, then the issuing authority. */
  readonly certificateChain: string;
  readonly key: string;
  readonly issuing: string;
  readonly root: string;
}

export interface TlsDoor {
  /** Live connection from this remote address and port. */
  peer(address: string | undefined, port: number | undefined): Peer | undefined;
  peers(): Iterable<Peer>;
  /** Connections that are open, handshakes under way included. */
  connections(): number;
  /** Shows another certificate from the next handshake on. */
  setTls(tls: ServiceTls): void;
  listen(host: string, port: number): Promise<{ host: string; port: number }>;
  /** Takes no new connections. */
  stop(): void;
  /** Ends every connection that is left. */
  destroy(): void;
}

export interface TlsDoorOptions {
  readonly tls: ServiceTls;
  readonly limits: ServiceLimits;
  readonly refusals: Refusals;
  readonly log: Logger;
  /** Whether the peer is a member now. Others are strangers: few, and not for long. */
  readonly isMember: (peer: Peer) => boolean;
  /** Takes the connection over once its handshake is done. */
  readonly onConnection: (socket: TLSSocket) => void;
}

function contextOf(tls: ServiceTls): TlsOptions {
  return {
    // The root is sent along: an enrolling site knows its fingerprint and nothing else.
    cert: `${tls.certificateChain.trimEnd()}\n${tls.root}`,
    key: tls.key,
    ca: [tls.root, tls.issuing],
    minVersion: 'TLSv1.3',
    // A ticket would let a client come back without its key.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

/**
 * The one port. TLS 1.3 only. A client certificate is asked for but not required by the handshake: enrolment has none,
 * and a refusal inside the session can say its reason. Nothing but the guard stands between a stranger and the services.
 */
export function createTlsDoor(options: TlsDoorOptions): TlsDoor {
  const { limits, refusals, log } = options;
  const connections = new Set<Socket>();
  const perAddress = new Map<string, number>();
  const strangersPerAddress = new Map<string, number>();
  let strangers = 0;
  const peers = new Map<string, Peer>();
  const keyOf = (address: string | undefined, port: number | undefined): string => `${address} ${port}`;
  const add = (counts: Map<string, number>, address: string, change: number): number => {
    const count = (counts.get(address) ?? 0) + change;
    if (count === 0) counts.delete(address);
    else counts.set(address, count);
    return count;
  };

  const tlsServer = createTlsServer({
    ...contextOf(options.tls),
    requestCert: true,
    rejectUnauthorized: false,
    ALPNProtocols: ['h2'],
    handshakeTimeout: limits.handshakeMs,
  });

  tlsServer.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
    const address = socket.remoteAddress ?? 'unknown';
    socket.destroy();
    // A caller that hangs up says nothing about itself; health probes of load balancers do it all day.
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE') return;
    const event =
      error.code === 'ERR_SSL_UNSUPPORTED_PROTOCOL' || error.code === 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'
        ? 'wire.protocol_version'
        : 'wire.handshake_failed';
    refusals.record(event, null, address, { reason: error.code ?? 'unknown' });
  });

  tlsServer.on('secureConnection', (socket: TLSSocket) => {
    const { remoteAddress, remotePort } = socket;
    socket.on('error', (error) => log.debug(errorFields(error), 'connection failed'));
    if (remoteAddress === undefined || socket.destroyed) {
      socket.destroy();
      return;
    }
    // Without this a client that offers no protocol would be taken for HTTP/2.
    if (socket.alpnProtocol !== 'h2') {
      refusals.record('wire.handshake_failed', null, remoteAddress, { reason: 'no_h2' });
      socket.destroy();
      return;
    }
    const peer = peerOf(socket, remoteAddress);
    const key = keyOf(remoteAddress, remotePort);
    peers.set(key, peer);
    socket.once('close', () => {
      if (peers.get(key) === peer) peers.delete(key);
    });
    if (!options.isMember(peer)) {
      strangers++;
      const fromHere = add(strangersPerAddress, remoteAddress, 1);
      socket.once('close', () => {
        strangers--;
        add(strangersPerAddress, remoteAddress, -1);
      });
      if (strangers > limits.strangers || fromHere > limits.strangersPerAddress) {
        refusals.record('wire.too_many_connections', null, remoteAddress, { strangers });
        socket.destroy();
        return;
      }
      const timer = setTimeout(() => socket.destroy(), limits.strangerLifeMs);
      socket.once('close', () => clearTimeout(timer));
    }
    options.onConnection(socket);
  });

  const tcpServer = createTcpServer({ noDelay: true }, (socket) => {
    const address = socket.remoteAddress;
    socket.on('error', () => undefined);
    if (address === undefined) {
      socket.destroy();
      return;
    }
    connections.add(socket);
    const fromHere = add(perAddress, address, 1);
    socket.once('close', () => {
      connections.delete(socket);
      add(perAddress, address, -1);
    });
    if (connections.size > limits.connections || fromHere > limits.connectionsPerAddress) {
      refusals.record('wire.too_many_connections', null, address, { connections: connections.size });
      socket.destroy();
      return;
    }
    tlsServer.emit('connection', socket);
  });

  return {
    peer: (address, port) => peers.get(keyOf(address, port)),
    peers: () => peers.values(),
    connections: () => connections.size,
    setTls: (tls) => tlsServer.setSecureContext(contextOf(tls)),
    listen(host, port) {
      return new Promise((resolve, reject) => {
        tcpServer.once('error', reject);
        tcpServer.listen(port, host, () => {
          tcpServer.removeListener('error', reject);
          tcpServer.on('error', (error) => log.error(errorFields(error), 'listener failed'));
          const bound = tcpServer.address();
          if (bound === null || typeof bound === 'string') reject(new TypeError('the listener has no address'));
          else resolve({ host: bound.address, port: bound.port });
        });
      });
    },
    stop() {
      if (tcpServer.listening) tcpServer.close();
    },
    destroy() {
      for (const socket of connections) socket.destroy();
    },
  };
}
