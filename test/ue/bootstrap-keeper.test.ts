import test, { type ExecutionContext } from 'ava';
import { BsfError } from '../../src/errors.ts';
import { bTidOf, parseFqdn } from '../../src/ids.ts';
import { close, establish, park, type Announced, type LiveSa } from '../../src/sa/association.ts';
import { BootstrapKeeper } from '../../src/ue/bootstrap-keeper.ts';
import { manualClock } from '../support/manual-clock.ts';
import { makeSa } from '../support/tls.ts';

const nafFqdn = parseFqdn('naf.example.org');
const LIFETIME_MS = 1_000_000;

interface KeeperOptions {
  readonly random?: number;
  /** How long a run takes. */
  readonly runMs?: number;
  /** What every run fails with. */
  readonly fail?: Error;
  /** Whether a trigger has made an association before. */
  readonly pushed?: boolean;
}

/** A keeper at work; by default its runs succeed at once, and its pauses are as long as they can be. */
function openKeeper(t: ExecutionContext, options: KeeperOptions = {}) {
  const { random = 1, runMs = 0, fail, pushed = false } = options;
  const clock = manualClock();
  const live: LiveSa[] = [];
  const runs: number[] = [];
  const stop = new AbortController();
  const begin = (own = true): LiveSa => {
    const bTid = bTidOf(new Uint8Array(16).fill(live.length + runs.length), nafFqdn);
    const sa = makeSa({
      bTid,
      expiresAt: clock.now() + LIFETIME_MS,
      ...(own && { pTid: undefined }),
    });
    live.push(sa);
    return sa;
  };
  if (pushed) begin(false);
  const keeper = new BootstrapKeeper({
    clock,
    nafFqdn,
    bsf: 'http://bsf.example.org',
    run: () => {
      runs.push(clock.monotonic());
      clock.advance(runMs);
      return fail ? Promise.reject(fail) : Promise.resolve(begin() as Announced);
    },
    live: () => live,
    isOwn: ({ pTid }) => pTid === undefined,
    random: () => random,
  });
  const turn = async (): Promise<void> => {
    for (let n = 0; n < 3; n += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  const kept = keeper.keep(stop.signal).catch(() => undefined);
  t.teardown(async () => {
    stop.abort();
    await kept;
    if (clock.pending > 0) throw new Error('a timer is left');
  });
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await turn();
  };
  const change = (at: number, to: (sa: LiveSa) => LiveSa): LiveSa => {
    const sa = live[at];
    if (sa === undefined) throw new Error('no such association');
    return (live[at] = to(sa));
  };
  return {
    ...{ clock, live, runs, keeper, advance, turn, begin, stop },
    open: (at: number) => {
      keeper.opened(change(at, establish));
    },
    park: (at: number) => {
      keeper.parked();
      change(at, park);
    },
    close: (at: number, reason: Parameters<typeof close>[1]) => {
      const [sa] = live.splice(at, 1);
      if (sa) keeper.closed(close(sa, reason));
    },
  };
}

const unreachable = new BsfError('ERR_BSF_UNREACHABLE', 'no', { retryable: true });

test('without a key it bootstraps at once, with one before its end', async (t) => {
  const { runs, advance, turn, open } = openKeeper(t, { random: 0 });
  await turn();
  t.deepEqual(runs, [0]);
  open(0);
  await advance(LIFETIME_MS * 0.925 - 1);
  t.is(runs.length, 1);
  await advance(1);
  t.deepEqual(runs, [0, LIFETIME_MS * 0.925]);
});

test('a run that takes long is begun so much earlier', async (t) => {
  const { runs, advance, turn, open } = openKeeper(t, { random: 0, runMs: 50_000 });
  await turn();
  open(0);
  await advance(LIFETIME_MS - 150_000 - 1);
  t.is(runs.length, 1);
  await advance(1);
  t.is(runs.length, 2, 'three times as long as the last one took');
});

test('a BSF that cannot be reached is asked after 1, 2, 4, … seconds, and every ten minutes at last', async (t) => {
  const { runs, advance, turn } = openKeeper(t, { fail: unreachable });
  await turn();
  for (let s = 0; s < 3_600; s += 1) await advance(1_000);
  const gaps = runs.slice(1).map((at, n) => (at - (runs[n] ?? 0)) / 1_000);
  t.deepEqual(gaps, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600, 600]);
});

test('half of a pause is left to chance', async (t) => {
  const { runs, advance, turn } = openKeeper(t, { random: 0, fail: unreachable });
  await turn();
  await advance(500);
  t.deepEqual(runs, [0, 500]);
});

for (const error of [
  new BsfError('ERR_BSF_DENIED', 'who?'),
  new Error('a fault of this program'),
]) {
  test(`what somebody must mend (${error.name}) is tried once a minute`, async (t) => {
    const { runs, advance, turn } = openKeeper(t, { fail: error });
    await turn();
    for (let s = 0; s < 150; s += 1) await advance(1_000);
    t.deepEqual(runs, [0, 60_000, 120_000]);
  });
}

test('a refused key is given four seconds to be taken after all', async (t) => {
  const { runs, advance, turn, open, keeper, live } = openKeeper(t);
  await turn();
  open(0);
  await advance(100_000);
  const [sa] = live;
  if (sa === undefined) return t.fail();
  for (let n = 0; n < 3; n += 1) {
    keeper.refused(sa);
    await advance(1_000);
  }
  keeper.opened(sa);
  await advance(10_000);
  t.is(runs.length, 1, 'the NAF had not reached its BSF');
  keeper.refused(sa);
  await advance(3_999);
  t.is(runs.length, 1);
  await advance(1);
  t.is(runs.length, 2);
});

test('a NAF that refuses each key makes the pauses longer, and one that serves makes up for it', async (t) => {
  const { runs, advance, turn, keeper, live, open } = openKeeper(t);
  await turn();
  const refuse = (): void => {
    const sa = live.at(-1);
    if (sa) keeper.refused(sa);
  };
  for (let s = 0; s < 200; s += 1) {
    refuse();
    await advance(1_000);
  }
  const gaps = runs.slice(1).map((at, n) => (at - (runs[n] ?? 0)) / 1_000);
  t.deepEqual(gaps, [4, 4, 4, 8, 16, 32, 64]);
  open(live.length - 1);
  await advance(60_000);
  const before = runs.length;
  refuse();
  await advance(4_000);
  t.is(runs.length, before + 1);
});

test('a key that the NAF has revoked is followed by another after a minute', async (t) => {
  const { runs, advance, turn, open, close: end } = openKeeper(t);
  await turn();
  open(0);
  await advance(1_000);
  end(0, 'revoked');
  await advance(59_999);
  t.is(runs.length, 1);
  await advance(1);
  t.is(runs.length, 2);
});

test('a layer that a trigger made serves as well, and is missed a minute after it has gone', async (t) => {
  const { runs, advance, turn, begin, open, park: lose, close: end } = openKeeper(t);
  await turn();
  open(0);
  begin(false);
  open(1);
  end(0, 'superseded');
  await advance(LIFETIME_MS / 2);
  t.is(runs.length, 1);
  lose(0);
  await turn();
  await advance(30_000);
  open(0);
  await advance(100_000);
  t.is(runs.length, 1, 'it came back');
  lose(0);
  await turn();
  await advance(59_999);
  t.is(runs.length, 1);
  await advance(1);
  t.is(runs.length, 2);
});

test('a trigger that came to nothing is no key', async (t) => {
  const { runs, turn } = openKeeper(t, { pushed: true });
  await turn();
  t.is(runs.length, 1);
});
