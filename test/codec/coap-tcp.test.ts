import test from 'ava';
import fc from 'fast-check';
import { CoapDecoder } from '../../src/codec/coap-decoder.ts';
import { encodedLength, encodeInto, encodeMessage } from '../../src/codec/coap-tcp.ts';
import { type CoapMessage } from '../../src/codec/coap.ts';
import { NO_OPTIONS, sortOptions } from '../../src/codec/coap-option.ts';
import { CodecError } from '../../src/errors.ts';
import { EMPTY, concat, fromHex, toHex } from '../../src/lib/bytes.ts';
import vectors from '../vectors/coap-tcp.json' with { type: 'json' };

const LIMIT = 100_000;

function decode(octets: Uint8Array, cuts: readonly number[] = [], limit = LIMIT): CoapMessage[] {
  const decoder = new CoapDecoder(limit);
  const messages: CoapMessage[] = [];
  const at = [0, ...[...cuts].sort((a, b) => a - b), octets.length];
  for (let i = 1; i < at.length; i++) {
    decoder.push(octets.slice(at[i - 1], at[i]), (message) => messages.push(message));
  }
  return messages;
}

const plain = ({ code, token, options, payload }: CoapMessage): object => ({
  code,
  token: toHex(token),
  options: options.map(({ number, value }) => [number, toHex(value)]),
  payload: toHex(payload),
});

const octets = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });
const anyMessage: fc.Arbitrary<CoapMessage> = fc.record({
  code: fc.nat(255),
  token: octets(8),
  options: fc
    .array(
      fc.record({
        number: fc.oneof(fc.nat(40), fc.nat(65_535)),
        value: fc.oneof(octets(20), octets(300)),
      }),
      { maxLength: 6 },
    )
    .map(sortOptions),
  payload: fc.oneof(octets(12), octets(600)),
});

for (const { name, hex, ...expected } of vectors.messages) {
  test(`both ways: ${name}`, (t) => {
    const [message, ...more] = decode(fromHex(hex));
    t.is(more.length, 0);
    t.truthy(message);
    if (message === undefined) return;
    t.deepEqual(plain(message), expected);
    t.is(toHex(encodeMessage(message)), hex);
    t.is(encodedLength(message), hex.length / 2);
  });
}

for (const { name, payloadOctets, header } of vectors.lengths) {
  test(`${name} is written and read`, (t) => {
    const payload = new Uint8Array(payloadOctets).fill(0x61);
    const message = { code: 0x45, token: EMPTY, options: NO_OPTIONS, payload };
    const encoded = encodeMessage(message);
    t.is(toHex(encoded.subarray(0, encoded.length - payloadOctets)), header);
    t.deepEqual(decode(encoded).map(plain), [plain(message)]);
  });
}

for (const { name, hex } of vectors.malformed) {
  test(`refused: ${name}`, (t) => {
    t.throws(() => decode(fromHex(hex)), { instanceOf: CodecError, code: 'ERR_COAP_MALFORMED' });
  });
}

test('any messages, cut anywhere, come out as they went in', (t) => {
  fc.assert(
    fc.property(
      fc.array(anyMessage, { maxLength: 5 }),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
      (messages, cuts) => {
        const stream = concat(...messages.map(encodeMessage));
        const places = cuts.map((cut) => Math.floor(cut * stream.length));
        t.deepEqual(decode(stream, places).map(plain), messages.map(plain));
      },
    ),
  );
});

test('octet by octet gives the same messages', (t) => {
  fc.assert(
    fc.property(fc.array(anyMessage, { maxLength: 2 }), (messages) => {
      const stream = concat(...messages.map(encodeMessage));
      t.deepEqual(
        decode(
          stream,
          Array.from(stream, (_, i) => i),
        ).map(plain),
        messages.map(plain),
      );
    }),
    { numRuns: 40 },
  );
});

test('a message that is cut short gives nothing, and the decoder says that it holds a part', (t) => {
  fc.assert(
    fc.property(anyMessage, fc.double({ min: 0, max: 1, noNaN: true }), (message, cut) => {
      const encoded = encodeMessage(message);
      const length = Math.min(encoded.length - 1, Math.floor(cut * encoded.length));
      const decoder = new CoapDecoder(LIMIT);
      decoder.push(encoded.subarray(0, length), () => t.fail('a message out of a part of one'));
      t.is(decoder.partial, length > 0);
    }),
  );
});

