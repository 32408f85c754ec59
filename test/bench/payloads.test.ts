import test from 'ava';
import {
  emptyTally,
  expected,
  PAYLOAD_OCTETS,
  payloadOf,
  requireTallies,
  tell,
  type Tally,
} from '../../bench/lib/payloads.ts';

/** What one device has after it got these payloads in this order. */
function got(...payloads: readonly Uint8Array[]): Tally {
  const tally = emptyTally();
  for (const payload of payloads) tell(tally, payload, 0);
  return tally;
}

const [first, second, third] = [payloadOf(0), payloadOf(1), payloadOf(2)];

test('a device that got each push once, whole and in order, passes', (t) => {
  t.notThrows(() => {
    requireTallies('it', [got(first, second, third)], expected(3, 1));
    requireTallies('it', [got(first, third), got(second)], expected(3, 2));
  });
});

test('a push that is lost, doubled, swapped, of another device or changed in any bit is told', (t) => {
  const changed = Array.from({ length: PAYLOAD_OCTETS * 8 }, (_, bit) => {
    const payload = Buffer.from(second);
    payload[bit >> 3] = (payload[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    return got(first, payload, third);
  });
  const wrong = [
    got(first, second),
    got(first, third),
    got(first, second, second, third),
    got(first, third, second),
    got(first, second, payloadOf(3)),
    ...changed,
  ];
  for (const tally of wrong) {
    t.throws(
      () => {
        requireTallies('it', [tally], expected(3, 1));
      },
      { message: /^it: device 0 got / },
    );
  }
});
