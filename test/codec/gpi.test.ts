import { createCipheriv } from 'node:crypto';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import test from 'ava';
import fc from 'fast-check';
import { deriveKsNaf, hkdfSha256, ksOf } from '../../src/aka/kdf.ts';
import {
  decodeGpi,
  GPI_NAF_ID,
  methodOf,
  openGpi,
  sealGpi,
  type DecodedGpi,
  type GpiMethod,
} from '../../src/codec/gpi.ts';
import { CodecError } from '../../src/errors.ts';
import { parseFqdn, parseImpi, parseUaSecurityProtocolId } from '../../src/ids.ts';
import { concat, fromHex, toHex, utf8Bytes } from '../../src/lib/bytes.ts';
import {
  flippedBits,
  fqdns,
  home,
  impi,
  octets,
  octetsOf,
  pushInfo,
  pushInfos,
  seal,
} from '../support/gpi.ts';

const gpi = octetsOf('gpi');
const tls12Cbc = parseUaSecurityProtocolId('01000100ae');

/** Seals any plaintext under any header, as only somebody with the key and no care could. */
function forge(plaintext: Uint8Array, header = 0x11): DecodedGpi {
  const encryptionKey = hkdfSha256(seal.key, utf8Bytes('gba-push gpi-1 enc'), 16);
  const ciphertext = createCipheriv('aes-128-ctr', encryptionKey, new Uint8Array(16));
  const body = concat(
    Uint8Array.of(header),
    pushInfo.rand,
    pushInfo.autn,
    ciphertext.update(plaintext),
  );
  const mac = hmac(sha256, hkdfSha256(seal.key, utf8Bytes('gba-push gpi-1 mac'), 32), body);
  return decodeGpi(concat(body, mac.subarray(0, 16)));
}

test('K_gpi is the NAF key of the reserved NAF_Id', (t) => {
  const ks = ksOf(octetsOf('ck'), octetsOf('ik'));
  const key = deriveKsNaf({ ks, rand: pushInfo.rand, impi, nafId: GPI_NAF_ID });
  t.is(toHex(key), toHex(octetsOf('gpiKey')));
  t.is(toHex(hkdfSha256(key, utf8Bytes('gba-push gpi-1 mac'), 32)), toHex(octetsOf('gpiMacKey')));
  t.is(
    toHex(hkdfSha256(key, utf8Bytes('gba-push gpi-1 enc'), 16)),
    toHex(octetsOf('gpiEncryptionKey')),
  );
});

test('the vector seals to the pinned octets and opens again', (t) => {
  t.is(toHex(sealGpi(pushInfo, seal)), toHex(gpi));
  t.deepEqual(openGpi(decodeGpi(gpi), seal), pushInfo);
  t.deepEqual(openGpi(forge(octetsOf('plaintext')), seal), pushInfo);
});

test('RAND, AUTN, method and U/M flag are in clear, the rest is not', (t) => {
  const { method, gbaU, rand, autn } = decodeGpi(gpi);
  t.deepEqual({ method, gbaU, rand, autn }, {
    method: 'psk-tls',
    gbaU: false,
    rand: pushInfo.rand,
    autn: pushInfo.autn,
  } as const);
  t.false(toHex(gpi).includes('6e6166'), 'the NAF name is encrypted');
  t.false(toHex(gpi).includes('000102030405060708090a0b'), 'the P-TID is encrypted');
});

test('whatever is sealed opens to the same', (t) => {
  fc.assert(
    fc.property(pushInfos, octets(32), (info, key) => {
      const opened = openGpi(decodeGpi(sealGpi(info, { key, impi })), { key, impi });
      t.deepEqual(opened, info);
    }),
  );
  t.pass();
});

test('a GPI with the names of TS 23.003 has at most 120 octets', (t) => {
  fc.assert(
    fc.property(pushInfos, fc.stringMatching(/^[a-z]{1,40}$/), (info, first) => {
      const names = { bsfFqdn: pushInfo.bsfFqdn, nafFqdn: parseFqdn(first + home) };
      t.true(sealGpi({ ...info, ...names }, seal).length <= 120);
    }),
  );
  t.is(gpi.length, 79);
});

test('a GPI with any NAF FQDN of at most 40 octets has at most 120 octets', (t) => {
  fc.assert(
    fc.property(pushInfos, fqdns(40), (info, nafFqdn) => {
      t.true(sealGpi({ ...info, nafFqdn, bsfFqdn: pushInfo.bsfFqdn }, seal).length <= 120);
    }),
  );
  const longest = parseFqdn(`${'a'.repeat(32)}.example`);
  t.is(longest.length, 40);
  t.is(sealGpi({ ...pushInfo, nafFqdn: longest }, seal).length, 116);
});

test('a GPI that is cut off at any octet does not open', (t) => {
  for (let length = 0; length < gpi.length; length += 1) {
    t.throws(() => openGpi(decodeGpi(gpi.subarray(0, length)), seal), { instanceOf: CodecError });
  }
});

test('a GPI with any one bit flipped does not open', (t) => {
  for (const [bit, flipped] of flippedBits(gpi)) {
    const error = t.throws(() => openGpi(decodeGpi(flipped), seal), { instanceOf: CodecError });
    if (bit >= 8) t.is(error?.code, 'ERR_GPI_MAC', `bit ${bit}`);
  }
});

