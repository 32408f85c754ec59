import test from 'ava';
import fc from 'fast-check';
import { SaError, StoreError } from '../../src/errors.ts';
import {
  bTidOf,
  parseFqdn,
  parseImpi,
  PSK_NAMESPACE_UICC,
  pskIdentityOf,
  pTidOf,
} from '../../src/ids.ts';
import { uintBytes } from '../../src/lib/bytes.ts';
import {
  announce,
  type Announced,
  type Closed,
  type SaRecord,
  type SaStore,
} from '../../src/sa/association.ts';
import { SaRegistry } from '../../src/sa/registry.ts';
import { manualClock, type ManualClock } from '../support/manual-clock.ts';
import { memorySaStore } from '../support/sa-store.ts';

const impi = parseImpi('001010000000001@ims.mnc001.mcc001.3gppnetwork.org');
const nafFqdn = parseFqdn('naf.example.org');
const bsfFqdn = parseFqdn('bsf.example.org');

function makeSa(clock: ManualClock, number: number, lifetimeMs = 60_000): Announced {
  return announce(
    {
      bTid: bTidOf(new Uint8Array(16).fill(number), bsfFqdn),
      pTid: pTidOf(new Uint8Array(12).fill(number)),
      impi,
      nafFqdn,
      binding: { version: '1.3' },
      expiresAt: clock.now() + lifetimeMs,
    },
    new Uint8Array(32).fill(number + 1),
  );
}

function makeNumbered(clock: ManualClock, number: number): Announced {
  const octets = (length: number) => Buffer.alloc(length, uintBytes(number, 4));
  const ids = { bTid: bTidOf(octets(16), bsfFqdn), pTid: pTidOf(octets(12)) };
  return { ...makeSa(clock, 1), ...ids };
}

function makeRegistry() {
  const clock = manualClock();
  const closed: Closed[] = [];
  const registry = new SaRegistry({ clock, onClosed: (sa) => closed.push(sa) });
  return { clock, closed, registry };
}

test('of associations that are made within one tick of the wall clock, the newest is the last', (t) => {
  const manual = manualClock();
  let looks = 0;
  let ticksAt = Infinity;
  const clock = {
    ...manual,
    now: () => manual.now() + (++looks >= ticksAt ? 1 : 0),
    monotonic: () => manual.monotonic() + looks / 100,
  };
  for (const after of [1, 2, 3]) {
    const registry = new SaRegistry({ clock });
    [looks, ticksAt] = [0, Infinity];
    const first = registry.add(makeSa(manual, 1));
    ticksAt = looks + after;
    const second = registry.add(makeSa(manual, 2));
    t.deepEqual(registry.of(impi), [first, second], `the clock ticks at look ${after}`);
  }
});

test('an association ends by itself when its time is over, and its key is wiped', (t) => {
  const { clock, closed, registry } = makeRegistry();
  const sa = registry.add(makeSa(clock, 7));
  clock.advance(59_999);
  t.is(registry.find(pskIdentityOf(sa.bTid)), sa);
  t.true(sa.key.every((octet) => octet === 8));
  clock.advance(1);
  t.is(registry.find(pskIdentityOf(sa.bTid)), undefined);
  t.is(registry.current(sa.bTid), undefined);
  t.deepEqual(registry.of(impi), []);
  t.is(registry.size, 0);
  t.true(sa.key.every((octet) => octet === 0));
  t.like(closed, [{ state: 'closed', reason: 'expired', bTid: sa.bTid }]);
  t.false(Object.hasOwn(closed[0] ?? {}, 'key'));
});

/** A store in memory that can be made to fail. */
function makeStore(records = new Map<string, SaRecord>()) {
  const state = { broken: false };
  const inMemory = memorySaStore(records);
  const store: SaStore = {
    ...inMemory,
    put(record) {
      if (state.broken) throw new StoreError('ERR_STORE_UNAVAILABLE', 'the disk is full');
      inMemory.put(record);
    },
  };
  return { records, state, store };
}

test('a clock that was set while it ran is made up for in the store', (t) => {
  for (const step of [3_600_000, -3_600_000]) {
    const clock = manualClock();
    const { store, records } = makeStore();
    const registry = new SaRegistry({ clock, store });
    const sa = registry.add(makeSa(clock, 1));
    registry.establish(sa.bTid);
    clock.jump(step);
    clock.advance(20_000);
    registry.suspendAll();
    const next = new SaRegistry({ clock, store: makeStore(records).store });
    t.deepEqual(next.termOf(sa.bTid), { endsAt: 60_000, lifetimeMs: 60_000 });
    clock.advance(39_999);
    t.is(next.size, 1);
    clock.advance(1);
    t.is(next.size, 0);
  }
});

