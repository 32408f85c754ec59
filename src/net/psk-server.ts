/** The NAF's end of TLS-PSK: finds the key of an identity, hands on proven layers (TS 33.222 5.4). */
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, isIP, type AddressInfo, type Server, type Socket } from 'node:net';
import {
  createServer as createTlsServer,
  type Server as TlsServer,
  type TLSSocket,
} from 'node:tls';
import { TOOK_NONE } from '../async-psk/grant.ts';
import type { PskGate } from '../async-psk/index.ts';
import { ChannelError, ConfigError, GbaError, SaError, reasonOf } from '../errors.ts';
import { PSK_NAMESPACE_UICC } from '../ids.ts';
import { EMPTY } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import type { TlsPolicy, TlsVersion } from '../lib/suites.ts';
import type { LiveSa } from '../sa/association.ts';
import type { SaSessions } from '../sa/sessions.ts';
import { formatEndpoint, type Endpoint } from '../codec/address.ts';
import { createArrivalGate, type LookUpIdentity } from './arrival-gate.ts';
import { Handshakes, type Handshake, type HandshakeLimits } from './handshakes.ts';
import { SaBoundResumption } from './resumption.ts';
import type { SecuredSocket } from './secured-socket.ts';
import { channelErrorOf, handshakeFault, serverTlsOptions } from './tls.ts';

export type { HandshakeLimits, SecuredSocket };

export interface ListenPskOptions extends Endpoint {
  readonly policy: TlsPolicy;
  readonly clock: Clock;
  /** TLS 1.3 alone unless given; an association still gets no other version than its own. */
  readonly versions?: readonly TlsVersion[];
  /**
   * The live association that this PSK identity names, letter for letter; nothing once its key is
   * over, which is not checked here again. It must not throw.
   */
  readonly find: (identity: string) => LiveSa | undefined;
  /**
   * Asked for an identity that `find` does not know: it makes `find` know it, if anybody has it, while
   * the handshake waits. Whoever stays unknown hears so at a fixed time, as does a wrong key then.
   * Absent: nothing waits, and there is no gate in front of TLS.
   */
  readonly lookup?: LookUpIdentity;
  /** Why `find` knows it no longer, for the event alone; absent: it is unknown, and that is all. */
  readonly faultOf?: (identity: string) => GbaError | undefined;
  /** Where associations keep their TLS 1.2 sessions; absent: no handshake is resumed. */
  readonly sessions?: SaSessions | undefined;
  /** What decoy keys are made of; random unless given. Listeners that look like one share it. */
  readonly decoySecret?: Uint8Array;
  /** Gets each line of the TLS key log. */
  readonly keylog?: (line: Buffer) => void;
  /** On unfinished handshakes; 1,024 in all and 256 per address unless given. */
  readonly limits?: HandshakeLimits;
  /** Gets every proven layer, and owns its socket from then on. */
  readonly onLayer: (layer: SecuredSocket) => void;
}

/**
 * @throws ConfigError ERR_CONFIG_ADDRESS when it cannot listen there, ConfigError when this runtime
 * has no group of the policy; nothing listens then.
 */
export async function listenPsk(options: ListenPskOptions): Promise<PskServer> {
  const server = new PskServer(options);
  await server.listen();
  return server;
}

/** What TLS asked for in a handshake, and what was found; without a key it got a decoy. */
interface Asked {
  readonly identity: string;
  readonly version: string | null;
  readonly sa: LiveSa | undefined;
  readonly key: Uint8Array | undefined;
}

type Found = Asked & { readonly sa: LiveSa; readonly key: Uint8Array };

/** The association that a handshake proved, and by which identity and key, in it or before it. */
interface Proof {
  readonly sa: LiveSa;
  readonly identity: string;
  readonly key: Uint8Array;
  readonly resumed: boolean;
}

