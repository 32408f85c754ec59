import { createHmac, randomBytes } from 'node:crypto';
import test from 'ava';
import { concat, toHex } from '../../src/lib/bytes.ts';
import { hmacSha256, isHmacSha256 } from '../../src/lib/hmac.ts';

test('HMAC is what OpenSSL makes of it, for keys and texts about every length that matters', (t) => {
  for (const keyOctets of [0, 1, 32, 63, 64, 65, 300]) {
    for (const octets of [0, 1, 110, 511, 512, 513, 5_000]) {
      const key = randomBytes(keyOctets);
      const text = randomBytes(octets);
      const expected = createHmac('sha256', key).update(text).digest('hex');
      t.is(toHex(hmacSha256(key, text)), expected, `key ${keyOctets}, text ${octets}`);
      const half = octets >> 1;
      t.is(toHex(hmacSha256(key, text.subarray(0, half), text.subarray(half))), expected);
    }
  }
});

test('no HMAC changes its arguments or an earlier result', (t) => {
  const [key, text] = [randomBytes(32), randomBytes(100)];
  const before = concat(key, text);
  const first = hmacSha256(key, text);
  const kept = first.slice();
  const second = hmacSha256(text, first);
  t.deepEqual(concat(key, text), Uint8Array.from(before));
  t.deepEqual(first, kept);
  t.notDeepEqual(second, first);
});

test('a MAC is true for its own key and text alone, whole and unchanged', (t) => {
  const [key, text] = [randomBytes(32), randomBytes(100)];
  const mac = hmacSha256(key, text);
  t.true(isHmacSha256(mac, key, text));
  t.true(isHmacSha256(mac, key, text.subarray(0, 9), text.subarray(9)));
  t.false(isHmacSha256(mac, randomBytes(32), text));
  t.false(isHmacSha256(mac, key, text.subarray(1)));
  t.false(isHmacSha256(mac.subarray(1), key, text));
  t.false(isHmacSha256(concat(mac, mac), key, text));
  t.false(isHmacSha256(new Uint8Array(0), key, text));
  for (let i = 0; i < mac.length; i += 1) {
    const other = mac.slice();
    other[i] = (other[i] ?? 0) ^ 1;
    t.false(isHmacSha256(other, key, text), `octet ${i}`);
  }
});
