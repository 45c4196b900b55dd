import type { Http2Server, ServerHttp2Session } from 'node:http2';
import type { Server } from '@grpc/grpc-js';
import type { Logger } from '../../shared/runtime/logger.ts';

/** Bytes a caller may send on one stream, and on one connection, before it waits for an acknowledgement. */
const streamWindowBytes = 1024 * 1024;
const connectionWindowBytes = 2 * 1024 * 1024;
/** Bytes of headers of one call. Ours need some hundreds. */
const headerBytes = 16 * 1024;

/**
 * Sets what grpc-js 1.14 offers no option for. With HTTP/2's default window of 64 KiB an upload over a line with 50 ms
 * delay would not get above 1.3 MB/s. The library's listeners are in a private field; where it has gone, the defaults
 * stay, and a test of this says so.
 */
export function configureSessions(server: Server, log: Logger): void {
  const { http2Servers } = server as unknown as { http2Servers?: unknown };
  if (!(http2Servers instanceof Map) || http2Servers.size === 0) {
    log.warn({}, 'HTTP/2 windows and header limits could not be set');
    return;
  }
  for (const listener of http2Servers.keys() as Iterable<Http2Server>) {
    listener.on('session', (session: ServerHttp2Session) => {
      session.settings({ initialWindowSize: streamWindowBytes, maxHeaderListSize: headerBytes });
      session.setLocalWindowSize(connectionWindowBytes);
    });
  }
}
