/** The pushes of bench/sides.ts: which octets each is, and by what every device proves what it got. */

export const PAYLOAD_OCTETS = 100;
/** More than are ever in flight. */
const POOL = 4_096;

/** The n-th push of a job has the payload `n % POOL`; all systems send the same ones. */
const pool: readonly Buffer[] = makePool();

export function payloadOf(n: number): Buffer {
  return pool[n % POOL] as Buffer;
}

/** What one device got, in order: how many, and a running hash that a lost, doubled, swapped or changed one spoils. */
export interface Tally {
  count: number;
  hash: number;
}

export function emptyTally(): Tally {
  return { count: 0, hash: 0 };
}

/** Counts and hashes one payload, from `offset` in `octets`: 32 bits at a time, as the C floor does. */
export function tell(tally: Tally, octets: Uint8Array, offset: number): void {
  let { hash } = tally;
  for (let i = offset; i < offset + PAYLOAD_OCTETS; i += 4) {
    const word =
      (octets[i] ?? 0) |
      ((octets[i + 1] ?? 0) << 8) |
      ((octets[i + 2] ?? 0) << 16) |
      ((octets[i + 3] ?? 0) << 24);
    hash = Math.imul(hash ^ word, 0x9e3779b1);
    hash = (hash << 13) | (hash >>> 19);
  }
  tally.hash = hash >>> 0;
  tally.count += 1;
}

/** What each of `ues` devices must have after `count` pushes to them in turn. */
export function expected(count: number, ues: number): Tally[] {
  const tallies = Array.from({ length: ues }, emptyTally);
  for (let n = 0; n < count; n += 1) tell(tallies[n % ues] as Tally, payloadOf(n), 0);
  return tallies;
}

/** @throws Error that says which device has what. */
export function requireTallies(
  name: string,
  got: readonly Tally[],
  wanted: readonly Tally[],
): void {
  for (const [device, { count, hash }] of got.entries()) {
    const want = wanted[device] ?? emptyTally();
    if (count === want.count && hash === want.hash) continue;
    const [has, should] = [`${count} (${hash})`, `${want.count} (${want.hash})`];
    throw new Error(
      `${name}: device ${device} got ${has}, not the pushes ${should} in their order`,
    );
  }
}

/** xorshift32 from a fixed seed, as the C floor does. */
function makePool(): Buffer[] {
  let x = 2_463_534_242;
  return Array.from({ length: POOL }, () => {
    const payload = Buffer.alloc(PAYLOAD_OCTETS);
    for (let i = 0; i < PAYLOAD_OCTETS; i += 1) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      payload[i] = x & 0xff;
    }
    return payload;
  });
}
