/** HTTP/2 sessions from clients that proved a pre-shared key, or that are on this machine (RFC 9113, TS 29.500 5.2). */
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  constants,
  performServerHandshake,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import {
  createServer as createTlsServer,
  type Server as TlsServer,
  type TLSSocket,
} from 'node:tls';
import { formatEndpoint } from '../codec/address.ts';
import type { GbaError } from '../errors.ts';
import { ChannelError, ConfigError, SaError, reasonOf } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import { rateLimit } from '../lib/limits.ts';
import type { TlsPolicy } from '../lib/suites.ts';
import { Clients } from './clients.ts';
import { Handshakes } from './handshakes.ts';
import { formatHttp2Address, type Http2Address } from './http2-address.ts';
import { listenOnFile } from './socket-file.ts';
import { channelErrorOf, handshakeFault } from './tls-faults.ts';
import { serverTlsOptions } from './tls.ts';

/** The protocol name of HTTP/2 over TLS (RFC 9113 3.2). */
export const ALPN_H2 = 'h2';

/** Who is at the other end. */
export interface Http2Peer {
  /** `host:port`, or `local` on a socket file. */
  readonly remote: string;
  /** The PSK identity whose key this connection proved; undefined in clear text. */
  readonly identity: string | undefined;
  /**
   * In clear text: a request has shown which client's the connection is, so it may last. One that is
   * nobody's ends after the handshake time of the policy, and sooner when there are many. Over TLS the
   * identity says it.
   */
  readonly belongsTo: (client: string) => void;
}

export interface ListenHttp2Options {
  readonly address: Http2Address;
  readonly clock: Clock;
  readonly policy: TlsPolicy;
  /** The key of a PSK identity, letter for letter: 32 octets or more. It must not throw. */
  readonly keyFor: (identity: string) => Uint8Array | undefined;
  /** Gets every request, and answers it. */
  readonly onStream: (
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    peer: Http2Peer,
  ) => void;
}

