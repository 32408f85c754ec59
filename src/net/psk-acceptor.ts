/** From a TCP connection at the NAF to a layer whose key is proved, or to the event that says why not. */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Gate } from '../async-psk/gate.ts';
import type { Endpoint } from '../codec/address.ts';
import { GbaError } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import { isWatched, publish } from '../lib/events.ts';
import type { TlsPolicy, TlsVersion } from '../lib/suites.ts';
import type { SaSessions } from '../sa/sessions.ts';
import { createArrivalGate, type LookUpIdentity } from './arrival-gate.ts';
import { Handshakes, type HandshakeLimits } from './handshakes.ts';
import { PskKeys, type PskKeysOptions } from './psk-keys.ts';
import { PskProofs } from './psk-proof.ts';
import { SaBoundResumption } from './resumption.ts';
import type { SecuredSocket } from './secured-socket.ts';
import { serverTlsOptions } from './tls.ts';

export interface PskAcceptorOptions extends Pick<PskKeysOptions, 'find' | 'faultOf'> {
  readonly policy: TlsPolicy;
  readonly clock: Clock;
  /** TLS 1.3 alone unless given; an association still gets no other version than its own. */
  readonly versions?: readonly TlsVersion[];
  /**
   * Asked for an identity that `find` does not know: it makes `find` know it, if anybody has it, while
   * the handshake waits. Whoever stays unknown hears so at a fixed time, as does a wrong key then.
   * Absent: nothing waits, and there is no gate in front of TLS.
   */
  readonly lookup?: LookUpIdentity;
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

/** It opens no port: connections are brought to it. */
export class PskAcceptor {
  readonly #options: PskAcceptorOptions;
  readonly #handshakes: Handshakes;
  readonly #resumption: SaBoundResumption | undefined;
  readonly #proofs: PskProofs;
  readonly #tls: Server;
  #fullHandshakes = 0;
  #resumedHandshakes = 0;

  /** @throws ConfigError when this runtime has no group of the policy. */
  constructor(options: PskAcceptorOptions) {
    this.#options = options;
    const { find, faultOf, policy, clock, sessions, versions = ['1.3'], lookup } = options;
    const { limits = DEFAULT_LIMITS, decoySecret = randomBytes(32) } = options;
    const keys = new PskKeys({ find, faultOf, decoySecret });
    this.#handshakes = new Handshakes({
      clock,
      limits,
      timeoutMs: policy.handshakeTimeoutMs,
      onDropped: ({ remote }, fault) => {
        tellRefused(remote, fault);
      },
    });
    const resumption =
      sessions && versions.includes('1.2')
        ? new SaBoundResumption({ sessions, isLive: (session) => keys.isLive(session) })
        : undefined;
    const gate =
      lookup &&
      createArrivalGate({
        ...{ lookup, keys, clock, policy, versions, limits, decoySecret },
        onRefused: (raw, error) => {
          const handshake = this.#handshakes.end(raw);
          if (handshake) tellRefused(handshake.remote, error);
        },
      });
    this.#resumption = resumption;
    this.#proofs = new PskProofs({ keys, gate, resumption, policy });
    this.#tls = this.#createTls(keys, gate);
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

  /** Takes a connection that nobody has read from. */
  accept(raw: Socket): void {
    raw.on('error', ignore);
    const handshake = this.#handshakes.begin(raw);
    publish('gba:tls:accepted', { remote: handshake.remote });
    const pass = () => this.#tls.emit('connection', raw);
    if (this.#resumption !== undefined) this.#resumption.readHello(raw, handshake, pass);
    else if (this.#options.lookup === undefined) onFirstOctets(raw, pass);
    else pass(); // The gate waits for the hello itself.
  }

  #createTls(keys: PskKeys, gate: Gate | undefined): Server {
    const { policy, versions = ['1.3'], keylog } = this.#options;
    const pskCallback =
      gate?.pskCallback ?? ((socket: TLSSocket, identity: string) => keys.choose(socket, identity));
    const resumption = this.#resumption === undefined ? 'off' : 'sa-bound';
    const tls = createServer(serverTlsOptions(policy, { versions, resumption, pskCallback }));
    gate?.attach(tls);
    this.#resumption?.attach(tls);
    tls.on('secureConnection', (socket) => {
      this.#secured(socket, gate?.remoteOf(socket));
    });
    tls.on('tlsClientError', (error, socket) => {
      const handshake = this.#handshakes.end(socket, gate?.remoteOf(socket));
      if (handshake === undefined) return;
      tellRefused(handshake.remote, this.#proofs.faultOf(socket, error));
    });
    if (keylog !== undefined) tls.on('keylog', keylog);
    return tls;
  }

  #secured(socket: TLSSocket, known: Endpoint | undefined): void {
    const handshake = this.#handshakes.end(socket, known);
    if (handshake === undefined) return void discard(socket);
    const proof = this.#proofs.of(socket, handshake);
    if (proof instanceof GbaError) {
      discard(socket);
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
    if (isWatched('gba:tls:secured')) {
      const { name: suite } = socket.getCipher();
      const version = socket.getProtocol() ?? '';
      publish('gba:tls:secured', { bTid, version, suite, remote, ms: handshakeMs, resumed });
    }
    this.#options.onLayer({ socket, sa, handshakeMs, remote, resumed });
  }
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

function discard(socket: Socket): void {
  socket.on('error', ignore);
  socket.destroy();
}

/** Why there is no layer; the wire does not say so. */
export function tellRefused(remote: string, { code, message }: GbaError): void {
  publish('gba:tls:refused', { remote, code, reason: message });
}

const DEFAULT_LIMITS: HandshakeLimits = { handshakes: 1_024, perAddress: 256 };
/** A socket without a listener would end the process; `close` follows and tells the owner. */
const ignore = (): void => {};
