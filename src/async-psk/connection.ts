/** One connection on its way through the gate: its hello, the search for its key, the answer to TLS. */
import type { Duplex } from 'node:stream';
import { ChannelError, CodecError, type GbaErrorCode } from '../errors.ts';
import type { Timer } from '../lib/clock.ts';
import type { Line, Standing } from '../lib/line.ts';
import type { TlsVersion } from '../lib/suites.ts';
import type { AnswerRules, Grant, KeyAnswer } from './grant.ts';
import { HeldStream } from './held-stream.ts';
import { decodeClientHello, pskIdentityText, type ClientHello } from './hello.ts';
import { decodePskIdentity, decodeServerHello, TLS12 } from './key-exchange.ts';
import { KeySearch, type Candidate, type SearchRules, type Searcher } from './key-search.ts';
import { MESSAGE, MessageReader, type HandshakeMessage } from './records.ts';

/** What all connections of a gate share. */
export interface GateRules extends SearchRules, AnswerRules {
  readonly versions: readonly TlsVersion[];
  readonly maxIdentities: number;
  readonly maxHelloOctets: number;
  /** Infinity: its owner has a deadline for the whole handshake. */
  readonly timeoutMs: number;
}

/** What the gate hears of its connections. */
export interface ConnectionEvents {
  /** The client has said who it is; its key is looked up. */
  readonly onNamed: (connection: Connection) => void;
  /**
   * TLS may have this stream now: `raw`, or one in front of it. `asksLater`: it will ask for a key after
   * the octets that were read already, if at all.
   */
  readonly onReady: (connection: Connection, stream: Duplex, asksLater: boolean) => void;
  /** From now on it is the business of TLS alone, or, with an error, of nobody. */
  readonly onThrough: (connection: Connection, error?: ChannelError) => void;
}

/** It reads from `raw` as soon as it is made, and lets go of all that it has read once it is through. */
export class Connection implements Standing<Connection>, Searcher {
  line: Line<Connection> | undefined;
  ahead: Connection | undefined;
  behind: Connection | undefined;
  readonly raw: Duplex;
  /** What TLS gets of it. */
  readonly answer: KeyAnswer;
  readonly #rules: GateRules;
  readonly #events: ConnectionEvents;
  #reader = new MessageReader();
  readonly #deadline: Timer | undefined;
  #phase: 'hello' | 'search' | 'through' = 'hello';
  #search: KeySearch | undefined;
  /** In front of TLS 1.2. */
  #held: HeldStream | undefined;

