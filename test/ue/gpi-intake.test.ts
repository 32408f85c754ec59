import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import test from 'ava';
import { createBsf } from '../../src/bsf/bsf.ts';
import { decodeEnvelope, sealEnvelope } from '../../src/codec/envelope.ts';
import { decodeGpi, GPI_NAF_ID, sealGpi } from '../../src/codec/gpi.ts';
import { deriveKsNaf, ksOf } from '../../src/aka/kdf.ts';
import { StoreError } from '../../src/errors.ts';
import {
  nafIdOf,
  parseUaSecurityProtocolId,
  pTidOf,
  uaIdOf,
  pskIdentityOf,
} from '../../src/ids.ts';
import { concat, toHex } from '../../src/lib/bytes.ts';
import { subscribe, type EventTable } from '../../src/lib/events.ts';
import type { Endpoint } from '../../src/codec/address.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { listenTriggers } from '../../src/net/upa-listener.ts';
import type { PushInfoRequest, Usim } from '../../src/ports.ts';
import { demoConnectPolicy, defaultConnectPolicy } from '../../src/ue/connect-policy.ts';
import { createGpiIntake, type GpiIntake, type GpiIntakeOptions } from '../../src/ue/gpi-intake.ts';
import { flippedBits, impi, pushInfo } from '../support/gpi.ts';
import { manualClock, type ManualClock } from '../support/manual-clock.ts';
import { createSim, type Sim } from '../support/sim.ts';

const { nafFqdn, pTid } = pushInfo;
const uaId = uaIdOf({ version: '1.3' });
const connect: Endpoint = { host: '127.0.0.1', port: 5684 };
const unlimited = { burst: 100_000, perSecond: 1, sources: 10 };
let nextHost = 0;

interface Bench {
  readonly intake: GpiIntake;
  readonly clock: ManualClock;
  readonly sim: Sim;
  /** A source of this bench alone, by which its events are told apart. */
  readonly from: Endpoint;
  /** A genuine trigger, as the NAF and the BSF make it together. */
  readonly trigger: (
    change?: Partial<PushInfoRequest>,
    connect?: Endpoint,
  ) => Promise<{ readonly datagram: Uint8Array; readonly ksNaf: Uint8Array }>;
  /** The codes of all refusals so far. */
  readonly refusals: string[];
  readonly accepted: EventTable['gba:trigger:accepted'][];
}

function bench(options: Partial<GpiIntakeOptions> = {}): Bench {
  const clock = manualClock();
  const sim = createSim(impi);
  const bsf = createBsf({
    hss: sim.hss,
    clock,
    policy: { defaultSeconds: 3_600, maxSeconds: 86_400 },
  });
  const from = { host: `127.0.1.${(nextHost += 1)}`, port: 9 };
  const refusals: string[] = [];
  const accepted: EventTable['gba:trigger:accepted'][] = [];
  subscribe('gba:trigger:refused', (message) => {
    if (message.from === `${from.host}:9`) refusals.push(message.code);
  });
  subscribe('gba:trigger:accepted', (message) => accepted.push(message));
  const intake = createGpiIntake({
    usim: sim.usim,
    clock,
    policy: demoConnectPolicy,
    acceptBinding: ({ version }) => version === '1.3',
    rate: unlimited,
    ...options,
  });
  return {
    intake,
    clock,
    sim,
    from,
    refusals,
    accepted,
    async trigger(change = {}, address = connect) {
      const requestedExpiresAt = clock.now() + 600_000;
      const request = { impi, nafFqdn, uaId, pTid, requestedExpiresAt, ...change };
      const { ksNaf, gpi } = await bsf.pushInfo(request);
      return { datagram: sealEnvelope({ sessionId: 7, connect: address, gpi }, ksNaf), ksNaf };
    },
  };
}

/** The datagram with one bit of its octet `at` changed; negative numbers count from the end. */
function spoil(datagram: Uint8Array, at: number): Uint8Array {
  const octets = Uint8Array.from(datagram);
  const index = at < 0 ? octets.length + at : at;
  octets[index] = (octets[index] ?? 0) ^ 1;
  return octets;
}

/** Octet 5 of the GPI in an envelope with an IPv4 address: inside RAND. */
const RAND_AT = 12 + 5;
const GPI_MAC_AT = -9;
const ENVELOPE_MAC_AT = -1;
const CONNECT_PORT_AT = 10;

