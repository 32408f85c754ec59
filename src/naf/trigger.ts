/** One GPI on its way to the UE: sent again and again, and the one answer that a UE may give, AUTS, taken. */
import { AUTS_MESSAGE_OCTETS, decodeAuts } from '../codec/auts.ts';
import { ExecError, GbaError, reasonOf } from '../errors.ts';
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
  /** How often in a row the program that carries triggers may fail before that is the end of it. */
  readonly mostFailures: number;
}

/** Different octets that are looked at for one GPI; every copy of a trigger may be answered. */
const MAX_ANSWERS = 16;
/** Between two attempts that failed at once; of a program, twice as long each time. */
const PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Resolves after `ms`, or earlier with the announcement that a genuine AUTS led to. An AUTS that is not
 * genuine ends nothing. What could not be sent is tried again meanwhile: another vector would not help.
 * @throws GbaError ERR_UPA_ADDRESS or ERR_EXEC_FAILED when nothing was sent: retryable after `ms`, not
 * when trying again would not help; the signal's reason.
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
  let unsent: GbaError | undefined;
  let failures = 0;
  for (let leftMs = ms; leftMs > 0 && next === undefined; leftMs = endsAt - clock.monotonic()) {
    const sending = new AbortController();
    const failed = new AbortController();
    const sent = triggers
      .send({ impi, envelope, to: triggerAddress(), onAnswer }, sending.signal)
      .catch((error: unknown) => {
        failed.abort(error);
        return 0;
      });
    const any = AbortSignal.any([signal, failed.signal, woken.signal]);
    try {
      await sleep(clock, leftMs, any);
      sending.abort();
      if (unsent && (await sent) > 0) unsent = undefined;
    } catch (error) {
      if (signal.aborted) throw error;
      if (!woken.signal.aborted) {
        failures += 1;
        unsent = failureOf(error, failures, options);
        await sleep(clock, Math.min(pauseMs(unsent, failures), leftMs), signal);
      }
    } finally {
      sending.abort();
    }
  }
  if (unsent && next === undefined) throw unsent;
  return next;
}

/** What an attempt that failed means: it is thrown when that is the end, else another attempt may do. */
function failureOf(error: unknown, failures: number, options: TriggerOptions): GbaError {
  if (!(error instanceof GbaError && error.retryable)) throw error;
  if (!(error instanceof ExecError)) return error;
  const { impi, mostFailures } = options;
  const [retryable, often] = [failures < mostFailures, failures > 1 ? ` (${failures} times)` : ''];
  const message = `the trigger for ${impi} was not sent: ${error.message}${often}`;
  const failure = new ExecError(error.code, message, { retryable, cause: error });
  if (!retryable) throw failure;
  return failure;
}

/** A program costs a process each time; what the DNS says costs nothing. */
function pauseMs(failure: GbaError, failures: number): number {
  const program = failure instanceof ExecError;
  return program ? Math.min(PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS) : PAUSE_MS;
}

/** Undefined when it is not the answer to this announcement, or not the SIM's. */
export async function resynchroniseBy(
  octets: Uint8Array,
  { rand, sessionId }: Announcement,
  { impi, resynchronise }: Pick<TriggerOptions, 'impi' | 'resynchronise'>,
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
