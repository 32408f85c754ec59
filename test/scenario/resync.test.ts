/** SQN out of step between the real HSS and the real SIM: what AUTS mends, and what it must not. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import { createBsf } from '../../src/bsf/bsf.ts';
import { createHss } from '../../src/bsf/hss.ts';
import { decodeAuts, encodeAuts } from '../../src/codec/auts.ts';
import type { TriggerAddress } from '../../src/codec/address.ts';
import { impiFromImsi, parseImsi } from '../../src/ids.ts';
import { fromHex, toHex } from '../../src/lib/bytes.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { subscribe } from '../../src/lib/events.ts';
import { announceTo } from '../../src/naf/announcer.ts';
import type { AtomicStore } from '../../src/ports.ts';
import { SaRegistry } from '../../src/sa/registry.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import type { SubscriberRecord } from '../../src/store/subscribers.ts';
import { parseConnectPolicy } from '../../src/ue/connect-policy.ts';
import { createUsim } from '../../src/ue/usim.ts';
import { impi, nafFqdn, openNaf, openUe } from '../support/ladder.ts';
import { policy, until } from '../support/tls.ts';

const imsi = parseImsi('001010000000001');
const card: SubscriberRecord = {
  imsi,
  impi: impiFromImsi(imsi),
  algorithm: 'milenage',
  k: fromHex('465b5ce8b199b49faa5f0a2ee238a6bc'),
  opc: fromHex('cd63cb71954a9f4e48a5994e37a02baf'),
  amf: fromHex('8000'),
};

function newHss(store = openMemoryStore()) {
  return createHss({ subscribers: [card], store });
}

/** A SIM that has seen `ahead` vectors which the HSS of the test knows nothing of. */
async function usedSim(ahead = 40) {
  const usim = createUsim({ credentials: card, store: openMemoryStore() });
  const hss = newHss();
  for (let n = 0; n < ahead; n += 1) {
    const { rand, autn } = await hss.vector(impi, 'push');
    (await usim.authenticate(rand, autn)).wipe();
  }
  return usim;
}

/** Counts vectors and the AUTS that the HSS is asked to believe. */
function counting(hss: ReturnType<typeof createHss>) {
  const counts = { vectors: 0, resyncs: 0 };
  return {
    counts,
    hss: {
      vector: (...args: Parameters<typeof hss.vector>) => (
        (counts.vectors += 1),
        hss.vector(...args)
      ),
      resynchronise: (...args: Parameters<typeof hss.resynchronise>) => (
        (counts.resyncs += 1),
        hss.resynchronise(...args)
      ),
    },
  };
}

for (const transport of ['udp', 'tcp'] as const) {
  test.serial(`an HSS that lost its SQN is set right by one AUTS over ${transport}`, async (t) => {
    const { hss, counts } = counting(newHss());
    const ue = await openUe(t, { usim: await usedSim() }, () => undefined, {
      listen: { transport, host: '127.0.0.1', port: 0 },
      autsStore: openMemoryStore(),
    });
    const naf = await openNaf(t, { hss }, { triggerAddress: () => ue.address });
    t.like(await naf.push(impi, Buffer.from('x'), { ttlSeconds: 8 }), { state: 'acked' });
    t.deepEqual(counts, { vectors: 2, resyncs: 1 });
    t.like(await naf.push(impi, Buffer.from('y'), { ttlSeconds: 8 }), { via: 'reuse' });
  });
}

test.serial(
  'an HSS that loses its SQN while a layer is open is set right inside the layer',
  async (t) => {
    const hss = { now: counting(newHss()) };
    const ue = await openUe(
      t,
      { usim: createUsim({ credentials: card, store: openMemoryStore() }) },
      () => undefined,
      { autsStore: openMemoryStore() },
    );
    const naf = await openNaf(
      t,
      {
        hss: {
          vector: (...args) => hss.now.hss.vector(...args),
          resynchronise: (...args) => hss.now.hss.resynchronise(...args),
        },
      },
      { triggerAddress: () => ue.address, lifetimeSeconds: 5 },
    );
    await naf.push(impi, Buffer.from('x'), { ttlSeconds: 8 });
    const triggers: string[] = [];
    const opened: string[] = [];
    t.teardown(subscribe('gba:trigger:sent', ({ to }) => triggers.push(to)));
    t.teardown(subscribe('gba:layer:opened', ({ bTid }) => opened.push(bTid)));
    hss.now = counting(newHss());
    await until(() => opened.length === 1);
    t.deepEqual(hss.now.counts, { vectors: 2, resyncs: 1 });
    t.deepEqual(triggers, []);
    t.like(await naf.push(impi, Buffer.from('y'), { ttlSeconds: 8 }), { state: 'acked' });
  },
);

test.serial('a UE that gives no AUTS gives none, and the push ends in time', async (t) => {
  const ue = await openUe(t, { usim: await usedSim() }, () => undefined);
  const { hss, counts } = counting(newHss());
  const naf = await openNaf(t, { hss }, { triggerAddress: () => ue.address });
  t.like(await naf.push(impi, Buffer.from('x'), { ttlSeconds: 1 }), { reason: 'expired' });
  t.is(counts.resyncs, 0);
});