test('a genuine trigger gives the association that the NAF has', async (t) => {
  const { intake, clock, sim, from, trigger, accepted } = bench();
  const { datagram, ksNaf } = await trigger();
  const got = await intake.accept(datagram, from);
  t.is(toHex(got?.sa.key ?? new Uint8Array(0)), toHex(ksNaf));
  const { rand } = decodeGpi(decodeEnvelope(datagram).gpi);
  t.like(got?.sa, {
    state: 'announced',
    bTid: `${Buffer.from(rand).toString('base64')}@${pushInfo.bsfFqdn}`,
    pTid,
    impi,
    nafFqdn,
    binding: { version: '1.3' },
    expiresAt: clock.now() + 600_000,
  });
  t.is(got?.sessionId, 7);
  t.deepEqual(got?.connect, [connect]);
  t.deepEqual(got?.sa.dial, { connect, identity: got && pskIdentityOf(got.sa.bTid) });
  t.is(sim.usim.unwiped, 0, 'Ks is wiped');
  t.true(accepted.some(({ bTid }) => bTid === got?.sa.bTid));
});

test('what does not parse never reaches the SIM', async (t) => {
  const { intake, sim, from, trigger, refusals } = bench();
  const { datagram } = await trigger();
  for (let length = 0; length < datagram.length; length += 1) {
    t.is(await intake.accept(datagram.subarray(0, length), from), undefined);
  }
  t.is(await intake.accept(concat(datagram, Uint8Array.of(0)), from), undefined);
  t.is(sim.usim.runs, 0);
  t.is(refusals.length, datagram.length + 1);
});

test('a method or a card mode that this UE lacks never reaches the SIM', async (t) => {
  const { intake, sim, from, trigger, refusals } = bench();
  const oscore = await trigger({ uaId: parseUaSecurityProtocolId('ff00000002') });
  t.is(await intake.accept(oscore.datagram, from), undefined);
  const { datagram } = await trigger();
  const gbaU = datagram.map((octet, i) => (i === 12 ? octet | 0b1000 : octet));
  t.is(await intake.accept(gbaU, from), undefined);
  t.deepEqual(refusals, ['ERR_GPI_PROFILE', 'ERR_GPI_PROFILE']);
  t.is(sim.usim.runs, 0);
});

test('a datagram that came before is dropped before the SIM', async (t) => {
  const { intake, sim, from, trigger, refusals } = bench();
  const { datagram } = await trigger();
  const both = [intake.accept(datagram, from), intake.accept(datagram, from)];
  t.deepEqual(
    (await Promise.all(both)).map((got) => got !== undefined),
    [true, false],
  );
  t.is(await intake.accept(datagram, { host: '127.0.2.1', port: 9 }), undefined);
  t.is(sim.usim.runs, 1);
  t.deepEqual(refusals, ['ERR_UPA_DUPLICATE']);
});

test('a duplicate costs its source no token', async (t) => {
  const { intake, from, trigger } = bench({ rate: { burst: 2, perSecond: 0.001, sources: 10 } });
  const first = await trigger();
  const second = await trigger();
  t.truthy(await intake.accept(first.datagram, from));
  for (let i = 0; i < 10; i += 1) await intake.accept(first.datagram, from);
  t.truthy(await intake.accept(second.datagram, from));
});

test('a replay after the memory is over is refused by the SIM itself', async (t) => {
  const { intake, clock, sim, from, trigger, refusals } = bench();
  const { datagram } = await trigger();
  t.truthy(await intake.accept(datagram, from));
  clock.advance(600_001);
  t.is(await intake.accept(datagram, from), undefined);
  t.is(await intake.accept(datagram, from), undefined);
  t.is(sim.usim.runs, 2);
  t.deepEqual(refusals, ['ERR_AKA_SYNC_FAILURE', 'ERR_UPA_DUPLICATE']);
});

test('a source beyond its rate never reaches the SIM, and its trigger is not forgotten for good', async (t) => {
  const { intake, clock, sim, from, trigger, refusals } = bench({
    rate: { burst: 2, perSecond: 1, sources: 10 },
  });
  const { datagram } = await trigger();
  await intake.accept(spoil(datagram, RAND_AT), from);
  await intake.accept(spoil(datagram, RAND_AT + 1), from);
  t.is(await intake.accept(datagram, from), undefined);
  t.is(sim.usim.runs, 2);
  t.is(refusals.at(-1), 'ERR_UPA_BUSY');
  t.truthy(await intake.accept((await trigger()).datagram, { host: '127.0.2.2', port: 9 }));
  clock.advance(1_000);
  t.truthy(await intake.accept(datagram, from));
});

