/** What UEs bootstrapped over Ub: Ks under its B-TID, until the lifetime is over (TS 33.220 4.5.2). */
import { BsfError } from '../errors.ts';
import type { BTid, Impi } from '../ids.ts';
import { wipe } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';
import { Deadlines, type Dated } from '../lib/deadlines.ts';

/** One run of Ub. */
export interface BootstrapSession {
  readonly bTid: BTid;
  readonly impi: Impi;
  /** 16 octets. */
  readonly rand: Uint8Array;
  /** CK || IK, 32 octets. */
  readonly ks: Uint8Array;
  /** True: Ks is on the UICC, and there are two keys per NAF (TS 33.220 clause 5). */
  readonly gbaU: boolean;
  /** Epoch ms. */
  readonly createdAt: number;
  /** Epoch ms. */
  readonly expiresAt: number;
}

/** Where Ub leaves what UEs bootstrapped, and where a BSF core finds it. */
export interface BootstrapSessions {
  /**
   * Takes the session over, with its Ks. A new one leaves those before valid (TS 33.220 4.4.11), up to
   * `perSubscriber`; then the oldest of that subscriber ends. @throws BsfError ERR_BSF_BUSY when full.
   */
  add(session: BootstrapSession): void;
  /** The session of that very text, while it lasts. Its Ks stays with the sessions. */
  find(bTid: string): BootstrapSession | undefined;
  readonly size: number;
  /** Ends and wipes all. */
  close(): void;
}

/** How many may last at once. */
export interface SessionLimits {
  /** Default 100,000. */
  readonly entries?: number;
  /** Default 4. */
  readonly perSubscriber?: number;
}

/** In memory alone: after a restart UEs bootstrap again, and no Ks was ever on a disk. */
export function createSessions(
  clock: Clock,
  { entries = 100_000, perSubscriber = 4 }: SessionLimits = {},
): BootstrapSessions {
  const live = new Map<string, Live>();
  const ofSubscriber = new Map<Impi, readonly BTid[]>();

  const end = (bTid: string): void => {
    const one = live.get(bTid);
    if (one === undefined) return;
    const { session } = one;
    ends.delete(one);
    wipe(session.ks);
    live.delete(bTid);
    const left = (ofSubscriber.get(session.impi) ?? []).filter((one) => one !== bTid);
    if (left.length > 0) ofSubscriber.set(session.impi, left);
    else ofSubscriber.delete(session.impi);
  };

  const ends = new Deadlines<Live>({
    clock,
    onDue: ({ session }) => {
      end(session.bTid);
    },
  });

  return {
    add(session) {
      const { bTid, impi, ks, expiresAt } = session;
      const earlier = ofSubscriber.get(impi) ?? [];
      const [oldest] = earlier;
      if (earlier.length >= perSubscriber && oldest) end(oldest);
      if (live.size >= entries) {
        wipe(ks);
        throw new BsfError('ERR_BSF_BUSY', `${entries} sessions last already`, { retryable: true });
      }
      const one = { session, at: clock.monotonic() + expiresAt - clock.now(), place: -1 };
      live.set(bTid, one);
      ends.add(one);
      ofSubscriber.set(impi, [...(ofSubscriber.get(impi) ?? []), bTid]);
    },
    find(bTid) {
      const session = live.get(bTid)?.session;
      return session && session.expiresAt > clock.now() ? session : undefined;
    },
    get size() {
      return live.size;
    },
    close() {
      for (const bTid of [...live.keys()]) end(bTid);
    },
  };
}

/** A session, and when it ends by the clock that does not step. */
interface Live extends Dated {
  readonly session: BootstrapSession;
}
