/** What the device's own software is given, and how it says what became of it. */
import type { PushMessage } from '../codec/push.ts';
import type { BTid, Fqdn } from '../ids.ts';

/** One push as the device's own software sees it. */
export interface Push extends PushMessage {
  readonly nafFqdn: Fqdn;
  readonly bTid: BTid;
  /** How the layer came to be, for the first push over it; `reuse` for every later one. */
  readonly via: 'bootstrap' | 'ue-initiated' | 'reconnect' | 'resume' | 'reuse';
}

const DEFAULT_AFTER_MS = 60_000;

/** Thrown by a handler: not now, the same push again after `afterMs`; below 0 is 0, no finite time a minute. */
export class NotNow extends Error {
  readonly afterMs: number;

  constructor(afterMs = DEFAULT_AFTER_MS) {
    const ms = Number.isFinite(afterMs) ? Math.max(0, afterMs) : DEFAULT_AFTER_MS;
    super(`not now, again after ${ms} ms`);
    this.afterMs = ms;
  }
}

/**
 * Does what the push asks for. Returning means handled; throwing `NotNow` means later; throwing
 * anything else means refused for good (the handler has seen the push, so it must not see it again).
 */
export type PushHandler = (push: Push) => void | Promise<void>;
