/** Asynchronous key lookup for TLS-PSK: a gate in front of a `tls.Server` (RFC 8446 4.2.11, RFC 4279). */
import { randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Server, TLSSocket } from 'node:tls';
import type { Endpoint } from '../codec/address.ts';
import type { GbaError } from '../errors.ts';
import { utf8Bytes } from '../lib/bytes.ts';
import { systemClock, type Clock } from '../lib/clock.ts';
import { hmacSha256 } from '../lib/hmac.ts';
import { EqualWaits } from '../lib/equal-waits.ts';
import { Line } from '../lib/line.ts';
import type { TlsVersion } from '../lib/suites.ts';
import { lendAddress, pathOf, remoteOf } from './addresses.ts';
import { Connection, type ConnectionEvents, type GateRules } from './connection.ts';
import { KeyAnswer, TOOK_NONE } from './grant.ts';
import { openStream } from './held-stream.ts';
import type { Ask, PskLookup } from './lookup.ts';
import type { KeySearch } from './key-search.ts';
import { createSlots } from './slots.ts';

/** What a gate asks for keys, and what it lets strangers cost. */
export interface PskGateOptions {
  /** Gives keys. It may be called for identities that nobody has, as often as strangers like. */
  readonly lookup: PskLookup;
  /** What the TLS server speaks; TLS 1.3 and 1.2 unless given. Where it speaks less, no key is given. */
  readonly versions?: readonly TlsVersion[];
  /**
   * `remote`, the default: a TLS 1.2 handshake waits for its lookup, in a stream in front of TLS that
   * costs CPU for as long as the connection lasts. `local`: it does not wait; in TLS 1.2 the lookup
   * must give keys directly, and a promise counts as no key.
   */
  readonly tls12Keys?: 'remote' | 'local';
  /** How many external identities a TLS 1.3 hello may name; 1 unless given. Tickets do not count. */
  readonly maxIdentities?: number;
  /** How many octets a client may send before its key is looked up; 4,096 unless given. */
  readonly maxHelloOctets?: number;
  /** From the TCP connection until the client has named itself and its key is there; 5,000 unless given. */
  readonly timeoutMs?: number;
  /**
   * A lookup has this long, from when the client has named itself. Whoever is unknown, has another
   * key, or whose lookup failed, hears so exactly then; 1,000 unless given.
   */
  readonly answerAfterMs?: number;
  readonly limits?: GateLimits;
  /** What decoy keys are made of; random unless given. Listeners that look like one share it. */
  readonly decoySecret?: Uint8Array;
  /**
   * Hears why a connection, which is `raw`, did not get as far as TLS, or in TLS 1.2 as far as a
   * ClientKeyExchange; of the latter TLS tells too, by `tlsClientError`.
   */
  readonly onRefused?: (remote: Endpoint, error: GbaError, raw: Duplex) => void;
  readonly clock?: Clock;
}

/** On those that wait. */
export interface GateLimits {
  /** Connections whose client has not named itself; the oldest makes room for a new one. Default 1,024. */
  readonly hellos?: number;
  /** Lookups, and failures that wait to be told, in all; further ones are refused. Default 1,024. */
  readonly lookups?: number;
  /** The same per IPv4 address, or per /64 of IPv6. Default 256. */
  readonly lookupsPerSource?: number;
}

/** A gate; `createPskGate` makes it. */
export interface PskGate {
  /** For the options of the TLS server. Without `attach` it gives out nothing but decoys. */
  readonly pskCallback: (socket: TLSSocket, identity: string) => Uint8Array | null;
  /** Connections that the gate has not let through yet. */
  readonly pending: number;
  /**
   * Puts the gate in front of this server, which must not have connections yet, and returns it. It
   * serves all that it gets as `connection`, from its own port or emitted by hand.
   */
  attach<S extends Server>(server: S): S;
  /**
   * In or after `secureConnection`: the identity whose key, looked up for this very connection, has
   * proved both ends. An error says why there is none; that peer must be refused. After
   * `tlsClientError`: why TLS got no good key, if that is the reason.
   */
  identityOf(socket: TLSSocket): string | GbaError;
  /** Refuses every connection that it has not let through. */
  close(): void;
}

/** @throws RangeError unless `answerAfterMs` is above 0 and below `timeoutMs`. */
export function createPskGate({ lookup, ...options }: PskGateOptions): PskGate {
  return createGate({ ...options, lookup: (request, { signal }) => lookup(request, signal) });
}

/** For a lookup that makes no signal for the keys that it has at hand. */
export type GateOptions = Omit<PskGateOptions, 'lookup'> & { readonly lookup: Ask };

/** A gate that knows the addresses of its connections, which to ask the kernel for again costs as much as a MAC. */
export interface Gate extends PskGate {
  /** The peer of the connection that TLS reads with this socket; undefined when TLS never asked for its key. */
  remoteOf(socket: TLSSocket): Endpoint | undefined;
}

