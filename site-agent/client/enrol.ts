import { X509Certificate } from 'node:crypto';
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { Metadata } from '@grpc/grpc-js';
import { parseAddress } from '../../certs/address.ts';
import { fingerprintOf } from '../../certs/facts.ts';
import { linkSignals } from '../../shared/runtime/abort.ts';
import { createCalls } from '../../shared/wire/calls.ts';
import { handshakeName } from '../../shared/wire/client-tls.ts';
import { wireDefinitions } from '../../shared/wire/definitions.ts';
import { pemFields } from '../../shared/wire/federation-codec.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import { openChannel } from './channel.ts';
import { dial } from './dial.ts';
import type { ProxyAddress } from './proxy.ts';

export interface EnrolOptions {
  /** `host:port` of the coordinator, from the token. */
  readonly address: string;
  /** SHA-256 of the root certificate's DER in hex, from the token. */
  readonly rootFingerprint: string;
  /** The token's 256-bit secret. */
  readonly secret: Uint8Array;
  readonly site: string;
  /** PKCS#10, DER. */
  readonly certificateRequest: Uint8Array;
  readonly proxy?: ProxyAddress | null;
  /** For the look at the chain, and again for the call. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Leaf, issuing authority, root, and room for one more: no walk without an end. */
const longestChain = 4;

/** The certificates a server showed, leaf first. */
function shownChain(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (next?.raw !== undefined && chain.length < longestChain) {
    chain.push(new X509Certificate(next.raw));
    // A root is its own issuer.
    next = next.issuerCertificate === next ? undefined : next.issuerCertificate;
  }
  return chain;
}

/** Opens a TLS connection, believing nothing, and returns the root the server shows; nothing is said on it. */
async function shownRoot(
  host: string,
  port: number,
  fingerprint: string,
  proxy: ProxyAddress | null,
  signal: AbortSignal,
): Promise<string> {
  const tcp = await dial(host, port, proxy, signal);
  const socket = connect({
    socket: tcp,
    servername: handshakeName(host),
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['h2'],
    // The chain is judged below, by fingerprint; this connection carries no secret.
    rejectUnauthorized: false,
    ca: [],
  });
  const onAbort = (): void => {
    socket.destroy();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('the connection was closed in the handshake')));
    });
    const root = shownChain(socket).find((certificate) => fingerprintOf(certificate) === fingerprint);
    if (root === undefined) throw new WireError('fingerprint_mismatch', undefined, { host, port });
    return root.toString();
  } catch (cause) {
    if (cause instanceof WireError) throw cause;
    signal.throwIfAborted();
    throw new WireError('unavailable', `No TLS 1.3 connection with ${host}:${port}.`, { host, port }, cause);
  } finally {
    signal.removeEventListener('abort', onAbort);
    socket.destroy();
    tcp.destroy();
  }
}

/**
 * Trades a token for a certificate. First the coordinator's root is held against the token's fingerprint; then the secret
 * is sent on a second connection, which OpenSSL verifies against that root alone, with the exact name and TLS 1.3.
 * @returns PEM chain, leaf first, and the root in PEM
 * @throws WireError `fingerprint_mismatch`, `unavailable`, `token_*`, `request_invalid`, `rate_limited`
 */
export async function enrolAt(
  options: EnrolOptions,
): Promise<{ readonly certificateChain: readonly string[]; readonly rootCertificate: string }> {
  const { address, secret, site, certificateRequest } = options;
  const fingerprint = options.rootFingerprint.replaceAll(':', '').toLowerCase();
  const proxy = options.proxy ?? null;
  const timeoutMs = options.timeoutMs ?? 30_000;
  const { host, port } = parseAddress(address);

  const link = linkSignals(options.signal);
  const timer = setTimeout(
    () => link.abort(new WireError('unavailable', `${host}:${port} did not answer in ${timeoutMs} ms.`)),
    timeoutMs,
  );
  let root: string;
  try {
    root = await shownRoot(host, port, fingerprint, proxy, link.signal);
  } finally {
    clearTimeout(timer);
    link.release();
  }

  const client = openChannel({ address, root, proxy });
  try {
    const calls = createCalls(
      () => ({ client, release: () => undefined }),
      () => new Metadata(),
    );
    const answer = await calls.unary(
      wireDefinitions().enrolment.Enrol,
      { secret, site, certificateRequest },
      { deadlineMs: timeoutMs, signal: options.signal },
    );
    const certificateChain = pemFields(answer.certificateChain, 'certificateChain');
    // The answer's root is what the site will believe from now on.
    if (fingerprintOf(answer.rootCertificate) !== fingerprint) throw new WireError('fingerprint_mismatch');
    return { certificateChain, rootCertificate: root };
  } finally {
    client.close();
  }
}