test('a clock that is set back between two lives gives no key more than its lifetime', (t) => {
  const clock = manualClock();
  const { store, records } = makeStore();
  const registry = new SaRegistry({ clock, store });
  registry.add(makeSa(clock, 1));
  registry.suspendAll();
  clock.jump(-3_600_000);
  const next = new SaRegistry({ clock, store: makeStore(records).store });
  clock.advance(60_000);
  t.is(next.size, 0);
});

test('a jump of the wall clock neither shortens nor lengthens a life that has begun', (t) => {
  const { clock, registry } = makeRegistry();
  const sa = registry.add(makeSa(clock, 1));
  clock.jump(3_600_000);
  clock.advance(59_999);
  t.is(registry.current(sa.bTid), sa);
  clock.jump(-7_200_000);
  clock.advance(1);
  t.is(registry.current(sa.bTid), undefined);
});

test('the names of Ks_int_NAF are there when it has one, and only then', (t) => {
  const { clock, registry } = makeRegistry();
  const me = registry.add(makeSa(clock, 1));
  const { key, ...terms } = makeSa(clock, 2);
  const u = registry.add(announce(terms, key, new Uint8Array(32).fill(9)));
  for (const [sa, ofUicc] of [
    [me, undefined],
    [u, u],
  ] as const) {
    for (const id of [sa.bTid, sa.pTid ?? sa.bTid]) {
      t.is(registry.find(pskIdentityOf(id)), sa);
      t.is(registry.find(pskIdentityOf(id, PSK_NAMESPACE_UICC)), ofUicc);
    }
  }
  registry.close(u.bTid, 'revoked');
  t.is(registry.find(pskIdentityOf(u.bTid, PSK_NAMESPACE_UICC)), undefined);
});

test('it is found by B-TID and by P-TID, letter for letter, and by nothing else', (t) => {
  const { clock, registry } = makeRegistry();
  const sa = registry.add(makeSa(clock, 1));
  const identity = pskIdentityOf(sa.bTid);
  t.is(registry.find(identity), sa);
  t.is(registry.find(pskIdentityOf(sa.pTid ?? sa.bTid)), sa);
  for (const other of [
    sa.bTid,
    sa.pTid ?? '',
    '',
    identity.toLowerCase(),
    identity.toUpperCase(),
    `${identity} `,
    `${identity}\0`,
    identity.slice(0, -1),
    identity.replace(';', ';;'),
    `3gpp-bootstrapping;${sa.bTid}`,
    '__proto__',
    'constructor',
  ]) {
    t.is(registry.find(other), undefined, JSON.stringify(other));
  }
});

test('one that the UE began has no P-TID, and its B-TID alone names it', (t) => {
  const { clock, registry, closed } = makeRegistry();
  const sa = registry.add({ ...makeSa(clock, 1), pTid: undefined });
  const other = registry.add({ ...makeSa(clock, 2), pTid: undefined });
  t.is(registry.find(pskIdentityOf(sa.bTid)), sa);
  t.is(registry.find(pskIdentityOf(other.bTid)), other);
  t.is(registry.find('3GPP-bootstrapping;undefined'), undefined);
  registry.close(sa.bTid, 'revoked');
  t.like(closed[0], { bTid: sa.bTid, pTid: undefined, state: 'closed' });
  t.is(registry.find(pskIdentityOf(sa.bTid)), undefined);
});

test('neither a B-TID nor a P-TID is taken twice, and the first stays as it was', (t) => {
  const { clock, registry } = makeRegistry();
  const first = registry.add(makeSa(clock, 1));
  const twins = [makeSa(clock, 1), { ...makeSa(clock, 2), pTid: first.pTid }];
  for (const twin of twins) {
    t.throws(() => registry.add(twin), { instanceOf: SaError, code: 'ERR_SA_CONFLICT' });
  }
  t.is(registry.size, 1);
  t.is(registry.find(pskIdentityOf(first.pTid ?? first.bTid)), first);
  t.is(registry.current(makeSa(clock, 2).bTid), undefined);
});

test('a key that is over already is refused, and no timer is left', (t) => {
  const { clock, registry } = makeRegistry();
  t.throws(() => registry.add(makeSa(clock, 1, 0)), {
    instanceOf: SaError,
    code: 'ERR_SA_EXPIRED',
  });
  t.is(clock.pending, 0);
});

