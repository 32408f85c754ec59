import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import test from 'ava';
import type { Endpoint } from '../../src/codec/address.ts';
import { sealWake, WAKE_WINDOW } from '../../src/codec/wake.ts';
import { StoreError } from '../../src/errors.ts';
import { bTidOf, parseFqdn, parseImpi, pTidOf, type BTid, type Fqdn } from '../../src/ids.ts';
import { concat } from '../../src/lib/bytes.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { subscribe } from '../../src/lib/events.ts';
import { listenTriggers } from '../../src/net/upa-listener.ts';
import { announce, type SaRecord, type SaStore } from '../../src/sa/association.ts';
import { SaRegistry } from '../../src/sa/registry.ts';
import { demoConnectPolicy } from '../../src/ue/connect-policy.ts';
import { createWakeIntake, type WakeIntakeOptions } from '../../src/ue/wake-intake.ts';
import { flippedBits } from '../support/gpi.ts';
import { manualClock } from '../support/manual-clock.ts';

const nafFqdn = parseFqdn('naf.example.org');
const unlimited = { burst: 100_000, perSecond: 1, sources: 10 };
let nextHost = 0;

/** Associations 1, 2, ... with K_wake of as many octets of 1, 2, ...; nobody calls yet. */
function bench(options: Partial<WakeIntakeOptions> = {}) {
  const clock = manualClock();
  const disk = new Map<BTid, SaRecord>();
  const state = { broken: false };
  const store: SaStore = {
    recover: () => [],
    put(record) {
      if (state.broken) throw new StoreError('ERR_STORE_UNAVAILABLE', 'the disk is full');
      disk.set(record.bTid, structuredClone(record));
    },
    delete: (bTid) => void disk.delete(bTid),
    close: () => undefined,
  };
  const registry = new SaRegistry({ clock, store });
  const settings = { registry, clock, policy: demoConnectPolicy, rate: unlimited, ...options };
  const intake = createWakeIntake(settings);
  const from: Endpoint = { host: `127.0.3.${(nextHost += 1)}`, port: 9 };
  const refusals: string[] = [];
  subscribe('gba:trigger:refused', (message) => {
    if (message.from === `${from.host}:9`) refusals.push(message.code);
  });
  const add = (number: number, naf: Fqdn = nafFqdn): BTid => {
    const bTid = bTidOf(new Uint8Array(16).fill(number), parseFqdn('bsf.example.org'));
    const terms = {
      bTid,
      pTid: pTidOf(new Uint8Array(12).fill(number)),
      impi: parseImpi('user@example.org'),
      nafFqdn: naf,
      binding: { version: '1.3' } as const,
      expiresAt: clock.now() + 3_600_000,
    };
    registry.add(announce(terms, new Uint8Array(32).fill(100 + number)));
    intake.rekey(bTid, keyOf(number));
    return bTid;
  };
  const accept = (octets: Uint8Array) => intake.accept(octets, from);
  return { intake, registry, disk, state, clock, settings, from, refusals, add, accept };
}

function keyOf(number: number): Uint8Array {
  return new Uint8Array(32).fill(number);
}

function wake(number: number, counter: number, connect?: Endpoint): Uint8Array {
  return sealWake({ counter, connect }, keyOf(number));
}

test('a genuine wake names its association, whose counter is on disk by then', async (t) => {
  const { add, accept, disk, registry, refusals } = bench();
  const [one, two] = [add(1), add(2)];
  t.is(await accept(wake(2, 1)), two);
  t.is(await accept(wake(1, 1)), one);
  t.is(await accept(wake(1, 3)), one, 'one may be lost on the way');
  t.is(disk.get(one)?.wake?.counter, 3);
  t.is(disk.get(two)?.wake?.counter, 1);
  t.is(registry.current(one)?.wake?.counter, 3);
  t.deepEqual(refusals, []);
});