/** A UE that refuses every challenge, and a stranger's socket that sends it genuine triggers. */
async function openRefusing(
  t: ExecutionContext,
  options: { readonly autsStore?: AtomicStore; readonly policy?: Record<string, string[]> } = {},
) {
  const usim = await usedSim();
  const ue = await openUe(t, { usim }, () => undefined, {
    autsStore: options.autsStore ?? openMemoryStore(),
    ...(options.policy && { connectPolicy: parseConnectPolicy(options.policy) }),
  });
  const refusals: string[] = [];
  t.teardown(subscribe('gba:auts:refused', ({ code }) => refusals.push(code)));
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  const answers: Buffer[] = [];
  socket.on('message', (octets) => answers.push(octets));
  const send = (envelope: Uint8Array, to: TriggerAddress = ue.address): void => {
    socket.send(envelope, to.port, to.host);
  };
  const hss = newHss();
  const makeEnvelope = async (): Promise<Uint8Array> => {
    const { envelope } = await announceTo(impi, {
      bsf: createBsf({ hss, clock: systemClock, policy: policy.keyLifetime }),
      registry: new SaRegistry({ clock: systemClock }),
      clock: systemClock,
      nafFqdn,
      binding: { version: '1.3' },
      lifetimeSeconds: 60,
      connect: () => ({ host: '127.0.0.1', port: 9 }),
    });
    return envelope;
  };
  return { ue, usim, answers, refusals, send, makeEnvelope };
}

test.serial(
  'a trigger that comes again gets the very same AUTS, and asks the SIM once',
  async (t) => {
    const { answers, send, makeEnvelope } = await openRefusing(t);
    const envelope = await makeEnvelope();
    for (let n = 1; n <= 3; n += 1) {
      send(envelope);
      await until(() => answers.length === n);
    }
    t.is(new Set(answers.map(toHex)).size, 1);
    t.true((answers[0]?.length ?? 0) < envelope.length, 'less than what it answers');
  },
);

test.serial(
  'one RAND has one AUTS for ever: after SQN went on, changed octets, a restart',
  async (t) => {
    const autsStore = openMemoryStore();
    const { ue, usim, answers, send, makeEnvelope } = await openRefusing(t, { autsStore });
    const envelope = await makeEnvelope();
    send(envelope);
    await until(() => answers.length === 1);
    const ahead = newHss();
    for (let n = 0; n < 60; n += 1) {
      const { rand, autn } = await ahead.vector(impi, 'push');
      await usim.authenticate(rand, autn).catch(() => undefined);
    }
    send(envelope.with(1, (envelope[1] ?? 0) ^ 0x55));
    await until(() => answers.length === 2);
    await ue.close();
    const again = await openUe(t, { usim }, () => undefined, { autsStore });
    send(envelope.with(2, (envelope[2] ?? 0) ^ 0x55), again.address);
    await until(() => answers.length === 3);
    t.is(new Set(answers.map((octets) => toHex(decodeAuts(octets).auts))).size, 1);
    t.is(new Set(answers.map((octets) => decodeAuts(octets).sessionId)).size, 3);
  },
);

test.serial('three AUTS an hour, and a restart does not forget them', async (t) => {
  const autsStore = openMemoryStore();
  const { ue, usim, answers, refusals, send, makeEnvelope } = await openRefusing(t, { autsStore });
  for (let n = 1; n <= 3; n += 1) {
    send(await makeEnvelope());
    await until(() => answers.length === n);
  }
  send(await makeEnvelope());
  await until(() => refusals.length === 1);
  await ue.close();
  const again = await openUe(t, { usim }, () => undefined, { autsStore });
  send(await makeEnvelope(), again.address);
  await until(() => refusals.length === 2);
  t.deepEqual(refusals, ['ERR_UPA_BUSY', 'ERR_UPA_BUSY']);
  t.is(answers.length, 3);
});

test.serial('no AUTS goes to a host where no NAF of the policy may be', async (t) => {
  const { answers, refusals, send, makeEnvelope } = await openRefusing(t, {
    policy: { [nafFqdn]: ['192.0.2.0/24:*'], 'other.example.org': ['dns:5684'] },
  });
  send(await makeEnvelope());
  await until(() => refusals.length === 1);
  t.deepEqual(refusals, ['ERR_GPI_POLICY']);
  t.deepEqual(answers, []);
});

test.serial(
  'AUTS that are forged, for another RAND or too many change nothing and end nothing',
  async (t) => {
    const { hss, counts } = counting(newHss());
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    t.teardown(() => socket.close());
    const { port } = socket.address();
    const refusals: string[] = [];
    t.teardown(subscribe('gba:auts:refused', ({ code }) => refusals.push(code)));
    const naf = await openNaf(
      t,
      { hss },
      {
        triggerAddress: () => ({ transport: 'udp', host: '127.0.0.1', port }),
      },
    );
    const envelopes: Buffer[] = [];
    socket.on('message', (octets, from) => {
      envelopes.push(octets);
      const sessionId = octets.readUInt16BE(1);
      const rand = octets.subarray(5 + (octets[3] ?? 0) + 1, 5 + (octets[3] ?? 0) + 17);
      const auts = new Uint8Array(14).fill(envelopes.length);
      socket.send(encodeAuts({ sessionId, rand: rand.map((octet) => octet ^ 1), auts }), from.port);
      socket.send(encodeAuts({ sessionId: sessionId ^ 1, rand, auts }), from.port);
      socket.send(encodeAuts({ sessionId, rand, auts }), from.port);
      socket.send(octets, from.port);
    });
    const pushed = naf.push(impi, Buffer.from('x'), { ttlSeconds: 1 });
    await until(() => envelopes.length === 4);
    t.is(new Set(envelopes.map(toHex)).size, 1, 'the same GPI goes on');
    t.deepEqual(counts, { vectors: 1, resyncs: 2 });
    t.true(refusals.includes('ERR_AKA_MAC_FAILURE'));
    t.like(await pushed, { reason: 'expired' });
  },
);
