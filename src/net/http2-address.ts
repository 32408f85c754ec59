/** Where a service of HTTP/2 is: over TLS with a pre-shared key, or in clear text where nobody else can listen. */
import {
  expected,
  formatEndpoint,
  isLoopback,
  parseEndpoint,
  type Endpoint,
} from '../codec/address.ts';
import { ConfigError } from '../errors.ts';

/** `https` is TLS 1.3 with a pre-shared key; `http` is clear text on loopback, `unix` on a socket file. */
export type Http2Address =
  | ({ readonly scheme: 'https' | 'http' } & Endpoint)
  | { readonly scheme: 'unix'; readonly path: string };

/**
 * `https://host:port`, `http://127.0.0.1:port`, `unix:/path`; `host:port` alone is https.
 * @throws ConfigError ERR_CONFIG_ADDRESS, also for clear text beyond loopback.
 */
export function parseHttp2Address(text: string): Http2Address {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
    if (path === '' || path.includes('\0') || Buffer.byteLength(path) > LONGEST_PATH) {
      throw expected(`unix:PATH, at most ${LONGEST_PATH} octets`, text);
    }
    return { scheme: 'unix', path };
  }
  const [, scheme = 'https', rest = text] = /^([a-z]+):\/\/([^/]*)\/?$/.exec(text) ?? [];
  if (scheme !== 'https' && scheme !== 'http') {
    throw expected(RULE, text);
  }
  const endpoint = parseEndpoint(rest, RULE);
  if (scheme === 'http' && !isLoopback(endpoint.host)) {
    const rule = `keys do not go to ${endpoint.host} in clear text: use https:// with a pre-shared key`;
    throw new ConfigError('ERR_CONFIG_ADDRESS', rule);
  }
  return { scheme, ...endpoint };
}

/** The text that `parseHttp2Address` reads. */
export function formatHttp2Address(address: Http2Address): string {
  return address.scheme === 'unix'
    ? `unix:${address.path}`
    : `${address.scheme}://${formatEndpoint(address)}`;
}

const RULE = 'https://host:port, http://127.0.0.1:port or unix:PATH';

/** What Linux has room for in sun_path, with its NUL. */
const LONGEST_PATH = 107;
