import test from 'ava';
import { createSessions, type BootstrapSession } from '../../src/bsf/sessions.ts';
import { BsfError } from '../../src/errors.ts';
import { bTidOf, parseFqdn, parseImpi } from '../../src/ids.ts';
import { manualClock } from '../support/manual-clock.ts';

const clock = manualClock();
const bsf = parseFqdn('bsf.example.org');

function session(n: number, user = 'one'): BootstrapSession {
  const rand = new Uint8Array(16).fill(n);
  return {
    bTid: bTidOf(rand, bsf),
    impi: parseImpi(`${user}@example.org`),
    rand,
    ks: new Uint8Array(32).fill(n),
    gbaU: false,
    createdAt: clock.now(),
    expiresAt: clock.now() + 60_000,
  };
}

const wiped = new Uint8Array(32);

test.serial(
  'a session is found by its own text, until its lifetime is over; then Ks is wiped',
  (t) => {
    const sessions = createSessions(clock);
    const one = session(1);
    sessions.add(one);
    t.is(sessions.find(one.bTid)?.ks, one.ks);
    for (const other of [one.bTid.toUpperCase(), `${one.bTid} `, one.bTid.replace('==', ''), '']) {
      t.is(sessions.find(other), undefined);
    }
    clock.advance(59_999);
    t.truthy(sessions.find(one.bTid));
    clock.advance(1);
    t.is(sessions.find(one.bTid), undefined);
    t.deepEqual(one.ks, wiped);
    t.is(sessions.size, 0);
  },
);

test.serial('a clock that is put forward ends sessions before their timers do', (t) => {
  const sessions = createSessions(clock);
  const one = session(1);
  sessions.add(one);
  clock.jump(60_000);
  t.is(sessions.find(one.bTid), undefined);
  sessions.close();
});

test.serial('a new session leaves those before valid, four of one subscriber', (t) => {
  const sessions = createSessions(clock);
  const made = [1, 2, 3, 4, 5].map((n) => session(n));
  const other = session(9, 'two');
  sessions.add(other);
  for (const one of made) sessions.add(one);
  const found = made.map(({ bTid }) => sessions.find(bTid) !== undefined);
  t.deepEqual(found, [false, true, true, true, true]);
  t.deepEqual(made[0]?.ks, wiped);
  t.truthy(sessions.find(other.bTid));
  sessions.close();
});

test.serial(
  'when all are taken a new one is refused and wiped, and none that lasts is turned out',
  (t) => {
    const sessions = createSessions(clock, { entries: 2 });
    const [one, two, three] = [session(1, 'a'), session(2, 'b'), session(3, 'c')];
    sessions.add(one);
    sessions.add(two);
    const busy = { instanceOf: BsfError, code: 'ERR_BSF_BUSY' };
    t.true(t.throws(() => sessions.add(three), busy)?.retryable);
    t.deepEqual(three.ks, wiped);
    t.truthy(sessions.find(one.bTid));
    clock.advance(60_000);
    t.notThrows(() => sessions.add(session(4, 'd')));
    sessions.close();
  },
);

test.serial('close wipes every Ks and leaves no timer', (t) => {
  const sessions = createSessions(clock);
  const made = [session(1), session(2)];
  for (const one of made) sessions.add(one);
  sessions.close();
  for (const { ks } of made) t.deepEqual(ks, wiped);
  t.is(clock.pending, 0);
});
