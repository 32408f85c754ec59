import test from 'ava';
import fc from 'fast-check';
import { ExpiryBuckets } from '../../src/ue/expiry-buckets.ts';

interface Dated {
  readonly at: number;
}

test('each thing is given out once, never before its moment and at most a second after', (t) => {
  const step = fc.record({
    advanceMs: fc.oneof(fc.nat(3_000), fc.double({ min: 0, max: 2, noNaN: true })),
    addIn: fc.array(fc.oneof(fc.nat(10_000), fc.double({ min: 0, max: 1, noNaN: true })), {
      maxLength: 4,
    }),
    take: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.nat(1e9), fc.array(step, { maxLength: 40 }), (startedAt, steps) => {
      let now = startedAt;
      const buckets = new ExpiryBuckets<Dated>(now);
      const inside = new Set<Dated>();
      for (const { advanceMs, addIn, take } of steps) {
        now += advanceMs;
        for (const ms of addIn) {
          const item = { at: now + ms };
          inside.add(item);
          buckets.add(item, item.at);
        }
        if (!take) continue;
        for (let item = buckets.takeEnded(now); item; item = buckets.takeEnded(now)) {
          t.true(inside.delete(item), 'given out twice');
          t.true(item.at <= now, `${item.at} was given out at ${now}`);
        }
        for (const { at } of inside) t.true(at > now - 1_000, `${at} is still there at ${now}`);
      }
    }),
  );
});

test('a long silence costs nothing afterwards', (t) => {
  const buckets = new ExpiryBuckets<string>(0);
  const later = 1e15;
  t.is(buckets.takeEnded(later), undefined);
  buckets.add('a', later + 1_000);
  t.is(buckets.takeEnded(later), undefined);
  t.is(buckets.takeEnded(later + 2_000), 'a');
});