/** A listener; `listenPsk` makes it. Why a handshake failed is told by events, never on the wire. */
export class PskServer {
  /** Resolves when it no longer listens and every connection is over. */
  readonly closed: Promise<void>;
  readonly #options: ListenPskOptions;
  readonly #decoySecret: Uint8Array;
  readonly #tcp: Server = createServer({
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
  });
  readonly #gate: PskGate | undefined;
  readonly #tls: TlsServer;
  readonly #connections = new Set<Socket>();
  readonly #handshakes: Handshakes;
  readonly #lookups = new WeakMap<TLSSocket, Asked>();
  readonly #resumption: SaBoundResumption | undefined;
  #address: Endpoint;
  #fullHandshakes = 0;
  #resumedHandshakes = 0;

  /** It does not listen yet. @throws ConfigError when this runtime has no group of the policy. */
  constructor(options: ListenPskOptions) {
    this.#address = { host: options.host, port: options.port };
    this.#options = options;
    this.#decoySecret = options.decoySecret ?? randomBytes(32);
    this.#handshakes = new Handshakes({
      clock: options.clock,
      timeoutMs: options.policy.handshakeTimeoutMs,
      limits: options.limits ?? DEFAULT_LIMITS,
      onDropped: ({ remote }, fault) => {
        tellRefused(remote, fault);
      },
    });
    const { sessions, versions } = options;
    this.#resumption =
      sessions && versions?.includes('1.2') === true
        ? new SaBoundResumption({ sessions, isLive: (session) => this.#isLive(session) })
        : undefined;
    this.#gate = this.#createGate();
    this.#tls = this.#createTls();
    this.closed = new Promise((resolve) => this.#tcp.once('close', resolve));
    this.#tcp.on('connection', (raw) => {
      this.#accept(raw);
    });
  }

  /** Where it listens; before it does, where it shall. */
  get address(): Endpoint {
    return this.#address;
  }

  /** Handshakes whose own lookup returned the key that proved both ends. */
  get fullHandshakes(): number {
    return this.#fullHandshakes;
  }

  /** Handshakes that took up a session of a live association (TLS 1.2). */
  get resumedHandshakes(): number {
    return this.#resumedHandshakes;
  }

  get pendingHandshakes(): number {
    return this.#handshakes.size;
  }

  /** Call it once. @throws ConfigError ERR_CONFIG_ADDRESS when it cannot listen there. */
  async listen(): Promise<void> {
    try {
      await once(this.#tcp.listen({ ...this.#address }), 'listening');
    } catch (cause) {
      const reason = `cannot listen on ${formatEndpoint(this.#address)}: ${reasonOf(cause)}`;
      throw new ConfigError('ERR_CONFIG_ADDRESS', reason, { cause });
    }
    const { address: host, port } = this.#tcp.address() as AddressInfo;
    this.#address = { host, port };
    this.#tcp.on('error', (error) => {
      tellRefused(formatEndpoint(this.#address), channelErrorOf(error));
    });
  }

  /** Stops listening, lets every open connection end by itself. */
  async drain(): Promise<void> {
    this.#tcp.close();
    await this.closed;
  }

  /** Stops listening and destroys every connection, layers too. */
  async close(): Promise<void> {
    this.#tcp.close();
    for (const raw of this.#connections) raw.destroy();
    await this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #createGate(): PskGate | undefined {
    const { lookup, find, clock, policy, versions = ['1.3'] } = this.#options;
    if (lookup === undefined) return undefined;
    return createArrivalGate({
      ...{ lookup, clock, policy, versions, decoySecret: this.#decoySecret },
      limits: this.#options.limits ?? DEFAULT_LIMITS,
      isKnown: (identity) => find(identity) !== undefined,
      keyOf: (identity, version) => {
        const found = this.#lookUp(identity, `TLSv${version}`);
        if (found instanceof GbaError) throw found;
        return found.key;
      },
      onRefused: (raw, error) => {
        const handshake = this.#handshakes.end(raw);
        if (handshake) tellRefused(handshake.remote, error);
      },
    });
  }

  #createTls(): TlsServer {
    const { policy, versions = ['1.3'], keylog } = this.#options;
    const gate = this.#gate;
    const pskCallback =
      gate?.pskCallback ??
      ((socket: TLSSocket, identity: string) => this.#choosePsk(socket, identity));
    const resumption = this.#resumption === undefined ? 'off' : 'sa-bound';
    const tls = createTlsServer(serverTlsOptions(policy, { versions, resumption, pskCallback }));
    gate?.attach(tls);
    this.#resumption?.attach(tls);
    tls.on('secureConnection', (socket) => {
      this.#secured(socket);
    });
    tls.on('tlsClientError', (error, socket) => {
      const handshake = this.#handshakes.end(socket);
      if (handshake === undefined) return;
      tellRefused(handshake.remote, this.#faultOf(socket, error));
    });
    if (keylog !== undefined) tls.on('keylog', keylog);
    return tls;
  }

  #accept(raw: Socket): void {
    this.#connections.add(raw);
    raw.once('close', () => this.#connections.delete(raw));
    raw.on('error', ignore);
    const handshake = this.#handshakes.begin(raw);
    publish('gba:tls:accepted', { remote: handshake.remote });
    const pass = () => this.#tls.emit('connection', raw);
    if (this.#resumption === undefined) onFirstOctets(raw, pass);
    else this.#resumption.readHello(raw, handshake, pass);
  }

  /** The decoy is made in every case, so that its cost tells nothing, and an error in none. */
  #choosePsk(socket: TLSSocket, identity: string): Uint8Array | null {
    const version = socket.getProtocol();
    if (version === 'TLSv1.3' && identity.length < SHORTEST_IDENTITY) return null;
    const decoy = createHmac('sha256', this.#decoySecret).update(identity).digest();
    const asked = this.#ask(identity, version);
    this.#lookups.set(socket, asked);
    return asked.key ?? decoy;
  }

  /** The same steps, whether the identity is known or not. */
  #ask(identity: string, version: string | null): Asked {
    const sa = this.#options.find(identity);
    const like = sa ?? NOBODY;
    const key = keyOf(like, identity);
    const isUsable = version === `TLSv${like.binding.version}` && sa !== undefined;
    return { identity, version, sa, key: isUsable ? key : undefined };
  }

  #lookUp(identity: string, version: string | null): Found | GbaError {
    const asked = this.#ask(identity, version);
    return isFound(asked) ? asked : this.#missing(asked);
  }

  /** Why there was no key. */
  #missing({ identity, version, sa }: Asked): GbaError {
    if (sa !== undefined && version !== `TLSv${sa.binding.version}`) {
      const reason = `${sa.bTid} is for TLS ${sa.binding.version}, not ${String(version)}`;
      return new ChannelError('ERR_CHANNEL_POLICY', reason);
    }
    const fault = this.#options.faultOf?.(identity);
    if (fault !== undefined) return fault;
    return new SaError('ERR_SA_UNKNOWN', 'no association has the identity that the client named');
  }

  #secured(socket: TLSSocket): void {
    socket.on('error', ignore);
    const handshake = this.#handshakes.end(socket);
    if (handshake === undefined) {
      socket.destroy();
      return;
    }
    const proof = this.#prove(socket, handshake);
    if (proof instanceof GbaError) {
      socket.destroy();
      tellRefused(handshake.remote, proof);
      return;
    }
    const { sa, identity, key, resumed } = proof;
    const { bTid } = sa;
    if (resumed) this.#resumedHandshakes += 1;
    else this.#fullHandshakes += 1;
    if (!resumed) this.#resumption?.keep({ bTid, identity, key }, socket);
    const { remote, startedAt } = handshake;
    const handshakeMs = this.#options.clock.monotonic() - startedAt;
    const { name: suite } = socket.getCipher();
    const version = socket.getProtocol() ?? '';
    publish('gba:tls:secured', { bTid, version, suite, remote, ms: handshakeMs, resumed });
    this.#options.onLayer({ socket, sa, handshakeMs, remote, resumed });
  }

  #isLive({ identity, key }: Pick<Proof, 'identity' | 'key'>): boolean {
    const lookup = this.#lookUp(identity, 'TLSv1.2');
    return !(lookup instanceof GbaError) && lookup.key === key;
  }

  /** What this handshake looked up; undefined when TLS asked for nothing. In the gate a name never has another key. */
  #usedBy(socket: TLSSocket): Asked | GbaError | undefined {
    if (this.#gate === undefined) return this.#lookups.get(socket);
    const identity = this.#gate.identityOf(socket);
    if (typeof identity === 'string') return this.#ask(identity, socket.getProtocol());
    return identity === TOOK_NONE ? undefined : identity;
  }

  /** Why TLS failed. All reasons are made in every case: one that some alone wait for tells them by its time. */
  #faultOf(socket: TLSSocket, error: Error): GbaError {
    const fault = channelErrorOf(error);
    const used = this.#usedBy(socket);
    if (used instanceof GbaError) return used;
    if (used === undefined) return fault;
    const missing = this.#missing(used);
    return isFound(used) ? fault : missing;
  }

  /**
   * The association whose key this very handshake looked up and used, or whose session it took up, if
   * it is still good for it.
   */
  #prove(socket: TLSSocket, handshake: Handshake): Proof | GbaError {
    const lookup = this.#usedBy(socket);
    const session = lookup ? undefined : this.#resumption?.resumedBy(socket, handshake);
    const used = lookup ?? session;
    if (used === undefined) {
      return new ChannelError('ERR_CHANNEL_POLICY', 'this handshake looked up no key');
    }
    if (used instanceof GbaError) return used;
    if ('version' in used && !isFound(used)) return this.#missing(used);
    const current = this.#lookUp(used.identity, socket.getProtocol());
    if (current instanceof GbaError) return current;
    const { sa, key } = current;
    if (key !== used.key) {
      return new SaError('ERR_SA_UNKNOWN', `${sa.bTid} ended during the handshake`);
    }
    const { policy } = this.#options;
    const isResumed = session !== undefined && 'serverName' in session;
    const named = isResumed ? session.serverName : socket.servername || undefined;
    const fault = handshakeFault(socket, sa.binding, policy) ?? nameFault(named, sa, policy);
    return fault ?? { sa, identity: used.identity, key, resumed: isResumed };
  }
}

