import test from 'ava';
import fc from 'fast-check';
import { AUTS_MESSAGE_OCTETS, decodeAuts, encodeAuts } from '../../src/codec/auts.ts';
import { decodeEnvelope } from '../../src/codec/envelope.ts';
import { CodecError } from '../../src/errors.ts';
import { toHex } from '../../src/lib/bytes.ts';

const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

test('an AUTS message has the octets of docs/wire.md', (t) => {
  const message = {
    sessionId: 0x0102,
    rand: new Uint8Array(16).fill(0xaa),
    auts: new Uint8Array(14).fill(0xbb),
  };
  t.is(toHex(encodeAuts(message)), `130102${'aa'.repeat(16)}${'bb'.repeat(14)}`);
  t.is(encodeAuts(message).length, AUTS_MESSAGE_OCTETS);
});

test('what is encoded is decoded', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 65_535 }),
      octets(16),
      octets(14),
      (sessionId, rand, auts) => {
        t.deepEqual(decodeAuts(encodeAuts({ sessionId, rand, auts })), { sessionId, rand, auts });
      },
    ),
  );
});

test('anything else is refused, and no envelope is an AUTS message or the other way round', (t) => {
  const good = encodeAuts({ sessionId: 1, rand: new Uint8Array(16), auts: new Uint8Array(14) });
  t.throws(() => decodeEnvelope(good), { instanceOf: CodecError });
  const bad = [good.subarray(1), Uint8Array.of(...good, 0), good.with(0, 0x11), good.with(2, 0)];
  for (const octets of bad) t.throws(() => decodeAuts(octets), { code: 'ERR_UPA_MALFORMED' });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (any) => {
      try {
        decodeAuts(any);
      } catch (error) {
        t.true(error instanceof CodecError);
      }
    }),
  );
});
