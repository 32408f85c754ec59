import test from 'ava';
import fc from 'fast-check';
import { CODE } from '../../src/codec/coap.ts';
import {
  emptyOption,
  findUint,
  OPTION,
  pathOptions,
  queryOption,
  sortOptions,
  uintOption,
  type CoapOption,
} from '../../src/codec/coap-option.ts';
import { FORGET, registration } from '../../src/codec/push.ts';
import { notification, parseUeRequest, type UeRequest } from '../../src/codec/ue-request.ts';
import { CodecError } from '../../src/errors.ts';
import { EMPTY, utf8Bytes, utf8Text } from '../../src/lib/bytes.ts';
import { overTheWire } from '../support/coap.ts';

function ask(code: number, ...options: readonly CoapOption[]): UeRequest {
  return parseUeRequest(overTheWire({ code, options: sortOptions(options), payload: EMPTY }));
}

const push = pathOptions('push');
const get = (...options: readonly CoapOption[]): UeRequest => ask(CODE.GET, ...push, ...options);
const answerTo = (request: UeRequest): string => {
  if (request.kind !== 'none') return request.kind;
  return `${request.answer.code} ${utf8Text(request.answer.payload) ?? ''}`.trim();
};

test('Observe 0 registers, Observe 1 cancels, and Accept fixes the format', (t) => {
  t.deepEqual(get(emptyOption(OPTION.OBSERVE)), { kind: 'observe', contentFormat: 42 });
  t.deepEqual(get({ number: OPTION.OBSERVE, value: new Uint8Array(3) }), {
    kind: 'observe',
    contentFormat: 42,
  });
  t.deepEqual(get(uintOption(OPTION.OBSERVE, 0), uintOption(OPTION.ACCEPT, 0)), {
    kind: 'observe',
    contentFormat: 0,
  });
  t.deepEqual(get(uintOption(OPTION.OBSERVE, 1)), { kind: 'cancel' });
});

test('what a client adds by itself changes nothing', (t) => {
  const extra = [
    { number: OPTION.URI_HOST, value: utf8Bytes('elsewhere.example') },
    uintOption(OPTION.URI_PORT, 39_239),
    queryOption('anything', 1),
    { number: 2_000, value: utf8Bytes('elective') },
  ];
  t.like(get(emptyOption(OPTION.OBSERVE), ...extra), { kind: 'observe' });
});

test('a GET that does not observe is told that it must, whatever its Observe says', (t) => {
  const told = `${CODE.METHOD_NOT_ALLOWED} GET /push needs Observe`;
  t.is(answerTo(get()), told);
  for (const value of [2, 0x100, 0xff_ffff]) {
    t.is(answerTo(get(uintOption(OPTION.OBSERVE, value))), told);
  }
  for (const length of [4, 5, 200]) {
    t.is(answerTo(get({ number: OPTION.OBSERVE, value: new Uint8Array(length) })), told);
  }
});

test('a critical option that is not understood is answered 4.02 and named', (t) => {
  for (const number of [OPTION.IF_MATCH, OPTION.BLOCK2, OPTION.PROXY_URI, 9, 65_001]) {
    const named = `${CODE.BAD_OPTION} option ${number} is not known here`;
    t.is(answerTo(get(emptyOption(OPTION.OBSERVE), emptyOption(number))), named);
    t.is(answerTo(ask(CODE.POST, ...pathOptions('nowhere'), emptyOption(number))), named);
  }
  t.is(
    answerTo(get(emptyOption(OPTION.OBSERVE), uintOption(OPTION.ACCEPT, 65_536))),
    `${CODE.BAD_OPTION} Accept has more than 16 bits`,
  );
});

test('other paths are not found, other methods not allowed', (t) => {
  const observe = emptyOption(OPTION.OBSERVE);
  for (const path of [[], ['pushes'], ['push', 'id'], ['.push', 'x'], ['.well-known', 'core']]) {
    t.is(answerTo(ask(CODE.GET, observe, ...pathOptions(...path))), `${CODE.NOT_FOUND}`);
  }
  const disallowed = `${CODE.METHOD_NOT_ALLOWED}`;
  t.is(answerTo(ask(CODE.PUT, ...push)), disallowed);
  t.is(answerTo(ask(CODE.GET, observe, ...pathOptions('.push'))), disallowed);
  t.is(answerTo(parseUeRequest(overTheWire(FORGET))), disallowed);
});

test('the registration of a UE that takes PUTs is read as before', (t) => {
  t.deepEqual(parseUeRequest(overTheWire(registration('udp://127.0.0.1:2948'))), {
    kind: 'take-puts',
    at: 'udp://127.0.0.1:2948',
  });
  t.deepEqual(parseUeRequest(overTheWire(registration(undefined))), { kind: 'take-puts' });
  const other = ask(CODE.POST, ...pathOptions('.push'), queryOption('mode', 'pigeon'));
  t.is(answerTo(other), `${CODE.BAD_REQUEST} the only mode is put`);
});

test('a notification survives the wire; its sequence wraps at 24 bits, its age stops at 32', (t) => {
  const numbers = fc.record({
    contentFormat: fc.nat({ max: 65_535 }),
    sequence: fc.nat(),
    maxAgeSeconds: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), numbers, (payload, how) => {
      const message = overTheWire(notification(payload, how));
      t.is(message.code, CODE.CONTENT);
      t.is(findUint(message.options, OPTION.OBSERVE), how.sequence % 2 ** 24);
      t.is(findUint(message.options, OPTION.CONTENT_FORMAT), how.contentFormat);
      t.is(findUint(message.options, OPTION.MAX_AGE), Math.min(how.maxAgeSeconds, 2 ** 32 - 1));
      t.deepEqual(Buffer.from(message.payload), Buffer.from(payload));
    }),
  );
  const ageless = { contentFormat: 42, sequence: 1, maxAgeSeconds: Infinity };
  t.is(findUint(overTheWire(notification(EMPTY, ageless)).options, OPTION.MAX_AGE), 2 ** 32 - 1);
});

const options = fc.array(
  fc.record({
    number: fc.oneof(fc.constantFrom(3, 6, 7, 11, 12, 15, 17), fc.nat({ max: 65_535 })),
    value: fc.oneof(
      fc.uint8Array({ maxLength: 6 }),
      fc.constantFrom('push', '.push', 'mode=put', 'at=x').map(utf8Bytes),
    ),
  }),
  { maxLength: 6 },
);

test('any request has a meaning, an answer of its own, or is a CodecError', (t) => {
  const kinds = new Set<string>();
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 31 }), options, (code, some) => {
      try {
        kinds.add(
          parseUeRequest({ code, token: EMPTY, options: sortOptions(some), payload: EMPTY }).kind,
        );
      } catch (error) {
        t.true(error instanceof CodecError, String(error));
      }
    }),
    { numRuns: 5_000 },
  );
  t.true(kinds.has('none'));
});