test('a wake that came before, and any earlier one, changes nothing', async (t) => {
  const { add, accept, disk, refusals, clock } = bench();
  const bTid = add(1);
  t.is(await accept(wake(1, 5)), bTid);
  for (const counter of [5, 5, 4, 1]) t.is(await accept(wake(1, counter)), undefined);
  clock.advance(600_001);
  t.is(await accept(wake(1, 5)), undefined);
  t.is(disk.get(bTid)?.wake?.counter, 5);
  t.deepEqual(refusals, [
    ...['ERR_UPA_DUPLICATE', 'ERR_UPA_DUPLICATE', 'ERR_SA_UNKNOWN', 'ERR_SA_UNKNOWN'],
    'ERR_SA_UNKNOWN',
  ]);
  t.is(await accept(wake(1, 6)), bTid);
});

test('it looks 64 counters ahead of the last one that it accepted, and no farther', async (t) => {
  const { add, accept, refusals } = bench();
  const bTid = add(1);
  t.is(await accept(wake(1, WAKE_WINDOW + 1)), undefined);
  t.is(await accept(wake(1, WAKE_WINDOW)), bTid);
  t.is(await accept(wake(1, 2 * WAKE_WINDOW + 1)), undefined);
  t.is(await accept(wake(1, 2 * WAKE_WINDOW)), bTid);
  t.is(await accept(wake(1, 2 * WAKE_WINDOW + 1)), bTid, 'the window has moved on');
  t.deepEqual(refusals, ['ERR_SA_UNKNOWN', 'ERR_SA_UNKNOWN']);
});

test('a wake with any one bit flipped, cut or lengthened changes nothing, and burns nothing', async (t) => {
  const { add, accept, disk, refusals } = bench();
  const bTid = add(1);
  const genuine = wake(1, 1, { host: '127.0.0.1', port: 5684 });
  for (const [bit, flipped] of flippedBits(genuine)) {
    t.is(await accept(flipped), undefined, `bit ${bit}`);
  }
  for (let length = 0; length < genuine.length; length += 1) {
    t.is(await accept(genuine.subarray(0, length)), undefined);
  }
  t.is(await accept(concat(genuine, Uint8Array.of(0))), undefined);
  t.is(refusals.length, genuine.length * 9 + 1);
  t.true(refusals.includes('ERR_UPA_MAC') && refusals.includes('ERR_SA_UNKNOWN'));
  t.is(disk.get(bTid)?.wake?.counter, 0);
  t.is(await accept(genuine), bTid);
});

test('a hint of one association with the MAC of another calls neither', async (t) => {
  const { add, accept, disk, refusals } = bench();
  const bTids = [add(1), add(2)];
  const [mine, other] = [wake(1, 1), wake(2, 1)];
  t.is(await accept(concat(mine.subarray(0, -8), other.subarray(-8))), undefined);
  t.is(await accept(wake(3, 1)), undefined, 'of an association that is not here');
  t.deepEqual(refusals, ['ERR_UPA_MAC', 'ERR_SA_UNKNOWN']);
  for (const bTid of bTids) t.is(disk.get(bTid)?.wake?.counter, 0);
});

test('with a new K_wake the old one calls nobody, and the counter begins again', async (t) => {
  const { intake, add, accept, refusals } = bench();
  const bTid = add(1);
  t.is(await accept(wake(1, 1)), bTid);
  intake.rekey(bTid, keyOf(9));
  t.is(await accept(wake(1, 2)), undefined);
  t.is(await accept(wake(9, 1)), bTid);
  t.deepEqual(refusals, ['ERR_SA_UNKNOWN']);
});

test('an association that is over is called by nobody', async (t) => {
  const { intake, registry, add, accept, refusals } = bench();
  const [one, two] = [add(1), add(2)];
  t.is(await accept(wake(1, 1)), one);
  registry.close(one, 'revoked');
  t.is(await accept(wake(1, 2)), undefined);
  intake.forget(one);
  t.is(await accept(wake(1, 2)), undefined);
  registry.close(two, 'expired');
  t.is(await accept(wake(2, 1)), undefined);
  t.deepEqual(refusals, ['ERR_SA_UNKNOWN', 'ERR_SA_UNKNOWN', 'ERR_SA_UNKNOWN']);
});

