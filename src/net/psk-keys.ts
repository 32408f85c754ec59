/** The key that an identity has at the NAF; whoever has none gets a decoy and hears nothing of it. */
import type { TLSSocket } from 'node:tls';
import { ChannelError, GbaError, SaError } from '../errors.ts';
import { PSK_NAMESPACE_UICC } from '../ids.ts';
import { EMPTY, utf8Bytes } from '../lib/bytes.ts';
import { hmacSha256 } from '../lib/hmac.ts';
import type { TlsVersion } from '../lib/suites.ts';
import type { LiveSa } from '../sa/association.ts';

export interface PskKeysOptions {
  /**
   * The live association that this PSK identity names, letter for letter; nothing once its key is
   * over, which is not checked here again. It must not throw.
   */
  readonly find: (identity: string) => LiveSa | undefined;
  /** Why `find` knows it no longer, for the event alone; absent: it is unknown, and that is all. */
  readonly faultOf?: ((identity: string) => GbaError | undefined) | undefined;
  /** What decoy keys are made of. */
  readonly decoySecret: Uint8Array;
}

/** What TLS asked for in a handshake, and what was found; without a key it got a decoy. */
export interface Asked {
  readonly identity: string;
  readonly version: string | null;
  readonly sa: LiveSa | undefined;
  readonly key: Uint8Array | undefined;
}

export type Found = Asked & { readonly sa: LiveSa; readonly key: Uint8Array };

/** All that is done for a key that is there is done as well for one that is not. */
export class PskKeys {
  readonly #options: PskKeysOptions;
  readonly #asked = new WeakMap<TLSSocket, Asked>();

  constructor(options: PskKeysOptions) {
    this.#options = options;
  }

  /** For `pskCallback`. The decoy is made in every case, so that its cost tells nothing, and an error in none. */
  choose(socket: TLSSocket, identity: string): Uint8Array | null {
    const version = socket.getProtocol();
    if (version === 'TLSv1.3' && identity.length < SHORTEST_IDENTITY) return null;
    const decoy = hmacSha256(this.#options.decoySecret, utf8Bytes(identity));
    const asked = this.ask(identity, version);
    this.#asked.set(socket, asked);
    return asked.key ?? decoy;
  }

  /** What `choose` found for this very handshake. Given once: a layer has no need of it. */
  takeChosen(socket: TLSSocket): Asked | undefined {
    const asked = this.#asked.get(socket);
    this.#asked.delete(socket);
    return asked;
  }

  /** True for an identity that an association has, under whatever version. */
  knows(identity: string): boolean {
    return this.#options.find(identity) !== undefined;
  }

  /** @throws GbaError that says why there is none under this version. */
  keyOf(identity: string, version: TlsVersion): Uint8Array {
    const found = this.lookUp(identity, `TLSv${version}`);
    if (found instanceof GbaError) throw found;
    return found.key;
  }

  /** The same steps, whether the identity is known or not. */
  ask(identity: string, version: string | null): Asked {
    const sa = this.#options.find(identity);
    const like = sa ?? NOBODY;
    const key = keyOf(like, identity);
    const isUsable = version === `TLSv${like.binding.version}` && sa !== undefined;
    return { identity, version, sa, key: isUsable ? key : undefined };
  }

  lookUp(identity: string, version: string | null): Found | GbaError {
    const asked = this.ask(identity, version);
    return isFound(asked) ? asked : this.missing(asked);
  }

  /** True while this key is the one that the identity stands for (TLS 1.2). */
  isLive({ identity, key }: Pick<Found, 'identity' | 'key'>): boolean {
    const found = this.lookUp(identity, 'TLSv1.2');
    return !(found instanceof GbaError) && found.key === key;
  }

  /** Why there was no key. */
  missing({ identity, version, sa }: Asked): GbaError {
    if (sa !== undefined && version !== `TLSv${sa.binding.version}`) {
      const reason = `${sa.bTid} is for TLS ${sa.binding.version}, not ${String(version)}`;
      return new ChannelError('ERR_CHANNEL_POLICY', reason);
    }
    const fault = this.#options.faultOf?.(identity);
    if (fault !== undefined) return fault;
    return new SaError('ERR_SA_UNKNOWN', 'no association has the identity that the client named');
  }
}

export function isFound(asked: Asked): asked is Found {
  return asked.key !== undefined;
}

/** In GBA_U the UICC has a key of its own, under a name of its own. */
function keyOf({ key, uiccKey }: Pick<LiveSa, 'key' | 'uiccKey'>, identity: string): Uint8Array {
  return (identity.startsWith(OF_UICC) && uiccKey) || key;
}

const OF_UICC = `${PSK_NAMESPACE_UICC};`;
/** Stands where no association was found, for what is done with one to take the same time. */
const NOBODY: Pick<LiveSa, 'binding' | 'key' | 'uiccKey'> = {
  binding: { version: '1.3' },
  key: EMPTY,
};
/**
 * OpenSSL shows a TLS 1.3 session id of 32 random octets, cut at its first NUL, as an identity too.
 * A decoy for it would end the handshake that must go on with the client's external key.
 */
const SHORTEST_IDENTITY = 4;