test('arbitrary octets give messages or a CodecError, the same for every chunking', (t) => {
  const outcome = (input: Uint8Array, cuts: readonly number[]): unknown => {
    try {
      return decode(input, cuts, 2048).map(plain);
    } catch (error) {
      t.true(error instanceof CodecError);
      return (error as CodecError).message;
    }
  };
  fc.assert(
    fc.property(octets(400), fc.array(fc.nat(400), { maxLength: 6 }), (input, cuts) => {
      const whole = outcome(input, []);
      const places = cuts.filter((cut) => cut <= input.length);
      t.deepEqual(outcome(input, places), whole);
    }),
    { numRuns: 2_000 },
  );
});

test('a frame over the limit is refused by its length field alone', (t) => {
  const decoder = new CoapDecoder(4096);
  const sink = (): void => t.fail('nothing is complete');
  t.throws(() => decoder.push(fromHex('f0ffffffff'), sink), { code: 'ERR_COAP_OVERSIZE' });
  t.throws(() => decoder.push(fromHex('0000'), sink), { code: 'ERR_COAP_OVERSIZE' });
});

test('the limit counts the whole message, to the octet', (t) => {
  const frame = encodeMessage({
    code: 0x45,
    token: fromHex('01020304'),
    options: NO_OPTIONS,
    payload: new Uint8Array(100),
  });
  t.is(decode(frame, [], frame.length).length, 1);
  t.throws(() => decode(frame, [], frame.length - 1), { code: 'ERR_COAP_OVERSIZE' });
  t.throws(() => decode(frame, [1, 2], frame.length - 1), { code: 'ERR_COAP_OVERSIZE' });
});

test('after a malformed message the stream stays refused, earlier messages were given', (t) => {
  const decoder = new CoapDecoder(LIMIT);
  const codes: number[] = [];
  const sink = ({ code }: CoapMessage): number => codes.push(code);
  t.throws(() => decoder.push(fromHex('0041' + '1045ff' + '0042'), sink), {
    code: 'ERR_COAP_MALFORMED',
  });
  t.throws(() => decoder.push(fromHex('0042'), sink), { code: 'ERR_COAP_MALFORMED' });
  t.deepEqual(codes, [0x41]);
});

test('messages without options share one frozen list', (t) => {
  const [a, b] = decode(fromHex('0041' + '2045ff61'));
  t.is(a?.options, NO_OPTIONS);
  t.is(b?.options, NO_OPTIONS);
  t.true(Object.isFrozen(NO_OPTIONS));
});

test('whole frames in a chunk are views over it, a frame across chunks has memory of its own', (t) => {
  const message = encodeMessage({
    code: 0x45,
    token: fromHex('01'),
    options: NO_OPTIONS,
    payload: fromHex('616263'),
  });
  const views: CoapMessage[] = [];
  const decoder = new CoapDecoder(LIMIT);
  decoder.push(message, (m) => views.push(m));
  t.is(views[0]?.payload.buffer, message.buffer);
  t.not(views[0]?.token.buffer, message.buffer);
  const first = message.slice(0, 4);
  const second = message.slice(4);
  decoder.push(first, (m) => views.push(m));
  decoder.push(second, (m) => views.push(m));
  second.fill(0);
  t.is(toHex(views[1]?.payload ?? EMPTY), '616263');
});

test('what cannot be encoded is a RangeError', (t) => {
  const message = { code: 0x45, token: EMPTY, options: NO_OPTIONS, payload: EMPTY };
  const refused = (changes: Partial<CoapMessage>): void => {
    t.throws(() => encodeMessage({ ...message, ...changes }), { instanceOf: RangeError });
  };
  refused({ token: new Uint8Array(9) });
  refused({ code: 256 });
  refused({ code: -1 });
  refused({
    options: [
      { number: 11, value: EMPTY },
      { number: 4, value: EMPTY },
    ],
  });
  refused({ options: [{ number: 65_536, value: EMPTY }] });
  refused({ options: [{ number: 11, value: new Uint8Array(65_805) }] });
  t.throws(() => encodeInto(message, new Uint8Array(1), 0), { instanceOf: RangeError });
});

test('encoding touches no octet outside its own', (t) => {
  fc.assert(
    fc.property(anyMessage, fc.nat(20), (message, offset) => {
      const length = encodedLength(message);
      const buffer = new Uint8Array(offset + length + 20).fill(0xa5);
      t.is(encodeInto(message, buffer, offset), offset + length);
      t.true(buffer.subarray(0, offset).every((octet) => octet === 0xa5));
      t.true(buffer.subarray(offset + length).every((octet) => octet === 0xa5));
    }),
  );
});
