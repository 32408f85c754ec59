import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import {
  bTidOf,
  parseFqdn,
  parseImpi,
  PSK_NAMESPACE_UICC,
  pskIdentityOf,
  pTidOf,
} from '../../src/ids.ts';
import { toHex } from '../../src/lib/bytes.ts';
import type { SaRecord } from '../../src/sa/association.ts';
import { openSaFile } from '../../src/store/sa-file.ts';
import { decodeSa, encodeSa } from '../../src/store/sa-record.ts';
import { openStoreKey } from '../../src/store/store-key.ts';
import { temporaryFolder } from '../support/command.ts';

const storeKey = new Uint8Array(32).fill(0x5a);

function makeRecord(n: number, more: Partial<SaRecord> = {}): SaRecord {
  const octets = (length: number) => Uint8Array.from({ length }, (_, i) => (n * 31 + i * 7) & 0xff);
  return {
    bTid: bTidOf(octets(16), parseFqdn('bsf.mnc001.mcc001.pub.3gppnetwork.org')),
    pTid: pTidOf(octets(12)),
    impi: parseImpi(`00101000000000${n % 10}@ims.mnc001.mcc001.3gppnetwork.org`),
    nafFqdn: parseFqdn('naf.example.org'),
    binding: { version: '1.3' },
    expiresAt: 1_900_000_000_000 + n,
    lifetimeMs: 3_600_000,
    proved: n % 2 === 0,
    key: octets(32).map((octet) => octet ^ 0x33),
    ...more,
  };
}

/** What is undefined is as good as absent. */
function defined(record: SaRecord | undefined): object {
  return Object.fromEntries(
    Object.entries(record ?? {}).filter(([, value]) => value !== undefined),
  );
}

function open(t: ExecutionContext, folder = temporaryFolder(t), key = storeKey) {
  return {
    folder,
    file: join(folder, 'associations'),
    store: openSaFile({ folder, storeKey: key }),
  };
}

test('what was put is there after a restart, what was deleted is not', (t) => {
  const { folder, store } = open(t);
  t.deepEqual(store.recover(), []);
  const records = [0, 1, 2, 3].map((n) => makeRecord(n));
  for (const record of records) store.put(record);
  const proved = { ...makeRecord(1), proved: true };
  store.put(proved);
  store.delete(makeRecord(2).bTid);
  store.close();
  store.close();
  const again = open(t, folder).store;
  t.deepEqual(again.recover(), [makeRecord(0), proved, makeRecord(3)]);
});

test('a slot that is free is used again, so the file is as long as there were ever at once', (t) => {
  const { file, store, folder } = open(t);
  for (let n = 0; n < 100; n += 1) {
    store.put(makeRecord(n));
    if (n >= 3) store.delete(makeRecord(n - 3).bTid);
  }
  store.close();
  t.is(statSync(file).size, 4 * 1_024);
  t.is(open(t, folder).store.recover().length, 3);
});

test('every kind of association comes back as it was', (t) => {
  fc.assert(
    fc.property(
      fc.nat(250),
      fc.boolean(),
      fc.boolean(),
      fc.constantFrom(
        undefined,
        { host: '192.0.2.1', port: 5684 },
        { host: '2001:db8::1', port: 1 },
      ),
      fc.boolean(),
      fc.boolean(),
      fc.integer({ min: 1, max: 8.64e9 }),
      fc.option(fc.integer({ min: 0, max: 0xffff_ffff }), { nil: undefined }),
      fc.constantFrom(undefined, PSK_NAMESPACE_UICC),
      (n, gbaU, legacy, connect, ue, pushed, lifetimeMs, counter, namespace) => {
        const base = makeRecord(n);
        const { pTid, ...own } = makeRecord(n, {
          ...(gbaU && { uiccKey: base.key.map((octet) => octet ^ 0xff) }),
          ...(legacy && { binding: { version: '1.2', suite: 'ECDHE-PSK-CHACHA20-POLY1305' } }),
          lifetimeMs,
          ...(ue && {
            dial: {
              identity: pskIdentityOf(
                (pushed && n % 2 ? base.pTid : undefined) ?? base.bTid,
                namespace,
              ),
              ...(connect && { connect }),
            },
          }),
          ...(counter !== undefined && {
            wake: { key: base.key.map((octet) => octet ^ 0x0f), counter },
          }),
        });
        const record = pushed ? { pTid, ...own } : own;
        const read = decodeSa(record.bTid, encodeSa(record, storeKey), storeKey);
        t.deepEqual(defined(read), defined(record));
      },
    ),
  );
});

test('neither key nor subscriber is in the file, and of an association that ended nothing at all', (t) => {
  const { file, store } = open(t);
  const [uiccKey, wakeKey] = [0x77, 0x99].map((octet) => new Uint8Array(32).fill(octet));
  if (!uiccKey || !wakeKey) return t.fail();
  const record = makeRecord(5, { uiccKey, wake: { key: wakeKey, counter: 0 } });
  store.put(record);
  store.put({ ...record, wake: { key: wakeKey, counter: 7 } });
  const before = readFileSync(file);
  t.true(before.includes(record.bTid), 'its name is, so that it can be found');
  for (const key of [record.key, uiccKey, wakeKey]) {
    t.false(before.includes(Buffer.from(key)));
    t.false(before.includes(Buffer.from(toHex(key))));
    t.false(before.includes(Buffer.from(key).toString('base64').slice(0, -2)));
  }
  for (const name of [record.impi, record.pTid ?? record.impi]) t.false(before.includes(name));
  const nameEnd = before.indexOf(record.bTid) + record.bTid.length;
  const sealed = before.subarray(nameEnd, nameEnd + 12 + 1 + 96 + 16);
  store.delete(record.bTid);
  const after = readFileSync(file);
  for (let at = 0; at + 8 <= sealed.length; at += 8) {
    t.false(after.includes(sealed.subarray(at, at + 8)));
  }
  t.false(after.includes(record.bTid));
  store.close();
});

