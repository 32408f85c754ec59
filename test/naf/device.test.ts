import test from 'ava';
import { BsfError, ExecError, GbaError, PushError } from '../../src/errors.ts';
import { subscribe, type EventTable } from '../../src/lib/events.ts';
import type { Announcement } from '../../src/naf/announcer.ts';
import { Device, type DeviceTerms } from '../../src/naf/device.ts';
import type { Patience } from '../../src/naf/search.ts';
import type { Receipt } from '../../src/naf/entry.ts';
import { announce } from '../../src/sa/association.ts';
import { makeEntry, type MadeEntry } from '../support/entry.ts';
import { impi } from '../support/ladder.ts';
import { manualClock } from '../support/manual-clock.ts';
import { makeSa } from '../support/tls.ts';

const patience: Patience = { reconnectMs: 2_000, triggerMs: 15_000, giveUpMs: 40_000 };
const nowhere = { transport: 'udp', host: '127.0.0.1', port: 9 } as const;

/** A device whose UE never comes; what it does about that is noted. */
function makeDevice(options: Partial<DeviceTerms> = {}) {
  const clock = manualClock();
  const receipts: Receipt[] = [];
  const deeds: string[] = [];
  const device = new Device(impi, {
    clock,
    announce: () => {
      deeds.push(`announce at ${clock.monotonic()}`);
      const { key, ...terms } = makeSa();
      const sa = announce(terms, key);
      const announcement: Announcement = {
        sa,
        gpi: new Uint8Array(1),
        envelope: new Uint8Array(1),
        sessionId: 1,
        rand: new Uint8Array(16),
        bsfMs: 0,
      };
      return Promise.resolve(announcement);
    },
    triggers: {
      send({ to }, signal) {
        if (to === undefined) return Promise.resolve(0);
        deeds.push('trigger');
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            deeds.push('silence');
            resolve(1);
          });
        });
      },
      close: () => Promise.resolve(),
    },
    triggerAddress: () => nowhere,
    canReconnect: () => false,
    nextWake: () => undefined,
    renew: 'always',
    isAnnounced: () => true,
    patience,
    queueLimit: 3,
    ...options,
  });
  const enqueue = (made: MadeEntry): void => {
    device.enqueue(makeEntry(receipts, { acceptedAt: clock.monotonic(), ...made }));
  };
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, receipts, deeds, device, enqueue, advance };
}

test('a UE that never comes is triggered again and again, then given up with a sentence', async (t) => {
  const { receipts, deeds, enqueue, advance, clock } = makeDevice();
  enqueue({ seq: 1 });
  enqueue({ seq: 2 });
  for (const ms of [0, 15_000, 15_000, 9_999]) await advance(ms);
  t.deepEqual(receipts, []);
  t.deepEqual(
    deeds.filter((deed) => deed.startsWith('announce')),
    ['announce at 0', 'announce at 15000', 'announce at 30000'],
  );
  await advance(1);
  t.is(receipts.length, 2);
  t.like(receipts[0], {
    state: 'dead',
    reason: 'dropped',
    code: 'ERR_CHANNEL_TIMEOUT',
    detail: `${impi} did not connect within 40 s: it is absent, or its SIM holds another key (or has seen later sequence numbers than this HSS gives)`,
    attempts: 0,
  });
  t.is(deeds.filter((deed) => deed === 'trigger').length, 3);
  t.is(deeds.filter((deed) => deed === 'silence').length, 3);
  t.is(clock.pending, 0, 'no timer is left');
});

test('a UE that holds a valid key gets time to come back by itself', async (t) => {
  const { deeds, enqueue, advance } = makeDevice({ canReconnect: () => true });
  enqueue({ seq: 1 });
  await advance(1_999);
  t.deepEqual(deeds, []);
  await advance(1);
  t.deepEqual(deeds, ['announce at 2000', 'trigger']);
});

const wakes: Partial<DeviceTerms> = {
  canReconnect: () => true,
  nextWake: () => new Uint8Array(18),
};
const patient: Patience = { triggerMs: 15_000, giveUpMs: Infinity };

test.serial(
  'a UE that can be called gets three wakes in 15 s, then a new key, and why is told',
  async (t) => {
    const failed: EventTable['gba:wake:failed'][] = [];
    t.teardown(subscribe('gba:wake:failed', (message) => failed.push(message)));
    const { deeds, enqueue, advance } = makeDevice({ ...wakes, patience: patient });
    enqueue({ seq: 1 });
    await advance(0);
    t.deepEqual(deeds, ['trigger']);
    for (const ms of [4_999, 1, 5_000, 4_999]) await advance(ms);
    t.deepEqual(
      deeds.filter((deed) => deed !== 'silence'),
      ['trigger', 'trigger', 'trigger'],
    );
    t.deepEqual(failed, []);
    await advance(1);
    t.deepEqual(failed, [{ impi, wakes: 3, ms: 15_000 }]);
    t.deepEqual(deeds.slice(-3), ['silence', 'announce at 15000', 'trigger']);
  },
);

