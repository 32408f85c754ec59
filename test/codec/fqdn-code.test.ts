import test from 'ava';
import fc from 'fast-check';
import { decodeBsfFqdn, decodeFqdn, encodeBsfFqdn, encodeFqdn } from '../../src/codec/fqdn-code.ts';
import { CodecError } from '../../src/errors.ts';
import { parseFqdn, parseImpi } from '../../src/ids.ts';
import { ByteReader, concat, toHex, utf8Bytes } from '../../src/lib/bytes.ts';
import { fqdns, home, impi } from '../support/gpi.ts';

const elsewhere = parseImpi('alice@ims.example');
const reader = (...parts: readonly (number | string)[]): ByteReader =>
  new ByteReader(
    concat(
      ...parts.map((part) => (typeof part === 'string' ? utf8Bytes(part) : Uint8Array.of(part))),
    ),
    () => new CodecError('ERR_GPI_MALFORMED', 'short'),
  );

test('a name of the home network is its first labels behind bit 7', (t) => {
  t.is(toHex(encodeFqdn(parseFqdn(`naf${home}`), impi)), '836e6166');
  t.is(decodeFqdn(reader(0x83, 'naf'), impi), parseFqdn(`naf${home}`));
});

test('any other name is its text behind its length', (t) => {
  t.is(toHex(encodeFqdn(parseFqdn('a.example'), impi)), '09612e6578616d706c65');
  t.is(decodeFqdn(reader(9, 'a.example'), impi), parseFqdn('a.example'));
});

test('the same name is not short for a subscriber of another network', (t) => {
  t.is(encodeFqdn(parseFqdn(`naf${home}`), elsewhere)[0], `naf${home}`.length);
});

test('the BSF name that follows from the IMPI is the one octet 00', (t) => {
  t.is(toHex(encodeBsfFqdn(parseFqdn(`bsf${home}`), impi)), '00');
  t.is(decodeBsfFqdn(reader(0), impi), parseFqdn(`bsf${home}`));
  t.is(decodeBsfFqdn(reader(0), elsewhere), parseFqdn('bsf.ims.example'));
});

test('every name comes back, for the NAF and for the BSF', (t) => {
  fc.assert(
    fc.property(fqdns(127), fc.constantFrom(impi, elsewhere), (name, subscriber) => {
      const naf = encodeFqdn(name, subscriber);
      const bsf = encodeBsfFqdn(name, subscriber);
      const short = (): Error => new RangeError('short');
      t.is(decodeFqdn(new ByteReader(naf, short), subscriber), name);
      t.is(decodeBsfFqdn(new ByteReader(bsf, short), subscriber), name);
    }),
  );
  t.pass();
});

const refusals: readonly (readonly [string, () => ByteReader])[] = [
  ['an empty name', () => reader(0)],
  ['a home name without a label of its own', () => reader(0x80)],
  ['a home name spelt out', () => reader(`naf${home}`.length, `naf${home}`)],
  ['a name in upper case', () => reader(3, 'NAF')],
  ['a name with a space', () => reader(3, 'n f')],
  ['a name behind a byte order mark', () => reader(6, 0xef, 0xbb, 0xbf, 'naf')],
  ['a name that is cut off', () => reader(4, 'naf')],
  ['a home name longer than any FQDN', () => reader(0xff, 'a'.repeat(60) + '.' + 'a'.repeat(66))],
  ['an empty input', () => reader()],
];

for (const [what, octets] of refusals) {
  test(`${what} is refused`, (t) => {
    t.throws(() => decodeFqdn(octets(), impi), { instanceOf: CodecError });
  });
}

test('a home name is refused when the subscriber has no home network of that form', (t) => {
  t.throws(() => decodeFqdn(reader(0x83, 'naf'), elsewhere), { code: 'ERR_GPI_MALFORMED' });
});

test('the BSF name that follows from the IMPI is refused in any longer form', (t) => {
  t.throws(() => decodeBsfFqdn(reader(0x83, 'bsf'), impi), { code: 'ERR_GPI_MALFORMED' });
});

test('any octets give a name or a CodecError', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 140 }), (octets) => {
      const short = (): CodecError => new CodecError('ERR_GPI_MALFORMED', 'short');
      for (const decode of [decodeFqdn, decodeBsfFqdn]) {
        try {
          t.is(typeof decode(new ByteReader(octets, short), impi), 'string');
        } catch (error) {
          if (!(error instanceof CodecError)) throw error;
        }
      }
    }),
  );
  t.pass();
});
