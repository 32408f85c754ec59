import test from 'ava';
import fc from 'fast-check';
import {
  decodeName,
  decodeWapPush,
  encodeWapPush,
  GPI_MEDIA_TYPE,
  type WapPush,
} from '../../src/codec/wap-push.ts';
import { CodecError } from '../../src/errors.ts';
import { concat, fromHex, toHex, utf8Bytes } from '../../src/lib/bytes.ts';
import vectors from '../vectors/sms.json' with { type: 'json' };

const names = fc.oneof(
  fc.stringMatching(/^[\x20-\x7e]{1,40}$/),
  fc.integer({ min: 0, max: 0x7f }),
  fc.integer({ min: 0x80, max: 0xffff_ffff }),
);
const pushes: fc.Arbitrary<WapPush> = fc.record({
  transactionId: fc.integer({ min: 0, max: 255 }),
  contentType: names,
  applicationId: fc.option(names, { nil: undefined }),
  body: fc.uint8Array({ maxLength: 300 }),
});

for (const { source, hex, body, ...rest } of vectors.wapPushes) {
  test(`reads the push of ${source}`, (t) => {
    const expected = { applicationId: undefined, ...rest, body: fromHex(body) };
    t.deepEqual(decodeWapPush(fromHex(hex)), expected);
  });
}

test('the media type of a GPI costs 29 octets as text, and 1 to 6 by number', (t) => {
  const headers = (contentType: string | number, applicationId?: string | number): string =>
    toHex(encodeWapPush({ transactionId: 7, contentType, applicationId, body: fromHex('11') }));
  t.is(headers(GPI_MEDIA_TYPE), `07061d${toHex(utf8Bytes(GPI_MEDIA_TYPE))}0011`);
  t.is(headers(0x2e), '070601ae11');
  t.is(headers(0x310), '0706040302031011');
  t.is(headers(0xffff_ffff), '0706060504ffffffff11');
  t.is(headers(0x2e, 9), '070603aeaf8911');
  t.is(headers(0x2e, 0x9001), '070605aeaf02900111');
  t.is(headers(0x2e, 'x'), '070604aeaf780011');
});

test('what is written is read again', (t) => {
  fc.assert(
    fc.property(pushes, (push) => {
      t.deepEqual(decodeWapPush(encodeWapPush(push)), push);
    }),
  );
});

test('a header section of 128 octets and more has a length of two octets', (t) => {
  const push = {
    transactionId: 0,
    contentType: 0,
    applicationId: 'a'.repeat(200),
    body: fromHex('11'),
  };
  const octets = encodeWapPush(push);
  t.is(toHex(octets.subarray(2, 4)), '814b');
  t.is(decodeWapPush(octets).applicationId, push.applicationId);
});

test('every truncation before the body is malformed', (t) => {
  fc.assert(
    fc.property(pushes, (push) => {
      const octets = encodeWapPush(push);
      for (let end = 0; end < octets.length - push.body.length; end += 1) {
        const error = t.throws(() => decodeWapPush(octets.subarray(0, end)), {
          instanceOf: CodecError,
        });
        t.is(error?.code, 'ERR_WSP_MALFORMED');
      }
    }),
    { numRuns: 30 },
  );
});

test('any octets give a value or a CodecError', (t) => {
  const headed = fc
    .uint8Array({ maxLength: 40 })
    .map((octets) => concat(fromHex('0006'), Uint8Array.of(octets.length), octets));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), headed), (octets) => {
      for (const decode of [decodeWapPush, decodeName]) {
        try {
          decode(octets);
        } catch (error) {
          t.true(error instanceof CodecError, String(error));
        }
      }
    }),
    { numRuns: 3_000 },
  );
  t.pass();
});

test('the application id is found among other headers, each of which ends as its first octet says', (t) => {
  const find = (headers: string): unknown => {
    const octets = fromHex(headers);
    const length = Uint8Array.of(octets.length + 1);
    return decodeWapPush(concat(fromHex('0006'), length, fromHex('ae'), octets)).applicationId;
  };
  t.is(find('8dc7af89'), 9);
  t.is(find('8d03aabbccaf89'), 9);
  t.is(find('8d1f03aabbccaf89'), 9);
  t.is(find('b161626300af89'), 9);
  t.is(find('582d41007900af89'), 9);
  t.is(find('af0190'), 0x90);
  t.is(find('af7fe4e400'), 'ää');
  t.is(find('af89af8a'), 10);
  t.is(find('8dc7'), undefined);
  t.is(find('7f02af89'), undefined, 'another code page has other headers');
  t.is(find('02af897f01af89'), 9);
});

test('what cannot be a push is malformed', (t) => {
  for (const [hex, message] of [
    ['000701ae', /has type 06/],
    ['0006ffffffff7f', /32 bits/],
    ['00068080808081', /32 bits/],
    ['000602ae', /ends 1 octet early, in headers/],
    ['00060461626364', /ends 1 octet early, in Content-Type/],
    ['000600', /ends 1 octet early, in Content-Type/],
    ['00060700050101010101ae', /ends|1 to 4/],
    ['00060706050101010101', /1 to 4 octets/],
    ['000603aeaf00', /1 to 4 octets/],
    ['000603ae8d1f', /early, in header value length/],
  ] as const) {
    const error = t.throws(() => decodeWapPush(fromHex(hex)), { instanceOf: CodecError }, hex);
    t.regex(error?.message ?? '', message, hex);
  }
});

test('a code or text that WSP cannot say is the caller’s mistake', (t) => {
  for (const contentType of ['', 'a\0b', 'ä', -1, 1.5, 2 ** 32]) {
    t.throws(
      () => encodeWapPush({ transactionId: 0, contentType, body: fromHex('') }),
      { instanceOf: RangeError },
      String(contentType),
    );
  }
  t.throws(() => encodeWapPush({ transactionId: 256, contentType: 1, body: fromHex('') }), {
    instanceOf: RangeError,
  });
});
