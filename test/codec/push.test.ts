import test from 'ava';
import fc from 'fast-check';
import { encodeMessage } from '../../src/codec/coap-tcp.ts';
import { CODE, RequestError } from '../../src/codec/coap.ts';
import {
  NO_OPTIONS,
  OPTION,
  pathOptions,
  queryOption,
  sortOptions,
  uintOption,
  type CoapOption,
} from '../../src/codec/coap-option.ts';
import {
  bare,
  FORGET,
  isForget,
  parsePushAnswer,
  parsePush,
  parseRegistration,
  pushAnswer,
  pushRequest,
  registration,
  URGENCIES,
  type PushAnswer,
  type PushMessage,
} from '../../src/codec/push.ts';
import { pushOptionList } from '../../src/codec/push-options.ts';
import type { ReceivedMessage } from '../../src/codec/received.ts';
import { CodecError } from '../../src/errors.ts';
import { parsePushId } from '../../src/ids.ts';
import { EMPTY, fromHex, utf8Bytes, utf8Text } from '../../src/lib/bytes.ts';
import { overTheWire } from '../support/coap.ts';

function put(...options: readonly CoapOption[]): ReceivedMessage {
  return overTheWire({ code: CODE.PUT, options: sortOptions(options) });
}

const pushes: fc.Arbitrary<PushMessage> = fc.record({
  id: fc.stringMatching(/^[A-Za-z0-9_-]{1,43}$/).map(parsePushId),
  urgency: fc.constantFrom(...URGENCIES),
  ttlSeconds: fc.nat(),
  seq: fc.nat({ max: 999_999_999_999_999 }),
  contentFormat: fc.nat({ max: 65_535 }),
  payload: fc.uint8Array({ maxLength: 2_000 }),
});

test('a push survives the wire', (t) => {
  fc.assert(
    fc.property(pushes, (push) => {
      const message = overTheWire(pushRequest(push, push.ttlSeconds));
      t.deepEqual(parsePush(message), { ...push, payload: message.payload });
      t.deepEqual(Buffer.from(message.payload), Buffer.from(push.payload));
    }),
  );
});

test('what writes itself is octet for octet what a list of its options would be', (t) => {
  fc.assert(
    fc.property(pushes, fc.nat(), (push, ttlSeconds) => {
      const options = [
        ...pathOptions('push', push.id),
        uintOption(OPTION.CONTENT_FORMAT, push.contentFormat),
        queryOption('u', URGENCIES.indexOf(push.urgency)),
        queryOption('ttl', ttlSeconds),
        queryOption('seq', push.seq),
      ];
      t.deepEqual(pushOptionList(push, ttlSeconds), options);
      const token = Uint8Array.of(1, 2);
      t.deepEqual(
        encodeMessage({ ...pushRequest(push, ttlSeconds), token }),
        encodeMessage({ code: CODE.PUT, token, options, payload: push.payload }),
      );
    }),
  );
});

test('each answer has the code of the table, and is read as what was meant', (t) => {
  const table: [PushAnswer, number][] = [
    [{ kind: 'handled' }, CODE.CREATED],
    [{ kind: 'handled-before' }, CODE.CHANGED],
    [{ kind: 'refused' }, CODE.BAD_REQUEST],
    [{ kind: 'conflict' }, CODE.CONFLICT],
    [{ kind: 'interrupted' }, CODE.INTERNAL_SERVER_ERROR],
    [{ kind: 'not-now', afterMs: 7_000 }, CODE.SERVICE_UNAVAILABLE],
  ];
  for (const [answer, code] of table) {
    const message = overTheWire(pushAnswer(answer));
    t.is(message.code, code);
    t.deepEqual(parsePushAnswer(message), answer);
  }
});

test('"not now" is never sooner than the handler asked for', (t) => {
  fc.assert(
    fc.property(fc.nat({ max: 10_000_000_000_000 }), (afterMs) => {
      const answer = parsePushAnswer(overTheWire(pushAnswer({ kind: 'not-now', afterMs })));
      if (answer.kind !== 'not-now') return t.fail();
      t.true(answer.afterMs >= Math.min(afterMs, 0xffff_ffff * 1_000));
    }),
  );
});

test('answers that nobody here gives still have a meaning', (t) => {
  const meaning = (code: number, ...options: CoapOption[]): PushAnswer =>
    parsePushAnswer({ code, token: EMPTY, options, payload: EMPTY });
  t.deepEqual(meaning(CODE.SERVICE_UNAVAILABLE), { kind: 'not-now', afterMs: 60_000 });
  t.deepEqual(meaning(CODE.TOO_MANY_REQUESTS, uintOption(OPTION.MAX_AGE, 3)), {
    kind: 'not-now',
    afterMs: 3_000,
  });
  t.like(meaning(CODE.INTERNAL_SERVER_ERROR), { kind: 'not-now' });
  t.like(meaning(CODE.GATEWAY_TIMEOUT), { kind: 'not-now' });
  t.like(meaning(CODE.NOT_FOUND), { kind: 'refused' });
  t.like(meaning(CODE.CONTENT), { kind: 'refused' });
});

