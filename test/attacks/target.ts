/** What an attack is aimed at: a NAF, naive or ours, with its log and its pushes. */
import type { LiveSa } from '../../src/sa/association.ts';

/** A NAF. It writes one push into each layer as it opens, `pushTo` whoever it takes the peer for. */
export interface Target {
  readonly port: number;
  /** The identities that it looked up keys for, in order. */
  readonly lookups: readonly string[];
  /** All that an operator sees of it. */
  readonly log: () => string;
  /** Ends the key of this device. */
  readonly revoke: (device: LiveSa) => void;
  /** Writes one more push to the newest layer of this device. */
  readonly push: (device: LiveSa) => void;
}

/** The first octets that a NAF sends to the peer that it believes to be this one. */
export function pushTo(identity: string): string {
  return `push for ${identity}`;
}

/** True for what `pushTo` makes, whoever it is for. */
export function isPush(text: string | undefined): boolean {
  return text?.startsWith(pushTo('')) === true;
}