test('what was there is handed over once, for whoever takes it owns the keys', (t) => {
  const { folder, store } = open(t);
  store.put(makeRecord(1));
  store.close();
  const again = open(t, folder).store;
  t.is(again.recover().length, 1);
  t.deepEqual(again.recover(), []);
});

test('a single flipped bit anywhere in it, terms and counter included, and it does not open', (t) => {
  const record = makeRecord(4, { wake: { key: new Uint8Array(32).fill(0x99), counter: 41 } });
  const sealed = encodeSa(record, storeKey);
  t.not(decodeSa(record.bTid, sealed, storeKey), undefined);
  for (let at = 0; at < sealed.length; at += 1) {
    const flipped = sealed.with(at, (sealed[at] ?? 0) ^ (1 << (at % 8)));
    t.is(decodeSa(record.bTid, flipped, storeKey), undefined, `octet ${at}`);
  }
});

test('the longest names there are fit a slot, at either end; what cannot is an error with a sentence', (t) => {
  const { store, folder } = open(t);
  const longest = parseFqdn(`${'a'.repeat(63)}.${'b'.repeat(63)}`);
  const key = new Uint8Array(32).fill(1);
  const names: SaRecord = {
    ...makeRecord(1),
    bTid: bTidOf(new Uint8Array(16).fill(0xfb), longest),
    impi: parseImpi(`${'u'.repeat(255 - 128)}@${longest}`),
    nafFqdn: longest,
    binding: { version: '1.2', suite: 'ECDHE-PSK-CHACHA20-POLY1305' },
    expiresAt: 9_999_999_999_999,
    proved: false,
    wake: { key, counter: 0xffff_ffff },
  };
  const naf = { ...names, uiccKey: key };
  const identity = pskIdentityOf(names.bTid, PSK_NAMESPACE_UICC);
  const ue = { ...names, dial: { identity, connect: { host: longest, port: 65_535 } } };
  for (const record of [naf, ue]) {
    store.put(record);
    t.deepEqual(open(t, folder).store.recover(), [record]);
  }
  const escaped = { ...ue, impi: parseImpi(`${'"'.repeat(255 - 128)}@${longest}`) };
  t.throws(() => store.put(escaped), {
    code: 'ERR_STORE_UNAVAILABLE',
    message: /do not fit a slot/,
  });
  t.deepEqual(open(t, folder).store.recover(), [ue]);
});

test('another store key, a flipped bit or a cut file costs that association and no other', (t) => {
  const { folder, file, store } = open(t);
  for (let n = 0; n < 3; n += 1) store.put(makeRecord(n));
  store.close();
  t.is(open(t, folder, new Uint8Array(32)).store.recover().length, 0);
  const octets = readFileSync(file);
  octets[1_024 + 100] = (octets[1_024 + 100] ?? 0) ^ 1;
  writeFileSync(file, octets);
  const damaged = open(t, folder).store;
  t.deepEqual(damaged.recover(), [makeRecord(0), makeRecord(2)]);
  damaged.put(makeRecord(7));
  damaged.close();
  t.deepEqual(open(t, folder).store.recover(), [makeRecord(0), makeRecord(7), makeRecord(2)]);
  truncateSync(file, 2 * 1_024 + 500);
  t.deepEqual(open(t, folder).store.recover(), [makeRecord(0), makeRecord(7)]);
});

test('keys of one association sealed under the name of another do not open', (t) => {
  const [one, other] = [makeRecord(1), makeRecord(2)];
  t.is(decodeSa(other.bTid, encodeSa(one, storeKey), storeKey), undefined);
});

test('whatever is in a slot, it is an association or nothing', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), (octets, name) => {
      t.is(decodeSa(name, octets, storeKey), undefined);
    }),
  );
});

test('the file is its owner’s alone, and a full or closed one is an error with a sentence', (t) => {
  const { file, store } = open(t);
  store.put(makeRecord(0));
  t.is(statSync(file).mode & 0o777, 0o600);
  store.close();
  t.throws(
    () => {
      store.put(makeRecord(1));
    },
    { code: 'ERR_STORE_UNAVAILABLE' },
  );
});

test('the store key is made once, 0600, and read ever after', (t) => {
  const file = join(temporaryFolder(t), 'deep', 'store.key');
  const made = openStoreKey(file);
  t.is(made.length, 32);
  t.is(statSync(file).mode & 0o777, 0o600);
  t.deepEqual(openStoreKey(file), made);
  writeFileSync(file, 'no key');
  t.throws(() => openStoreKey(file), {
    code: 'ERR_CONFIG_FILE',
    message: /expected 64 hex digits/,
  });
});