test('after a restart what was accepted is old, and what follows is not', async (t) => {
  const { add, accept, disk, settings, from, clock } = bench();
  const bTid = add(1);
  t.is(await accept(wake(1, 7)), bTid);
  const store: SaStore = {
    recover: () => [...disk.values()],
    put: () => undefined,
    delete: () => undefined,
    close: () => undefined,
  };
  const intake = createWakeIntake({ ...settings, registry: new SaRegistry({ clock, store }) });
  t.is(await intake.accept(wake(1, 7), from), undefined);
  t.is(await intake.accept(wake(1, 8), from), bTid);
});

test('what cannot be written down has no effect, and may come again', async (t) => {
  const { add, accept, state, registry, refusals } = bench();
  const bTid = add(1);
  state.broken = true;
  t.is(await accept(wake(1, 1)), undefined);
  t.is(registry.current(bTid)?.wake?.counter, 0);
  state.broken = false;
  t.is(await accept(wake(1, 1)), bTid);
  t.deepEqual(refusals, ['ERR_STORE_UNAVAILABLE']);
});

test('an address goes by the connect policy, and is where the UE dials from then on', async (t) => {
  const { add, accept, disk, refusals } = bench();
  const bTid = add(1);
  t.is(await accept(wake(1, 1, { host: '192.0.2.1', port: 443 })), undefined);
  t.is(disk.get(bTid)?.wake?.counter, 0);
  t.is(disk.get(bTid)?.dial?.connect, undefined);
  const elsewhere = { host: '127.0.0.9', port: 443 };
  t.is(await accept(wake(1, 2, elsewhere)), bTid);
  t.deepEqual(disk.get(bTid)?.dial?.connect, elsewhere);
  t.is(await accept(wake(1, 3)), bTid);
  t.deepEqual(disk.get(bTid)?.dial?.connect, elsewhere, 'without an address it stays');
  t.deepEqual(refusals, ['ERR_GPI_POLICY']);
});

test('while the DNS is asked another may come: each counts once, and none before the last', async (t) => {
  const answers: ((addresses: string[]) => void)[] = [];
  const lookup = () => new Promise<string[]>((resolve) => answers.push(resolve));
  const { add, accept, disk, refusals } = bench({ lookup });
  const bTid = add(1);
  const named = wake(1, 1, { host: 'naf.example.org', port: 5684 });
  const both = [accept(named), accept(named)];
  t.is(await accept(wake(1, 2)), bTid);
  for (const answer of answers) answer(['127.0.0.1']);
  t.deepEqual(await Promise.all(both), [undefined, undefined]);
  t.is(disk.get(bTid)?.wake?.counter, 2);
  t.is(disk.get(bTid)?.dial?.connect, undefined);
  const twice = wake(1, 3, { host: 'naf.example.org', port: 5684 });
  const copies = [accept(twice), accept(twice)];
  for (const answer of answers) answer(['127.0.0.1']);
  t.deepEqual(await Promise.all(copies), [bTid, undefined]);
  t.deepEqual(refusals, ['ERR_UPA_DUPLICATE', 'ERR_UPA_DUPLICATE', 'ERR_UPA_DUPLICATE']);
});

test('a K_wake that is replaced while the DNS is asked counts no more', async (t) => {
  let answer: (addresses: string[]) => void = () => undefined;
  const lookup = () => new Promise<string[]>((resolve) => (answer = resolve));
  const { intake, add, accept, disk, refusals } = bench({ lookup });
  const bTid = add(1);
  const called = accept(wake(1, 1, { host: 'naf.example.org', port: 5684 }));
  intake.rekey(bTid, keyOf(9));
  answer(['127.0.0.1']);
  t.is(await called, undefined);
  t.is(disk.get(bTid)?.wake?.counter, 0);
  t.deepEqual(refusals, ['ERR_UPA_DUPLICATE']);
});

