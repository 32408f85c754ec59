import test from 'ava';
import fc from 'fast-check';
import {
  acceptSqn,
  allotSqn,
  decodeArray,
  decodeGenerator,
  decodeSqn,
  DELTA,
  encodeArray,
  encodeGenerator,
  encodeSqn,
  IND_VALUES,
  NEW_ARRAY,
  NEW_GENERATOR,
  resynchroniseSqn,
  SEQ_MAX,
  type Sqn,
  type SqnArray,
  type SqnGenerator,
  type SqnUse,
} from '../../src/aka/sqn.ts';
import { AkaError, StoreError } from '../../src/errors.ts';
import { fromHex, toHex } from '../../src/lib/bytes.ts';

const seqs = fc.oneof(
  fc.integer({ min: 0, max: 100 }),
  fc.integer({ min: SEQ_MAX - 100, max: SEQ_MAX }),
  fc.integer({ min: 0, max: SEQ_MAX }),
);
const generators: fc.Arbitrary<SqnGenerator> = fc.record({
  seq: seqs,
  nextInd: fc.record({
    push: fc.integer({ min: 16, max: 31 }),
    ub: fc.integer({ min: 0, max: 15 }),
  }),
});
const arrays = fc.array(seqs, { minLength: IND_VALUES, maxLength: IND_VALUES });
const corrupt = { instanceOf: StoreError, code: 'ERR_STORE_CORRUPT' };

/** `count` SQNs of one use, and the generator after them. */
function allot(
  from: SqnGenerator,
  use: SqnUse,
  count: number,
): { sqns: Sqn[]; after: SqnGenerator } {
  const sqns: Sqn[] = [];
  let after = from;
  for (let i = 0; i < count; i += 1) {
    const { sqn, generator } = allotSqn(after, use);
    sqns.push(sqn);
    after = generator;
  }
  return { sqns, after };
}

/** The array after these SQNs came, and which of them were accepted. */
function receive(array: SqnArray, sqns: readonly Sqn[]): { array: SqnArray; accepted: boolean[] } {
  const accepted: boolean[] = [];
  let now = array;
  for (const sqn of sqns) {
    const verdict = acceptSqn(now, sqn);
    accepted.push(verdict.accepted);
    if (verdict.accepted) now = verdict.array;
  }
  return { array: now, accepted };
}

test('SQN is SEQ || IND, 43 and 5 bits, in 6 octets', (t) => {
  t.is(toHex(encodeSqn({ seq: 1, ind: 0 })), '000000000020');
  t.is(toHex(encodeSqn({ seq: 2, ind: 31 })), '00000000005f');
  t.is(toHex(encodeSqn({ seq: SEQ_MAX, ind: 31 })), 'ffffffffffff');
  t.deepEqual(decodeSqn(fromHex('ff9bb4d0b607')), { seq: 0x7fcdda685b0, ind: 7 });
  t.throws(() => decodeSqn(new Uint8Array(5)), { message: /^SQN is 6 octets/ });
});

test('any 6 octets come back from their SQN', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (octets) => {
      t.deepEqual(encodeSqn(decodeSqn(octets)), octets);
    }),
  );
});

test('push takes IND 16 to 31 in turn and Ub 0 to 15, over one rising SEQ', (t) => {
  const push = allot(NEW_GENERATOR, 'push', 18);
  t.deepEqual(
    push.sqns.map(({ ind }) => ind),
    [16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 16, 17],
  );
  const ub = allot(push.after, 'ub', 17);
  t.deepEqual(
    ub.sqns.map(({ ind }) => ind),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0],
  );
  t.deepEqual(
    [...push.sqns, ...ub.sqns].map(({ seq }) => seq),
    Array.from({ length: 35 }, (_, i) => i + 1),
  );
  t.is(allotSqn(ub.after, 'push').sqn.ind, 18);
});

test('a USIM takes 16 outstanding pushes in any order, each of them once', (t) => {
  const { sqns } = allot(NEW_GENERATOR, 'push', 16);
  fc.assert(
    fc.property(fc.shuffledSubarray(sqns, { minLength: 16 }), (order) => {
      const first = receive(NEW_ARRAY, order);
      t.true(first.accepted.every(Boolean));
      t.false(receive(first.array, order).accepted.some(Boolean));
    }),
  );
});

test('a push that is late by thousands of Ub runs is still accepted', (t) => {
  const late = allotSqn(NEW_GENERATOR, 'push');
  const ub = allot(late.generator, 'ub', 5_000);
  const { array } = receive(NEW_ARRAY, ub.sqns);
  t.true(acceptSqn(array, late.sqn).accepted);
});

test('no SQN is accepted twice, whatever came between', (t) => {
  const sqns = fc.record({
    seq: fc.integer({ min: 0, max: 40 }),
    ind: fc.integer({ min: 0, max: 31 }),
  });
  fc.assert(
    fc.property(fc.array(sqns, { maxLength: 200 }), (stream) => {
      const { accepted } = receive(NEW_ARRAY, stream);
      const names = stream.filter((_, i) => accepted[i]).map(({ seq, ind }) => `${seq}/${ind}`);
      t.is(new Set(names).size, names.length);
    }),
  );
});

