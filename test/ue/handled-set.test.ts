import { hash } from 'node:crypto';
import test from 'ava';
import { StoreError } from '../../src/errors.ts';
import type { HandledLog, HandledRecord } from '../../src/ports.ts';
import type { PushKey } from '../../src/ue/handled-records.ts';
import {
  HandledSet,
  type HandledSetOptions,
  type Refusal,
  type Started,
} from '../../src/ue/handled-set.ts';
import { manualClock, type ManualClock } from '../support/manual-clock.ts';

const digest = hash('sha256', 'one payload', 'binary');
const other = hash('sha256', 'another', 'binary');
/** As a log has it. */
const inLog = hash('sha256', 'one payload', 'base64url');
const nothing = (): void => undefined;
const FOUR_WEEKS_MS = 28 * 86_400_000;

function memoryLog(recovered: readonly HandledRecord[] = []) {
  const written: HandledRecord[] = [];
  const faults = { full: false, uncompactable: false };
  const log: HandledLog = {
    recovered,
    append(records) {
      if (faults.full) throw new StoreError('ERR_STORE_UNAVAILABLE', 'the disk is full');
      written.push(...records);
    },
    compact(live) {
      if (faults.uncompactable) throw new StoreError('ERR_STORE_UNAVAILABLE', 'no second file');
      written.splice(0, Infinity, ...live);
    },
    close: nothing,
  };
  return { log, written, faults };
}

function makeSet(
  recovered: readonly HandledRecord[] = [],
  options: Partial<HandledSetOptions> = {},
) {
  const clock = manualClock();
  const memory = memoryLog(recovered);
  return { ...memory, clock, set: new NamedSet({ clock, log: memory.log, ...options }) };
}

/** Knows a push that was started by its key. */
class NamedSet extends HandledSet {
  readonly #started = new Map<string, Started>();

  override start(push: PushKey, ...how: [string, number]): Started {
    const started = super.start(push, ...how);
    if (typeof started === 'string') throw new Error(`${push.id} is ${started}`);
    this.#started.set(`${push.nafFqdn}/${push.id}`, started);
    return started;
  }

  /** Why a push would not start now; undefined: it would, and "not now" was the end of it. */
  judge(push: PushKey, digest: string): Refusal | undefined {
    const started = super.start(push, digest, 0);
    if (typeof started === 'string') return started;
    this.finish(started, 'forgotten', nothing);
    this.flush();
    return undefined;
  }

  end(key: string, outcome: 'done' | 'refused' | 'forgotten', recorded: () => void): void {
    const started = this.#started.get(key);
    if (started === undefined) throw new Error(`${key} was not started`);
    this.finish(started, outcome, recorded);
  }
}

/** `naf/id` as the two names of a push. */
function named(key: string): PushKey {
  const [nafFqdn = '', id = ''] = key.split('/');
  return { nafFqdn, id };
}

const record = (
  key: string,
  state: HandledRecord['state'],
  until = Number.MAX_SAFE_INTEGER,
): HandledRecord => ({ key, digest: inLog, state, until });

test('an id goes from new over running to its outcome', (t) => {
  const { set } = makeSet();
  t.is(set.judge(named('naf/a'), digest), undefined);
  set.start(named('naf/a'), digest, 1_000);
  t.is(set.judge(named('naf/a'), digest), 'running');
  set.end('naf/a', 'done', nothing);
  t.is(set.judge(named('naf/a'), digest), 'done');
  t.is(set.judge(named('naf/a'), other), 'conflict');
  t.is(set.judge(named('other-naf/a'), digest), undefined);
  set.start(named('naf/b'), digest, 1_000);
  set.end('naf/b', 'refused', nothing);
  t.is(set.judge(named('naf/b'), digest), 'refused');
  set.start(named('naf/c'), digest, 1_000);
  set.end('naf/c', 'forgotten', nothing);
  t.is(set.judge(named('naf/c'), digest), undefined);
});

test('what was started is on disk before start returns; an outcome is told when it is on disk', (t) => {
  const { set, written } = makeSet();
  const told: string[] = [];
  set.start(named('naf/a'), digest, 1_000);
  t.like(written, [{ key: 'naf/a', state: 'started' }]);
  set.end('naf/a', 'done', () => told.push('a'));
  t.deepEqual(told, []);
  set.start(named('naf/b'), digest, 1_000);
  t.deepEqual(told, ['a']);
  set.end('naf/b', 'refused', () => told.push('b'));
  set.flush();
  t.deepEqual(told, ['a', 'b']);
  t.deepEqual(
    written.map(({ key, state }) => `${key} ${state}`),
    ['naf/a started', 'naf/a done', 'naf/b started', 'naf/b refused'],
  );
});

