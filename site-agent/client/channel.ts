import { type ChannelOptions, Client, credentials, logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import { parseAddress } from '../../certs/address.ts';
import { clientSecureContext, handshakeName, nameProblem } from '../../shared/wire/client-tls.ts';
import type { ProxyAddress } from './proxy.ts';

export interface ChannelSettings {
  /** `host:port` of the coordinator. */
  readonly address: string;
  /** PEM; the only root that is believed. */
  readonly root: string;
  /** PEM; absent only for enrolment. */
  readonly member?: { readonly key: string; readonly certificateChain: string } | undefined;
  /** Null dials directly. */
  readonly proxy?: ProxyAddress | null | undefined;
}

// The library writes to standard error, words from the network among them; what matters arrives as the error of a call.
setLogVerbosity(logVerbosity.NONE);

const options: ChannelOptions = {
  // Repeating a call is the agent's decision; a transport that did it by itself would hold uploads in memory for it.
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_channelz': 0,
  // Proxies are read and checked by us, see proxy.ts.
  'grpc.enable_http_proxy': 0,
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
  'grpc.max_send_message_length': 4 * 1024 * 1024,
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 5_000,
  // On a link with some delay the default window of 64 KiB, not the link, would set the speed of downloads.
  'grpc-node.flow_control_window': 4 * 1024 * 1024,
};

/** A gRPC client on one connection to the coordinator, verified by chain and exact name, TLS 1.3 only. */
export function openChannel({ address, root, member, proxy }: ChannelSettings): Client {
  const { host, port } = parseAddress(address);
  const target = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const secure = credentials.createFromSecureContext(clientSecureContext(root, member), {
    checkServerIdentity: (_, certificate) => nameProblem(host, certificate.raw),
  });
  if (proxy === null || proxy === undefined) {
    return new Client(`dns:${target}`, secure, {
      ...options,
      'grpc.ssl_target_name_override': handshakeName(host),
      'grpc.default_authority': target,
    });
  }
  return new Client(`dns:${proxy.host}:${proxy.port}`, secure, {
    ...options,
    'grpc.ssl_target_name_override': handshakeName(host),
    'grpc.default_authority': target,
    'grpc.http_connect_target': `dns:${target}`,
    ...(proxy.credentials === null ? {} : { 'grpc.http_connect_creds': proxy.credentials }),
  });
}