test('a GPI does not open under the key of another vector or subscriber', (t) => {
  const other = seal.key.map((octet, i) => (i === 31 ? octet ^ 1 : octet));
  t.throws(() => openGpi(decodeGpi(gpi), { key: other, impi }), { code: 'ERR_GPI_MAC' });
  const bob = parseImpi('001010000000002@ims.mnc001.mcc001.3gppnetwork.org');
  const ks = ksOf(octetsOf('ck'), octetsOf('ik'));
  const key = deriveKsNaf({ ks, rand: pushInfo.rand, impi: bob, nafId: GPI_NAF_ID });
  t.throws(() => openGpi(decodeGpi(gpi), { key, impi: bob }), { code: 'ERR_GPI_MAC' });
});

test('any octets decode to a layout or throw a CodecError', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (anything) => {
      try {
        const { rand, autn, ciphertext, mac } = decodeGpi(anything);
        t.is(1 + rand.length + autn.length + ciphertext.length + mac.length, anything.length);
      } catch (error) {
        if (!(error instanceof CodecError)) throw error;
      }
    }),
  );
  t.pass();
});

test('any plaintext under a good MAC gives a CodecError, or a value that seals to those octets', (t) => {
  const start = octetsOf('plaintext').subarray(0, 25);
  const text = fc.oneof(fqdns(), fc.stringMatching(/^[A-Za-z.]{0,5}$/), fc.constant(`naf${home}`));
  const code = fc
    .tuple(text, fc.constantFrom(0, 0x80))
    .map(([name, flag]) => concat(Uint8Array.of(flag | name.length), utf8Bytes(name)));
  const bsfCode = fc.oneof(fc.constant(Uint8Array.of(0)), code);
  let opened = 0;
  fc.assert(
    fc.property(bsfCode, code, (bsf, naf) => {
      try {
        const forged = forge(concat(start, bsf, naf));
        const again = decodeGpi(sealGpi(openGpi(forged, seal), seal));
        t.is(toHex(again.ciphertext), toHex(forged.ciphertext));
        opened += 1;
      } catch (error) {
        if (!(error instanceof CodecError)) throw error;
      }
    }),
    { numRuns: 300 },
  );
  t.true(opened > 0);
});

for (const header of [0x01, 0x21, 0xf1, 0x10, 0x14, 0x15, 0x16, 0x17]) {
  test(`octet 0 of ${header.toString(16).padStart(2, '0')} is another profile`, (t) => {
    const other = concat(Uint8Array.of(header), gpi.subarray(1));
    t.throws(() => decodeGpi(other), { code: 'ERR_GPI_PROFILE' });
  });
}

test('the method follows from the Ua security protocol id', (t) => {
  const methods: readonly (readonly [string, GpiMethod | undefined])[] = [
    ['0100000007', 'psk-tls'],
    ['01000100a8', 'psk-tls'],
    ['ff00000002', 'oscore'],
    ['ff00000003', 'dm'],
    ['ff00000001', undefined],
    ['010001008c', undefined],
    ['0100000002', undefined],
  ];
  for (const [uaId, method] of methods) {
    t.is(methodOf(parseUaSecurityProtocolId(uaId)), method, uaId);
  }
});

test('a method that is not that of the Ua id is refused under a good MAC', (t) => {
  for (const header of [0x12, 0x13]) {
    const disagreeing = forge(octetsOf('plaintext'), header);
    t.throws(() => openGpi(disagreeing, seal), { code: 'ERR_GPI_MALFORMED' });
  }
  const unknown = octetsOf('plaintext');
  unknown.set(fromHex('0100000002'), 8);
  t.throws(() => openGpi(forge(unknown), seal), { code: 'ERR_GPI_MALFORMED' });
});

test('octets after the NAF name are refused under a good MAC', (t) => {
  const trailing = forge(concat(octetsOf('plaintext'), Uint8Array.of(0)));
  t.throws(() => openGpi(trailing, seal), {
    code: 'ERR_GPI_MALFORMED',
    message: '1 octet too many after the NAF name',
  });
});

test('a GPI for a Ua id without a method is never sealed', (t) => {
  const uaId = parseUaSecurityProtocolId('0100000002');
  t.throws(() => sealGpi({ ...pushInfo, uaId }, seal), { code: 'ERR_GPI_PROFILE' });
  t.notThrows(() => sealGpi({ ...pushInfo, uaId: tls12Cbc }, seal));
});

test('names that make a GPI longer than 255 octets are refused', (t) => {
  const long = parseFqdn(`${'a'.repeat(60)}.${'b'.repeat(60)}.example`.slice(0, 127));
  const tooLong = { ...pushInfo, nafFqdn: long, bsfFqdn: long };
  t.throws(() => sealGpi(tooLong, seal), { code: 'ERR_GPI_MALFORMED' });
});

test('a field out of its range is the mistake of the caller', (t) => {
  const wrong = { instanceOf: RangeError };
  t.throws(() => sealGpi({ ...pushInfo, rand: octetsOf('ksNaf') }, seal), wrong);
  t.throws(() => sealGpi({ ...pushInfo, lifetimeSeconds: 2 ** 32 }, seal), wrong);
  t.throws(() => sealGpi({ ...pushInfo, expiresAt: -1 }, seal), wrong);
});
