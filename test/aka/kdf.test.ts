import { createHash, createHmac } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import {
  deriveKsIntNaf,
  deriveKsNaf,
  hkdfSha256,
  kdf,
  ksOf,
  swapAutnStar,
} from '../../src/aka/kdf.ts';
import {
  bsfFqdnFromImpi,
  bTidOf,
  nafIdOf,
  parseFqdn,
  parseImpi,
  parseUaSecurityProtocolId,
  type NafId,
} from '../../src/ids.ts';
import { concat, fromHex, toHex, utf8Bytes, xor } from '../../src/lib/bytes.ts';
import vectors from '../vectors/gba-keys.json' with { type: 'json' };

const ks = ksOf(fromHex(vectors.ck), fromHex(vectors.ik));
const rand = fromHex(vectors.rand);
const impi = parseImpi(vectors.impi);
const octets = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });

test('Ks is CK || IK', (t) => {
  t.is(toHex(ks), vectors.ks);
});

test('the B-TID of a RAND is base64(RAND)@BSF', (t) => {
  t.is<string, string>(bTidOf(rand, bsfFqdnFromImpi(impi)), vectors.bTid);
});

for (const { use, uaId, nafId, ksNaf, ksIntNaf } of vectors.keys) {
  test(`the NAF keys for ${use} are those of two other implementations`, (t) => {
    const id = nafIdOf(parseFqdn(vectors.nafFqdn), parseUaSecurityProtocolId(uaId));
    t.is(toHex(id), nafId);
    t.is(toHex(deriveKsNaf({ ks, rand, impi, nafId: id })), ksNaf);
    t.is(toHex(deriveKsIntNaf({ ks, rand, impi, nafId: id })), ksIntNaf);
  });
}

test('AUTN* differs from AUTN in the MAC alone, and the card takes it back', (t) => {
  const autn = fromHex(vectors.autn);
  const ik = fromHex(vectors.ik);
  const star = swapAutnStar(autn, ik);
  t.is(toHex(star), vectors.autnStar);
  t.is(toHex(swapAutnStar(star, ik)), vectors.autn);
  const mask = createHash('sha1').update(ik).digest().subarray(0, 8);
  t.deepEqual(xor(star, autn), concat(new Uint8Array(8), mask));
});

test('HKDF-SHA-256 with an empty salt gives the value of RFC 5869 A.3', (t) => {
  for (const { ikm, info, octets: length, okm } of vectors.hkdf) {
    t.is(toHex(hkdfSha256(fromHex(ikm), utf8Bytes(info), length)), okm);
  }
});

test('the KDF is HMAC-SHA-256 over FC and each parameter followed by its length', (t) => {
  fc.assert(
    fc.property(octets(32), fc.array(fc.uint8Array({ maxLength: 300 })), (key, parameters) => {
      const expected = createHmac('sha256', key).update(Uint8Array.of(0x0c));
      for (const p of parameters) {
        expected.update(p).update(Uint8Array.of(p.length >> 8, p.length & 0xff));
      }
      t.is(toHex(kdf(key, 0x0c, ...parameters)), expected.digest('hex'));
    }),
  );
});

test('moving an octet between neighbouring parameters gives another key', (t) => {
  const shifted = (at: number): string => {
    const text = fromHex('0102030405');
    return toHex(kdf(ks, 1, text.subarray(0, at), text.subarray(at)));
  };
  t.is(new Set([0, 1, 2, 3, 4, 5].map(shifted)).size, 6);
});

test('a parameter that no two-octet length can say is refused, and so is a key of another size', (t) => {
  t.throws(() => kdf(ks, 1, new Uint8Array(65_536)), { instanceOf: RangeError });
  const nafId = fromHex('00') as NafId;
  t.throws(() => deriveKsNaf({ ks: ks.subarray(1), rand, impi, nafId }), { message: /^Ks is 32/ });
  t.throws(() => deriveKsNaf({ ks, rand: ks, impi, nafId }), { message: /^RAND is 16/ });
  t.throws(() => ksOf(rand, ks), { message: /^IK is 16/ });
  t.throws(() => swapAutnStar(ks, rand), { message: /^AUTN is 16/ });
});
