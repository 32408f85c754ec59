/** Looks for a layer to a UE that has none: waits for it to come back, else sends it one GPI after another. */
import type { TriggerAddress } from '../codec/address.ts';
import { ChannelError, GbaError } from '../errors.ts';
import type { Impi } from '../ids.ts';
import { sleep, type Clock } from '../lib/clock.ts';
import type { TriggerSender } from '../ports.ts';
import type { Announcement } from './announcer.ts';

/** How long the NAF waits before it takes the next dearer way, ms. */
export interface Patience {
  /** For the UE to come back by itself under a valid key. */
  readonly reconnectMs: number;
  /** For the UE to act on one GPI, sent again and again meanwhile. */
  readonly triggerMs: number;
  /** In all, before everything that waits is dropped; Infinity: until the pushes' own TTL. */
  readonly giveUpMs: number;
}

export interface SearchOptions {
  readonly impi: Impi;
  readonly clock: Clock;
  readonly patience: Patience;
  /** True when the UE holds a valid key under which it can connect again by itself. */
  readonly canReconnect: () => boolean;
  /** Makes a new association; undefined: only wait for the UE. */
  readonly announce: ((signal: AbortSignal) => Promise<Announcement>) | undefined;
  readonly triggers: TriggerSender;
  /** UE_Trp as it is known now; undefined: wait for the UE to dial. */
  readonly triggerAddress: () => TriggerAddress | undefined;
  /** A GPI leaves for the first time. */
  readonly onTrigger: (announcement: Announcement) => void;
}

/** Between two attempts that failed at once. */
const PAUSE_MS = 1_000;

/**
 * reconnect < bootstrap. It never resolves: `signal` ends it when a layer opens.
 * @throws ChannelError ERR_CHANNEL_TIMEOUT when patience is over; BsfError, StoreError or GbaError
 * ERR_UPA_ADDRESS when trying again would not help; the signal's reason.
 */
export async function search(options: SearchOptions, signal: AbortSignal): Promise<never> {
  const { clock, patience, canReconnect, announce } = options;
  const giveUpAt = clock.monotonic() + patience.giveUpMs;
  const wasHere = canReconnect();
  if (wasHere) {
    await sleep(clock, Math.min(patience.reconnectMs, patience.giveUpMs), signal);
  }
  if (announce === undefined) await sleep(clock, patience.giveUpMs, signal);
  for (;;) {
    const leftMs = giveUpAt - clock.monotonic();
    if (leftMs <= 0 || announce === undefined) throw silent(options, wasHere);
    await orPause(clock, leftMs, signal, async () => {
      const announcement = await announce(signal);
      options.onTrigger(announcement);
      await trigger(announcement.envelope, Math.min(patience.triggerMs, leftMs), options, signal);
    });
  }
}

/**
 * Sends one envelope again and again for `ms`. Where its address cannot be resolved meanwhile, it is
 * tried again: another vector would not help.
 */
async function trigger(
  envelope: Uint8Array,
  ms: number,
  { clock, triggers, triggerAddress }: SearchOptions,
  signal: AbortSignal,
): Promise<void> {
  const endsAt = clock.monotonic() + ms;
  for (let leftMs = ms; leftMs > 0; leftMs = endsAt - clock.monotonic()) {
    const sending = new AbortController();
    const failed = new AbortController();
    const to = triggerAddress();
    const sent = to && triggers.send(envelope, to, sending.signal);
    sent?.catch((error: unknown) => {
      failed.abort(error);
    });
    const either = AbortSignal.any([signal, failed.signal]);
    try {
      await orPause(clock, leftMs, signal, () => sleep(clock, endsAt - clock.monotonic(), either));
    } finally {
      sending.abort();
    }
  }
}

/** Runs `attempt`; after a failure that may pass, pauses instead. */
async function orPause(
  clock: Clock,
  mostMs: number,
  signal: AbortSignal,
  attempt: () => Promise<void>,
): Promise<void> {
  try {
    await attempt();
  } catch (error) {
    if (signal.aborted || !(error instanceof GbaError && error.retryable)) throw error;
    await sleep(clock, Math.min(PAUSE_MS, mostMs), signal);
  }
}

function silent({ impi, patience }: SearchOptions, wasHere: boolean): ChannelError {
  const within = `within ${Math.round(patience.giveUpMs / 1_000)} s`;
  const sentence = wasHere
    ? `the connection to ${impi} was lost and it did not come back ${within}: it is off, asleep or out of reach`
    : `${impi} did not connect ${within}: it is absent, or its SIM holds another key (or has seen ` +
      'later sequence numbers than this HSS gives)';
  return new ChannelError('ERR_CHANNEL_TIMEOUT', sentence, { retryable: true });
}
