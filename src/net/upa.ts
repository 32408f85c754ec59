/** What the carriers of Upa have in common, at either end (TS 24.109 A1.3: any transport will do). */
import { formatEndpoint, type Endpoint, type TriggerAddress } from '../codec/address.ts';
import type { Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';

/** A way to one IP address of a UE. */
export interface TriggerRoute {
  /** Rejects, or throws, when the UE's machine says that nothing listens. */
  send(envelope: Uint8Array): Promise<void> | void;
  close(): void;
}

export interface TriggerRouteOptions extends Endpoint {
  /** Gets what comes back from that very address; it owns the octets. */
  readonly onAnswer: (octets: Uint8Array) => void;
  /** Nothing listens there. */
  readonly onUnreachable: () => void;
  readonly clock: Clock;
}

/** Sends octets back to where a trigger came from; without effect when that way is gone. */
export type ReplyToTrigger = (octets: Uint8Array) => void;

export interface TriggerListenerOptions {
  /** Port 0 takes any free one. */
  readonly at: TriggerAddress;
  readonly clock: Clock;
  /** Called for each envelope of at most 512 octets; it owns the octets. */
  readonly onTrigger: (octets: Uint8Array, from: Endpoint, reply: ReplyToTrigger) => void;
}

export interface TriggerListener extends AsyncDisposable {
  /** Where it really listens. */
  readonly address: TriggerAddress;
  close(): Promise<void>;
}

/** Longer octets are no envelope. */
export const MAX_TRIGGER_OCTETS = 512;

/** True, and told, when it has more octets than any envelope. */
export function isTooLong(octets: number, from: Endpoint): boolean {
  if (octets <= MAX_TRIGGER_OCTETS) return false;
  const reason = `an envelope has at most ${MAX_TRIGGER_OCTETS} octets, not ${octets}`;
  publish('gba:trigger:refused', { from: formatEndpoint(from), code: 'ERR_UPA_MALFORMED', reason });
  return true;
}
