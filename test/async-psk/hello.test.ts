/** Reading records and hellos: published octets, any chunking, hostile octets. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { isBinderTrue } from '../../src/async-psk/binder.ts';
import { decodeClientHello, pskIdentityText } from '../../src/async-psk/hello.ts';
import { decodePskIdentity, decodeServerHello } from '../../src/async-psk/key-exchange.ts';
import { MessageReader } from '../../src/async-psk/records.ts';
import { CodecError } from '../../src/errors.ts';
import { concat, fromHex, toHex, uintBytes, utf8Bytes } from '../../src/lib/bytes.ts';
import { rawHello } from '../support/tls-records.ts';
import { rawClientHello } from '../attacks/raw-client.ts';

const vector = JSON.parse(
  readFileSync(new URL('../vectors/rfc8448-resumed-hello.json', import.meta.url), 'utf8'),
) as Record<'clientHello' | 'serverName' | 'ticketBegins' | 'binderHash' | 'binder', string> & {
  readonly ticketLength: number;
};
const key = new Uint8Array(32).fill(5);
const genuine = rawClientHello({
  psks: [{ identity: 'device', key }],
  serverName: utf8Bytes('naf.example.org'),
});

/** The message in records of these sizes; the last size repeats. */
function inRecords(message: Uint8Array, sizes: readonly number[]): Uint8Array {
  const records: Uint8Array[] = [];
  for (let at = 0, i = 0; at < message.length; i += 1) {
    const size = sizes[Math.min(i, sizes.length - 1)] ?? message.length;
    const body = message.subarray(at, at + size);
    records.push(Uint8Array.of(22, 3, 1), uintBytes(body.length, 2), body);
    at += size;
  }
  return concat(...records);
}

/** Octets with their length before them. */
function sized(lengthOctets: 1 | 2, ...parts: readonly Uint8Array[]): Uint8Array {
  const octets = concat(...parts);
  return concat(uintBytes(octets.length, lengthOctets), octets);
}

function read(stream: Uint8Array): ReturnType<MessageReader['push']> {
  return new MessageReader().push(stream);
}

function messageOf(stream: Uint8Array): Uint8Array {
  const found = read(stream);
  if (typeof found === 'string') throw new Error(found);
  return found.octets;
}

test('the resumed hello of RFC 8448 reads as published', (t) => {
  const message = messageOf(inRecords(fromHex(vector.clientHello), [512]));
  t.is(toHex(message), vector.clientHello);
  const hello = decodeClientHello(message);
  t.true(hello.offersTls13);
  t.is(hello.serverName, vector.serverName);
  const [psk] = hello.psks;
  t.is(hello.psks.length, 1);
  t.is(psk?.identity.length, vector.ticketLength);
  t.is(toHex(psk?.identity.subarray(0, 12) ?? key), vector.ticketBegins);
  t.is(toHex(psk?.binder ?? key), vector.binder);
  t.is(createHash('sha256').update(hello.truncated).digest('hex'), vector.binderHash);
  t.is(psk && pskIdentityText(psk.identity), undefined);
});

test('a binder holds for its own key and hello alone', (t) => {
  const hello = decodeClientHello(messageOf(genuine));
  const { truncated } = hello;
  const binder = hello.psks[0]?.binder ?? new Uint8Array(0);
  t.true(isBinderTrue({ truncated, binder }, key));
  t.false(isBinderTrue({ truncated, binder }, new Uint8Array(32)));
  t.false(isBinderTrue({ truncated, binder: binder.subarray(1) }, key));
  const other = Uint8Array.from(truncated);
  other[20] = (other[20] ?? 0) ^ 1;
  t.false(isBinderTrue({ truncated: other, binder }, key));
});

test('a message reads the same in any records and any chunks', (t) => {
  const message = messageOf(genuine);
  const sizes = fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(sizes, sizes, fc.uint8Array({ maxLength: 9 }), (records, chunks, surplus) => {
      const stream = inRecords(message, records);
      const all = concat(stream, surplus);
      const reader = new MessageReader();
      let found = reader.push(new Uint8Array(0));
      for (let at = 0, i = 0; at < all.length; i += 1) {
        const size = chunks[i % chunks.length] ?? 1;
        found = reader.push(all.subarray(at, at + size));
        at += size;
      }
      t.like(found, { type: 1, end: stream.length });
      t.is(typeof found === 'object' && toHex(found.octets), toHex(message));
      t.deepEqual(reader.stream, all);
    }),
  );
});

test('a stream that is no handshake, or whose message does not end with its record, has none', (t) => {
  const message = messageOf(genuine);
  const another = inRecords(concat(message, Uint8Array.of(16)), [message.length + 1]);
  for (const [why, stream] of [
    ['HTTP', utf8Bytes('GET / HTTP/1.1\r\n')],
    ['a fatal alert', Uint8Array.of(21, 3, 1, 0, 2, 2, 40)],
    ['an alert of three octets', Uint8Array.of(21, 3, 1, 0, 3, 1, 90, 0)],
    ['an empty record', Uint8Array.of(22, 3, 1, 0, 0)],
    ['SSL 2', Uint8Array.of(22, 2, 1, 0, 9)],
    ['a record beyond 2^14', Uint8Array.of(22, 3, 1, 0x40, 1)],
    ['the next message in the same record', another],
    ['an alert in the middle', concat(inRecords(message.subarray(0, 9), [9]), Uint8Array.of(21))],
  ] as const) {
    t.is(read(stream), 'none', why);
  }
  for (let end = 0; end < genuine.length; end += 1) t.is(read(genuine.subarray(0, end)), 'partial');
});

