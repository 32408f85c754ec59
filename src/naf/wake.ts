/** Calls a UE that holds a valid key and has no layer: a few wakes instead of a new GPI (docs/wire.md). */
import type { Endpoint, TriggerAddress } from '../codec/address.ts';
import { sealWake, WAKE_WINDOW } from '../codec/wake.ts';
import { StoreError } from '../errors.ts';
import type { Impi } from '../ids.ts';
import { sleep, type Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import type { TriggerSender } from '../ports.ts';
import type { SaRegistry } from '../sa/registry.ts';

export interface WakeOptions {
  readonly impi: Impi;
  readonly clock: Clock;
  readonly triggers: TriggerSender;
  /** UE_Trp as it is known now. */
  readonly triggerAddress: () => TriggerAddress | undefined;
  /** Makes another wake; undefined when the UE would heed none. */
  readonly nextWake: () => Uint8Array | undefined;
  /** When the last layer was lost, monotonic ms: its UE may be on its way back. */
  readonly lostAt: number;
  /** The first wake leaves. */
  readonly onWake: () => void;
}

/**
 * Sends up to three wakes in equal parts of `ms`, each again and again in its part. Resolves with how many
 * there were: when all had no effect, or as soon as no more can be sent. @throws the signal's reason.
 */
export async function sendWakes(
  options: WakeOptions,
  ms: number,
  signal: AbortSignal,
): Promise<number> {
  const { clock, lostAt, triggers, triggerAddress, nextWake, onWake } = options;
  const endsAt = clock.monotonic() + ms;
  const graceMs = Math.min(lostAt + GRACE_MS - clock.monotonic(), ms / (MAX_WAKES + 1));
  if (graceMs > 0) await sleep(clock, graceMs, signal);
  for (let wakes = 0; wakes < MAX_WAKES; wakes += 1) {
    const leftMs = endsAt - clock.monotonic();
    const canSend = triggerAddress() !== undefined || triggers.bySubscriber === true;
    const wake = canSend && leftMs > 0 ? nextWake() : undefined;
    if (wake === undefined) return wakes;
    if (wakes === 0) onWake();
    if (!(await sendFor(wake, leftMs / (MAX_WAKES - wakes), options, signal))) return wakes;
  }
  return MAX_WAKES;
}

export interface WakeSource {
  readonly registry: SaRegistry;
  /** Where UEs shall connect; undefined: where they did before. */
  readonly connect: () => Endpoint | undefined;
}

/**
 * A wake by the youngest association of this UE that has a K_wake; its counter is on disk. Undefined when
 * there is none, or when the UE would look for no more of them: it looks ahead so far and no farther.
 */
export function makeWake(impi: Impi, { registry, connect }: WakeSource): Uint8Array | undefined {
  const sa = registry.of(impi).findLast(({ wake }) => wake !== undefined);
  if (sa?.wake === undefined || sa.wake.counter >= WAKE_WINDOW) return undefined;
  const { bTid, wake } = sa;
  const counter = wake.counter + 1;
  try {
    registry.countWake(bTid, counter);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    publish('gba:store:failed', { reason: error.message });
    return undefined;
  }
  return sealWake({ counter, connect: connect() }, wake.key);
}

/** False when the carrier has no way to the UE. */
async function sendFor(
  envelope: Uint8Array,
  ms: number,
  { impi, clock, triggers, triggerAddress }: WakeOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const sending = new AbortController();
  const failed = new AbortController();
  triggers.send({ impi, envelope, to: triggerAddress() }, sending.signal).catch(() => {
    failed.abort();
  });
  try {
    await sleep(clock, ms, AbortSignal.any([signal, failed.signal]));
    return true;
  } catch {
    signal.throwIfAborted();
    return false;
  } finally {
    sending.abort();
  }
}

const MAX_WAKES = 3;
/** A UE that has lost its layer too dials again at once; a wake, which may be a short message, would be for nothing. */
const GRACE_MS = 500;
