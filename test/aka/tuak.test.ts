import test from 'ava';
import { createTuak, deriveTopc, type TuakSizes } from '../../src/aka/tuak.ts';
import { fromHex, toHex } from '../../src/lib/bytes.ts';
import vectors from '../vectors/tuak.json' with { type: 'json' };

for (const set of vectors.sets) {
  test(`TUAK gives the published values of ${set.source}`, (t) => {
    const k = fromHex(set.k);
    const rand = fromHex(set.rand);
    const sqn = fromHex(set.sqn);
    const amf = fromHex(set.amf);
    const { iterations, mac, res: resBits, ck: ckBits, ik: ikBits } = set;
    t.is(toHex(deriveTopc(k, fromHex(set.top), iterations)), set.topc);

    const sizes = { mac, res: resBits, ck: ckBits, ik: ikBits } as TuakSizes;
    const tuak = createTuak({ k, topc: fromHex(set.topc), sizes, iterations });
    const { res, ck, ik, ak } = tuak.f2345(rand);
    t.is(toHex(tuak.f1(rand, sqn, amf)), set.f1);
    t.is(toHex(tuak.f1star(rand, sqn, amf)), set.f1star);
    t.is(toHex(res), set.f2);
    t.is(toHex(ck), set.f3);
    t.is(toHex(ik), set.f4);
    t.is(toHex(ak), set.f5);
    t.is(toHex(tuak.f5star(rand)), set.f5star);
  });
}

const k = new Uint8Array(16).fill(1);
const topc = new Uint8Array(32).fill(2);
const rand = new Uint8Array(16).fill(3);

test('without sizes TUAK has those of Milenage', (t) => {
  const tuak = createTuak({ k, topc });
  const { res, ck, ik, ak } = tuak.f2345(rand);
  const mac = tuak.f1(rand, new Uint8Array(6), new Uint8Array(2));
  t.deepEqual(
    [mac, res, ck, ik, ak].map(({ length }) => length),
    [8, 8, 16, 16, 6],
  );
});

test('an argument of another size is refused by name', (t) => {
  t.throws(() => createTuak({ k: k.subarray(1), topc }), { message: /^K is 32 octets, not 15/ });
  t.throws(() => createTuak({ k, topc: k }), { message: /^TOPc is 32 octets, not 16/ });
  t.throws(() => deriveTopc(k, k), { message: /^TOP is 32 octets, not 16/ });
  const tuak = createTuak({ k, topc });
  t.throws(() => tuak.f2345(topc), { message: /^RAND is 16 octets, not 32/ });
  t.throws(() => tuak.f1(rand, rand, new Uint8Array(2)), { message: /^SQN is 6 octets, not 16/ });
  t.throws(() => tuak.f1(rand, new Uint8Array(6), rand), { message: /^AMF is 2 octets, not 16/ });
});
