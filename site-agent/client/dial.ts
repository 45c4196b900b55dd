import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { WireError } from '../../shared/wire/wire-error.ts';
import type { ProxyAddress } from './proxy.ts';

/**
 * A TCP connection to `host:port`, through the proxy when there is one.
 * @throws WireError `unavailable`; the signal's reason when it aborts
 */
export function dial(host: string, port: number, proxy: ProxyAddress | null, signal: AbortSignal): Promise<Socket> {
  const failed = (what: string, cause?: unknown): WireError =>
    new WireError('unavailable', `${what} cannot be reached.`, { host, port }, cause);
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    if (proxy === null) {
      const socket = connect({ host, port });
      const onAbort = (): void => {
        socket.destroy();
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      socket.once('error', (error) => {
        signal.removeEventListener('abort', onAbort);
        reject(failed(`${host}:${port}`, error));
      });
      socket.once('connect', () => {
        signal.removeEventListener('abort', onAbort);
        resolve(socket);
      });
      return;
    }
    const authority = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    const asked = request({
      host: proxy.host,
      port: proxy.port,
      method: 'CONNECT',
      path: authority,
      signal,
      headers: {
        Host: authority,
        ...(proxy.credentials === null
          ? {}
          : { 'Proxy-Authorization': `Basic ${Buffer.from(proxy.credentials).toString('base64')}` }),
      },
    });
    const what = `The proxy ${proxy.host}:${proxy.port}`;
    asked.once('error', (error) => reject(signal.aborted ? signal.reason : failed(what, error)));
    asked.once('response', (answer) => {
      answer.destroy();
      reject(failed(`${authority} through the proxy ${proxy.host}:${proxy.port} (it answered ${answer.statusCode})`));
    });
    asked.once('connect', (answer, socket: Socket, head) => {
      if (answer.statusCode !== 200) {
        socket.destroy();
        reject(failed(`${authority} through the proxy ${proxy.host}:${proxy.port} (it answered ${answer.statusCode})`));
        return;
      }
      if (head.byteLength > 0) socket.unshift(head);
      resolve(socket);
    });
    asked.end();
  });
}
