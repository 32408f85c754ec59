/** Challenges over Ub that wait for their answer: each nonce is good once, for a while (RFC 3310 3.2). */
import type { Impi } from '../ids.ts';
import { wipe } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';
import { Deadlines, type Dated } from '../lib/deadlines.ts';

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
  const waiting = new Map<string, Waiting>();
  const ends = new Deadlines<Waiting>({
    clock,
    onDue: ({ nonce }) => {
      drop(nonce);
    },
  });

  const remove = (nonce: string): Challenge | undefined => {
    const one = waiting.get(nonce);
    if (one) ends.delete(one);
    waiting.delete(nonce);
    return one?.challenge;
  };
  const drop = (nonce: string): void => {
    const challenge = remove(nonce);
    if (challenge) wipeChallenge(challenge);
  };
  const makeRoom = (impi: Impi): void => {
    const all = [...waiting.values()];
    const own = all.filter(({ challenge }) => challenge.impi === impi);
    const [oldest] = own.length >= PER_SUBSCRIBER ? own : all.length >= ENTRIES ? all : [];
    if (oldest) drop(oldest.nonce);
  };

  return {
    add(nonce, challenge) {
      makeRoom(challenge.impi);
      const one = { nonce, challenge, at: clock.monotonic() + WAIT_MS, place: -1 };
      waiting.set(nonce, one);
      ends.add(one);
    },
    take: (nonce, impi) =>
      waiting.get(nonce)?.challenge.impi === impi ? remove(nonce) : undefined,
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

interface Waiting extends Dated {
  readonly nonce: string;
  readonly challenge: Challenge;
}

const WAIT_MS = 30_000;
const ENTRIES = 1_024;
const PER_SUBSCRIBER = 4;
