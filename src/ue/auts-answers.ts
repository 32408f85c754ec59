/**
 * Which AUTS leave this UE, and where to. AUTS is a privacy oracle: two of them for one RAND differ by
 * the SQN that passed between, which tells a SIM apart. So there is one for each RAND, ever; few in an
 * hour; and only for hosts where a NAF of this UE may be, or for one that has proved that it is one.
 */
import { formatEndpoint, type Endpoint } from '../codec/address.ts';
import { encodeAuts } from '../codec/auts.ts';
import { GbaError } from '../errors.ts';
import type { Impi } from '../ids.ts';
import { concat, EMPTY, toHex, uintBytes, view } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import { systemLookup, type Lookup } from '../net/network.ts';
import type { ReplyToTrigger } from '../net/upa.ts';
import type { AtomicStore } from '../ports.ts';
import { isNafHost, type ConnectPolicy } from './connect-policy.ts';

export interface AutsAnswersOptions {
  /** Holds what was given for each RAND under `usim/auts/<IMPI>/…`, so that no restart gives another. */
  readonly store: AtomicStore;
  readonly impi: Impi;
  readonly clock: Clock;
  readonly policy: ConnectPolicy;
  /** New ones in an hour. Default 3. */
  readonly perHour?: number;
  readonly lookup?: Lookup;
}

/** The trigger that the SIM refused, and the way back to whoever sent it. */
export interface RefusedTrigger {
  /** Names the very octets, so that a copy of them gets the same answer without the SIM. */
  readonly digest: string;
  readonly sessionId: number;
  /** 16 octets. */
  readonly rand: Uint8Array;
  readonly from: Endpoint;
  /** It came inside a layer, from a NAF that has proved itself there: its address says nothing more. */
  readonly proved?: boolean;
  readonly reply: ReplyToTrigger;
}

export interface AutsAnswers {
  /**
   * The AUTS that this RAND got first, which may be `auts`, for a BSF that this UE asked itself.
   * @throws GbaError ERR_UPA_BUSY when this UE has given enough of them, StoreError.
   */
  first(rand: Uint8Array, auts: Uint8Array): Promise<Uint8Array>;
  /** Gives the AUTS that this RAND got first, which may be `auts`; a refusal is the event `gba:auts:refused`. */
  give(auts: Uint8Array, trigger: RefusedTrigger): Promise<void>;
  /** True when a trigger with that digest got an AUTS lately. */
  has(digest: string): boolean;
  /** Gives to a copy what the trigger got, if anything. */
  repeat(trigger: Pick<RefusedTrigger, 'digest' | 'from' | 'reply'>): void;
}

export function createAutsAnswers({
  store,
  impi,
  clock,
  policy,
  perHour = 3,
  lookup = systemLookup,
}: AutsAnswersOptions): AutsAnswers {
  /** What lately went out, by the digest of the trigger. */
  const given = new Map<string, Uint8Array>();

  /** By wall time, since it must outlive the process; a clock that is set back makes it wait. */
  const takeTurn = (): Promise<void> =>
    store.update(`usim/auts/${impi}/given`, (stored) => {
      const now = Math.floor(clock.now() / 1_000);
      const times = timesOf(stored).filter((at) => at > now - HOUR_S);
      if (times.length >= perHour) {
        const rule = `this UE gives ${perHour} AUTS an hour, and has given them`;
        throw new GbaError('ERR_UPA_BUSY', rule);
      }
      return { value: concat(...[...times, now].map((at) => uintBytes(at, 4))), result: undefined };
    });

  /** Of one RAND there is one, ever. */
  const first: AutsAnswers['first'] = async (rand, auts) => {
    const key = `usim/auts/${impi}/${toHex(rand.subarray(0, 1))}`;
    const before = await store.update(key, (stored) => ({
      value: undefined,
      result: find(rand, stored),
    }));
    if (before !== undefined) return before;
    await takeTurn();
    return store.update(key, (stored = EMPTY) => {
      const other = find(rand, stored);
      if (other !== undefined) return { value: undefined, result: other };
      const kept = stored.subarray(-(ENTRIES - 1) * ENTRY_OCTETS);
      return { value: concat(kept, rand, auts), result: Uint8Array.from(auts) };
    });
  };

  const send = (
    { from, reply }: Pick<RefusedTrigger, 'from' | 'reply'>,
    message: Uint8Array,
  ): void => {
    reply(message);
    publish('gba:auts:sent', { to: formatEndpoint(from) });
  };

  const requireNafHost = async (host: string): Promise<void> => {
    if (await isNafHost(policy, host, lookup)) return;
    const rule = `no NAF of this UE may be at ${host}, so no AUTS goes there`;
    throw new GbaError('ERR_GPI_POLICY', rule);
  };

  return {
    first,
    async give(auts, trigger) {
      const { digest, sessionId, rand, proved, from } = trigger;
      try {
        if (proved !== true) await requireNafHost(from.host);
        const message = encodeAuts({ sessionId, rand, auts: await first(rand, auts) });
        given.delete(digest);
        given.set(digest, message);
        const [oldest] = given.keys();
        if (given.size > COPIES && oldest !== undefined) given.delete(oldest);
        send(trigger, message);
      } catch (error) {
        if (!(error instanceof GbaError)) throw error;
        publish('gba:auts:refused', { impi, code: error.code, reason: error.message });
      }
    },
    has: (digest) => given.has(digest),
    repeat(trigger) {
      const message = given.get(trigger.digest);
      if (message !== undefined) send(trigger, message);
    },
  };
}

function timesOf(stored: Uint8Array = EMPTY): number[] {
  return chunksOf(stored, 4).map((chunk) => view(chunk).readUInt32BE());
}

function find(rand: Uint8Array, stored: Uint8Array = EMPTY): Uint8Array | undefined {
  const entry = chunksOf(stored, ENTRY_OCTETS).find((one) =>
    view(one.subarray(0, 16)).equals(rand),
  );
  return entry?.slice(16);
}

function chunksOf(octets: Uint8Array, size: number): Uint8Array[] {
  const count = Math.floor(octets.length / size);
  return Array.from({ length: count }, (_, n) => octets.subarray(n * size, (n + 1) * size));
}

const HOUR_S = 3_600;
/** Triggers whose copies are answered from memory. */
const COPIES = 64;
/** RAND and AUTS. */
const ENTRY_OCTETS = 30;
/** Under each first octet of RAND, so 6,144 in all; then the oldest goes. */
const ENTRIES = 24;