test('a refused SQN tells the highest that was accepted for any IND', (t) => {
  const array = NEW_ARRAY.with(3, 70).with(17, 99).with(18, 12);
  t.deepEqual(acceptSqn(array, { seq: 12, ind: 18 }), {
    accepted: false,
    sqnMs: { seq: 99, ind: 17 },
  });
  t.deepEqual(acceptSqn(NEW_ARRAY, { seq: 0, ind: 9 }), {
    accepted: false,
    sqnMs: { seq: 0, ind: 0 },
  });
  t.true(acceptSqn(array, { seq: 13, ind: 18 }).accepted);
});

test('SEQ may leap by 2^28 and no further', (t) => {
  const array = NEW_ARRAY.with(4, 1_000);
  t.true(acceptSqn(array, { seq: 1_000 + DELTA, ind: 20 }).accepted);
  t.false(acceptSqn(array, { seq: 1_001 + DELTA, ind: 20 }).accepted);
  t.is(DELTA, 0x1000_0000);
});

test('SEQ never wraps: the last SQN is followed by an error that says what to do', (t) => {
  const { sqn, generator } = allotSqn({ ...NEW_GENERATOR, seq: SEQ_MAX - 1 }, 'push');
  t.is(sqn.seq, SEQ_MAX);
  t.throws(() => allotSqn(generator, 'ub'), {
    instanceOf: AkaError,
    code: 'ERR_AKA_SQN_EXHAUSTED',
    message: /replace the SIM/,
  });
});

test('after resynchronisation the next SQN is accepted, while any are left', (t) => {
  const uses = fc.constantFrom<SqnUse>('push', 'ub');
  fc.assert(
    fc.property(generators, arrays, uses, (generator, array, use) => {
      fc.pre(Math.max(...array, generator.seq) < SEQ_MAX);
      const verdict = acceptSqn(array, { seq: 0, ind: 0 });
      if (verdict.accepted) return t.fail('SEQ 0 is never fresh');
      const { sqn } = allotSqn(resynchroniseSqn(generator, verdict.sqnMs), use);
      t.true(acceptSqn(array, sqn).accepted);
    }),
  );
});

test('an AUTS that arrives late does not set an HSS back that has moved on', (t) => {
  const generator = { ...NEW_GENERATOR, seq: 500 };
  t.deepEqual(resynchroniseSqn(generator, { seq: 499, ind: 0 }), generator);
  t.deepEqual(resynchroniseSqn(generator, { seq: 500, ind: 0 }), generator);
  t.is(resynchroniseSqn(generator, { seq: 501, ind: 0 }).seq, 501);
});

test('both states come back from their octets', (t) => {
  fc.assert(
    fc.property(generators, arrays, (generator, array) => {
      t.deepEqual(decodeGenerator(encodeGenerator(generator)), generator);
      t.deepEqual(decodeArray(encodeArray(array)), array);
    }),
  );
  t.is(toHex(encodeGenerator({ seq: 5, nextInd: { push: 21, ub: 3 } })), '010000000000051503');
  t.is(encodeArray(NEW_ARRAY).length, 193);
});

test('any octets are a state or a StoreError, and a state has one form only', (t) => {
  const tryBoth = <T>(
    octets: Uint8Array,
    decode: (o: Uint8Array) => T,
    encode: (v: T) => Uint8Array,
  ) => {
    let state: T;
    try {
      state = decode(octets);
    } catch (error) {
      t.true(error instanceof StoreError);
      return;
    }
    t.deepEqual(encode(state), octets);
  };
  const layout01 = fc.uint8Array({ maxLength: 220 }).map((tail) => Uint8Array.of(1, ...tail));
  const nearly = fc
    .tuple(generators, fc.nat({ max: 8 }), fc.nat({ max: 255 }))
    .map(([generator, at, octet]) => encodeGenerator(generator).with(at, octet));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 220 }), layout01, nearly), (octets) => {
      tryBoth(octets, decodeGenerator, encodeGenerator);
      tryBoth(octets, decodeArray, encodeArray);
    }),
  );
});

test('a state of another length, layout or range is refused', (t) => {
  const generator = encodeGenerator(NEW_GENERATOR);
  const array = encodeArray(NEW_ARRAY);
  for (const damaged of [
    new Uint8Array(),
    generator.subarray(0, 8),
    Uint8Array.from([...generator, 0]),
    generator.with(0, 2),
    generator.with(1, 0x08),
    generator.with(7, 15),
    generator.with(7, 32),
    generator.with(8, 16),
  ]) {
    t.throws(() => decodeGenerator(damaged), corrupt);
  }
  for (const damaged of [
    array.subarray(1),
    Uint8Array.from([...array, 0]),
    array.with(0, 0),
    array.with(187, 0xff),
  ]) {
    t.throws(() => decodeArray(damaged), corrupt);
  }
});
