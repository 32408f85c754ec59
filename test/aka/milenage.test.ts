import test from 'ava';
import { createMilenage, deriveOpc } from '../../src/aka/milenage.ts';
import { fromHex, toHex } from '../../src/lib/bytes.ts';
import vectors from '../vectors/milenage.json' with { type: 'json' };

for (const set of vectors.sets) {
  test(`Milenage gives the published values of ${set.source}`, (t) => {
    const k = fromHex(set.k);
    const rand = fromHex(set.rand);
    const sqn = fromHex(set.sqn);
    const amf = fromHex(set.amf);
    t.is(toHex(deriveOpc(k, fromHex(set.op))), set.opc);

    const milenage = createMilenage({ k, opc: fromHex(set.opc) });
    const { res, ck, ik, ak } = milenage.f2345(rand);
    t.is(toHex(milenage.f1(rand, sqn, amf)), set.f1);
    t.is(toHex(milenage.f1star(rand, sqn, amf)), set.f1star);
    t.is(toHex(res), set.f2);
    t.is(toHex(ck), set.f3);
    t.is(toHex(ik), set.f4);
    t.is(toHex(ak), set.f5);
    t.is(toHex(milenage.f5star(rand)), set.f5star);
  });
}

const k = new Uint8Array(16).fill(1);
const opc = new Uint8Array(16).fill(2);
const rand = new Uint8Array(16).fill(3);
const sqn = new Uint8Array(6);
const amf = new Uint8Array(2);

test('a wrong length is refused by name, before anything is computed', (t) => {
  const refuses = (name: string, action: () => unknown): void => {
    t.throws(action, { instanceOf: RangeError, message: new RegExp(`^${name} is \\d+ octets`) });
  };
  const milenage = createMilenage({ k, opc });
  refuses('K', () => createMilenage({ k: k.subarray(1), opc }));
  refuses('OPc', () => createMilenage({ k, opc: new Uint8Array(17) }));
  refuses('OP', () => deriveOpc(k, new Uint8Array()));
  refuses('RAND', () => milenage.f2345(new Uint8Array(15)));
  refuses('RAND', () => milenage.f5star(new Uint8Array(17)));
  refuses('SQN', () => milenage.f1(rand, amf, amf));
  refuses('AMF', () => milenage.f1star(rand, sqn, sqn));
});

test('an algorithm owns its keys and leaves its arguments as they were', (t) => {
  const [ownK, ownOpc, ownRand] = [k.slice(), opc.slice(), rand.slice()];
  const milenage = createMilenage({ k: ownK, opc: ownOpc });
  const before = milenage.f2345(ownRand);
  t.deepEqual(ownRand, rand);

  ownK.fill(0xff);
  ownOpc.fill(0xff);
  t.deepEqual(milenage.f2345(ownRand), before);
});

test('wiping a result changes no other result', (t) => {
  const milenage = createMilenage({ k, opc });
  const kept = milenage.f2345(rand);
  const ckBefore = toHex(kept.ck);
  milenage.f2345(rand).ck.fill(0);
  kept.res.fill(0);
  t.is(toHex(kept.ck), ckBefore);
  t.is(toHex(milenage.f2345(rand).ck), ckBefore);
});
