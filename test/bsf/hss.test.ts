import test from 'ava';
import { createHss } from '../../src/bsf/hss.ts';
import { createMilenage } from '../../src/aka/milenage.ts';
import { decodeSqn, encodeSqn, type Sqn } from '../../src/aka/sqn.ts';
import { buildAuts, openAutn } from '../../src/aka/vector.ts';
import { AkaError, BsfError, StoreError } from '../../src/errors.ts';
import { impiFromImsi, parseImsi, parseImpi } from '../../src/ids.ts';
import { fromHex, toHex } from '../../src/lib/bytes.ts';
import type { AtomicStore, AuthenticationVector } from '../../src/ports.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import type { SubscriberRecord } from '../../src/store/subscribers.ts';

const imsi = parseImsi('001010000000001');
const impi = impiFromImsi(imsi);
const record: SubscriberRecord = {
  imsi,
  impi,
  algorithm: 'milenage',
  k: fromHex('465b5ce8b199b49faa5f0a2ee238a6bc'),
  opc: fromHex('cd63cb71954a9f4e48a5994e37a02baf'),
  amf: fromHex('b9b9'),
};
const milenage = createMilenage(record);

function setUp(store: AtomicStore = openMemoryStore()) {
  return { store, hss: createHss({ subscribers: [record], store }) };
}

function sqnOf({ rand, autn }: AuthenticationVector): Sqn {
  return decodeSqn(openAutn(milenage, rand, autn).sqn);
}

test('a vector is one that the SIM opens, with the subscriber’s AMF and the RAND that was drawn', async (t) => {
  const rand = fromHex('23553cbe9637a89d218ae64dae47bf35');
  const drawn: number[] = [];
  const hss = createHss({
    subscribers: [record],
    store: openMemoryStore(),
    random: (octets) => {
      drawn.push(octets);
      return rand;
    },
  });
  const vector = await hss.vector(impi, 'push');
  t.deepEqual(drawn, [16]);
  t.deepEqual(vector.rand, rand);
  t.is(toHex(vector.autn.subarray(6, 8)), 'b9b9');
  t.is(toHex(vector.ck), 'b40ba9a3c58b2a05bbf0d987b21bf8cb');
  t.is(toHex(vector.ik), 'f769bcd751044604127672711c6d3441');
  t.is(toHex(vector.xres), 'a54211d5e3ba50bf');
  t.deepEqual(sqnOf(vector), { seq: 1, ind: 16 });
});

test('each use has its half of the IND values, and SEQ rises over both', async (t) => {
  const { hss } = setUp();
  const sqns = [];
  for (const use of ['push', 'ub', 'push', 'ub'] as const)
    sqns.push(sqnOf(await hss.vector(impi, use)));
  t.deepEqual(sqns, [
    { seq: 1, ind: 16 },
    { seq: 2, ind: 0 },
    { seq: 3, ind: 17 },
    { seq: 4, ind: 1 },
  ]);
});

test('two HSSs on one store, and one that starts again, never repeat an SQN or a RAND', async (t) => {
  const { store, hss } = setUp();
  const other = setUp(store).hss;
  const vectors = await Promise.all(
    Array.from({ length: 40 }, (_, i) => (i % 2 ? hss : other).vector(impi, 'push')),
  );
  vectors.push(await setUp(store).hss.vector(impi, 'push'));
  t.is(new Set(vectors.map((vector) => sqnOf(vector).seq)).size, 41);
  t.is(new Set(vectors.map(({ rand }) => toHex(rand))).size, 41);
});

test('no vector exists unless its SQN is committed', async (t) => {
  let drawn = 0;
  const failing: AtomicStore = {
    update: () => Promise.reject(new StoreError('ERR_STORE_UNAVAILABLE', 'the disk is full')),
    close: () => Promise.resolve(),
  };
  const random = (octets: number): Uint8Array => {
    drawn += 1;
    return new Uint8Array(octets);
  };
  const hss = createHss({ subscribers: [record], store: failing, random });
  await t.throwsAsync(hss.vector(impi, 'push'), { code: 'ERR_STORE_UNAVAILABLE' });
  t.is(drawn, 0);
});

test('a genuine AUTS sets SQN so that the next vector is ahead of the SIM', async (t) => {
  const { hss } = setUp();
  const { rand } = await hss.vector(impi, 'push');
  await hss.resynchronise(impi, rand, buildAuts(milenage, rand, encodeSqn({ seq: 7_000, ind: 3 })));
  t.deepEqual(sqnOf(await hss.vector(impi, 'push')), { seq: 7_001, ind: 17 });
});

test('an AUTS that is forged, or of another RAND or subscriber, changes nothing', async (t) => {
  const { hss } = setUp();
  const { rand } = await hss.vector(impi, 'push');
  const { rand: otherRand } = await hss.vector(impi, 'push');
  const genuine = buildAuts(milenage, rand, encodeSqn({ seq: 7_000, ind: 3 }));
  const refused = { instanceOf: AkaError, code: 'ERR_AKA_MAC_FAILURE' };
  for (let bit = 0; bit < 112; bit += 1) {
    const at = bit >> 3;
    const forged = genuine.with(at, (genuine[at] ?? 0) ^ (1 << (bit & 7)));
    await t.throwsAsync(hss.resynchronise(impi, rand, forged), refused);
  }
  await t.throwsAsync(hss.resynchronise(impi, otherRand, genuine), refused);
  const twin = createMilenage({ k: record.opc, opc: record.opc });
  const foreign = buildAuts(twin, rand, encodeSqn({ seq: 7_000, ind: 3 }));
  await t.throwsAsync(hss.resynchronise(impi, rand, foreign), refused);
  t.is(sqnOf(await hss.vector(impi, 'push')).seq, 3);
});

test('an old AUTS that is replayed does not bring an SQN back', async (t) => {
  const { hss } = setUp();
  const { rand } = await hss.vector(impi, 'push');
  const auts = buildAuts(milenage, rand, encodeSqn({ seq: 100, ind: 3 }));
  await hss.resynchronise(impi, rand, auts);
  t.is(sqnOf(await hss.vector(impi, 'push')).seq, 101);
  await hss.resynchronise(impi, rand, auts);
  t.is(sqnOf(await hss.vector(impi, 'push')).seq, 102);
});

test('an unknown subscriber is named', async (t) => {
  const { hss } = setUp();
  const stranger = parseImpi('nobody@example.org');
  const unknown = {
    instanceOf: BsfError,
    code: 'ERR_BSF_UNKNOWN_SUBSCRIBER',
    message: /nobody@example\.org/,
  };
  await t.throwsAsync(hss.vector(stranger, 'push'), unknown);
  await t.throwsAsync(hss.resynchronise(stranger, new Uint8Array(16), new Uint8Array(14)), unknown);
});

test('a damaged SQN state is refused, not started anew', async (t) => {
  const { store, hss } = setUp();
  await hss.vector(impi, 'push');
  await store.update(`hss/sqn/${impi}`, () => ({ value: Uint8Array.of(1, 2), result: undefined }));
  await t.throwsAsync(hss.vector(impi, 'push'), { code: 'ERR_STORE_CORRUPT' });
});
