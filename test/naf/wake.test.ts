import test from 'ava';
import { decodeWake, verifyWake, WAKE_WINDOW, wakeHint } from '../../src/codec/wake.ts';
import { GbaError, StoreError } from '../../src/errors.ts';
import type { LiveSa, SaRecord, SaStore } from '../../src/sa/association.ts';
import { SaRegistry } from '../../src/sa/registry.ts';
import { makeWake, sendWakes, type WakeOptions } from '../../src/naf/wake.ts';
import type { Trigger } from '../../src/ports.ts';
import { manualClock } from '../support/manual-clock.ts';
import { makeSa } from '../support/tls.ts';

const nowhere = { transport: 'udp', host: '127.0.0.1', port: 9 } as const;
const impi = makeSa().impi;

/** A UE that never comes, and what is sent to it, with the moments. */
function bench(options: Partial<WakeOptions> = {}) {
  const clock = manualClock();
  const deeds: string[] = [];
  let made = 0;
  const settings: WakeOptions = {
    impi,
    clock,
    lostAt: -Infinity,
    triggers: {
      send({ envelope, to }: Trigger, signal) {
        deeds.push(`${clock.monotonic()}: ${envelope[0]} to ${to?.port ?? 'it'}`);
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            deeds.push(`${clock.monotonic()}: silence`);
            resolve(1);
          });
        });
      },
      close: () => Promise.resolve(),
    },
    triggerAddress: () => nowhere,
    nextWake: () => Uint8Array.of((made += 1)),
    onWake: () => deeds.push(`${clock.monotonic()}: begins`),
    ...options,
  };
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, deeds, settings, advance };
}

const never = new AbortController().signal;

test('three wakes share the time, each another one, and each ends when the next begins', async (t) => {
  const { clock, deeds, settings, advance } = bench();
  const sent = sendWakes(settings, 15_000, never);
  for (let second = 0; second < 15; second += 1) await advance(1_000);
  t.is(await sent, 3);
  t.deepEqual(deeds, [
    '0: begins',
    ...['0: 1 to 9', '5000: silence', '5000: 2 to 9', '10000: silence', '10000: 3 to 9'],
    '15000: silence',
  ]);
  t.is(clock.pending, 0, 'no timer is left');
});

test('a UE that comes ends it', async (t) => {
  const { clock, deeds, settings, advance } = bench();
  const came = new AbortController();
  const sent = sendWakes(settings, 15_000, came.signal);
  await advance(6_000);
  came.abort(new Error('it is here'));
  await t.throwsAsync(sent, { message: 'it is here' });
  t.is(deeds.at(-1), '6000: silence');
  t.is(clock.pending, 0);
});

test('a UE that has just lost its layer gets half a second to come by itself, within the time there is', async (t) => {
  const { deeds, settings, advance } = bench({ lostAt: -200 });
  void sendWakes(settings, 15_000, never);
  await advance(299);
  t.deepEqual(deeds, []);
  await advance(1);
  t.deepEqual(deeds, ['300: begins', '300: 1 to 9']);
  const hasty = bench({ lostAt: 0 });
  void sendWakes(hasty.settings, 400, never);
  await hasty.advance(100);
  t.deepEqual(hasty.deeds, ['100: begins', '100: 1 to 9']);
});

test('without an address only a carrier that goes by subscriber is given a wake', async (t) => {
  const { deeds, settings } = bench({ triggerAddress: () => undefined });
  t.is(await sendWakes(settings, 15_000, never), 0);
  t.deepEqual(deeds, []);
  const { triggers } = settings;
  const bySubscriber = { ...triggers, bySubscriber: true };
  void sendWakes({ ...settings, triggers: bySubscriber }, 15_000, never);
  await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(deeds, ['0: begins', '0: 1 to it']);
});

test('where there is no wake none is sent, and a carrier that fails ends it', async (t) => {
  const none = bench({ nextWake: () => undefined });
  t.is(await sendWakes(none.settings, 15_000, never), 0);
  t.deepEqual(none.deeds, []);
  const failing = bench({
    triggers: {
      send: () => Promise.reject(new GbaError('ERR_UPA_ADDRESS', 'no such host')),
      close: () => Promise.resolve(),
    },
  });
  t.is(await sendWakes(failing.settings, 15_000, never), 0);
  t.is(failing.clock.pending, 0);
});

/** A registry with a store that notes what is put, and can be made to fail. */
function makeRegistry() {
  const puts: SaRecord[] = [];
  const state = { broken: false };
  const store: SaStore = {
    recover: () => [],
    put(record) {
      if (state.broken) throw new StoreError('ERR_STORE_UNAVAILABLE', 'the disk is full');
      puts.push(structuredClone(record));
    },
    delete: () => undefined,
    close: () => undefined,
  };
  const registry = new SaRegistry({ clock: manualClock(Date.now()), store });
  const add = (octet?: number): LiveSa => {
    const sa = makeSa();
    if (sa.state !== 'announced') throw new Error('a new one is announced');
    registry.add(sa);
    if (octet !== undefined) registry.rekeyWake(sa.bTid, new Uint8Array(32).fill(octet));
    return sa;
  };
  return { registry, puts, state, add };
}

test('a wake is by the youngest association that has a K_wake, and its counter is on disk before', (t) => {
  const { registry, puts, add } = makeRegistry();
  const source = { registry, connect: () => ({ host: '127.0.0.1', port: 5684 }) };
  t.is(makeWake(impi, source), undefined);
  add(1);
  const second = add(2);
  add();
  for (const counter of [1, 2]) {
    const made = makeWake(impi, source);
    if (made === undefined) return t.fail();
    const wake = decodeWake(made);
    const key = new Uint8Array(32).fill(2);
    t.notThrows(() => {
      verifyWake(wake, key);
    });
    t.deepEqual(wake.hint, wakeHint(key, counter));
    t.deepEqual(wake.connect, { host: '127.0.0.1', port: 5684 });
    t.like(puts.at(-1), { bTid: second.bTid, wake: { counter } });
  }
  registry.close(second.bTid, 'revoked');
  const older = makeWake(impi, source);
  t.deepEqual(older && decodeWake(older).hint, wakeHint(new Uint8Array(32).fill(1), 1));
});

test('no more wakes are made under one K_wake than a UE looks ahead', (t) => {
  const { registry, add } = makeRegistry();
  const { bTid } = add(1);
  const source = { registry, connect: () => undefined };
  const hints = new Set<string>();
  for (let n = 0; n < WAKE_WINDOW; n += 1) hints.add(String(makeWake(impi, source)));
  t.is(hints.size, WAKE_WINDOW);
  t.false(hints.has('undefined'));
  t.is(makeWake(impi, source), undefined);
  registry.rekeyWake(bTid, new Uint8Array(32).fill(2));
  t.truthy(makeWake(impi, source));
});

test('a counter that cannot be written down makes no wake', (t) => {
  const { registry, state, add } = makeRegistry();
  const { bTid } = add(1);
  state.broken = true;
  t.is(makeWake(impi, { registry, connect: () => undefined }), undefined);
  t.is(registry.current(bTid)?.wake?.counter, 0);
});
