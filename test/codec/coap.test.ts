import test from 'ava';
import fc from 'fast-check';
import {
  CODE,
  formatCode,
  isRequest,
  isResponse,
  isSignal,
  isSuccess,
} from '../../src/codec/coap.ts';
import {
  OPTION,
  ReceivedOption,
  emptyOption,
  pathOptions,
  queryOption,
  sortOptions,
  stringOption,
  uintOption,
  type CoapOption,
} from '../../src/codec/coap-option.ts';
import {
  findOption,
  findQuery,
  findUint,
  isCritical,
  isText,
  hasKey,
  numberAfter,
  pathSegments,
  stringValue,
  uintValue,
  unrecognisedCritical,
} from '../../src/codec/option-values.ts';
import { CodecError } from '../../src/errors.ts';
import { concat, fromHex, toHex, utf8Bytes, utf8Text } from '../../src/lib/bytes.ts';

test('codes print as class and detail', (t) => {
  t.is(formatCode(CODE.CREATED), '2.01');
  t.is(formatCode(CODE.TOO_MANY_REQUESTS), '4.29');
  t.is(formatCode(CODE.SERVICE_UNAVAILABLE), '5.03');
  t.is(formatCode(CODE.ABORT), '7.05');
  t.is(formatCode(CODE.EMPTY), '0.00');
});

test('every code belongs to one class at most, and 1.xx and 6.xx to none', (t) => {
  for (let code = 0; code < 256; code++) {
    const classes = [isRequest(code), isResponse(code), isSignal(code)].filter(Boolean).length;
    const reserved = code === 0 || [1, 6].includes(code >> 5);
    t.is(classes, reserved ? 0 : 1, formatCode(code));
  }
  t.true(isSuccess(CODE.CHANGED));
  t.false(isSuccess(CODE.CONFLICT));
});

test('integers take as few octets as they need', (t) => {
  const octets = (value: number): string => toHex(uintOption(OPTION.MAX_AGE, value).value);
  t.is(octets(0), '');
  t.is(octets(255), 'ff');
  t.is(octets(256), '0100');
  t.is(octets(65_536), '010000');
  t.is(octets(0xffff_ffff), 'ffffffff');
  t.throws(() => uintOption(OPTION.MAX_AGE, 2 ** 32), { instanceOf: RangeError });
  t.throws(() => uintOption(OPTION.MAX_AGE, -1), { instanceOf: RangeError });
  t.throws(() => uintOption(OPTION.MAX_AGE, 0.5), { instanceOf: RangeError });
});

test('integers survive the round trip, leading zeros are read, five octets are refused', (t) => {
  fc.assert(
    fc.property(fc.nat(0xffff_ffff), (value) => uintValue(uintOption(14, value)) === value),
  );
  t.is(uintValue({ number: 14, value: fromHex('00003c') }), 60);
  const tooLong = { number: 14, value: fromHex('0000000001') };
  const error = t.throws(() => uintValue(tooLong), { instanceOf: CodecError });
  t.is(error.code, 'ERR_COAP_MALFORMED');
});

test('text survives the round trip, and octets that are not UTF-8 are refused', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      return stringValue(stringOption(OPTION.URI_PATH, text)) === text;
    }),
  );
  t.is(toHex(stringOption(OPTION.URI_PATH, 'é').value), 'c3a9');
  t.throws(() => stringValue({ number: 11, value: fromHex('c3') }), { code: 'ERR_COAP_MALFORMED' });
});

test('a path is its segments, also when one holds a slash', (t) => {
  const options = [...pathOptions('push', 'a/b'), uintOption(OPTION.CONTENT_FORMAT, 42)];
  t.deepEqual(pathSegments(options), ['push', 'a/b']);
  t.deepEqual(pathSegments([]), []);
});