test('a restart knows what was done and refused, what a crash cut off, and what may come again', (t) => {
  const recovered = [
    ...[record('naf/cut', 'started'), record('naf/done', 'started'), record('naf/done', 'done')],
    ...[record('naf/no', 'started'), record('naf/no', 'refused')],
    ...[record('naf/later', 'started'), record('naf/later', 'forgotten')],
    record('naf/old', 'done', 1),
  ];
  const { set, written } = makeSet(recovered);
  t.deepEqual(
    written.map(({ key, state }) => `${key} ${state}`),
    ['naf/cut started', 'naf/done done', 'naf/no refused'],
  );
  const again = makeSet(written);
  t.is(set.judge(named('naf/cut'), digest), 'interrupted');
  t.is(set.judge(named('naf/done'), digest), 'done');
  t.is(set.judge(named('naf/no'), digest), 'refused');
  t.is(set.judge(named('naf/later'), digest), undefined);
  t.is(set.judge(named('naf/old'), digest), undefined);
  t.is(again.set.judge(named('naf/cut'), digest), 'interrupted');
});

test('with redeliver, only what a crash cut off is handled again', (t) => {
  const recovered = [record('naf/cut', 'started'), record('naf/done', 'done')];
  const { set } = makeSet(recovered, { redeliver: true });
  t.is(set.judge(named('naf/cut'), digest), undefined);
  t.is(set.judge(named('naf/done'), digest), 'done');
});

test('a full set makes pushes wait rather than forget an id before its time', (t) => {
  const { set, clock } = makeSet([], { capacity: 2 });
  for (const key of ['naf/a', 'other-naf/b']) {
    set.start(named(key), digest, 10_000);
    set.end(key, 'done', nothing);
  }
  t.is(set.judge(named('naf/c'), digest), 'full');
  t.is(set.judge(named('naf/a'), digest), 'done');
  clock.advance(10_000);
  t.is(
    set.judge(named('naf/c'), digest),
    'full',
    'the NAF may still send what it accepted earlier',
  );
  clock.advance(5_000);
  t.is(set.judge(named('naf/c'), digest), undefined);
  t.is(set.size, 1, 'the others are gone');
});

test('an id whose handler is at work is kept whatever the time', (t) => {
  const { set, clock } = makeSet([], { capacity: 1 });
  set.start(named('naf/slow'), digest, 0);
  clock.advance(3_600_000);
  t.is(set.judge(named('naf/b'), digest), 'full');
  t.is(set.judge(named('naf/slow'), digest), 'running');
});

test('an id that comes again and again after "not now" takes one place, and none is held for the earlier times', (t) => {
  const { set, clock } = makeSet([], { capacity: 4 });
  set.start(named('naf/b'), digest, 10_000);
  set.end('naf/b', 'done', nothing);
  for (let n = 0; n < 100; n += 1) {
    set.start(named('naf/a'), digest, 10_000);
    set.end('naf/a', 'forgotten', nothing);
    t.is(set.judge(named('naf/a'), other), undefined, 'it may come with another payload too');
  }
  t.is(set.size, 2);
  clock.advance(15_000);
  set.start(named('naf/c'), digest, 10_000);
  t.is(set.size, 1, 'one that comes later finds two to forget, not a hundred');
});

test('an id that comes again after "not now" is remembered for its later time', (t) => {
  const { set, clock } = makeSet();
  set.start(named('naf/a'), digest, 1_000);
  set.end('naf/a', 'forgotten', nothing);
  set.start(named('naf/a'), digest, 60_000);
  set.end('naf/a', 'done', nothing);
  clock.advance(20_000);
  set.start(named('naf/b'), digest, 1_000);
  t.is(set.judge(named('naf/a'), digest), 'done');
  clock.advance(45_000);
  set.start(named('naf/c'), digest, 1_000);
  t.is(set.judge(named('naf/a'), digest), undefined);
});

test('when the disk is full nothing starts, and outcomes wait for it', (t) => {
  const { set, faults, written } = makeSet();
  const told: string[] = [];
  set.start(named('naf/a'), digest, 1_000);
  set.end('naf/a', 'done', () => told.push('a'));
  faults.full = true;
  t.throws(() => set.start(named('naf/b'), digest, 1_000), { code: 'ERR_STORE_UNAVAILABLE' });
  t.throws(() => set.flush(), { code: 'ERR_STORE_UNAVAILABLE' });
  t.deepEqual(told, []);
  faults.full = false;
  set.flush();
  t.deepEqual(told, ['a']);
  t.deepEqual(
    written.map(({ key, state }) => `${key} ${state}`),
    ['naf/a started', 'naf/a done'],
  );
  t.is(set.judge(named('naf/b'), digest), undefined);
});

test('an outcome that the disk did not take for longer than it counts is written as what it was', (t) => {
  const { set, faults, written, clock } = makeSet();
  set.start(named('naf/a'), digest, 1_000);
  faults.full = true;
  set.end('naf/a', 'refused', nothing);
  clock.advance(60_000);
  t.throws(() => set.start(named('naf/b'), other, 1_000), { code: 'ERR_STORE_UNAVAILABLE' });
  faults.full = false;
  set.start(named('naf/c'), other, 1_000);
  t.deepEqual(
    written.map(({ key, state }) => `${key} ${state}`),
    ['naf/a started', 'naf/a refused', 'naf/c started'],
  );
  t.is(written[1]?.digest, inLog);
});

