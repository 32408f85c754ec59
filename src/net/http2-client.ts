/** The client's end of HTTP/2 over a pre-shared key, or to this machine (RFC 9113, TS 29.500 5.2). */
import { once } from 'node:events';
import { connect as openSession, type ClientHttp2Session } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { formatEndpoint, type Endpoint } from '../codec/address.ts';
import { ChannelError, reasonOf } from '../errors.ts';
import { parseFqdn, type Fqdn } from '../ids.ts';
import { ipOctets } from '../lib/ip.ts';
import type { Clock } from '../lib/clock.ts';
import type { TlsPolicy } from '../lib/suites.ts';
import type { Http2Address } from './http2-address.ts';
import { ALPN_H2 } from './http2-server.ts';
import { channelErrorOf, handshakeFault } from './tls-faults.ts';
import { clientTlsOptions } from './tls.ts';

/** What a client calls itself in TLS, and its key. */
export interface PreSharedKey {
  readonly identity: string;
  /** 32 octets. */
  readonly key: Uint8Array;
}

export interface DialHttp2Options {
  readonly address: Http2Address;
  readonly policy: TlsPolicy;
  readonly clock: Clock;
  /** For https. */
  readonly psk: PreSharedKey | undefined;
  /** For connection and handshake together. */
  readonly timeoutMs: number;
  /** Ends the dialling; without effect on a session that is open. */
  readonly signal?: AbortSignal;
}

/**
 * One session, proved by both ends; it ends when its owner closes it or the peer does.
 * @throws ChannelError ERR_CHANNEL_UNREACHABLE, _TIMEOUT, _REFUSED, _CERTIFICATE, _POLICY, _PROTOCOL, _CLOSED.
 */
export async function dialHttp2(options: DialHttp2Options): Promise<ClientHttp2Session> {
  const { address, clock, timeoutMs, signal } = options;
  const socket = open(options);
  socket.on('error', ignore);
  const deadline = clock.after(timeoutMs, () => {
    const late = { retryable: true };
    socket.destroy(new ChannelError('ERR_CHANNEL_TIMEOUT', 'the connection took too long', late));
  });
  try {
    const ready = address.scheme === 'https' ? 'secureConnect' : 'connect';
    await once(socket, ready, signal && { signal });
    const fault = address.scheme === 'https' ? faultOf(socket as TLSSocket, options) : undefined;
    if (fault !== undefined) throw fault;
  } catch (cause) {
    socket.destroy();
    throw address.scheme === 'unix' ? socketFileError(cause) : channelErrorOf(cause);
  } finally {
    deadline.cancel();
  }
  const scheme = address.scheme === 'https' ? 'https' : 'http';
  const authority = address.scheme === 'unix' ? 'localhost' : formatEndpoint(address);
  const session = openSession(`${scheme}://${authority}`, {
    createConnection: () => socket,
    settings: { enablePush: false },
  });
  session.on('error', ignore);
  return session;
}

function open({ address, policy, psk }: DialHttp2Options): Socket {
  if (address.scheme === 'unix') return connect(address.path);
  const { host, port } = address;
  if (address.scheme === 'http') return connect({ host, port, noDelay: true });
  if (psk === undefined) throw new TypeError('https needs a pre-shared key');
  const { identity, key } = psk;
  const serverName = nameOf(address);
  const tls = clientTlsOptions(policy, {
    binding: TLS13,
    serverName,
    identity,
    key,
    alpn: ALPN_H2,
  });
  return connectTls({ host, port, ...tls }).setNoDelay(true);
}

function faultOf(socket: TLSSocket, { policy }: DialHttp2Options): ChannelError | undefined {
  const fault = handshakeFault(socket, TLS13, policy);
  if (fault !== undefined || socket.alpnProtocol === ALPN_H2) return fault;
  return new ChannelError('ERR_CHANNEL_POLICY', 'the peer did not choose the protocol h2 (ALPN)');
}

/** Nobody listens, or not yet; its owner alone may connect. */
function socketFileError(cause: unknown): ChannelError {
  return new ChannelError('ERR_CHANNEL_UNREACHABLE', reasonOf(cause), { retryable: true, cause });
}

/** An address is no name (RFC 6066 3). */
function nameOf({ host }: Endpoint): Fqdn | undefined {
  return ipOctets(host) === undefined ? parseFqdn(host) : undefined;
}

const TLS13 = { version: '1.3' } as const;
/** A socket without a listener would end the process; `close` follows and tells the owner. */
const ignore = (): void => {};
