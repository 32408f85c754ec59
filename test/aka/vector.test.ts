import test from 'ava';
import fc from 'fast-check';
import type { AkaAlgorithm } from '../../src/aka/algorithm.ts';
import { createMilenage } from '../../src/aka/milenage.ts';
import { buildAuts, buildVector, openAuts, openAutn } from '../../src/aka/vector.ts';
import { AkaError } from '../../src/errors.ts';
import { fromHex, toHex } from '../../src/lib/bytes.ts';
import gba from '../vectors/gba-keys.json' with { type: 'json' };
import vectors from '../vectors/milenage.json' with { type: 'json' };

const k = fromHex('465b5ce8b199b49faa5f0a2ee238a6bc');
const opc = fromHex('cd63cb71954a9f4e48a5994e37a02baf');
const milenage = createMilenage({ k, opc });
const refused = { instanceOf: AkaError, code: 'ERR_AKA_MAC_FAILURE' };

const octets = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });
const inputs = fc.record({ rand: octets(16), sqn: octets(6), amf: octets(2) });

function flipped(value: Uint8Array, bit: number): Uint8Array {
  const out = value.slice();
  out[bit >> 3] = (out[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7));
  return out;
}

test('a vector of TS 35.208 set 1 has AUTN = (SQN xor AK) || AMF || MAC-A', (t) => {
  const vector = buildVector(milenage, {
    rand: fromHex(gba.rand),
    sqn: fromHex('ff9bb4d0b607'),
    amf: fromHex('b9b9'),
  });
  t.is(toHex(vector.autn), gba.autn);
  t.is(toHex(vector.ck), gba.ck);
  t.is(toHex(vector.ik), gba.ik);
  t.is(toHex(vector.xres), 'a54211d5e3ba50bf');
});

for (const { source, auts, sqnMs, macS, ...set } of vectors.auts) {
  test(`AUTS is made with AMF 0000 and opened again: ${source}`, (t) => {
    const algorithm = createMilenage({ k: fromHex(set.k), opc: fromHex(set.opc) });
    const rand = fromHex(set.rand);
    t.is(toHex(buildAuts(algorithm, rand, fromHex(sqnMs))), auts);
    t.is(toHex(openAuts(algorithm, rand, fromHex(auts))), sqnMs);
    t.true(auts.endsWith(macS));
  });
}

test('the SIM reads out of AUTN what the network put in', (t) => {
  fc.assert(
    fc.property(inputs, (input) => {
      const { autn, xres, ck, ik } = buildVector(milenage, input);
      t.deepEqual(openAutn(milenage, input.rand, autn), { sqn: input.sqn, res: xres, ck, ik });
    }),
  );
});

test('the network reads out of AUTS what the SIM put in', (t) => {
  fc.assert(
    fc.property(octets(16), octets(6), (rand, sqnMs) => {
      t.deepEqual(openAuts(milenage, rand, buildAuts(milenage, rand, sqnMs)), sqnMs);
    }),
  );
});

test('every single flipped bit of RAND or AUTN is refused', (t) => {
  const rand = fromHex(gba.rand);
  const autn = fromHex(gba.autn);
  for (let bit = 0; bit < 128; bit += 1) {
    t.throws(() => openAutn(milenage, rand, flipped(autn, bit)), refused);
    t.throws(() => openAutn(milenage, flipped(rand, bit), autn), refused);
  }
});

test('every single flipped bit of RAND or AUTS is refused', (t) => {
  const rand = fromHex(gba.rand);
  const auts = buildAuts(milenage, rand, fromHex('000000000041'));
  for (let bit = 0; bit < 112; bit += 1) {
    t.throws(() => openAuts(milenage, rand, flipped(auts, bit)), refused);
    t.throws(() => openAuts(milenage, flipped(rand, bit), auts), refused);
  }
});

test('an AUTN or AUTS under another K is refused, and so is one that plays the other part', (t) => {
  const other = createMilenage({ k: opc, opc });
  const rand = fromHex(gba.rand);
  const sqn = fromHex('000000000041');
  const auts = buildAuts(milenage, rand, sqn);
  t.throws(() => openAutn(other, rand, fromHex(gba.autn)), refused);
  t.throws(() => openAuts(other, rand, auts), refused);
  t.throws(() => openAuts(milenage, rand, fromHex(gba.autn).subarray(0, 14)), refused);
  const { autn } = buildVector(milenage, { rand, sqn, amf: new Uint8Array(2) });
  const mixed = Uint8Array.from([...autn.subarray(0, 8), ...auts.subarray(6)]);
  t.throws(() => openAutn(milenage, rand, mixed), refused);
});

test('a refusal names no secret', (t) => {
  const error = t.throws(() => openAutn(milenage, fromHex(gba.rand), new Uint8Array(16)), refused);
  t.notRegex(error.message, /[0-9a-f]{8}/i);
});

test('a wrong length is refused by name', (t) => {
  const rand = fromHex(gba.rand);
  for (const length of [0, 13, 15, 17]) {
    const wrong = new Uint8Array(length);
    t.throws(() => openAutn(milenage, rand, wrong), { message: /^AUTN is 16 octets/ });
    t.throws(() => openAuts(milenage, rand, wrong), { message: /^AUTS is 14 octets/ });
    t.throws(() => openAutn(milenage, wrong, rand), { message: /^RAND is 16 octets/ });
  }
});

test('a MAC that is not 64 bits has no place in AUTN or AUTS', (t) => {
  const wide: AkaAlgorithm = {
    ...milenage,
    f1: () => new Uint8Array(16),
    f1star: () => new Uint8Array(16),
  };
  const rand = fromHex(gba.rand);
  const sqn = new Uint8Array(6);
  t.throws(() => buildVector(wide, { rand, sqn, amf: new Uint8Array(2) }), { message: /^MAC-A/ });
  t.throws(() => buildAuts(wide, rand, sqn), { message: /^MAC-S/ });
});
