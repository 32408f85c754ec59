import test, { type ExecutionContext } from 'ava';
import { createHss } from '../../src/bsf/hss.ts';
import { impiFromImsi, parseImsi } from '../../src/ids.ts';
import { fromHex } from '../../src/lib/bytes.ts';
import { subscribe } from '../../src/lib/events.ts';
import type { TlsBinding } from '../../src/lib/suites.ts';
import type { GbaType } from '../../src/ports.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import type { SubscriberRecord } from '../../src/store/subscribers.ts';
import type { UeListenerOptions } from '../../src/ue/listener.ts';
import { createUsim } from '../../src/ue/usim.ts';
import { freePort } from '../support/ports.ts';
import { startRelay } from '../support/tls.ts';
import { impi, openNaf, openUe } from '../support/ladder.ts';
import tuakVectors from '../vectors/tuak.json' with { type: 'json' };

const imsi = parseImsi('001010000000001');
const names = { imsi, impi: impiFromImsi(imsi), amf: fromHex('8000') };
const milenage: SubscriberRecord = {
  ...names,
  algorithm: 'milenage',
  k: fromHex('465b5ce8b199b49faa5f0a2ee238a6bc'),
  opc: fromHex('cd63cb71954a9f4e48a5994e37a02baf'),
};

interface Ends {
  readonly card: SubscriberRecord;
  readonly binding?: TlsBinding;
  readonly ue?: Partial<UeListenerOptions>;
  readonly uiccOrMe?: GbaType;
}

/** Two pushes between a NAF and a UE whose SIM and HSS are the real ones. */
async function pushTwice(t: ExecutionContext, { card, binding, ue, uiccOrMe }: Ends) {
  const hss = createHss({ subscribers: [card], store: openMemoryStore() });
  const usim = createUsim({ credentials: card, store: openMemoryStore() });
  const device = await openUe(t, { usim }, () => undefined, {
    versions: ['1.3', '1.2'],
    ...ue,
  });
  const listen = { host: '127.0.0.1', port: await freePort() };
  const relay = await startRelay(t, listen.port);
  const naf = await openNaf(
    t,
    { hss },
    {
      listen,
      advertise: { host: '127.0.0.1', port: relay.port },
      triggerAddress: () => device.address,
      ...(binding && { binding }),
      ...(uiccOrMe && { uiccOrMe }),
    },
  );
  const first = await naf.push(impi, Buffer.from('one'), { ttlSeconds: 5 });
  const second = await naf.push(impi, Buffer.from('two'), { ttlSeconds: 5 });
  t.like(first, { state: 'acked', via: 'bootstrap' });
  t.like(second, { state: 'acked', via: 'reuse' });
  t.is(naf.fullHandshakes, 1);
  return /3GPP-bootstrapping(?:-uicc)?;[\w+/=@.-]+/.exec(
    Buffer.concat(relay.sent.toServer).toString('latin1'),
  )?.[0];
}

const bindings: TlsBinding[] = [
  { version: '1.3' },
  { version: '1.2', suite: 'ECDHE-PSK-CHACHA20-POLY1305' },
];

for (const { source, iterations, k, topc } of tuakVectors.sets) {
  test.serial(`the ladder holds with the TUAK keys of ${source}`, async (t) => {
    const card = { algorithm: 'tuak', k: fromHex(k), topc: fromHex(topc), iterations } as const;
    await pushTwice(t, { card: { ...names, ...card } });
  });
}

for (const binding of bindings) {
  for (const pskKey of ['external', 'internal'] as const) {
    for (const pskIdentity of ['b-tid', 'p-tid'] as const) {
      const what = `TLS ${binding.version}, ${pskKey} key, ${pskIdentity}`;
      test.serial(`the ladder holds in GBA_U: ${what}`, async (t) => {
        const card = { ...milenage, uiccType: 'GBA_U' } as const;
        const identity = await pushTwice(t, { card, binding, ue: { pskKey, pskIdentity } });
        const namespace = `3GPP-bootstrapping${pskKey === 'internal' ? '-uicc' : ''};`;
        const id = pskIdentity === 'b-tid' ? /^[\w+/]{22}==@bsf\.mnc001/ : /^[\w-]{16}/;
        t.is(identity?.slice(0, namespace.length), namespace);
        t.regex(identity?.slice(namespace.length) ?? '', id);
      });
    }
  }
}

test.serial('a card with GBA_U does GBA_ME where the NAF asks for it', async (t) => {
  const card = { ...milenage, uiccType: 'GBA_U' } as const;
  const identity = await pushTwice(t, { card, uiccOrMe: 'GBA_ME', ue: { pskKey: 'internal' } });
  t.regex(identity ?? '', /^3GPP-bootstrapping;/);
});

test.serial('GBA_U for a card without it is denied, and the sentence says so', async (t) => {
  const hss = createHss({ subscribers: [milenage], store: openMemoryStore() });
  const naf = await openNaf(
    t,
    { hss },
    {
      uiccOrMe: 'GBA_U',
      triggerAddress: () => ({ transport: 'udp', host: '127.0.0.1', port: 9 }),
    },
  );
  t.like(await naf.push(impi, Buffer.from('one'), { ttlSeconds: 5 }), {
    state: 'dead',
    code: 'ERR_BSF_DENIED',
    detail: `the card of ${impi} has no GBA_U; ask for GBA_ME`,
  });
});

test.serial(
  'triggers that come in any order all hold: each vector has its own place in the array of the SIM',
  async (t) => {
    const hss = createHss({ subscribers: [milenage], store: openMemoryStore() });
    const usim = createUsim({ credentials: milenage, store: openMemoryStore() });
    const verdicts: string[] = [];
    t.teardown(subscribe('gba:trigger:accepted', () => verdicts.push('accepted')));
    t.teardown(subscribe('gba:trigger:refused', ({ code }) => verdicts.push(code)));
    const device = await openUe(t, { usim }, () => undefined);
    const naf = await openNaf(t, { hss }, { bootstrap: false });
    const envelopes: Uint8Array[] = [];
    for (let n = 0; n < 8; n += 1) envelopes.push((await naf.announce(impi)).envelope);
    const order = [7, 3, 0, 6, 1, 5, 2, 4];
    for (const [n, which] of order.entries()) {
      await device.receive(envelopes[which] ?? new Uint8Array(0), 'carrier');
      t.is(verdicts.length, n + 1);
    }
    t.deepEqual(
      verdicts,
      order.map(() => 'accepted'),
    );
    await device.receive((envelopes[0] ?? new Uint8Array(0)).with(2, 0xff), 'carrier');
    t.is(verdicts.at(-1), 'ERR_AKA_SYNC_FAILURE', 'no vector holds twice');
  },
);
