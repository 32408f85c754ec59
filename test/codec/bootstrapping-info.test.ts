import test from 'ava';
import fc from 'fast-check';
import {
  decodeBootstrappingInfo,
  encodeBootstrappingInfo,
} from '../../src/codec/bootstrapping-info.ts';
import { formatInstant, parseInstant } from '../../src/codec/instant.ts';
import { CodecError, GbaError } from '../../src/errors.ts';
import { bTidOf, parseFqdn } from '../../src/ids.ts';
import { utf8Bytes } from '../../src/lib/bytes.ts';

const bTid = bTidOf(new Uint8Array(16).fill(7), parseFqdn('bsf.example.org'));
const instants = fc.integer({ min: 0, max: 253_402_300_799_999 });

test('what is written is read', (t) => {
  fc.assert(
    fc.property(instants, (expiresAt) => {
      const info = { bTid, expiresAt };
      t.deepEqual(decodeBootstrappingInfo(encodeBootstrappingInfo(info)), info);
    }),
  );
});

test('the body of another BSF is read: a prefix, no declaration, another time zone', (t) => {
  const xml =
    `<gba:BootstrappingInfo xmlns:gba="uri:3gpp-gba"><gba:btid> ${bTid} </gba:btid>` +
    '<gba:lifetime>2026-11-23T12:00:00+02:00</gba:lifetime></gba:BootstrappingInfo>';
  const expiresAt = Date.UTC(2026, 10, 23, 10);
  t.deepEqual(decodeBootstrappingInfo(utf8Bytes(xml)), { bTid, expiresAt });
});

test('a body without its elements, with wrong ones or too long is refused', (t) => {
  const good = Buffer.from(encodeBootstrappingInfo({ bTid, expiresAt: 0 })).toString();
  for (const bad of [
    '',
    '<btid>',
    good.replaceAll('btid', 'id'),
    good.replaceAll('lifetime', 'life'),
    good.replace('1970', 'soon'),
    good.replace('Z<', '<'),
    good.replace('=@', '@'),
    good + ' '.repeat(4_096),
    good.replace('<btid>', '<btid>\xff'),
  ]) {
    t.throws(
      () => decodeBootstrappingInfo(Buffer.from(bad, 'latin1')),
      { instanceOf: GbaError },
      bad,
    );
  }
});

test('any octets are read or throw a CodecError', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (octets) => {
      t.throws(() => decodeBootstrappingInfo(octets), { instanceOf: CodecError });
    }),
  );
});

test('instants are RFC 3339 with a time zone, and nothing that Date would guess', (t) => {
  fc.assert(
    fc.property(instants, (epochMs) => {
      t.is(parseInstant(formatInstant(epochMs)), epochMs);
    }),
  );
  t.is(parseInstant('2026-01-01t00:00:00.5z'), Date.UTC(2026, 0, 1, 0, 0, 0, 500));
  for (const bad of [
    '',
    '0',
    '2026',
    '2026-01-01',
    '2026-01-01T00:00:00',
    '2026-13-01T00:00:00Z',
    'Thu, 01 Jan 1970 00:00:00 GMT',
    '2026-01-01T00:00:00Z ',
  ]) {
    t.is(parseInstant(bad), undefined, bad);
  }
});