test('the UE sends nothing back, whatever it receives', async (t) => {
  const { intake, trigger } = bench();
  const { datagram } = await trigger();
  const judged: Promise<unknown>[] = [];
  let allIn = (): void => undefined;
  const listener = await listenTriggers({
    at: { transport: 'udp', host: '127.0.0.1', port: 0 },
    clock: systemClock,
    onTrigger(octets, from, reply) {
      judged.push(intake.accept(octets, from, reply));
      if (judged.length === 5) allIn();
    },
  });
  const naf = createSocket('udp4');
  const heard: string[] = [];
  naf.on('message', (octets) => heard.push(octets.toString('latin1')));
  naf.bind(0, '127.0.0.1');
  await once(naf, 'listening');
  const received = new Promise<void>((resolve) => {
    allIn = resolve;
  });
  const copies = [Uint8Array.of(0x11), spoil(datagram, RAND_AT), spoil(datagram, GPI_MAC_AT)];
  for (const octets of [...copies, datagram, datagram]) {
    naf.send(octets, listener.address.port, listener.address.host);
  }
  await received;
  t.is((await Promise.all(judged)).filter(Boolean).length, 1);
  const marked = once(naf, 'message');
  naf.send('marker', naf.address().port, '127.0.0.1');
  await marked;
  t.deepEqual(heard, ['marker']);
  naf.close();
  await listener.close();
});

test('a challenge that is not from the home network yields nothing', async (t) => {
  const { intake, sim, from, trigger, refusals } = bench();
  const { datagram } = await trigger();
  t.is(await intake.accept(spoil(datagram, RAND_AT), from), undefined);
  t.deepEqual(refusals, ['ERR_AKA_MAC_FAILURE']);
  t.is(sim.usim.unwiped, 0);
});

test('a good AUTN with a bad GPI MAC yields nothing and does not burn the vector', async (t) => {
  const { intake, sim, from, trigger, refusals } = bench();
  const { datagram, ksNaf } = await trigger();
  t.is(await intake.accept(spoil(datagram, GPI_MAC_AT), from), undefined);
  t.deepEqual(refusals, ['ERR_GPI_MAC']);
  const got = await intake.accept(datagram, from);
  t.deepEqual(got?.sa.key, ksNaf);
  t.is(sim.usim.runs, 1, 'the genuine copy is MAC-checked alone');
  t.is(sim.usim.unwiped, 0);
});

test('a bad envelope MAC yields nothing and does not burn the vector', async (t) => {
  const { intake, sim, from, trigger, refusals } = bench();
  const { datagram } = await trigger();
  t.is(await intake.accept(spoil(datagram, ENVELOPE_MAC_AT), from), undefined);
  t.is(await intake.accept(spoil(datagram, CONNECT_PORT_AT), from), undefined);
  t.deepEqual(refusals, ['ERR_UPA_MAC', 'ERR_UPA_MAC']);
  t.truthy(await intake.accept(datagram, from));
  t.is(sim.usim.runs, 1);
});

test('a trigger with any one bit flipped yields nothing', async (t) => {
  const { intake, from, trigger, refusals } = bench();
  const { datagram } = await trigger();
  let bits = 0;
  for (const [bit, flipped] of flippedBits(datagram)) {
    t.is(await intake.accept(flipped, from), undefined, `bit ${bit}`);
    bits += 1;
  }
  t.is(refusals.length, bits);
  t.truthy(await intake.accept(datagram, from), 'and then the genuine one still works');
});

test('held keys are wiped after a minute, and never are there more than four', async (t) => {
  const { intake, clock, sim, from, trigger } = bench();
  for (let i = 0; i < 6; i += 1) {
    const { datagram } = await trigger();
    await intake.accept(spoil(datagram, GPI_MAC_AT), from);
  }
  t.is(sim.usim.unwiped, 4);
  clock.advance(59_999);
  t.is(sim.usim.unwiped, 4);
  clock.advance(1);
  t.is(sim.usim.unwiped, 0);
  t.is(clock.pending, 0);
});

test('more bad copies do not make a vector live longer than its minute', async (t) => {
  const { intake, clock, sim, from, trigger } = bench();
  const { datagram } = await trigger();
  await intake.accept(spoil(datagram, GPI_MAC_AT), from);
  clock.advance(50_000);
  await intake.accept(spoil(datagram, GPI_MAC_AT - 1), from);
  t.is(sim.usim.unwiped, 1);
  clock.advance(10_000);
  t.is(sim.usim.unwiped, 0);
});