test('wakes take a third of the time there is at the most', async (t) => {
  const { deeds, enqueue, advance } = makeDevice({
    ...wakes,
    patience: { ...patient, giveUpMs: 9_000 },
  });
  enqueue({ seq: 1 });
  for (const ms of [0, 1_000, 1_000, 999]) await advance(ms);
  t.false(deeds.some((deed) => deed.startsWith('announce')));
  await advance(1);
  t.true(deeds.includes('announce at 3000'));
});

test('a UE that cannot be called is waited for as long as ever: 2 s, or as it is told', async (t) => {
  for (const [reconnectMs, expected] of [
    [undefined, 2_000],
    [700, 700],
  ] as const) {
    const { deeds, enqueue, advance } = makeDevice({
      canReconnect: () => true,
      patience: { ...patient, ...(reconnectMs !== undefined && { reconnectMs }) },
    });
    enqueue({ seq: 1 });
    await advance(expected - 1);
    t.deepEqual(deeds, []);
    await advance(1);
    t.deepEqual(deeds, [`announce at ${expected}`, 'trigger']);
  }
});

test('a NAF that sends no triggers sends no wakes', async (t) => {
  const { deeds, enqueue, advance } = makeDevice({ ...wakes, announce: undefined });
  enqueue({ seq: 1 });
  for (let second = 0; second < 20; second += 1) await advance(1_000);
  t.deepEqual(deeds, []);
});

test('a push that is over while wakes are out ends them', async (t) => {
  const { deeds, enqueue, advance, clock } = makeDevice({ ...wakes, patience: patient });
  enqueue({ seq: 1, ttlMs: 7_000 });
  for (let second = 0; second < 20; second += 1) await advance(1_000);
  t.deepEqual(
    deeds.filter((deed) => deed !== 'silence'),
    ['trigger', 'trigger'],
  );
  t.is(clock.pending, 0);
});

test('without an address nothing is sent, and the UE may still dial', async (t) => {
  const { deeds, enqueue, advance } = makeDevice({ triggerAddress: () => undefined });
  enqueue({ seq: 1 });
  await advance(0);
  t.deepEqual(deeds, ['announce at 0']);
});

test('a refusal of the BSF reaches the receipt at once', async (t) => {
  const no = new BsfError('ERR_BSF_DENIED', 'this NAF may not');
  const { receipts, enqueue, advance, clock } = makeDevice({ announce: () => Promise.reject(no) });
  enqueue({ seq: 1 });
  await advance(0);
  t.like(receipts, [{ reason: 'dropped', code: 'ERR_BSF_DENIED', detail: 'this NAF may not' }]);
  t.is(clock.pending, 0);
});

test('a BSF that is busy is asked again', async (t) => {
  let asked = 0;
  const busy = new BsfError('ERR_BSF_DENIED', 'busy', { retryable: true });
  const { receipts, enqueue, advance } = makeDevice({
    announce: () => {
      asked += 1;
      return Promise.reject(busy);
    },
  });
  enqueue({ seq: 1 });
  for (const ms of [0, 1_000, 1_000]) await advance(ms);
  t.is(asked, 3);
  t.deepEqual(receipts, []);
});

test('an address that cannot be sent to is an error of its own', async (t) => {
  const triggers = {
    send: () => Promise.reject(new GbaError('ERR_UPA_ADDRESS', 'no such host')),
    close: () => Promise.resolve(),
  };
  const { receipts, enqueue, advance } = makeDevice({ triggers });
  enqueue({ seq: 1 });
  await advance(0);
  t.like(receipts, [{ reason: 'dropped', code: 'ERR_UPA_ADDRESS', detail: 'no such host' }]);
});

test('a push without a layer and without time to live is expired, and nobody is searched for it', async (t) => {
  const { receipts, enqueue, advance, clock } = makeDevice();
  enqueue({ seq: 1, ttlMs: 0 });
  await advance(0);
  t.like(receipts, [{ state: 'dead', reason: 'expired', attempts: 0 }]);
  await advance(0);
  t.is(clock.pending, 0, 'the search is over');
});

test('a push that waits beyond its time to live is expired, the others wait on', async (t) => {
  const { receipts, enqueue, advance } = makeDevice();
  enqueue({ seq: 1, ttlMs: 20_000 });
  enqueue({ seq: 2, ttlMs: 5_000 });
  await advance(5_000);
  t.like(receipts, [{ id: 'id-2', reason: 'expired' }]);
  await advance(15_000);
  t.like(receipts[1], { id: 'id-1', reason: 'expired' });
});