test('a push that says little is normal, of no use later, and octets', (t) => {
  t.deepEqual(parsePush(put(...pathOptions('push', 'a'))), {
    id: parsePushId('a'),
    urgency: 'normal',
    ttlSeconds: 0,
    seq: 0,
    contentFormat: 42,
    payload: EMPTY,
  });
});

test('a push that makes no sense is refused by a CodecError', (t) => {
  const path = pathOptions('push', 'a');
  const hostile: Record<string, ReceivedMessage> = {
    'no id': put(...pathOptions('push')),
    'an empty id': put(...pathOptions('push', '')),
    'a path as id': put(...pathOptions('push', '../../etc/passwd')),
    'an id with NUL': put(...pathOptions('push', 'a\0b')),
    'a long id': put(...pathOptions('push', 'a'.repeat(44))),
    'more than an id': put(...pathOptions('push', 'a', 'b')),
    'an unknown urgency': put(...path, queryOption('u', 4)),
    'a negative ttl': put(...path, queryOption('ttl', '-1')),
    'a ttl with an exponent': put(...path, queryOption('ttl', '1e9')),
    'a seq of 16 digits': put(...path, queryOption('seq', '9'.repeat(16))),
    'an empty seq': put(...path, queryOption('seq', '')),
    'a query that is not UTF-8': put(...path, {
      number: OPTION.URI_QUERY,
      value: Uint8Array.of(0xff),
    }),
  };
  for (const [what, message] of Object.entries(hostile)) {
    t.throws(() => parsePush(message), { instanceOf: CodecError }, what);
  }
});

test('a push with a critical option that is not understood is answered so', (t) => {
  const host = { number: OPTION.URI_HOST, value: utf8Bytes('ue.example') };
  const path = pathOptions('push', 'a');
  t.notThrows(() => parsePush(put(...path, host)));
  for (const [answer, ...options] of [
    [CODE.BAD_OPTION, uintOption(OPTION.BLOCK2, 0)],
    [CODE.BAD_OPTION, { number: OPTION.BLOCK1, value: new Uint8Array(4) }],
    [CODE.BAD_OPTION, uintOption(OPTION.BLOCK1, 8), uintOption(OPTION.BLOCK1, 8)],
    [CODE.BAD_OPTION, { number: OPTION.IF_MATCH, value: EMPTY }],
    [CODE.BAD_OPTION, host, host],
    [CODE.BAD_OPTION, uintOption(OPTION.URI_PORT, 65_536)],
    [CODE.PROXYING_NOT_SUPPORTED, { number: OPTION.PROXY_URI, value: utf8Bytes('coap://x') }],
  ] as const) {
    const error = t.throws(() => parsePush(put(...path, ...options)), {
      instanceOf: RequestError,
    });
    t.is(error.answer, answer);
  }
});

test('of a Content-Format only the first counts, and only up to two octets', (t) => {
  const formatOf = (...values: readonly Uint8Array[]): number | undefined =>
    parsePush(
      put(
        ...pathOptions('push', 'a'),
        ...values.map((value) => ({ number: OPTION.CONTENT_FORMAT, value })),
      ),
    )?.contentFormat;
  t.is(formatOf(EMPTY), 0);
  t.is(formatOf(fromHex('32'), fromHex('33')), 50);
  for (const value of ['010000', '0000000000']) t.is(formatOf(fromHex(value)), 42);
});

const options = fc.array(
  fc.record({
    number: fc.oneof(fc.constantFrom(3, 7, 11, 12, 14, 15), fc.nat({ max: 65_535 })),
    value: fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc.constantFrom('push', '.push', 'a', 'u=9', 'ttl=', 'mode=put', 'at=x').map(utf8Bytes),
    ),
  }),
  { maxLength: 8 },
);

test('any message is a push, a registration, a farewell, or refused by a CodecError', (t) => {
  fc.assert(
    fc.property(fc.nat({ max: 255 }), options, (code, some) => {
      const message = overTheWire({ code, options: sortOptions(some) });
      const first = some.find(({ number }) => number === OPTION.URI_PATH)?.value;
      try {
        const push = parsePush(message);
        t.is(push !== undefined, code === CODE.PUT && utf8Text(first ?? EMPTY) === 'push');
        parseRegistration(message);
        isForget(message);
        t.truthy(parsePushAnswer(message).kind);
      } catch (error) {
        t.true(error instanceof CodecError, String(error));
      }
    }),
    { numRuns: 2_000 },
  );
});

test('the registration says how the UE takes pushes and where triggers reach it', (t) => {
  const at = 'udp://[2001:db8::1]:2948';
  t.deepEqual(parseRegistration(overTheWire(registration(at))), { mode: 'put', at });
  t.deepEqual(parseRegistration(overTheWire(registration(undefined))), { mode: 'put' });
  t.is(parseRegistration(overTheWire(FORGET)), undefined);
  t.is(parseRegistration(put(...pathOptions('.push'))), undefined);
});

test('the farewell is told from every other request', (t) => {
  t.true(isForget(overTheWire(FORGET)));
  t.false(isForget(overTheWire(registration(undefined))));
  t.false(isForget(overTheWire({ ...FORGET, options: pathOptions('.push', 'more') })));
  t.is(parsePush(overTheWire(FORGET)), undefined);
  t.deepEqual(bare(CODE.CHANGED), { code: CODE.CHANGED, options: NO_OPTIONS, payload: EMPTY });
});