test('a record of an id that no push can have is left out', (t) => {
  const { set, written } = makeSet([
    record(`naf/${'x'.repeat(44)}`, 'done'),
    record('naf/a', 'done'),
  ]);
  t.is(set.size, 1);
  t.deepEqual(
    written.map(({ key }) => key),
    ['naf/a'],
  );
});

test('a time to live of any size counts as four weeks at most', (t) => {
  const { set, written, clock } = makeSet();
  set.start(named('naf/a'), digest, 999_999_999_999_999_000);
  set.end('naf/a', 'done', nothing);
  t.is(written[0]?.until, clock.now() + FOUR_WEEKS_MS + 5_000);
  clock.advance(FOUR_WEEKS_MS + 5_000);
  set.start(named('naf/b'), digest, 1_000);
  t.is(set.judge(named('naf/a'), digest), undefined);
});

test('one NAF has half of the set at most, and gets it back with time', (t) => {
  const { set, clock } = makeSet([], { capacity: 4 });
  for (const key of ['greedy/a', 'greedy/b']) {
    t.is(set.judge(named(key), digest), undefined);
    set.start(named(key), digest, 1_000);
    set.end(key, 'done', nothing);
  }
  t.is(set.judge(named('greedy/c'), digest), 'full');
  t.is(set.judge(named('greedy/a'), digest), 'done');
  t.is(set.judge(named('modest/a'), digest), undefined);
  clock.advance(6_000);
  t.is(set.judge(named('greedy/c'), digest), undefined);
});

test('what NAFs hold is counted after a restart too', (t) => {
  const recovered = [record('naf/a', 'started'), record('naf/a', 'done'), record('naf/b', 'done')];
  t.is(makeSet(recovered, { capacity: 4 }).set.judge(named('naf/c'), digest), 'full');
  t.is(makeSet(recovered, { capacity: 6 }).set.judge(named('naf/c'), digest), undefined);
});

test('a step of the wall clock neither forgets an id nor keeps it longer', (t) => {
  for (const step of [3_600_000, -3_600_000]) {
    const { set, clock, written } = makeSet();
    set.start(named('naf/a'), digest, 600_000);
    clock.advance(1_000);
    clock.jump(step);
    set.end('naf/a', 'done', nothing);
    set.start(named('naf/b'), digest, 1_000);
    t.is(set.judge(named('naf/a'), digest), 'done');
    t.is(written.at(1)?.until, clock.now() + 604_000, 'a restart reads the clock as it is now');
    clock.advance(604_000);
    set.start(named('naf/c'), digest, 1_000);
    t.is(set.judge(named('naf/a'), digest), undefined);
  }
});

test('one outcome whose teller throws does not keep the others untold', (t) => {
  const { set, written } = makeSet();
  const told: string[] = [];
  set.start(named('naf/a'), digest, 1_000);
  set.end('naf/a', 'done', () => {
    throw new Error('the answer cannot be encoded');
  });
  set.start(named('naf/b'), digest, 1_000);
  set.end('naf/b', 'done', () => told.push('b'));
  set.flush();
  t.deepEqual(told, ['b']);
  t.is(written.length, 4);
});

/** Starts and finishes pushes until `isOver`, asked after each start; the key of the last. */
function runUntil(set: NamedSet, clock: ManualClock, isOver: () => boolean, naf = 'naf'): string {
  for (let n = 0; n < 200_000; n += 1) {
    const key = `${naf}/${n}`;
    clock.advance(1);
    set.start(named(key), digest, 1_000);
    if (isOver()) return key;
    set.end(key, 'done', nothing);
  }
  throw new Error('it never came true');
}

test('a compaction that start sets off keeps what was just started', (t) => {
  const { set, written, clock } = makeSet();
  let longest = 0;
  const key = runUntil(set, clock, () => {
    const shrank = written.length < longest;
    longest = written.length;
    return shrank;
  });
  t.is(makeSet(written, { clock }).set.judge(named(key), digest), 'interrupted');
});

test('a compaction that fails costs no push and is tried again later', (t) => {
  const { set, written, faults, clock } = makeSet();
  faults.uncompactable = true;
  const key = runUntil(set, clock, () => written.length > 100_500);
  t.is(set.judge(named(key), digest), 'running');
  faults.uncompactable = false;
  set.end(key, 'done', nothing);
  let longest = 0;
  runUntil(
    set,
    clock,
    () => {
      const shrank = written.length < longest;
      longest = written.length;
      return shrank;
    },
    'other-naf',
  );
  t.true(longest < 103_000, `${longest} records`);
  t.is(makeSet(written, { clock }).set.judge(named(key), digest), 'done');
});

test('a long life compacts the log and keeps what is live', (t) => {
  const { set, written, clock } = makeSet();
  for (let n = 0; n < 60_000; n += 1) {
    if (n % 1_000 === 0) clock.advance(10_000);
    set.start(named(`naf/${n}`), digest, 1_000);
    set.end(`naf/${n}`, 'done', nothing);
  }
  set.flush();
  t.true(written.length < 40_000, `${written.length} records`);
  const again = makeSet(written, { clock });
  t.is(again.set.judge(named('naf/59999'), digest), 'done');
});
