import test from 'ava';
import { createMilenage } from '../../src/aka/milenage.ts';
import { deriveKsIntNaf, ksOf, swapAutnStar } from '../../src/aka/kdf.ts';
import { encodeSqn, type Sqn } from '../../src/aka/sqn.ts';
import { buildVector, openAuts } from '../../src/aka/vector.ts';
import { AkaError, StoreError, SyncFailure } from '../../src/errors.ts';
import {
  nafIdOf,
  parseFqdn,
  parseImpi,
  parseImsi,
  parseUaSecurityProtocolId,
} from '../../src/ids.ts';
import { fromHex, toHex } from '../../src/lib/bytes.ts';
import type { AtomicStore } from '../../src/ports.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import type { UsimCredentials } from '../../src/store/subscribers.ts';
import { createUsim } from '../../src/ue/usim.ts';
import vectors from '../vectors/gba-keys.json' with { type: 'json' };

const keys = {
  k: fromHex('465b5ce8b199b49faa5f0a2ee238a6bc'),
  opc: fromHex('cd63cb71954a9f4e48a5994e37a02baf'),
};
const credentials: UsimCredentials = {
  imsi: parseImsi('001010123456789'),
  impi: parseImpi(vectors.impi),
  algorithm: 'milenage',
  ...keys,
};
const milenage = createMilenage(keys);
const rand = fromHex(vectors.rand);
const macFailure = { instanceOf: AkaError, code: 'ERR_AKA_MAC_FAILURE' };

function setUp(store: AtomicStore = openMemoryStore()) {
  return { store, usim: createUsim({ credentials, store }) };
}

function autnOf(sqn: Sqn): Uint8Array {
  return buildVector(milenage, { rand, sqn: encodeSqn(sqn), amf: fromHex('8000') }).autn;
}

async function autsFrom(
  usim: ReturnType<typeof createUsim>,
  autn: Uint8Array,
): Promise<Uint8Array> {
  const failure = await usim.authenticate(rand, autn).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (failure instanceof SyncFailure) return failure.auts;
  throw new Error('the SQN was accepted');
}

for (const { use, uaId, ksNaf } of vectors.keys) {
  test(`a genuine challenge gives the NAF key for ${use}`, async (t) => {
    const { usim } = setUp();
    t.is(usim.impi, credentials.impi);
    const source = await usim.authenticate(rand, autnOf({ seq: 1, ind: 16 }));
    const nafId = nafIdOf(parseFqdn(vectors.nafFqdn), parseUaSecurityProtocolId(uaId));
    t.is(toHex(await source.derive(nafId)), ksNaf);
    t.is(toHex(await source.derive(nafId)), ksNaf);
  });
}

test('nothing can be derived after the source was wiped', async (t) => {
  const { usim } = setUp();
  const source = await usim.authenticate(rand, autnOf({ seq: 1, ind: 16 }));
  const nafId = nafIdOf(parseFqdn(vectors.nafFqdn), parseUaSecurityProtocolId('0100000007'));
  source.wipe();
  source.wipe();
  await t.throwsAsync(source.derive(nafId), {
    instanceOf: TypeError,
    message: /authenticate again/,
  });
});

test('the same AUTN is accepted once, also by a USIM that was started again', async (t) => {
  const { store, usim } = setUp();
  const autn = autnOf({ seq: 5, ind: 16 });
  await usim.authenticate(rand, autn);
  await t.throwsAsync(usim.authenticate(rand, autn), { instanceOf: SyncFailure });
  await t.throwsAsync(setUp(store).usim.authenticate(rand, autn), { instanceOf: SyncFailure });
});

