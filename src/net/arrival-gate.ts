/** The gate in front of the NAF's TLS: an unknown identity may become known while its handshake waits. */
import { Socket } from 'node:net';
import { createGate, type Gate } from '../async-psk/gate.ts';
import type { Wait } from '../async-psk/lookup.ts';
import type { GbaError } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import type { TlsPolicy, TlsVersion } from '../lib/suites.ts';
import type { HandshakeLimits } from './handshakes.ts';
import type { PskKeys } from './psk-keys.ts';

/** Makes an identity known, if anybody has it; rejects with the reason why nobody has. */
export type LookUpIdentity = (identity: string, wait: Wait) => Promise<void>;

export interface ArrivalGateOptions {
  readonly clock: Clock;
  readonly policy: TlsPolicy;
  readonly versions: readonly TlsVersion[];
  readonly limits: HandshakeLimits;
  readonly decoySecret: Uint8Array;
  readonly keys: PskKeys;
  /** Asked for identities that `keys` does not know, and for no others: those never wait. */
  readonly lookup: LookUpIdentity;
  /** This connection did not get as far as TLS. */
  readonly onRefused: (raw: Socket, error: GbaError) => void;
}

/**
 * Failures are told after 2 seconds, whatever they are, or half of the time for a handshake. It has no
 * deadline of its own: whoever brings connections to it has one for the whole handshake.
 */
export function createArrivalGate(options: ArrivalGateOptions): Gate {
  const { clock, policy, versions, limits, decoySecret, keys, lookup } = options;
  return createGate({
    ...{ clock, versions, decoySecret, timeoutMs: Infinity },
    answerAfterMs: Math.min(ANSWER_AFTER_MS, policy.handshakeTimeoutMs / 2),
    limits: {
      hellos: limits.handshakes,
      lookups: limits.handshakes,
      lookupsPerSource: limits.perAddress,
    },
    lookup: ({ identity, version }, wait) => {
      if (keys.knows(identity)) return keys.keyOf(identity, version);
      return lookup(identity, wait).then(() => keys.keyOf(identity, version));
    },
    onRefused: (_remote, error, raw) => {
      if (raw instanceof Socket) options.onRefused(raw, error);
    },
  });
}

/** For the BSF to answer, a connection to it included. */
const ANSWER_AFTER_MS = 2_000;
