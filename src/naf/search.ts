/** Looks for a layer to a UE that has none: calls it by wakes, waits for it, else sends it one GPI after another. */
import { ChannelError, GbaError } from '../errors.ts';
import { sleep } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import type { Announcement, Resync } from './announcer.ts';
import { orPause, sendTrigger, type TriggerOptions } from './trigger.ts';
import { sendWakes, type WakeOptions } from './wake.ts';

/** How long the NAF waits before it takes the next dearer way, ms. */
export interface Patience {
  /**
   * For the UE to come back under a valid key. Default: as long as `triggerMs` when it can be called by
   * wakes, and then a third of `giveUpMs` at the most; else 2,000.
   */
  readonly reconnectMs?: number;
  /** For the UE to act on one GPI, sent again and again meanwhile. */
  readonly triggerMs: number;
  /** In all, before everything that waits is dropped; Infinity: until the pushes' own TTL. */
  readonly giveUpMs: number;
}

export interface SearchOptions
  extends Omit<TriggerOptions, 'resynchronise' | 'mostFailures'>, WakeOptions {
  readonly patience: Patience;
  /** True when the UE holds a valid key under which it can connect again by itself. */
  readonly canReconnect: () => boolean;
  /** Makes a new association, by an AUTS of the UE if need be; undefined: only wait for the UE. */
  readonly announce: ((signal: AbortSignal, resync?: Resync) => Promise<Announcement>) | undefined;
  /** A GPI leaves for the first time. */
  readonly onTrigger: (announcement: Announcement) => void;
}

/** AUTS of a UE that the BSF is troubled with, in one search. */
const MAX_ANSWERS = 2;
/** Failures in a row of the program that carries triggers; where pushes wait for their TTL, it may recover. */
const MAX_FAILURES = 3;
/** For a UE that is only waited for. */
const ALONE_MS = 2_000;

/**
 * reconnect < bootstrap. It never resolves: `signal` ends it when a layer opens. A BSF that is away or busy
 * is asked again.
 * @throws ChannelError ERR_CHANNEL_TIMEOUT when patience is over; BsfError, StoreError, or GbaError
 * ERR_UPA_ADDRESS or ERR_EXEC_FAILED when there was no GPI, or the trigger was not sent, and trying again
 * would not help, or there is no time for it; the signal's reason.
 */
export async function search(options: SearchOptions, signal: AbortSignal): Promise<never> {
  const { clock, patience, canReconnect, announce } = options;
  const giveUpAt = clock.monotonic() + patience.giveUpMs;
  const wasHere = canReconnect();
  if (wasHere) await reconnect(options, signal);
  if (announce === undefined) await sleep(clock, patience.giveUpMs, signal);
  let answers = MAX_ANSWERS;
  let next: Announcement | undefined;
  let unsent: GbaError | undefined;
  const keep = (error: unknown): never => {
    if (error instanceof GbaError) unsent = error;
    throw error;
  };
  const mostFailures = patience.giveUpMs === Infinity ? Infinity : MAX_FAILURES;
  for (;;) {
    const leftMs = giveUpAt - clock.monotonic();
    if (leftMs <= 0 || announce === undefined) throw unsent ?? silent(options, wasHere);
    await orPause(clock, leftMs, signal, async () => {
      const announcement = next ?? (await announce(signal).catch(keep));
      next = undefined;
      options.onTrigger(announcement);
      const resynchronise = (resync: Resync): Promise<Announcement> => {
        answers -= 1;
        if (answers < 0) throw new GbaError('ERR_UPA_BUSY', `${MAX_ANSWERS} AUTS are enough`);
        return announce(signal, resync);
      };
      const triggerMs = Math.min(patience.triggerMs, leftMs);
      const trigger = { ...options, resynchronise, mostFailures };
      unsent = undefined;
      next = await sendTrigger(announcement, triggerMs, trigger, signal).catch((error: unknown) => {
        if (signal.aborted || !(error instanceof GbaError && error.retryable)) throw error;
        unsent = error;
        return undefined;
      });
    });
  }
}

/** Resolves when the UE has not come back, called or by itself. */
async function reconnect(options: SearchOptions, signal: AbortSignal): Promise<void> {
  const { impi, clock, patience, announce } = options;
  const { reconnectMs, triggerMs, giveUpMs } = patience;
  const startedAt = clock.monotonic();
  const calledMs = Math.min(reconnectMs ?? triggerMs, giveUpMs / 3);
  // A NAF that sends no triggers sends no wakes.
  const wakes = announce === undefined ? 0 : await sendWakes(options, calledMs, signal);
  const ms = clock.monotonic() - startedAt;
  if (wakes > 0) publish('gba:wake:failed', { impi, wakes, ms });
  else await sleep(clock, Math.min(reconnectMs ?? ALONE_MS, giveUpMs) - ms, signal);
}

function silent({ impi, patience }: SearchOptions, wasHere: boolean): ChannelError {
  const within = `within ${patience.giveUpMs / 1_000} s`;
  const sentence = wasHere
    ? `the connection to ${impi} was lost and it did not come back ${within}: it is off, asleep or out of reach`
    : `${impi} did not connect ${within}: it is absent, or its SIM holds another key (or has seen ` +
      'later sequence numbers than this HSS gives)';
  return new ChannelError('ERR_CHANNEL_TIMEOUT', sentence, { retryable: true });
}