test('of two runs of one AUTN at the same time one gets keys', async (t) => {
  const { store, usim } = setUp();
  const autn = autnOf({ seq: 5, ind: 16 });
  const runs = [usim, setUp(store).usim, usim].map((one) => one.authenticate(rand, autn));
  const outcomes = await Promise.allSettled(runs);
  t.is(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
});

test('a sync failure carries the highest SQN that was accepted', async (t) => {
  const { usim } = setUp();
  await usim.authenticate(rand, autnOf({ seq: 90, ind: 2 }));
  await usim.authenticate(rand, autnOf({ seq: 50, ind: 20 }));
  const auts = await autsFrom(usim, autnOf({ seq: 50, ind: 20 }));
  t.is(auts.length, 14);
  t.deepEqual(openAuts(milenage, rand, auts), encodeSqn({ seq: 90, ind: 2 }));
});

test('a bad MAC is refused before SQN is looked at, and changes no SQN', async (t) => {
  const { usim } = setUp();
  await usim.authenticate(rand, autnOf({ seq: 5, ind: 16 }));
  const stale = autnOf({ seq: 5, ind: 16 });
  const fresh = autnOf({ seq: 6, ind: 17 });
  for (let at = 0; at < 16; at += 1) {
    for (const autn of [stale, fresh]) {
      const forged = autn.with(at, (autn[at] ?? 0) ^ 0x10);
      const error = await t.throwsAsync(usim.authenticate(rand, forged), macFailure);
      t.false(error instanceof SyncFailure);
    }
  }
  await t.notThrowsAsync(usim.authenticate(rand, fresh));
});

test('a challenge made with another K is refused', async (t) => {
  const twin = createMilenage({ k: keys.opc, opc: keys.opc });
  const sqn = encodeSqn({ seq: 1, ind: 16 });
  const { autn } = buildVector(twin, { rand, sqn, amf: fromHex('8000') });
  await t.throwsAsync(setUp().usim.authenticate(rand, autn), macFailure);
});

test('no keys come out unless the SQN is committed', async (t) => {
  const memory = openMemoryStore();
  const full: AtomicStore = {
    ...memory,
    update: async (key, change) => {
      await memory.update(key, (stored) => ({ value: undefined, result: change(stored).result }));
      throw new StoreError('ERR_STORE_UNAVAILABLE', 'the disk is full');
    },
  };
  const autn = autnOf({ seq: 5, ind: 16 });
  await t.throwsAsync(setUp(full).usim.authenticate(rand, autn), { code: 'ERR_STORE_UNAVAILABLE' });
});

test('a damaged SQN state is refused, not started anew', async (t) => {
  const { store, usim } = setUp();
  const key = `usim/sqn/${credentials.impi}`;
  await store.update(key, () => ({ value: new Uint8Array(193), result: undefined }));
  await t.throwsAsync(usim.authenticate(rand, autnOf({ seq: 5, ind: 16 })), {
    code: 'ERR_STORE_CORRUPT',
  });
});

for (const { use, uaId, ksNaf } of vectors.keys) {
  test(`in GBA_U the card takes AUTN* and gives the external key for ${use}`, async (t) => {
    const { usim } = setUp();
    const autn = autnOf({ seq: 1, ind: 16 });
    const autnStar = swapAutnStar(autn, milenage.f2345(rand).ik);
    await t.throwsAsync(usim.authenticate(rand, autn, 'GBA_U'), macFailure);
    await t.throwsAsync(usim.authenticate(rand, autnStar, 'GBA_ME'), macFailure);
    const source = await usim.authenticate(rand, autnStar, 'GBA_U');
    const nafId = nafIdOf(parseFqdn(vectors.nafFqdn), parseUaSecurityProtocolId(uaId));
    t.is(toHex(await source.derive(nafId)), ksNaf);
    const { ck, ik } = milenage.f2345(rand);
    const internal = deriveKsIntNaf({ ks: ksOf(ck, ik), rand, impi: usim.impi, nafId });
    t.deepEqual(await source.deriveInternal?.(nafId), internal);
    t.notDeepEqual(toHex(internal), ksNaf);
  });
}

test('no internal key comes out of a GBA_ME run', async (t) => {
  const source = await setUp().usim.authenticate(rand, autnOf({ seq: 1, ind: 16 }));
  t.false('deriveInternal' in source);
});