/** The same as `createPskGate`, but `timeoutMs` may be Infinity. @throws RangeError as that does. */
export function createGate(options: GateOptions): Gate {
  const rules = rulesOf(options);
  const { hellos = 1_024 } = options.limits ?? {};
  /** Whose client has not named itself, oldest first. */
  const silent = new Line<Connection>();
  /** Whose client has, and whose key is looked up. */
  const named = new Line<Connection>();
  const bySocket = new WeakMap<TLSSocket, KeyAnswer>();
  /** Those of whom TLS may ask at any moment, by the addresses of both ends. */
  const byPath = new Map<string, KeyAnswer>();
  /** The one of whom TLS reads octets at this moment. */
  let reading: KeyAnswer | undefined;
  /** It reads them from a stream in front of this connection, whose address it does not have. */
  let below: Duplex | undefined;

  const read = (answer: KeyAnswer | undefined, raw: Duplex | undefined): void => {
    reading = answer;
    below = raw;
  };

  /**
   * TLS names the socket for which it wants a key, not the connection below. But it asks while it reads:
   * what a socket has read already in the next tick, what comes of any other stream in its `data` event.
   */
  const whileRead = (stream: Duplex, { raw, answer }: Connection, pass: () => void): void => {
    if (stream instanceof Socket) {
      process.nextTick(read, answer, undefined);
      pass();
      process.nextTick(read, undefined, undefined);
      return;
    }
    stream.on('data', () => {
      read(answer, raw);
    });
    pass();
    stream.on('data', () => {
      read(undefined, undefined);
    });
  };

  const eventsOf = (pass: (stream: Duplex) => void): ConnectionEvents => ({
    onNamed(connection) {
      if (silent.delete(connection)) named.add(connection);
    },
    onReady(connection, stream, asksLater) {
      const { raw, answer } = connection;
      const path = asksLater ? pathOf(raw) : undefined;
      if (path !== undefined) byPath.set(path, answer);
      forgetAtClose(raw, answer, byPath, path);
      const front = asksLater && path === undefined ? openStream(raw) : stream;
      whileRead(front, connection, () => {
        pass(front);
      });
    },
    onThrough(connection, error) {
      connection.line?.delete(connection);
      if (error) options.onRefused?.(connection.answer.remote, error, connection.raw);
    },
  });

  const receive = (raw: Duplex, events: ConnectionEvents): void => {
    const answer = new KeyAnswer(rules, remoteOf(raw));
    const connection = new Connection(raw, answer, rules, events);
    silent.add(connection);
    if (silent.size <= hellos) return;
    silent.first?.refuse('ERR_CHANNEL_CLOSED', 'too many silent connections');
  };

  const answerOf = (socket: TLSSocket): KeyAnswer | undefined => {
    const known = bySocket.get(socket);
    if (known !== undefined) return known;
    const found = reading ?? byPath.get(pathOf(socket) ?? '');
    if (found !== undefined) bySocket.set(socket, found);
    if (below !== undefined) lendAddress(socket, below);
    return found;
  };

  return {
    get pending() {
      return silent.size + named.size;
    },
    pskCallback: (socket, identity) => {
      const answer = answerOf(socket);
      if (answer === undefined) return rules.decoyOf(identity);
      return answer.keyFor(identity, socket.getProtocol());
    },
    attach(server) {
      const handlers = server.listeners('connection') as ((stream: Duplex) => void)[];
      server.removeAllListeners('connection');
      const events = eventsOf((stream) => {
        for (const handler of handlers) handler.call(server, stream);
      });
      server.on('connection', (raw: Duplex) => {
        receive(raw, events);
      });
      server.prependListener('secureConnection', (socket) => answerOf(socket)?.secure(socket));
      server.prependListener('tlsClientError', (_error, socket) => answerOf(socket));
      return server;
    },
    remoteOf: (socket) => bySocket.get(socket)?.remote,
    identityOf: (socket) => bySocket.get(socket)?.verdict ?? TOOK_NONE,
    close() {
      for (const connection of [...silent, ...named]) {
        connection.refuse('ERR_CHANNEL_CLOSED', 'the server is closing');
      }
    },
  };
}

/** A function of its own, so that an open connection holds nothing else of its time in the gate. */
function forgetAtClose(
  raw: Duplex,
  answer: KeyAnswer,
  byPath: Map<string, KeyAnswer>,
  path = '',
): void {
  raw.once('close', () => {
    answer.end();
    if (byPath.get(path) === answer) byPath.delete(path);
  });
}

function rulesOf(options: GateOptions): GateRules {
  const { timeoutMs = 5_000, answerAfterMs = 1_000, decoySecret = randomBytes(32) } = options;
  if (!(answerAfterMs > 0 && answerAfterMs < timeoutMs)) {
    throw new RangeError(`answerAfterMs is above 0 and below ${timeoutMs}, not ${answerAfterMs}`);
  }
  const { clock = systemClock } = options;
  const onDue = (search: KeySearch): void => {
    search.grantDecoy();
  };
  return {
    lookup: options.lookup,
    versions: options.versions ?? ['1.3', '1.2'],
    tls12Keys: options.tls12Keys ?? 'remote',
    maxIdentities: options.maxIdentities ?? 1,
    maxHelloOctets: options.maxHelloOctets ?? 4_096,
    timeoutMs,
    answerAfterMs,
    clock,
    waits: new EqualWaits({ clock, onDue }),
    slots: createSlots({
      total: options.limits?.lookups ?? 1_024,
      perSource: options.limits?.lookupsPerSource ?? 256,
    }),
    decoyOf: (identity) => hmacSha256(decoySecret, utf8Bytes(identity)),
  };
}
