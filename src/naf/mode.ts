/** The two ways in which a UE takes pushes, as its layer sees them (docs/wire.md). */
import type { Entry, Outcome } from './entry.ts';

export interface PushMode {
  /** False while it takes no push although the channel would. */
  readonly ready: boolean;
  /** Resolves when it may have become `ready`. */
  whenReady(): Promise<void>;
  /**
   * Sends one push. What becomes of it is told later, at most once: when the layer ends first it may
   * never be. @throws PushError ERR_PUSH_OVERSIZE, ERR_PUSH_REFUSED, RangeError; nothing was sent then.
   */
  send(entry: Entry, ttlSeconds: number): void;
  /** Tells now what it can of the pushes that must not go out again. */
  surrender(): void;
  /** Tells the UE that the association is over for good. */
  forget(): Promise<void>;
}

/** Gets what became of a push that is out. */
export interface ModeLayer {
  tell(entry: Entry, outcome: Outcome): void;
  /** It takes many messages: later ones of its urgency wait until it has an outcome. */
  takesLong(entry: Entry): void;
  /** It can no longer be sent to its end here: it goes out again over the next layer. */
  giveBack(entry: Entry): void;
  /** False when it has its outcome, or was given up: nothing more of it is to be sent. */
  has(entry: Entry): boolean;
}
