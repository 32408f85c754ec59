import test from 'ava';
import { FieldReader } from '../../src/codec/fields.ts';
import { CodecError } from '../../src/errors.ts';
import { fromHex, toHex } from '../../src/lib/bytes.ts';

const reading = (hex: string, base?: number) => {
  const notes: (readonly [string, number, string, number])[] = [];
  const reader = new FieldReader(fromHex(hex), {
    code: 'ERR_SMS_MALFORMED',
    what: 'the SMS',
    note: (name, offset, octets, missing) => notes.push([name, offset, toHex(octets), missing]),
    ...(base !== undefined && { base }),
  });
  return { notes, reader };
};

test('every field is noted with its place, those of a part with their place in the whole', (t) => {
  const { notes, reader } = reading('01020304050006', 10);
  t.is(reader.uint('a'), 1);
  const part = reader.part('b', 3);
  t.is(reader.offset, 14);
  t.is(part.uint('c', 2), 0x0203);
  t.deepEqual(part.rest('d'), fromHex('04'));
  t.is(reader.peek(), 5);
  t.is(reader.peek(9), undefined);
  t.deepEqual(reader.through('e', 0), fromHex('0500'));
  t.is(reader.left, 1);
  t.deepEqual(notes, [
    ['a', 10, '01', 0],
    ['c', 11, '0203', 0],
    ['d', 13, '04', 0],
    ['e', 14, '0500', 0],
  ]);
});

test('a field that the octets end in is noted as far as it is there, then it is an error', (t) => {
  for (const [read, missing] of [
    [(r: FieldReader) => r.take('x', 4), 2],
    [(r: FieldReader) => r.uint('x', 4), 2],
    [(r: FieldReader) => r.part('x', 4), 2],
    [(r: FieldReader) => r.through('x', 9), 1],
  ] as const) {
    const { notes, reader } = reading('0102');
    const error = t.throws(() => read(reader), { instanceOf: CodecError });
    t.is(error?.code, 'ERR_SMS_MALFORMED');
    t.regex(error?.message ?? '', /^the SMS ends \d octets? early, in x$/);
    t.deepEqual(notes, [['x', 0, '0102', missing]]);
  }
});

test('octets that are left at the end are noted and an error', (t) => {
  const { notes, reader } = reading('0102');
  reader.uint('a');
  t.throws(() => reader.end(), { message: '1 octet too many at the end of the SMS' });
  t.deepEqual(notes.at(-1), ['surplus', 1, '02', 0]);
  t.notThrows(() => reader.end());
});