test('a query is found by its whole key, the first one wins', (t) => {
  const options = [queryOption('ttl', 60), queryOption('u', 3), queryOption('u', 4)];
  t.is(findQuery(options, 'u'), '3');
  t.is(findQuery(options, 'ttl'), '60');
  t.is(findQuery(options, 't'), undefined);
  t.is(findQuery([stringOption(OPTION.URI_QUERY, 'flag')], 'flag'), '');
  t.is(findQuery([stringOption(OPTION.URI_PATH, 'u=3')], 'u'), undefined);
});

function outcomeOf(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    return error instanceof CodecError ? error.code : error;
  }
}

test('options are found by number', (t) => {
  const options = [emptyOption(OPTION.OBSERVE), uintOption(OPTION.CONTENT_FORMAT, 42)];
  t.is(findUint(options, OPTION.CONTENT_FORMAT), 42);
  t.is(findUint(options, OPTION.OBSERVE), 0);
  t.is(findUint(options, OPTION.MAX_AGE), undefined);
  t.is(findOption(options, OPTION.MAX_AGE), undefined);
});

test('an option reads alike whether it was made here or lies in the middle of a frame', (t) => {
  const values = fc.oneof(
    fc.uint8Array({ maxLength: 6 }),
    fc.string({ unit: 'binary', maxLength: 6 }).map(utf8Bytes),
    fc.constantFrom('push', 'pusH', 'pus', 'push/').map(utf8Bytes),
    fc
      .tuple(
        fc.constantFrom('u', 'ttl', 'tt'),
        fc.constantFrom('=', ''),
        fc.string({ unit: 'binary', maxLength: 3 }),
      )
      .map((parts) => utf8Bytes(parts.join(''))),
    fc.bigInt({ min: 0n, max: 10n ** 17n }).map((n) => utf8Bytes(`ttl=${n}`)),
  );
  fc.assert(
    fc.property(values, fc.nat(5), (value, before) => {
      const made = { number: 15, value };
      const frame = concat(new Uint8Array(before).fill(0x75), value, Uint8Array.of(0x31));
      const came = new ReceivedOption(15, frame, before, before + value.length);
      const readings = [
        (option: CoapOption) => [...option.value],
        (option: CoapOption) => outcomeOf(() => stringValue(option)),
        (option: CoapOption) => outcomeOf(() => uintValue(option)),
        (option: CoapOption) => isText(option, 'push'),
        (option: CoapOption) => hasKey(option, 'ttl') && numberAfter(option, 'ttl'),
        (option: CoapOption) => hasKey(option, 'u') && numberAfter(option, 'u'),
      ];
      for (const read of readings) t.deepEqual(read(came), read(made));
      const text = utf8Text(value);
      t.is(isText(came, 'push'), text === 'push');
      if (text === undefined) return;
      const digits = /^ttl=(.*)$/s.exec(text)?.[1];
      const number = digits !== undefined && /^\d{1,15}$/.test(digits) ? Number(digits) : NaN;
      t.is(hasKey(came, 'ttl'), digits !== undefined);
      if (digits !== undefined) t.is(numberAfter(came, 'ttl'), number);
    }),
  );
});

test('sorting is by number and keeps the order of equals', (t) => {
  const sorted = sortOptions([queryOption('a', 1), ...pathOptions('x', 'y'), queryOption('b', 2)]);
  t.deepEqual(pathSegments(sorted), ['x', 'y']);
  t.deepEqual(
    sorted.map(({ number }) => number),
    [11, 11, 15, 15],
  );
  t.is(findQuery(sorted.slice(3), 'b'), '2');
});

test('odd options are critical, and the first unknown one is named', (t) => {
  t.true(isCritical(OPTION.URI_PATH));
  t.false(isCritical(OPTION.CONTENT_FORMAT));
  const known = new Set<number>([OPTION.URI_PATH]);
  t.is(unrecognisedCritical(pathOptions('push'), known), undefined);
  t.is(unrecognisedCritical([emptyOption(OPTION.OBSERVE)], known), undefined);
  t.is(unrecognisedCritical([...pathOptions('a'), emptyOption(OPTION.BLOCK1)], known), 27);
});
