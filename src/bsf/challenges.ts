/** Challenges over Ub that wait for their answer: each nonce is good once, for a while (RFC 3310 3.2). */
import type { Impi } from '../ids.ts';
import { wipe } from '../lib/bytes.ts';
import type { Clock, Timer } from '../lib/clock.ts';

/** What the BSF remembers of a vector whose RAND and AUTN went out. */
export interface Challenge {
  readonly impi: Impi;
  readonly rand: Uint8Array;
  readonly xres: Uint8Array;
  /** CK || IK, 32 octets. */
  readonly ks: Uint8Array;
  readonly gbaU: boolean;
}

export interface Challenges {
  /** Takes the challenge over. The oldest of its subscriber, then of all, makes room. */
  add(nonce: string, challenge: Challenge): void;
  /** Gives it away, once and to its subscriber alone: who gets it wipes it. */
  take(nonce: string, impi: Impi): Challenge | undefined;
  readonly size: number;
  /** Wipes all. */
  close(): void;
}

export function createChallenges(clock: Clock): Challenges {
  const waiting = new Map<string, Challenge & { readonly end: Timer }>();

  const remove = (nonce: string): Challenge | undefined => {
    const challenge = waiting.get(nonce);
    challenge?.end.cancel();
    waiting.delete(nonce);
    return challenge;
  };
  const drop = (nonce: string): void => {
    const challenge = remove(nonce);
    if (challenge) wipeChallenge(challenge);
  };
  const makeRoom = (impi: Impi): void => {
    const own = [...waiting].filter(([, challenge]) => challenge.impi === impi);
    const crowded =
      own.length >= PER_SUBSCRIBER ? own : waiting.size >= ENTRIES ? [...waiting] : [];
    const [oldest] = crowded;
    if (oldest) drop(oldest[0]);
  };

  return {
    add(nonce, challenge) {
      makeRoom(challenge.impi);
      const end = clock.after(WAIT_MS, () => {
        drop(nonce);
      });
      waiting.set(nonce, { ...challenge, end });
    },
    take: (nonce, impi) => (waiting.get(nonce)?.impi === impi ? remove(nonce) : undefined),
    get size() {
      return waiting.size;
    },
    close() {
      for (const nonce of [...waiting.keys()]) drop(nonce);
    },
  };
}

/** XRES and Ks; a session that took Ks over has a copy. */
export function wipeChallenge({ xres, ks }: Challenge): void {
  wipe(xres, ks);
}

const WAIT_MS = 30_000;
const ENTRIES = 1_024;
const PER_SUBSCRIBER = 4;