test('a name that the DNS does not know now may come again', async (t) => {
  let known = false;
  const lookup = () =>
    known ? Promise.resolve(['127.0.0.1']) : Promise.reject(new Error('no answer'));
  const { add, accept, refusals } = bench({ lookup });
  const bTid = add(1);
  const named = wake(1, 1, { host: 'naf.example.org', port: 5684 });
  t.is(await accept(named), undefined);
  known = true;
  t.is(await accept(named), bTid);
  t.deepEqual(refusals, ['ERR_UPA_ADDRESS']);
});

test('a source beyond its rate is not looked at, and copies cost it nothing', async (t) => {
  const { intake, add, accept, from, refusals, clock } = bench({
    rate: { burst: 3, perSecond: 0.001, sources: 10 },
  });
  const bTid = add(1);
  t.is(await accept(wake(1, 1)), bTid);
  for (let copy = 0; copy < 20; copy += 1) await accept(wake(1, 1));
  await accept(wake(7, 1));
  await accept(wake(7, 2));
  t.is(await accept(wake(1, 2)), undefined);
  t.deepEqual(refusals.slice(-3), ['ERR_SA_UNKNOWN', 'ERR_SA_UNKNOWN', 'ERR_UPA_BUSY']);
  t.is(await intake.accept(wake(1, 2), { ...from, host: '127.0.4.1' }), bTid);
  clock.advance(1_000_000);
  t.is(await accept(wake(1, 3)), bTid);
});

test('a NAF with a good key cannot keep the device dialling, from however many addresses', async (t) => {
  const { intake, add, clock, accept } = bench();
  const other = parseFqdn('other.example.org');
  const bTids = [add(1), add(2), add(3, other)];
  let calls = 0;
  for (let n = 0; n < 60; n += 1) {
    const from = { host: `127.1.0.${n}`, port: 9 };
    for (const number of [1, 2]) {
      if ((await intake.accept(wake(number, n + 1), from)) !== undefined) calls += 1;
    }
  }
  t.is(calls, 6);
  t.is(await accept(wake(3, 1)), bTids[2], 'another NAF is not held back');
  clock.advance(5_000);
  t.is(await accept(wake(1, 61)), bTids[0]);
  t.is(await accept(wake(2, 61)), undefined);
});

test('nothing is sent back, whatever comes', async (t) => {
  const { intake, add } = bench();
  add(1);
  const judged: Promise<unknown>[] = [];
  let allIn = (): void => undefined;
  const received = new Promise<void>((resolve) => {
    allIn = resolve;
  });
  const genuine = wake(1, 1);
  const sent = [
    ...[genuine, genuine, genuine.with(3, genuine[3] === 0 ? 1 : 0), wake(7, 1)],
    ...[wake(1, 66), wake(1, 2, { host: '192.0.2.1', port: 1 }), Uint8Array.of(0x12)],
  ];
  const listener = await listenTriggers({
    at: { transport: 'udp', host: '127.0.0.1', port: 0 },
    clock: systemClock,
    onTrigger(octets, from) {
      judged.push(intake.accept(octets, from));
      if (judged.length === sent.length) allIn();
    },
  });
  t.teardown(() => listener.close());
  const naf = createSocket('udp4');
  t.teardown(() => naf.close());
  const heard: string[] = [];
  naf.on('message', (octets) => heard.push(octets.toString('latin1')));
  naf.bind(0, '127.0.0.1');
  await once(naf, 'listening');
  for (const octets of sent) naf.send(octets, listener.address.port, listener.address.host);
  await received;
  t.is((await Promise.all(judged)).filter(Boolean).length, 1);
  const marked = once(naf, 'message');
  naf.send('marker', naf.address().port, '127.0.0.1');
  await marked;
  t.deepEqual(heard, ['marker']);
});
