/** One GPI on its way to the UE: sent again and again, and the one answer that a UE may give, AUTS, taken. */
import { AUTS_MESSAGE_OCTETS, decodeAuts } from '../codec/auts.ts';
import { GbaError, reasonOf } from '../errors.ts';
import type { TriggerAddress } from '../codec/address.ts';
import type { Impi } from '../ids.ts';
import { equalSecret, toHex } from '../lib/bytes.ts';
import { sleep, type Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import type { TriggerSender } from '../ports.ts';
import type { Announcement, Resync } from './announcer.ts';

export interface TriggerOptions {
  readonly impi: Impi;
  readonly clock: Clock;
  readonly triggers: TriggerSender;
  /** UE_Trp as it is known now; undefined: wait for the UE to dial. */
  readonly triggerAddress: () => TriggerAddress | undefined;
  /** Makes a new association after SQN was set by AUTS. @throws AkaError when it is not from the SIM. */
  readonly resynchronise: (resync: Resync) => Promise<Announcement>;
}

/** Different octets that are looked at for one GPI; every copy of a trigger may be answered. */
const MAX_ANSWERS = 16;
/** Between two attempts that failed at once. */
const PAUSE_MS = 1_000;

/**
 * Resolves after `ms`, or earlier with the announcement that a genuine AUTS led to. An AUTS that is not
 * genuine ends nothing. Where the address cannot be resolved it is tried again: another vector would
 * not help. @throws GbaError ERR_UPA_ADDRESS when trying again would not either; the signal's reason.
 */
export async function sendTrigger(
  announcement: Announcement,
  ms: number,
  options: TriggerOptions,
  signal: AbortSignal,
): Promise<Announcement | undefined> {
  const { impi, clock, triggers, triggerAddress } = options;
  const { envelope } = announcement;
  const endsAt = clock.monotonic() + ms;
  const woken = new AbortController();
  let next: Announcement | undefined;
  const seen = new Set<string>();
  const onAnswer = (octets: Uint8Array): void => {
    const copy = toHex(octets.subarray(0, AUTS_MESSAGE_OCTETS));
    if (seen.has(copy) || seen.size >= MAX_ANSWERS) return;
    seen.add(copy);
    void resynchroniseBy(octets, announcement, options).then((made) => {
      next ??= made;
      if (made) woken.abort();
    });
  };
  for (let leftMs = ms; leftMs > 0 && next === undefined; leftMs = endsAt - clock.monotonic()) {
    const sending = new AbortController();
    const failed = new AbortController();
    triggers
      .send({ impi, envelope, to: triggerAddress(), onAnswer }, sending.signal)
      .catch((error: unknown) => {
        failed.abort(error);
      });
    const any = AbortSignal.any([signal, failed.signal, woken.signal]);
    try {
      await orPause(clock, leftMs, signal, () => sleep(clock, endsAt - clock.monotonic(), any));
    } catch (error) {
      if (!woken.signal.aborted || signal.aborted) throw error;
    } finally {
      sending.abort();
    }
  }
  return next;
}

/** Undefined when it is not the answer to this announcement, or not the SIM's. */
async function resynchroniseBy(
  octets: Uint8Array,
  { rand, sessionId }: Announcement,
  { impi, resynchronise }: TriggerOptions,
): Promise<Announcement | undefined> {
  try {
    const answer = decodeAuts(octets);
    if (answer.sessionId !== sessionId || !equalSecret(answer.rand, rand)) {
      throw new GbaError('ERR_UPA_MALFORMED', 'it answers another trigger');
    }
    return await resynchronise({ rand, auts: answer.auts });
  } catch (error) {
    const code = error instanceof GbaError ? error.code : 'aborted';
    publish('gba:auts:refused', { impi, code, reason: reasonOf(error) });
    return undefined;
  }
}

/** Runs `attempt`; after a failure that may pass, pauses instead. */
export async function orPause(
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