test('every cut of a hello is refused with a CodecError', (t) => {
  const message = messageOf(genuine);
  const beforeExtensions = 4 + 2 + 32 + 33 + 4 + 2;
  for (let end = 0; end < message.length; end += 1) {
    if (end === beforeExtensions) continue;
    t.throws(() => decodeClientHello(message.subarray(0, end)), { instanceOf: CodecError });
  }
  t.false(decodeClientHello(message.subarray(0, beforeExtensions)).offersTls13);
});

test('hostile octets give a value or a CodecError and nothing else', (t) => {
  const message = messageOf(genuine);
  const edit = fc.tuple(fc.nat(message.length - 1), fc.nat(255));
  const mutated = fc.array(edit, { minLength: 1, maxLength: 6 }).map((edits) => {
    const copy = Uint8Array.from(message);
    for (const [at, octet] of edits) copy[at] = octet;
    return copy;
  });
  const octets = fc.oneof({ weight: 4, arbitrary: mutated }, fc.uint8Array({ maxLength: 300 }));
  const decoders = [decodeClientHello, decodeServerHello, decodePskIdentity];
  fc.assert(
    fc.property(octets, (hostile) => {
      for (const decode of decoders) {
        try {
          t.truthy(decode(hostile));
        } catch (error) {
          if (!(error instanceof CodecError)) throw error;
        }
      }
      const found = read(hostile);
      t.true(typeof found === 'string' || found.octets.length <= hostile.length);
    }),
    { numRuns: 3_000 },
  );
});

test('what OpenSSL may read in another way is refused', (t) => {
  const message = messageOf(genuine);
  const extensionsAt = 4 + 2 + 32 + 33 + 4 + 2;
  const [head, own] = [message.subarray(0, extensionsAt), message.subarray(extensionsAt + 2)];
  const hello = (...extensions: readonly Uint8Array[]): Uint8Array =>
    concat(head, sized(2, ...extensions));
  const unknown = concat(uintBytes(0x1234, 2), sized(2));
  const name = (type: number, text: string): Uint8Array =>
    concat(Uint8Array.of(type), sized(2, utf8Bytes(text)));
  const names = (...list: readonly Uint8Array[]): Uint8Array =>
    hello(uintBytes(0, 2), sized(2, sized(2, ...list)));
  const identity = concat(sized(2, utf8Bytes('a')), uintBytes(0, 4));
  const binder = sized(1, new Uint8Array(32));
  const psks = (identities: readonly Uint8Array[], binders: readonly Uint8Array[]): Uint8Array =>
    concat(uintBytes(41, 2), sized(2, sized(2, ...identities), sized(2, ...binders)));
  const offer = psks([identity], [binder]);

  const many = Array.from({ length: 64 }, (_, i) => concat(uintBytes(0x2000 + i, 2), sized(2)));

  t.is(decodeClientHello(hello(unknown, own)).psks.length, 1);
  t.false(decodeClientHello(hello(...many)).offersTls13);
  t.is(decodeClientHello(hello(unknown, offer)).psks.length, 1);
  t.is(decodeClientHello(names(name(0, 'a.example'))).serverName, 'a.example');
  for (const [hostile, why] of [
    [hello(unknown, unknown, own), /extension 4660 comes twice/],
    [hello(...many, unknown), /too many extensions/],
    [hello(own, offer), /extension 41 comes twice/],
    [hello(own, unknown), /pre_shared_key is not last/],
    [concat(message, Uint8Array.of(0)), /1 octet too many/],
    [names(name(0, 'a'), name(0, 'b')), /octets too many/],
    [names(name(0, 'a\0b')), /no host_name/],
    [names(name(1, 'a')), /no host_name/],
    [names(name(0, '')), /no host_name/],
    [hello(psks([identity, identity], [binder])), /each identity has one binder/],
    [hello(psks([identity], [binder, binder])), /each identity has one binder/],
  ] as const) {
    t.throws(() => decodeClientHello(hostile), { instanceOf: CodecError, message: why });
  }
});

test('only text that OpenSSL shows unchanged is an identity', (t) => {
  t.is(pskIdentityText(utf8Bytes('a\n\u{1F511}')), 'a\n\u{1F511}');
  t.is(pskIdentityText(utf8Bytes('\uFEFFa')), '\uFEFFa');
  t.is(pskIdentityText(new Uint8Array(256).fill(0x61))?.length, 256);
  for (const octets of [
    new Uint8Array(0),
    new Uint8Array(257).fill(0x61),
    utf8Bytes('victim\0junk'),
    Uint8Array.of(0x61, 0xff),
    Uint8Array.of(0xed, 0xa0, 0x80),
  ]) {
    t.is(pskIdentityText(octets), undefined);
  }
});

test('the identities of a hello are read in their order, whatever their octets', (t) => {
  const identity = fc.uint8Array({ minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(fc.array(identity, { minLength: 1, maxLength: 8 }), (identities) => {
      const { psks } = decodeClientHello(messageOf(rawHello({ identities, key })));
      t.deepEqual(
        psks.map((psk) => toHex(psk.identity)),
        identities.map(toHex),
      );
    }),
  );
});
