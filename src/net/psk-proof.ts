/** What a handshake at the NAF proves, or why it failed: for events alone, the wire says neither (TS 33.222 5.4). */
import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { TOOK_NONE } from '../async-psk/grant.ts';
import type { PskGate } from '../async-psk/index.ts';
import { ChannelError, GbaError, SaError } from '../errors.ts';
import type { TlsPolicy } from '../lib/suites.ts';
import type { LiveSa } from '../sa/association.ts';
import type { Handshake } from './handshakes.ts';
import { isFound, type Asked, type PskKeys } from './psk-keys.ts';
import type { SaBoundResumption } from './resumption.ts';
import { channelErrorOf, handshakeFault } from './tls-faults.ts';

export interface PskProofsOptions {
  readonly keys: PskKeys;
  /** Absent: TLS asked `keys` itself. */
  readonly gate: PskGate | undefined;
  /** Absent: no handshake is resumed. */
  readonly resumption: SaBoundResumption | undefined;
  readonly policy: TlsPolicy;
}

/** The association that a handshake proved, and by which identity and key, in it or before it. */
export interface Proof {
  readonly sa: LiveSa;
  readonly identity: string;
  readonly key: Uint8Array;
  readonly resumed: boolean;
}

/** Of one listener. */
export class PskProofs {
  readonly #options: PskProofsOptions;

  constructor(options: PskProofsOptions) {
    this.#options = options;
  }

  /**
   * The association whose key this very handshake looked up and used, or whose session it took up, if
   * it is still good for it.
   */
  of(socket: TLSSocket, handshake: Handshake): Proof | GbaError {
    const { keys, gate, resumption, policy } = this.#options;
    const version = socket.getProtocol();
    const lookup = this.#usedBy(socket, version);
    const session = lookup ? undefined : resumption?.resumedBy(socket, handshake);
    const used = lookup ?? session;
    if (used === undefined) {
      return new ChannelError('ERR_CHANNEL_POLICY', 'this handshake looked up no key');
    }
    if (used instanceof GbaError) return used;
    if ('version' in used && !isFound(used)) return keys.missing(used);
    // Behind the gate it was found just now, without it when TLS began.
    const isCurrent = gate !== undefined && 'version' in used;
    const current = isCurrent ? used : keys.lookUp(used.identity, version);
    if (current instanceof GbaError) return current;
    const { sa, key } = current;
    if (key !== used.key) {
      return new SaError('ERR_SA_UNKNOWN', `${sa.bTid} ended during the handshake`);
    }
    const isResumed = session !== undefined && 'serverName' in session;
    const named = isResumed ? session.serverName : socket.servername || undefined;
    const fault =
      handshakeFault(socket, sa.binding, policy, version) ?? nameFault(named, sa, policy);
    return fault ?? { sa, identity: used.identity, key, resumed: isResumed };
  }

  /** Why TLS failed. All reasons are made in every case: one that some alone wait for tells them by its time. */
  faultOf(socket: TLSSocket, error: Error): GbaError {
    const fault = channelErrorOf(error);
    const used = this.#usedBy(socket, socket.getProtocol());
    if (used instanceof GbaError) return used;
    if (used === undefined) return fault;
    const missing = this.#options.keys.missing(used);
    return isFound(used) ? fault : missing;
  }

  /** What this handshake looked up; undefined when TLS asked for nothing. In the gate a name never has another key. */
  #usedBy(socket: TLSSocket, version: string | null): Asked | GbaError | undefined {
    const { keys, gate } = this.#options;
    if (gate === undefined) return keys.takeChosen(socket);
    const identity = gate.identityOf(socket);
    if (typeof identity === 'string') return keys.ask(identity, version);
    return identity === TOOK_NONE ? undefined : identity;
  }
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
  if (serverName?.toLowerCase() === nafFqdn) return undefined;
  const name = serverName && isIP(serverName) === 0 ? serverName : undefined;
  if (!name && !requireServerName) return undefined;
  const named = name ? JSON.stringify(name) : 'nobody';
  return new ChannelError('ERR_CHANNEL_POLICY', `the client names ${named}, not ${nafFqdn}`);
}