/** A service of HTTP/2. */
export interface Http2Server {
  readonly address: Http2Address;
  /** Resolves when it no longer listens and every connection is over. */
  readonly closed: Promise<void>;
  /** Takes no more requests, answers those that are here, for 3 seconds at most. */
  drain(): Promise<void>;
  /** Ends at once. */
  close(): Promise<void>;
  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** @throws ConfigError ERR_CONFIG_ADDRESS when it cannot listen there. */
export async function listenHttp2(options: ListenHttp2Options): Promise<Http2Server> {
  const { address, clock, policy } = options;
  const sessions = new Map<Socket, ServerHttp2Session>();
  const connections = new Set<Socket>();
  const clients = new Clients({
    clock,
    strangerMs: policy.handshakeTimeoutMs,
    strangers: STRANGERS,
    perClient: SESSIONS_PER_CLIENT,
    retire: (socket) => {
      sessions.get(socket)?.close();
    },
  });
  const serve = (socket: Socket, { remote, identity }: Proved): void => {
    const belongsTo = (client: string): void => {
      if (identity === undefined) clients.belongsTo(client, socket);
    };
    if (identity === undefined) clients.add(socket);
    else clients.belongsTo(identity, socket);
    const session = performServerHandshake(socket, SESSION_OPTIONS);
    sessions.set(socket, session);
    session.once('close', () => sessions.delete(socket));
    session.on('error', ignore);
    const resets = rateLimit(clock, RESETS);
    session.on('stream', (stream, headers) => {
      stream.on('error', ignore);
      stream.once('close', () => {
        const wasReset = stream.aborted || stream.rstCode !== constants.NGHTTP2_NO_ERROR;
        if (wasReset && !resets.take('')) socket.destroy();
      });
      options.onStream(stream, headers, { remote, identity, belongsTo });
    });
  };
  const accept = address.scheme === 'https' ? acceptTls(options, serve) : acceptClear(serve);
  const server = createServer({ noDelay: true, keepAlive: true }, (raw) => {
    connections.add(raw);
    raw.once('close', () => connections.delete(raw));
    raw.on('error', ignore);
    accept(raw);
  });
  server.maxConnections = MAX_CONNECTIONS;
  const closed = new Promise<void>((resolve) => server.once('close', resolve));
  await listen(server, address);

  const close = async (): Promise<void> => {
    server.close();
    for (const raw of connections) raw.destroy();
    await closed;
  };
  return {
    address: address.scheme === 'unix' ? address : { ...address, ...portOf(server) },
    closed,
    async drain() {
      server.close();
      for (const session of sessions.values()) session.close();
      const patience = clock.after(DRAIN_MS, () => void close());
      await closed;
      patience.cancel();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

type Proved = Omit<Http2Peer, 'belongsTo'>;
type Serve = (socket: Socket, peer: Proved) => void;

function acceptClear(serve: Serve): (raw: Socket) => void {
  return (raw) => {
    const remote = raw.remoteAddress === undefined ? 'local' : endOf(raw);
    serve(raw, { remote, identity: undefined });
  };
}

/** Unknown identities get a decoy key, so that they fail as wrong keys do. */
function acceptTls(options: ListenHttp2Options, serve: Serve): (raw: Socket) => void {
  const { policy, clock, keyFor } = options;
  const decoySecret = randomBytes(32);
  const named = new WeakMap<TLSSocket, string>();
  const handshakes = new Handshakes({
    clock,
    timeoutMs: policy.handshakeTimeoutMs,
    limits: { handshakes: 256, perAddress: 64 },
    onDropped: ({ remote }, fault) => {
      tellRefused(remote, fault);
    },
  });
  const pskCallback = (socket: TLSSocket, identity: string): Uint8Array | null => {
    if (identity.length < SHORTEST_IDENTITY) return null;
    const decoy = createHmac('sha256', decoySecret).update(identity).digest();
    named.set(socket, identity);
    return keyFor(identity) ?? decoy;
  };
  const tls: TlsServer = createTlsServer(
    serverTlsOptions(policy, { versions: ['1.3'], alpn: ALPN_H2, pskCallback }),
  );
  tls.on('tlsClientError', (error, socket) => {
    const handshake = handshakes.end(socket);
    if (handshake) tellRefused(handshake.remote, channelErrorOf(error));
  });
  tls.on('secureConnection', (socket) => {
    socket.on('error', ignore);
    const handshake = handshakes.end(socket);
    const identity = named.get(socket);
    const fault =
      handshakeFault(socket, { version: '1.3' }, policy) ?? peerFault(socket, identity, keyFor);
    if (handshake === undefined || fault !== undefined) {
      socket.destroy();
      if (handshake && fault) tellRefused(handshake.remote, fault);
      return;
    }
    serve(socket, { remote: handshake.remote, identity });
  });
  return (raw) => {
    handshakes.begin(raw);
    tls.emit('connection', raw);
  };
}

/** A handshake that is complete under the decoy is still nobody's. */
function peerFault(
  { alpnProtocol }: TLSSocket,
  identity: string | undefined,
  keyFor: ListenHttp2Options['keyFor'],
): GbaError | undefined {
  if (identity === undefined || keyFor(identity) === undefined) {
    return new SaError('ERR_SA_UNKNOWN', 'no client has the identity that was named');
  }
  if (alpnProtocol === ALPN_H2) return undefined;
  return new ChannelError('ERR_CHANNEL_POLICY', 'the client did not choose the protocol h2 (ALPN)');
}

async function listen(server: Server, address: Http2Address): Promise<void> {
  try {
    if (address.scheme === 'unix') await listenOnFile(server, address.path);
    else await once(server.listen({ host: address.host, port: address.port }), 'listening');
  } catch (cause) {
    const reason = `cannot listen on ${formatHttp2Address(address)}: ${reasonOf(cause)}`;
    throw new ConfigError('ERR_CONFIG_ADDRESS', reason, { cause });
  }
}

function portOf(server: Server): { readonly host: string; readonly port: number } {
  const { address: host, port } = server.address() as AddressInfo;
  return { host, port };
}

function endOf({ remoteAddress: host = '', remotePort: port = 0 }: Socket): string {
  return formatEndpoint({ host, port });
}

function tellRefused(remote: string, { code, message }: GbaError): void {
  publish('gba:tls:refused', { remote, code, reason: message });
}

const SESSION_OPTIONS = {
  settings: { enablePush: false, maxConcurrentStreams: 64, maxHeaderListSize: 8_192 },
  /** MiB, of what waits to be sent and of compression tables: a client that does not read ends its session. */
  maxSessionMemory: 1,
  maxSessionInvalidFrames: 16,
  maxHeaderListPairs: 64,
};
/** Requests that a client takes back: each costs, and none counts against the streams it may have open. */
const RESETS = { burst: 128, perSecond: 16, sources: 1 };
const MAX_CONNECTIONS = 512;
const STRANGERS = 64;
const SESSIONS_PER_CLIENT = 64;
const DRAIN_MS = 3_000;
/** As at the NAF: what is shorter is a session id of OpenSSL's own, not the client's key. */
const SHORTEST_IDENTITY = 4;
/** A socket without a listener would end the process; `close` follows and tells the owner. */
const ignore = (): void => {};
