/** The UE's end of TLS-PSK: dials, proves its association's key, demands the same proof (TS 33.222 5.4). */
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { ChannelError } from '../errors.ts';
import { pskIdentityOf, type PskIdentity } from '../ids.ts';
import type { Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import type { TlsPolicy } from '../lib/suites.ts';
import type { LiveSa } from '../sa/association.ts';
import type { SaSessions } from '../sa/sessions.ts';
import { COAPS_TCP_PORT, formatEndpoint, type Endpoint } from '../codec/address.ts';
import type { SecuredSocket } from './secured-socket.ts';
import { channelErrorOf, handshakeFault } from './tls-faults.ts';
import { ALPN_COAP, clientTlsOptions } from './tls.ts';

export interface DialPskOptions extends Endpoint {
  readonly sa: LiveSa;
  readonly policy: TlsPolicy;
  readonly clock: Clock;
  /** The association's own unless given, else `3GPP-bootstrapping;` and the B-TID. */
  readonly identity?: PskIdentity;
  /** Where the association keeps its newest TLS 1.2 session, which is offered; absent: none is. */
  readonly sessions?: SaSessions | undefined;
  /** Refuse a peer that does not answer ALPN `coap`: true unless the port is 5684 (RFC 8323 8.2). */
  readonly requireAlpn?: boolean;
  /** Gets each line of the TLS key log. */
  readonly keylog?: (line: Buffer) => void;
  readonly signal?: AbortSignal;
}

/**
 * Opens a TCP connection and does a TLS handshake under the association's key, both within the policy's
 * `handshakeTimeoutMs`. A session that is offered may shorten it; one that failed is not offered again. The association itself stays as it is, also after a failure.
 * @throws ChannelError ERR_CHANNEL_UNREACHABLE without TCP, _TIMEOUT, _REFUSED when the peer has not
 * this key, _CERTIFICATE when it shows a certificate, _POLICY, _PROTOCOL, _CLOSED; `signal.reason`
 * unchanged when aborted.
 */
export async function dialPsk(options: DialPskOptions): Promise<SecuredSocket> {
  const { sa, policy, clock, signal } = options;
  signal?.throwIfAborted();
  const startedAt = clock.monotonic();
  const remote = formatEndpoint(options);
  const socket = open(options);
  const deadline = clock.after(policy.handshakeTimeoutMs, () => {
    socket.destroy(timeout(socket));
  });
  try {
    await once(socket, 'secureConnect', { ...(signal && { signal }) });
    const fault = handshakeFault(socket, sa.binding, policy) ?? alpnFault(socket, options);
    if (fault !== undefined) throw fault;
  } catch (cause) {
    socket.destroy();
    signal?.throwIfAborted();
    const error = channelErrorOf(cause);
    if (error.code !== 'ERR_CHANNEL_UNREACHABLE') options.sessions?.forget(sa.bTid);
    publish('gba:tls:refused', { remote, code: error.code, reason: error.message });
    throw error;
  } finally {
    deadline.cancel();
  }
  const handshakeMs = clock.monotonic() - startedAt;
  const { name: suite } = socket.getCipher();
  const version = socket.getProtocol() ?? '';
  const resumed = sa.binding.version === '1.2' && socket.isSessionReused();
  if (!resumed) keepSession(socket, options);
  publish('gba:tls:secured', { bTid: sa.bTid, version, suite, remote, ms: handshakeMs, resumed });
  return { socket, sa, handshakeMs, remote, resumed };
}

function open({ host, port, policy, keylog, ...options }: DialPskOptions): TLSSocket {
  const { binding, nafFqdn: serverName, key, bTid } = options.sa;
  const identity = identityOf(options);
  const session = options.sessions?.latest(bTid)?.octets;
  const tls = clientTlsOptions(policy, { binding, serverName, identity, key, session });
  const socket = connect({ host, port, ...tls });
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  socket.on('error', ignore);
  if (keylog !== undefined) socket.on('keylog', keylog);
  return socket;
}

function identityOf({ sa, identity }: Pick<DialPskOptions, 'sa' | 'identity'>): PskIdentity {
  return identity ?? sa.dial?.identity ?? pskIdentityOf(sa.bTid);
}

/** After a full handshake: the next one may be shorter. */
function keepSession(socket: TLSSocket, options: DialPskOptions): void {
  const { sa, sessions, signal } = options;
  if (sessions === undefined || sa.binding.version !== '1.2' || signal?.aborted === true) return;
  const octets = socket.getSession();
  const { bTid, key } = sa;
  // Nobody asks for it by its id, and Node.js puts octets of its own around it, from 22 on.
  if (octets) sessions.keep({ id: bTid, bTid, identity: identityOf(options), key, octets });
}

function alpnFault(socket: TLSSocket, options: DialPskOptions): ChannelError | undefined {
  const required = options.requireAlpn ?? options.port !== COAPS_TCP_PORT;
  if (!required || socket.alpnProtocol === ALPN_COAP) return undefined;
  return new ChannelError('ERR_CHANNEL_POLICY', 'the peer did not choose the protocol coap (ALPN)');
}

function timeout(socket: TLSSocket): ChannelError {
  const phase = socket.connecting ? 'TCP connection' : 'TLS handshake';
  return new ChannelError('ERR_CHANNEL_TIMEOUT', `the ${phase} took too long`, { retryable: true });
}

const KEEP_ALIVE_MS = 60_000;
/** A socket without a listener would end the process; `close` follows and tells the owner. */
const ignore = (): void => {};