function isFound(asked: Asked): asked is Found {
  return asked.key !== undefined;
}

/**
 * A connection that sends nothing costs no TLS; and TLS that begins with octets in hand keeps 4 KiB less
 * for as long as it lives (bench/idle.ts): else Node makes room for 64 KiB that may come.
 */
function onFirstOctets(raw: Socket, begin: () => void): void {
  raw.once('data', (octets: Buffer) => {
    raw.pause();
    raw.unshift(octets);
    begin();
  });
}

/** In GBA_U the UICC has a key of its own, under a name of its own. */
function keyOf({ key, uiccKey }: Pick<LiveSa, 'key' | 'uiccKey'>, identity: string): Uint8Array {
  return (identity.startsWith(`${PSK_NAMESPACE_UICC};`) && uiccKey) || key;
}

/**
 * TLS must name the NAF that the key was made for; a client that names none is up to the policy. An
 * address is no name (RFC 6066 3): libcoap sends the one that it dials.
 */
function nameFault(
  serverName: string | undefined,
  { nafFqdn }: LiveSa,
  { requireServerName }: TlsPolicy,
): ChannelError | undefined {
  const name = serverName && isIP(serverName) === 0 ? serverName : undefined;
  if (name ? name.toLowerCase() === nafFqdn : !requireServerName) return undefined;
  const named = name ? JSON.stringify(name) : 'nobody';
  return new ChannelError('ERR_CHANNEL_POLICY', `the client names ${named}, not ${nafFqdn}`);
}

function tellRefused(remote: string, { code, message }: GbaError): void {
  publish('gba:tls:refused', { remote, code, reason: message });
}

/** Stands where no association was found, for what is done with one to take the same time. */
const NOBODY: Pick<LiveSa, 'binding' | 'key' | 'uiccKey'> = {
  binding: { version: '1.3' },
  key: EMPTY,
};
const DEFAULT_LIMITS: HandshakeLimits = { handshakes: 1_024, perAddress: 256 };
const KEEP_ALIVE_MS = 60_000;
/**
 * OpenSSL shows a TLS 1.3 session id of 32 random octets, cut at its first NUL, as an identity too.
 * A decoy for it would end the handshake that must go on with the client's external key.
 */
const SHORTEST_IDENTITY = 4;
/** A socket without a listener would end the process; `close` follows and tells the owner. */
const ignore = (): void => {};
