import test from 'ava';
import fc from 'fast-check';
import {
  decodeHeader,
  decodeRecord,
  encodeHeader,
  encodeRecord,
  RECORD_OCTETS,
  SLOT_OCTETS,
} from '../../src/store/slots.ts';

const records = fc.record({
  key: fc.string({ maxLength: 100, unit: 'grapheme' }),
  value: fc.uint8Array({ maxLength: 400 }),
});
const counts = fc.nat(0xffff_ffff);

function flipped(octets: Uint8Array, bit: number): Uint8Array {
  return octets.map((octet, at) => (at === bit >> 3 ? octet ^ (1 << (bit & 7)) : octet));
}

test('a record comes back from its slot, and the slot from its record', (t) => {
  fc.assert(
    fc.property(records, (record) => {
      const octets = encodeRecord(record);
      t.is(octets.length, SLOT_OCTETS);
      t.deepEqual(decodeRecord(octets), record);
    }),
  );
});

test('a header gives its count, and no record', (t) => {
  fc.assert(
    fc.property(counts, (count) => {
      t.is(decodeHeader(encodeHeader(count)), count);
    }),
  );
  t.is(decodeHeader(encodeRecord({ key: 'k', value: Uint8Array.of(1) })), undefined);
});

test('no bit of a slot can turn without notice, in the filling neither', (t) => {
  const record = encodeRecord({ key: 'hss/sqn/a', value: Uint8Array.of(1, 2, 3) });
  const header = encodeHeader(15);
  for (let bit = 0; bit < SLOT_OCTETS * 8; bit += 1) {
    if (decodeRecord(flipped(record, bit)) !== undefined) t.fail(`bit ${bit} of a record`);
    if (decodeHeader(flipped(header, bit)) !== undefined) t.fail(`bit ${bit} of a header`);
  }
  t.pass();
});

test('a slot that was cut short, zeroed or never one is neither record nor header', (t) => {
  const record = encodeRecord({ key: 'k', value: Uint8Array.of(1) });
  for (const octets of [
    new Uint8Array(0),
    new Uint8Array(SLOT_OCTETS),
    record.subarray(1),
    record.subarray(0, -1),
  ]) {
    t.is(decodeRecord(octets), undefined);
    t.is(decodeHeader(octets), undefined);
  }
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 0, maxLength: SLOT_OCTETS + 1 }), (octets) => {
      t.is(decodeRecord(octets), undefined);
      t.is(decodeHeader(octets), undefined);
    }),
  );
});

test('key and value that fill the slot fit, one octet more is a RangeError', (t) => {
  const value = new Uint8Array(RECORD_OCTETS - 2);
  t.deepEqual(decodeRecord(encodeRecord({ key: 'é', value })), { key: 'é', value });
  t.throws(() => encodeRecord({ key: 'éa', value }), { instanceOf: RangeError });
  t.throws(() => encodeRecord({ key: 'k'.repeat(100_000), value }), { instanceOf: RangeError });
});