test('closing wipes what is held, at once and later', async (t) => {
  const { intake, clock, sim, from, trigger } = bench();
  await intake.accept(spoil((await trigger()).datagram, GPI_MAC_AT), from);
  const pending = intake.accept(spoil((await trigger()).datagram, GPI_MAC_AT), from);
  intake.close();
  await pending;
  t.is(sim.usim.unwiped, 0);
  t.is(clock.pending, 0);
});

test('a connect address that the policy does not allow yields nothing', async (t) => {
  const { intake, from, trigger, refusals } = bench();
  const { datagram } = await trigger({}, { host: '192.0.2.1', port: 5684 });
  t.is(await intake.accept(datagram, from), undefined);
  t.deepEqual(refusals, ['ERR_GPI_POLICY']);
});

test('a binding that the UE does not accept yields nothing', async (t) => {
  const { intake, from, trigger, refusals } = bench();
  const uaId = uaIdOf({ version: '1.2', suite: 'PSK-AES128-GCM-SHA256' });
  t.is(await intake.accept((await trigger({ uaId })).datagram, from), undefined);
  t.deepEqual(refusals, ['ERR_GPI_POLICY']);
  const both = bench({ acceptBinding: () => true });
  const got = await both.intake.accept((await both.trigger({ uaId })).datagram, both.from);
  t.deepEqual(got?.sa.binding, { version: '1.2', suite: 'PSK-AES128-GCM-SHA256' });
});

test('a GPI whose lifetime is 0 yields nothing', async (t) => {
  const { intake, sim, from, refusals } = bench();
  const { ck, ik, rand, autn } = await sim.hss.vector(impi, 'push');
  const ks = ksOf(ck, ik);
  const key = deriveKsNaf({ ks, rand, impi, nafId: GPI_NAF_ID });
  const ksNaf = deriveKsNaf({ ks, rand, impi, nafId: nafIdOf(nafFqdn, uaId) });
  const ended = { ...pushInfo, rand, autn, lifetimeSeconds: 0, pTid: pTidOf(new Uint8Array(12)) };
  const gpi = sealGpi(ended, { key, impi });
  t.is(await intake.accept(sealEnvelope({ sessionId: 1, connect, gpi }, ksNaf), from), undefined);
  t.deepEqual(refusals, ['ERR_GPI_POLICY']);
});

for (const hours of [-1, 1, 24 * 365]) {
  test(`a UE clock that is ${hours} h off makes no difference`, async (t) => {
    const { intake, clock, from, trigger } = bench();
    const { datagram } = await trigger();
    clock.jump(hours * 3_600_000);
    t.is((await intake.accept(datagram, from))?.sa.expiresAt, clock.now() + 600_000);
  });
}

test('the SIM runs one challenge at a time, and the queue in front of it is bounded', async (t) => {
  const { intake, clock, sim, from, trigger, refusals } = bench();
  const datagrams: Uint8Array[] = [];
  for (let i = 0; i < 20; i += 1) datagrams.push((await trigger()).datagram);
  const got = await Promise.all(datagrams.map((datagram) => intake.accept(datagram, from)));
  t.is(got.filter(Boolean).length, 16);
  t.is(sim.usim.mostAtOnce, 1);
  t.deepEqual(refusals, new Array<string>(4).fill('ERR_UPA_BUSY'));
  clock.advance(1_000);
  const again = await Promise.all(
    datagrams.slice(16).map((datagram) => intake.accept(datagram, from)),
  );
  t.is(again.filter(Boolean).length, 4, 'those turned away are judged when they come again');
});

test('a DNS or a disk that fails now does not lose the trigger', async (t) => {
  let broken = true;
  const records: readonly string[] = ['192.0.2.1'];
  const dns = bench({
    policy: defaultConnectPolicy,
    lookup: () => (broken ? Promise.reject(new Error('ESERVFAIL')) : Promise.resolve(records)),
  });
  const { datagram } = await dns.trigger({}, { host: '192.0.2.1', port: 5684 });
  t.is(await dns.intake.accept(datagram, dns.from), undefined);
  broken = false;
  t.truthy(await dns.intake.accept(datagram, dns.from));

  const sim = createSim(impi);
  let full = true;
  const usim: Usim = {
    impi,
    authenticate: (rand, autn) =>
      full
        ? Promise.reject(new StoreError('ERR_STORE_UNAVAILABLE', 'disk full', { retryable: true }))
        : sim.usim.authenticate(rand, autn),
  };
  const disk = bench({ usim });
  const second = await disk.trigger();
  t.is(await disk.intake.accept(second.datagram, disk.from), undefined);
  full = false;
  t.truthy(await disk.intake.accept(second.datagram, disk.from));
});
