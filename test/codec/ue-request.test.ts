import test from 'ava';
import fc from 'fast-check';
import { CODE, formatCode, RequestError } from '../../src/codec/coap.ts';
import {
  emptyOption,
  OPTION,
  pathOptions,
  queryOption,
  sortOptions,
  uintOption,
  type CoapOption,
} from '../../src/codec/coap-option.ts';
import { findUint } from '../../src/codec/option-values.ts';
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
/** What a request is told that nothing here serves. */
const refusalOf = (code: number, ...options: readonly CoapOption[]): string => {
  try {
    return answerTo(ask(code, ...options));
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    return `${formatCode(error.answer)} ${error.message}`;
  }
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

test('a client may say how long blocks may be; one that asks for a later block does not register', (t) => {
  const block = (value: number): CoapOption => uintOption(OPTION.BLOCK2, value);
  t.deepEqual(get(emptyOption(OPTION.OBSERVE), block(0x02)), {
    ...{ kind: 'observe', contentFormat: 42, exponent: 2 },
  });
  const read = { kind: 'read', block: { number: 3, more: false, exponent: 6 } };
  t.deepEqual(get(block(0x36)), read);
  t.deepEqual(get(emptyOption(OPTION.OBSERVE), block(0x36)), read);
  const first = { kind: 'read', block: { number: 0, more: false, exponent: 2 } };
  t.deepEqual(get(block(0x02)), first);
});

test('a critical option that is not understood is answered 4.02 and named', (t) => {
  for (const number of [OPTION.IF_MATCH, OPTION.BLOCK1, 9, 65_001]) {
    const named = `4.02 option ${number} is not known here`;
    t.is(refusalOf(CODE.GET, ...push, emptyOption(OPTION.OBSERVE), emptyOption(number)), named);
    t.is(refusalOf(CODE.POST, ...pathOptions('nowhere'), emptyOption(number)), named);
  }
});

test('a critical option of a wrong length, or that comes too often, is not understood', (t) => {
  const octets = (number: number, length: number): CoapOption => ({
    number,
    value: new Uint8Array(length).fill(0x61),
  });
  const observe = [...push, emptyOption(OPTION.OBSERVE)];
  for (const [number, ...lengths] of [
    [OPTION.URI_HOST, 0],
    [OPTION.URI_HOST, 256],
    [OPTION.URI_HOST, 9, 9],
    [OPTION.URI_PORT, 3],
    [OPTION.URI_PORT, 2, 2],
    [OPTION.URI_PATH, 256],
    [OPTION.URI_QUERY, 256],
    [OPTION.ACCEPT, 3],
    [OPTION.ACCEPT, 5],
    [OPTION.ACCEPT, 0, 1],
    [OPTION.BLOCK2, 4],
    [OPTION.BLOCK2, 1, 1],
  ] as const) {
    const options = lengths.map((length) => octets(number, length));
    t.is(refusalOf(CODE.GET, ...observe, ...options), `4.02 option ${number} is not known here`);
  }
  for (const [number, ...lengths] of [
    [OPTION.URI_HOST, 255],
    [OPTION.URI_PORT, 0],
    [OPTION.URI_QUERY, 255, 0, 255],
    [OPTION.ACCEPT, 2],
  ] as const) {
    const options = lengths.map((length) => octets(number, length));
    t.is(refusalOf(CODE.GET, ...observe, ...options), 'observe');
  }
});

test('an elective option of a wrong length, or a second one, says nothing', (t) => {
  const none = { kind: 'observe', contentFormat: 42 };
  const again = [emptyOption(OPTION.OBSERVE), uintOption(OPTION.OBSERVE, 1)];
  t.deepEqual(get(...again), none);
  t.deepEqual(
    get(emptyOption(OPTION.OBSERVE), { number: OPTION.MAX_AGE, value: new Uint8Array(9) }),
    none,
  );
});

test('a request to a proxy is answered 5.05, whatever else is wrong with it', (t) => {
  for (const number of [OPTION.PROXY_URI, OPTION.PROXY_SCHEME]) {
    const proxied = { number, value: utf8Bytes('coap://elsewhere.example') };
    t.is(refusalOf(CODE.GET, ...push, proxied), '5.05 this is no proxy');
    t.is(refusalOf(31, emptyOption(9), ...push, proxied), '5.05 this is no proxy');
  }
});

test('a method that no resource has is not allowed anywhere', (t) => {
  for (const code of [5, 6, 7, 8, 31]) {
    for (const path of [[], ['push'], ['.push'], ['nowhere']]) {
      const told = `4.05 the method 0.${String(code).padStart(2, '0')} is not known here`;
      t.is(refusalOf(code, ...pathOptions(...path)), told);
    }
  }
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