test('when nothing waits any more, no more keys are asked for', async (t) => {
  const { deeds, enqueue, advance } = makeDevice({ patience: { ...patience, giveUpMs: Infinity } });
  enqueue({ seq: 1, ttlMs: 20_000 });
  await advance(0);
  for (let second = 0; second < 120; second += 1) await advance(1_000);
  t.deepEqual(
    deeds.filter((deed) => deed.startsWith('announce')),
    ['announce at 0', 'announce at 15000'],
  );
});

test('a full queue refuses, and says when there is room again', async (t) => {
  const { device, enqueue, advance } = makeDevice();
  for (const seq of [1, 2, 3]) enqueue({ seq, ttlMs: seq * 1_000 });
  t.throws(() => enqueue({ seq: 4 }), { instanceOf: PushError, code: 'ERR_PUSH_QUEUE_FULL' });
  let room = false;
  void device.whenRoom().then(() => (room = true));
  await advance(999);
  t.false(room);
  await advance(1);
  t.true(room);
  enqueue({ seq: 5 });
  t.is(device.unsettled, 3);
});

test('stopped, it searches for nobody and keeps no appointment', async (t) => {
  const { device, deeds, enqueue, advance } = makeDevice();
  device.stop();
  enqueue({ seq: 1 });
  await advance(0);
  t.deepEqual(deeds, []);
  device.drop(new GbaError('ERR_CHANNEL_CLOSED', 'over'));
  t.is(device.unsettled, 0);
});

test('an address that cannot be resolved for a while costs no second vector', async (t) => {
  const { deeds, enqueue, advance } = makeDevice({
    triggers: {
      send: () => {
        deeds.push('unresolved');
        const why = 'the DNS gives no address';
        return Promise.reject(new GbaError('ERR_UPA_ADDRESS', why, { retryable: true }));
      },
      close: () => Promise.resolve(),
    },
  });
  enqueue({ seq: 1 });
  for (let second = 0; second < 10; second += 1) await advance(1_000);
  t.is(deeds.filter((deed) => deed.startsWith('announce')).length, 1);
  t.true(deeds.filter((deed) => deed === 'unresolved').length >= 9);
});

/** A carrier that fails the first `failures` times, then takes the trigger. */
function failingCarrier(failures: number) {
  const calls: AbortSignal[] = [];
  const send: DeviceTerms['triggers']['send'] = (_trigger, signal) => {
    calls.push(signal);
    if (calls.length > failures) return Promise.resolve(1);
    const error = new ExecError('ERR_EXEC_FAILED', 'modem: no carrier', { retryable: true });
    return Promise.reject(error);
  };
  return { calls, triggers: { send, close: () => Promise.resolve() } };
}

test('a program that fails three times in a row ends the search, for one vector', async (t) => {
  const { calls, triggers } = failingCarrier(Infinity);
  const { receipts, deeds, enqueue, advance, clock } = makeDevice({ triggers });
  enqueue({ seq: 1 });
  for (const ms of [0, 1_000, 1_999]) await advance(ms);
  t.is(calls.length, 2);
  t.deepEqual(receipts, []);
  await advance(1);
  t.is(calls.length, 3);
  const detail = `the trigger for ${impi} was not sent: modem: no carrier (3 times)`;
  t.like(receipts, [{ reason: 'dropped', code: 'ERR_EXEC_FAILED', detail }]);
  t.deepEqual(deeds, ['announce at 0']);
  t.is(clock.pending, 0);
});

test('a program that took the trigger in the end is not to blame for a UE that does not come', async (t) => {
  const { calls, triggers } = failingCarrier(2);
  const { receipts, enqueue, advance } = makeDevice({
    triggers,
    patience: { ...patience, giveUpMs: 10_000 },
  });
  enqueue({ seq: 1 });
  for (let second = 0; second <= 10; second += 1) await advance(1_000);
  t.is(calls.length, 3);
  t.like(receipts, [{ code: 'ERR_CHANNEL_TIMEOUT' }]);
});

test('where pushes wait for their time to live a program is tried again, later and later', async (t) => {
  const { calls, triggers } = failingCarrier(Infinity);
  const { receipts, enqueue, advance } = makeDevice({
    triggers,
    patience: { ...patience, triggerMs: 100_000, giveUpMs: Infinity },
  });
  enqueue({ seq: 1, ttlMs: 1_000_000 });
  for (let second = 0; second < 100; second += 1) await advance(1_000);
  t.deepEqual(receipts, []);
  t.is(calls.length, 7, 'after 0, 1, 3, 7, 15, 31 and 63 seconds');
});