  constructor(raw: Duplex, answer: KeyAnswer, rules: GateRules, events: ConnectionEvents) {
    this.raw = raw;
    this.answer = answer;
    this.#rules = rules;
    this.#events = events;
    if (rules.timeoutMs < Infinity) {
      this.#deadline = rules.clock.after(rules.timeoutMs, () => {
        this.refuse('ERR_CHANNEL_TIMEOUT', 'the TLS handshake took too long');
      });
    }
    raw.on('error', ignore);
    raw.on('data', this.#receive);
    raw.on('close', this.#gone);
    if (raw.isPaused()) raw.resume();
  }

  /** Ends it with the alert that TLS gives for a key of no use; without effect once it is through. */
  refuse(code: GbaErrorCode, why: string): void {
    if (this.#phase === 'through') return;
    this.raw.end(HANDSHAKE_FAILURE, () => this.raw.destroy());
    this.#leave(new ChannelError(code, why, { retryable: code !== 'ERR_CHANNEL_POLICY' }));
  }

  readonly #receive = (chunk: Buffer): void => {
    const message = this.#reader.push(chunk);
    const isOver = this.#reader.stream.length > this.#rules.maxHelloOctets;
    if (isOver && (message === 'partial' || this.#phase === 'search')) this.#refuseOversize();
    else if (this.#phase === 'hello' && message !== 'partial') this.#readHello(message);
  };

  /** What is no ClientHello for us goes on as it is: TLS says what is wrong with it, and gets no key. */
  #readHello(message: HandshakeMessage | 'none'): void {
    this.#phase = 'search';
    const { versions, tls12Keys } = this.#rules;
    const hello = message === 'none' ? undefined : decoded(() => helloOf(message));
    this.answer.serverName = hello?.serverName;
    if (hello === undefined || message === 'none') this.#pass();
    else if (hello.offersTls13 && versions.includes('1.3')) this.#searchTls13(hello);
    else if (!versions.includes('1.2')) this.#pass();
    else if (tls12Keys === 'remote') this.#hold(message.end);
    else this.#pass(true);
  }

  #searchTls13(hello: ClientHello): void {
    const candidates: Candidate[] = [];
    for (const psk of hello.psks) {
      const identity = pskIdentityText(psk.identity);
      if (identity === undefined) continue;
      candidates.push({ identity, proof: { truncated: hello.truncated, binder: psk.binder } });
    }
    const [first, ...others] = candidates;
    const { maxIdentities } = this.#rules;
    if (first === undefined) this.#pass();
    else if (others.length >= maxIdentities) {
      const counted = `${others.length + 1} identities, more than ${maxIdentities}`;
      this.refuse('ERR_CHANNEL_POLICY', `the client names ${counted}`);
    } else this.#startSearch('1.3', undefined, [first, ...others]);
  }

  /** Lets TLS begin, and stops it where the client names itself. */
  #hold(helloEnd: number): void {
    const { stream } = this.#reader;
    const held: HeldStream = new HeldStream({
      raw: this.#giveBack(stream.subarray(helloEnd)),
      hello: stream.subarray(0, helloEnd),
      limit: this.#rules.maxHelloOctets,
      onKeyExchange: (serverHello, keyExchange) => {
        this.#searchTls12(held, serverHello, keyExchange);
      },
      onOpen: () => {
        this.#leave();
      },
      onAlert: (description) => {
        this.#leave(endedByTls(description));
      },
      onRefused: (end) => {
        this.#endAtAnswerTime(end);
      },
      onOversize: () => {
        this.#refuseOversize();
      },
    });
    this.#held = held;
    this.#events.onReady(this, held, false);
  }

  #searchTls12(held: HeldStream, serverHello: Uint8Array, keyExchange: Uint8Array): void {
    const chosen = decoded(() => decodeServerHello(serverHello));
    const octets = decoded(() => decodePskIdentity(keyExchange));
    const identity = octets && pskIdentityText(octets);
    if (chosen?.version !== TLS12 || identity === undefined) {
      held.release();
      return;
    }
    this.#startSearch('1.2', chosen.suite, [{ identity, proof: undefined }]);
  }

  #startSearch(
    version: TlsVersion,
    suite: number | undefined,
    candidates: readonly [Candidate, ...Candidate[]],
  ): void {
    this.#events.onNamed(this);
    const { serverName, remote } = this.answer;
    const holdsAnswer = version === '1.2';
    const search = { holdsAnswer, version, suite, candidates, serverName, remote };
    this.#search = new KeySearch(this.#rules, search, this);
    this.#search.start();
  }

  granted(grant: Grant): void {
    this.answer.give(grant);
    if (this.#held === undefined) this.#pass();
    else this.#held.release();
  }

  turnedAway(): void {
    this.refuse('ERR_CHANNEL_CLOSED', 'too many lookups wait');
  }

  /** TLS has refused what it got: the client hears so when every other failure is told, if it stays. */
  #endAtAnswerTime(end: () => void): void {
    const search = this.#search;
    if (search === undefined || this.raw.destroyed) {
      end();
      return;
    }
    this.raw.once('close', () => {
      search.stop(gone());
    });
    search.atAnswerTime(end);
  }

  #refuseOversize(): void {
    const { maxHelloOctets } = this.#rules;
    this.refuse('ERR_CHANNEL_POLICY', `the client sent more than ${maxHelloOctets} octets`);
  }

  #pass(asksLater = false): void {
    const { stream } = this.#reader;
    this.#leave();
    this.#events.onReady(this, this.#giveBack(stream), asksLater);
  }

  /** `raw` as if these octets had not been read yet. */
  #giveBack(octets: Uint8Array): Duplex {
    this.raw.off('data', this.#receive);
    this.raw.pause();
    if (octets.length > 0) this.raw.unshift(octets);
    return this.raw;
  }

  readonly #gone = (): void => {
    this.#leave(gone());
    this.raw.destroy();
  };

  #leave(error?: ChannelError): void {
    if (this.#phase === 'through') return;
    this.#phase = 'through';
    this.#deadline?.cancel();
    this.raw.off('close', this.#gone);
    this.#reader = NOTHING_READ;
    if (error) {
      this.raw.off('data', this.#receive);
      this.#search?.stop(error);
    }
    this.#events.onThrough(this, error);
  }
}

function gone(): ChannelError {
  const why = 'the client left during the TLS handshake';
  return new ChannelError('ERR_CHANNEL_CLOSED', why, { retryable: true });
}

/** TLS tells the same as `tlsClientError`, but of a socket whose connection nobody can name. */
function endedByTls(alert: number): ChannelError {
  return NOTHING_SHARED.has(alert)
    ? new ChannelError('ERR_CHANNEL_POLICY', `${NOTHING_IN_COMMON} (alert ${alert})`)
    : new ChannelError('ERR_CHANNEL_PROTOCOL', `the peer broke the TLS protocol (alert ${alert})`);
}

/** @throws CodecError. */
function helloOf({ type, octets }: HandshakeMessage): ClientHello | undefined {
  return type === MESSAGE.clientHello ? decodeClientHello(octets) : undefined;
}

/** What a decoder gives, or nothing for octets that it refuses. */
function decoded<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof CodecError) return undefined;
    throw error;
  }
}

/** handshake_failure, protocol_version, insufficient_security, inappropriate_fallback, no_application_protocol. */
const NOTHING_SHARED: ReadonlySet<number> = new Set([40, 70, 71, 86, 120]);
const NOTHING_IN_COMMON = 'the peers share no TLS version, suite, group or application protocol';
/** Nobody reads with it. */
const NOTHING_READ = new MessageReader();
/** A fatal alert in a record of its own (RFC 8446 6.2). */
const HANDSHAKE_FAILURE = Uint8Array.of(21, 3, 3, 0, 2, 2, 40);
/** A socket without a listener would end the process; `close` follows. */
const ignore = (): void => {};
