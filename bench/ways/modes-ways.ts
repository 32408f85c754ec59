/** The ways by which a push reaches its UE that bench/modes.ts and bench/sweep.ts measure. */
import {
  ELSEWHERE,
  HYBRID,
  KINDS_12,
  OVER_UB,
  P256,
  RESUMING,
  X25519,
  hasHybrid,
  type Kind,
  type Opened,
  type Pair,
  type Scene,
} from './modes.ts';

/** Where an interval begins: with the push at the NAF, with the UE's TCP connection there, with the UE's first word over Ub. */
export type Since = 'push' | 'connection' | 'begin';

export interface Way {
  readonly name: string;
  readonly kind: Kind;
  readonly since: Since;
  /** What the receipt must say. */
  readonly via: string;
  readonly how: 'reuse' | 'reconnect' | 'bootstrap' | 'begin';
}

const REUSE: Way = { name: 'reuse', kind: X25519, since: 'push', via: 'reuse', how: 'reuse' };

function reconnect(name: string, kind: Kind): Way {
  const via = kind.resumption === 'sa-bound' ? 'resume' : 'reconnect';
  return { name, kind, since: 'connection', via, how: 'reconnect' };
}

function bootstrap(name: string, kind: Kind): Way {
  return { name, kind, since: 'push', via: 'bootstrap', how: 'bootstrap' };
}

/** Cheapest first. Ways of one kind share a pair. */
export const WAYS: readonly Way[] = [
  REUSE,
  ...RESUMING.map((kind) => reconnect('resume 1.2', kind)),
  ...[X25519, P256, ...(hasHybrid() ? [HYBRID] : []), ...KINDS_12].map((kind) =>
    reconnect(`reconnect ${kind.name}`, kind),
  ),
  { name: 'UE-initiated', kind: OVER_UB, since: 'begin', via: 'ue-initiated', how: 'begin' },
  bootstrap('bootstrap, BSF inside', X25519),
  bootstrap('bootstrap, BSF elsewhere', ELSEWHERE),
];

/** Why a way is not among them. */
export const SKIPPED: readonly string[] = hasHybrid()
  ? []
  : [`reconnect ${HYBRID.name}: this runtime has not that group (Node.js 22 and later have)`];

/** What pushes by one way took. */
export interface Taken {
  /** Of the interval that the way is timed by, one a push. */
  readonly ms: readonly number[];
  /** From the push, where the interval begins with the connection: with the pause before the UE dials. */
  readonly pauseMs: readonly number[];
  readonly nafCpuUs: number;
  readonly ueCpuUs: number;
  readonly pushes: number;
}

/**
 * One sample of each of these ways that is of this pair; of reuse so many. Each begins with a key of its
 * own: the pause of a UE grows with every layer of a key that ended soon.
 */
export async function sample(
  pair: Pair,
  ways: readonly Way[],
  reuses: number,
  note: (way: Way, taken: Taken) => void,
): Promise<void> {
  const own = ways.filter(({ kind }) => kind === pair.kind);
  const first = own.find(({ how }) => how === 'bootstrap' || how === 'begin');
  if (first) note(first, takenBy(first, await pushBy(first, pair)));
  else await pair.bootstrap();
  const reuse = own.find(({ how }) => how === 'reuse');
  if (reuse) note(reuse, { ...(await pair.reuse(reuses)), pauseMs: [], pushes: reuses });
  const again = own.find(({ how }) => how === 'reconnect');
  if (again) note(again, takenBy(again, await pushBy(again, pair)));
}

/** One push by this way, all but `reuse`. @throws Error when it went by another. */
export async function pushBy(way: Way, pair: Pair): Promise<Opened> {
  if (way.how === 'reuse') throw new Error('reuse is measured many at a time');
  const opened = await pair[way.how]();
  if (opened.via !== way.via) throw new Error(`${way.name} went by ${opened.via ?? 'nothing'}`);
  return opened;
}

function takenBy({ since }: Way, { ms, fromConnectionMs, nafCpuUs, ueCpuUs }: Opened): Taken {
  const paused = since === 'connection';
  const timed = paused ? fromConnectionMs : ms;
  return { ms: [timed], pauseMs: paused ? [ms] : [], nafCpuUs, ueCpuUs, pushes: 1 };
}

export function kindsOf(ways: readonly Way[]): readonly Kind[] {
  return [...new Set(ways.map(({ kind }) => kind))];
}

export function pairFor({ kind }: Way, { pairs }: Scene): Pair {
  const pair = pairs.find((one) => one.kind === kind);
  if (pair === undefined) throw new Error(`no pair for ${kind.name}`);
  return pair;
}
