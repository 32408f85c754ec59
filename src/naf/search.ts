/** Looks for a layer to a UE that has none: waits for it to come back, else sends it one GPI after another. */
import { ChannelError, GbaError } from '../errors.ts';
import { sleep } from '../lib/clock.ts';
import type { Announcement, Resync } from './announcer.ts';
import { orPause, sendTrigger, type TriggerOptions } from './trigger.ts';

/** How long the NAF waits before it takes the next dearer way, ms. */
export interface Patience {
  /** For the UE to come back by itself under a valid key. */
  readonly reconnectMs: number;
  /** For the UE to act on one GPI, sent again and again meanwhile. */
  readonly triggerMs: number;
  /** In all, before everything that waits is dropped; Infinity: until the pushes' own TTL. */
  readonly giveUpMs: number;
}

export interface SearchOptions extends Omit<TriggerOptions, 'resynchronise' | 'mostFailures'> {
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

/**
 * reconnect < bootstrap. It never resolves: `signal` ends it when a layer opens.
 * @throws ChannelError ERR_CHANNEL_TIMEOUT when patience is over; BsfError, StoreError, or GbaError
 * ERR_UPA_ADDRESS or ERR_EXEC_FAILED when the trigger was not sent and trying again would not help, or
 * there is no time for it; the signal's reason.
 */
export async function search(options: SearchOptions, signal: AbortSignal): Promise<never> {
  const { clock, patience, canReconnect, announce } = options;
  const giveUpAt = clock.monotonic() + patience.giveUpMs;
  const wasHere = canReconnect();
  if (wasHere) {
    await sleep(clock, Math.min(patience.reconnectMs, patience.giveUpMs), signal);
  }
  if (announce === undefined) await sleep(clock, patience.giveUpMs, signal);
  let answers = MAX_ANSWERS;
  let next: Announcement | undefined;
  let unsent: GbaError | undefined;
  const mostFailures = patience.giveUpMs === Infinity ? Infinity : MAX_FAILURES;
  for (;;) {
    const leftMs = giveUpAt - clock.monotonic();
    if (leftMs <= 0 || announce === undefined) throw unsent ?? silent(options, wasHere);
    await orPause(clock, leftMs, signal, async () => {
      const announcement = next ?? (await announce(signal));
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

function silent({ impi, patience }: SearchOptions, wasHere: boolean): ChannelError {
  const within = `within ${patience.giveUpMs / 1_000} s`;
  const sentence = wasHere
    ? `the connection to ${impi} was lost and it did not come back ${within}: it is off, asleep or out of reach`
    : `${impi} did not connect ${within}: it is absent, or its SIM holds another key (or has seen ` +
      'later sequence numbers than this HSS gives)';
  return new ChannelError('ERR_CHANNEL_TIMEOUT', sentence, { retryable: true });
}
