import test from 'ava';
import fc from 'fast-check';
import {
  decodeWake,
  isWake,
  sealWake,
  verifyWake,
  wakeHint,
  type Wake,
} from '../../src/codec/wake.ts';
import { CodecError } from '../../src/errors.ts';
import { concat, fromHex, toHex } from '../../src/lib/bytes.ts';
import { connectAddresses, flippedBits, octets, octetsOf } from '../support/gpi.ts';
import vectors from '../vectors/wake.json' with { type: 'json' };

const key = fromHex(vectors.key);
const wakes: fc.Arbitrary<Wake> = fc.record({
  counter: fc.integer({ min: 1, max: 0xffff_ffff }),
  connect: connectAddresses,
});

for (const { what, counter, connect, hint, mac, wake } of vectors.wakes) {
  test(`the vector "${what}" is sealed, read and verified`, (t) => {
    t.is(toHex(wakeHint(key, counter)), hint);
    t.is(toHex(sealWake({ counter, connect }, key)), wake);
    const decoded = decodeWake(fromHex(wake));
    t.is(toHex(decoded.hint), hint);
    t.is(toHex(decoded.mac), mac);
    t.deepEqual(decoded.connect, connect);
    t.notThrows(() => {
      verifyWake(decoded, key);
    });
  });
}

test('whatever is sealed decodes to the same and verifies', (t) => {
  fc.assert(
    fc.property(wakes, octets(32), (wake, secret) => {
      const sealed = sealWake(wake, secret);
      const decoded = decodeWake(sealed);
      verifyWake(decoded, secret);
      t.true(isWake(sealed));
      t.deepEqual(decoded.hint, wakeHint(secret, wake.counter));
      const mapped = wake.connect?.host.startsWith('::ffff:') ?? false;
      if (!mapped) t.deepEqual(decoded.connect, wake.connect);
    }),
  );
});

test('a wake that is cut off at any octet, or goes on after its end, is refused', (t) => {
  for (const { wake } of vectors.wakes) {
    const whole = fromHex(wake);
    for (let length = 0; length < whole.length; length += 1) {
      t.throws(() => decodeWake(whole.subarray(0, length)), { code: 'ERR_UPA_MALFORMED' });
    }
    t.throws(() => decodeWake(concat(whole, Uint8Array.of(0))), {
      code: 'ERR_UPA_MALFORMED',
      message: '1 octet too many after the MAC',
    });
  }
});

test('a wake with any one bit flipped is refused', (t) => {
  for (const { wake } of vectors.wakes) {
    for (const [bit, flipped] of flippedBits(fromHex(wake))) {
      const open = (): void => {
        verifyWake(decodeWake(flipped), key);
      };
      t.throws(open, { instanceOf: CodecError }, `bit ${bit}`);
    }
  }
});

test('a wake verifies under its own key alone, and its hint is of that key and counter alone', (t) => {
  fc.assert(
    fc.property(wakes, octets(32), octets(32), (wake, one, other) => {
      fc.pre(toHex(one) !== toHex(other));
      const decoded = decodeWake(sealWake(wake, one));
      t.throws(() => verifyWake(decoded, other), { code: 'ERR_UPA_MAC' });
      t.notDeepEqual(wakeHint(other, wake.counter), decoded.hint);
    }),
  );
  const hints = Array.from({ length: 1_000 }, (_, i) => toHex(wakeHint(key, i + 1)));
  t.is(new Set(hints).size, 1_000);
});

test('the counter is not in the octets: two wakes in turn share their header and length alone', (t) => {
  const [one, two] = [1, 2].map((counter) => sealWake({ counter, connect: undefined }, key));
  const same = one?.filter((octet, i) => octet === two?.[i]) ?? [];
  t.true(same.length <= 4, toHex(Uint8Array.from(same)));
});

test('any octets decode to a layout or throw a CodecError', (t) => {
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 512 }),
    fc.uint8Array({ maxLength: 200 }).map((rest) => concat(fromHex('12'), rest)),
    fc.uint8Array({ maxLength: 40 }).map((rest) => concat(fromHex('12'), octetsOf('ik'), rest)),
  );
  fc.assert(
    fc.property(anything, (datagram) => {
      try {
        const { authenticated, mac } = decodeWake(datagram);
        t.is(authenticated.length + mac.length, datagram.length);
      } catch (error) {
        if (!(error instanceof CodecError)) throw error;
      }
    }),
  );
  t.pass();
});

test('what does not fit is never sealed', (t) => {
  for (const counter of [0, -1, 1.5, 2 ** 32, NaN]) {
    t.throws(() => sealWake({ counter, connect: undefined }, key), { instanceOf: RangeError });
  }
  t.throws(() => wakeHint(key.subarray(1), 1), { instanceOf: RangeError });
  for (const connect of [
    { host: 'naf.example', port: 0 },
    { host: '1.2.3', port: 1 },
    { host: 'fe80::1%eth0', port: 1 },
  ]) {
    t.throws(() => sealWake({ counter: 1, connect }, key), { instanceOf: CodecError });
  }
});