test('a key has 32 octets', (t) => {
  const { clock } = makeRegistry();
  const { key, ...terms } = makeSa(clock, 1);
  t.throws(() => announce(terms, key.subarray(1)), {
    instanceOf: RangeError,
    message: /32 octets/,
  });
});

test('parking keeps the key; establishing what is over is an error', (t) => {
  const { clock, registry } = makeRegistry();
  const { bTid } = registry.add(makeSa(clock, 1));
  t.is(registry.establish(bTid).state, 'established');
  registry.park(bTid, 'lost');
  t.like(registry.current(bTid), { state: 'parked' });
  t.true(registry.current(bTid)?.key.every((octet) => octet === 2));
  registry.close(bTid, 'revoked');
  registry.park(bTid, 'lost');
  registry.close(bTid, 'expired');
  t.is(registry.current(bTid), undefined);
  t.throws(() => registry.establish(bTid), { instanceOf: SaError, code: 'ERR_SA_UNKNOWN' });
});

test('of many that end at one moment none lets anybody in, also before it is told', (t) => {
  const clock = manualClock();
  const [due, closed]: [(() => void)[], Closed[]] = [[], []];
  const registry = new SaRegistry({
    // Fires when the test says so: between two turns anything may come in.
    clock: { ...clock, after: (_ms, action) => (due.push(action), { cancel: () => undefined }) },
    onClosed: (sa) => closed.push(sa),
  });
  const sas = Array.from({ length: 1_500 }, (_, n) => registry.add(makeNumbered(clock, n)));
  const last = sas.at(-1);
  if (last === undefined) throw new Error('there are many');
  clock.advance(60_000);
  let turns = 0;
  for (let fire = due.shift(); fire !== undefined; fire = due.shift()) {
    for (const id of [last.bTid, last.pTid ?? last.bTid]) {
      t.is(registry.find(pskIdentityOf(id)), undefined);
    }
    const before = closed.length;
    fire();
    t.true(closed.length - before <= 512, 'others have their turn between');
    turns += 1;
  }
  t.is(turns, 3);
  const names = (ended: readonly { readonly bTid: string }[]) =>
    ended.map(({ bTid }) => bTid).sort();
  t.deepEqual(names(closed), names(sas));
  t.true(sas.every(({ key }) => key.every((octet) => octet === 0)));
  t.is(registry.size, 0);
});

test('what was found is there until its end is told: nothing changes in the middle of a turn', (t) => {
  const clock = manualClock();
  const after = () => ({ cancel: () => undefined });
  const registry = new SaRegistry({ clock: { ...clock, after } });
  const sa = registry.add(makeSa(clock, 1));
  clock.advance(59_999);
  t.is(registry.find(pskIdentityOf(sa.bTid)), sa);
  clock.advance(1);
  t.is(registry.find(pskIdentityOf(sa.bTid)), undefined);
  t.is(registry.establish(sa.bTid).bTid, sa.bTid);
  t.is(registry.of(impi).length, 1);
});

test('closeAll wipes every key, tells each once and leaves no timer', (t) => {
  const { clock, closed, registry } = makeRegistry();
  const sas = [1, 2, 3].map((number) => registry.add(makeSa(clock, number)));
  registry.closeAll('revoked');
  t.deepEqual(
    closed.map(({ bTid, reason }) => [bTid, reason]),
    sas.map(({ bTid }) => [bTid, 'revoked']),
  );
  t.true(sas.every(({ key }) => key.every((octet) => octet === 0)));
  t.is(clock.pending, 0);
});

