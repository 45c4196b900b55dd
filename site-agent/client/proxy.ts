import { isIPv4 } from 'node:net';
import { WireError } from '../../shared/wire/wire-error.ts';

/** A proxy that is asked to CONNECT to the coordinator; it sees the address and nothing of what is said. */
export interface ProxyAddress {
  readonly host: string;
  readonly port: number;
  /** `user:password` for Basic authentication; never logged. */
  readonly credentials: string | null;
}

/** What the environment says about proxies, and which setting said it; for the log. */
export interface ProxyChoice {
  readonly proxy: ProxyAddress | null;
  /** Variable that decided; null when none is set. */
  readonly source: string | null;
}

type Environment = Readonly<Record<string, string | undefined>>;

function firstSet(env: Environment, names: readonly string[]): { name: string; value: string } | null {
  for (const name of names) {
    const value = env[name]?.trim();
    if (value !== undefined && value !== '') return { name, value };
  }
  return null;
}

function inRange(host: string, range: string): boolean {
  const [base, bits] = range.split('/');
  const prefix = Number(bits);
  if (
    base === undefined ||
    !isIPv4(base) ||
    !isIPv4(host) ||
    !(Number.isInteger(prefix) && prefix >= 0 && prefix <= 32)
  ) {
    return false;
  }
  const number = (text: string): number => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - prefix);
  return Math.floor(number(base) / size) === Math.floor(number(host) / size);
}

/** `*`, a host, a domain (`example.org` or `.example.org`: it and everything below it) or an IPv4 range. */
function matches(host: string, pattern: string): boolean {
  if (pattern === '*') return true;
  if (pattern.includes('/')) return inRange(host, pattern);
  const name = pattern.replace(/^\*?\./, '').toLowerCase();
  return name !== '' && (host === name || host.endsWith(`.${name}`));
}

/**
 * The proxy for a connection to `host`, from the usual variables in lower and upper case: `grpc_proxy`, `https_proxy`,
 * `http_proxy`, and `no_grpc_proxy`, `no_proxy` for hosts without one. Empty items of a list mean nothing.
 * @throws WireError `invalid_argument` for a value that cannot be used; dialling past a proxy in silence would be worse
 */
export function proxyFor(host: string, env: Environment): ProxyChoice {
  const setting = firstSet(env, ['grpc_proxy', 'GRPC_PROXY', 'https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY']);
  if (setting === null) return { proxy: null, source: null };
  const without = firstSet(env, ['no_grpc_proxy', 'NO_GRPC_PROXY', 'no_proxy', 'NO_PROXY']);
  const patterns = (without?.value ?? '').split(',').map((item) => item.trim());
  if (without !== null && patterns.some((pattern) => pattern !== '' && matches(host.toLowerCase(), pattern))) {
    return { proxy: null, source: without.name };
  }
  let url: URL;
  try {
    url = new URL(setting.value);
  } catch (cause) {
    // The value may hold a password: it is in no message.
    throw new WireError('invalid_argument', `${setting.name}: is not a URL such as http://proxy:3128`, {}, cause);
  }
  if (url.protocol !== 'http:') {
    throw new WireError(
      'invalid_argument',
      `${setting.name}: the proxy must be spoken to by http:, such as http://proxy:3128; what goes through it is TLS in any case`,
    );
  }
  const user = decodeURIComponent(url.username);
  const password = decodeURIComponent(url.password);
  return {
    proxy: {
      host: url.hostname,
      port: url.port === '' ? 80 : Number(url.port),
      credentials: user === '' ? null : `${user}:${password}`,
    },
    source: setting.name,
  };
}