test('a new K_wake takes the place of the one before, which is wiped, and counts from the beginning', (t) => {
  const { records, store } = makeStore();
  const clock = manualClock();
  const registry = new SaRegistry({ clock, store });
  const { bTid } = registry.add(makeSa(clock, 1));
  const [first, second] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  registry.rekeyWake(bTid, first);
  registry.countWake(bTid, 3);
  t.like(registry.current(bTid)?.wake, { key: first, counter: 3 });
  registry.rekeyWake(bTid, Buffer.from(first));
  t.is(registry.current(bTid)?.wake?.counter, 3, 'no counter of one key is used twice');
  registry.rekeyWake(bTid, second);
  t.deepEqual(first, Buffer.alloc(32));
  t.like(records.get(bTid)?.wake, { counter: 0 });
  registry.establish(bTid);
  t.is(records.get(bTid)?.proved, true);
  registry.countWake(bTid, 1, { host: '192.0.2.1', port: 1 });
  t.like(records.get(bTid), {
    proved: true,
    wake: { counter: 1 },
    dial: { identity: pskIdentityOf(bTid), connect: { host: '192.0.2.1', port: 1 } },
  });
  registry.close(bTid, 'revoked');
  t.deepEqual(second, Buffer.alloc(32), 'wiped with the association');
  t.is(records.size, 0);
  const late = Buffer.alloc(32, 3);
  registry.rekeyWake(bTid, late);
  t.deepEqual(late, Buffer.alloc(32), 'nothing of an association that is over is kept');
  t.throws(() => registry.countWake(bTid, 2), { instanceOf: SaError, code: 'ERR_SA_UNKNOWN' });
});

test('a counter is on disk before it is used, never used twice, and never without a key', (t) => {
  const { records, state, store } = makeStore();
  const clock = manualClock();
  const registry = new SaRegistry({ clock, store });
  const { bTid } = registry.add(makeSa(clock, 1));
  t.throws(() => registry.countWake(bTid, 1), { instanceOf: RangeError });
  registry.rekeyWake(bTid, Buffer.alloc(32, 1));
  registry.countWake(bTid, 5);
  t.is(records.get(bTid)?.wake?.counter, 5);
  for (const counter of [0, 4, 5]) {
    t.throws(() => registry.countWake(bTid, counter), { instanceOf: RangeError });
  }
  state.broken = true;
  t.throws(() => registry.countWake(bTid, 6), { instanceOf: StoreError });
  t.is(registry.current(bTid)?.wake?.counter, 5, 'what is not on disk has not happened');
  t.notThrows(() => {
    registry.rekeyWake(bTid, Buffer.alloc(32, 2));
  });
  t.is(registry.current(bTid)?.wake?.counter, 0);
});

test('suspended, an association forgets K_wake too, and has it again in its next life', (t) => {
  const clock = manualClock();
  const { records, store } = makeStore();
  const registry = new SaRegistry({ clock, store });
  const { bTid } = registry.add(makeSa(clock, 1));
  const key = Buffer.alloc(32, 7);
  registry.rekeyWake(bTid, key);
  registry.suspendAll();
  t.deepEqual(key, Buffer.alloc(32));
  const again = new SaRegistry({
    clock,
    store: { ...store, recover: () => [...records.values()] },
  });
  t.is(again.current(bTid)?.wake?.key[0], 7);
});

const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('add'), number: fc.nat(5), life: fc.integer({ min: 1, max: 50 }) }),
    fc.record({ do: fc.constantFrom('establish', 'park', 'close'), number: fc.nat(5) }),
    fc.record({ do: fc.constant('advance'), number: fc.nat(30) }),
  ),
  { maxLength: 40 },
);

test('whatever happens, what is closed is never found again and what is live always is', (t) => {
  fc.assert(
    fc.property(steps, (script) => {
      const { clock, closed, registry } = makeRegistry();
      const live = new Map<string, Announced>();
      for (const step of script) {
        const sa = makeSa(clock, step.number, 'life' in step ? step.life : 1);
        if (step.do === 'add' && !live.has(sa.bTid)) live.set(sa.bTid, registry.add(sa));
        else if (step.do === 'establish' && live.has(sa.bTid)) registry.establish(sa.bTid);
        else if (step.do === 'park') registry.park(sa.bTid, 'lost');
        else if (step.do === 'close') registry.close(sa.bTid, 'revoked');
        else if (step.do === 'advance') clock.advance(step.number);
        for (const { bTid, pTid } of closed.splice(0)) {
          live.delete(bTid);
          t.is(registry.find(pskIdentityOf(pTid ?? bTid)), undefined);
        }
        t.deepEqual(
          registry.of(impi).map(({ bTid }) => bTid),
          [...live.values()].map(({ bTid }) => bTid),
        );
        for (const { bTid, pTid, expiresAt } of live.values()) {
          t.true(expiresAt > clock.now());
          t.is(registry.find(pskIdentityOf(bTid)), registry.find(pskIdentityOf(pTid ?? bTid)));
          t.is(registry.find(pskIdentityOf(bTid))?.bTid, bTid);
        }
        t.is(clock.pending, live.size === 0 ? 0 : 1, 'one timer, however many there are');
      }
    }),
  );
});
