import test from 'ava';
import fc from 'fast-check';
import { encodeSubmit, decodeModemPdu } from '../../src/codec/sms.ts';
import {
  createPushSmsReceiver,
  encodePushSms,
  joinParts,
  MAX_PARTS,
  WAP_PUSH_PORTS,
  type PushSmsOptions,
} from '../../src/codec/sms-push.ts';
import { CodecError } from '../../src/errors.ts';
import { parseMsisdn } from '../../src/ids.ts';
import { fromHex, toHex } from '../../src/lib/bytes.ts';
import { octetsOf } from '../support/gpi.ts';

const to = parseMsisdn('+491701234567');
const options: PushSmsOptions = { to, reference: 7 };
const envelope = octetsOf('envelope');
const ofSize = (octets: number): Uint8Array => Uint8Array.from({ length: octets }, (_, i) => i);
const pdusOf = (octets: Uint8Array, more: Partial<PushSmsOptions> = {}): Uint8Array[] =>
  encodePushSms(octets, { ...options, ...more }).map(({ pdu }) => fromHex(pdu));
const count = (octets: number, more: Partial<PushSmsOptions> = {}): number =>
  encodePushSms(ofSize(octets), { ...options, ...more }).length;

test('the envelope of the pinned GPI fits one SMS, its media type written as text', (t) => {
  const [pdu, ...more] = encodePushSms(envelope, options);
  t.deepEqual(more, []);
  t.is(
    pdu?.pdu,
    `0041000c919471103254760004${'8a'}0605040b8423f0` +
      `07061d${Buffer.from('application/vnd.3gpp.gba.gpi\0').toString('hex')}${toHex(envelope)}`,
  );
  t.is(pdu?.length, 14 - 1 + 138);
});

test('how many octets of envelope one SMS holds is as docs/wire.md says', (t) => {
  const short = { contentTypeCode: 0x50, applicationId: 9 };
  const long = { contentTypeCode: 0x310, applicationId: 0x9001 };
  for (const [most, more] of [
    [101, {}],
    [99, { applicationId: 9 }],
    [127, short],
    [122, long],
  ] as const) {
    t.is(count(most, more), 1);
    t.is(count(most + 1, more), 2);
  }
  t.is(count(398), 4, 'the longest envelope');
});

test('every envelope arrives, in one SMS or several', (t) => {
  const codes = fc.option(fc.integer({ min: 0, max: 0xffff }), { nil: undefined });
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 600 }),
      fc.record({
        reference: fc.integer({ min: 0, max: 255 }),
        contentTypeCode: codes,
        applicationId: fc.oneof(codes, fc.constant('x-lab:gba')),
      }),
      (octets, more) => {
        const receiver = createPushSmsReceiver(more);
        const received = pdusOf(octets, more).map((pdu) => receiver.receive(pdu));
        t.deepEqual(received.pop(), octets);
        t.true(received.every((early) => early === undefined));
      },
    ),
  );
});

test('parts are joined in any order, with some of them twice, and mixed with those of other messages', (t) => {
  const messages = [ofSize(300), ofSize(450), ofSize(299)];
  const pdus = messages.flatMap((octets, i) => pdusOf(octets, { reference: i }));
  const orders = fc
    .tuple(
      fc.shuffledSubarray(pdus, { minLength: pdus.length }),
      fc.array(fc.nat({ max: pdus.length - 1 }), { maxLength: 6 }),
    )
    .map(([order, again]) => [...again.map((i) => pdus[i] ?? new Uint8Array()), ...order]);
  fc.assert(
    fc.property(orders, (order) => {
      const receiver = createPushSmsReceiver();
      const whole = order.flatMap((pdu) => receiver.receive(pdu) ?? []).map(toHex);
      for (const octets of messages) t.true(whole.includes(toHex(octets)));
      for (const octets of whole) t.true(messages.map(toHex).includes(octets));
    }),
  );
});

test('parts of two senders are not joined, though they are numbered alike', (t) => {
  const parts = joinParts();
  const [first, second] = pdusOf(ofSize(200)).map(decodeModemPdu);
  if (first === undefined || second === undefined) return t.fail();
  t.is(parts.add(first), undefined);
  t.is(parts.add({ ...second, address: '+15125551234' }), undefined);
  t.is(parts.add({ ...second, ports: { ...WAP_PUSH_PORTS, originator: 1 } }), undefined);
  t.true((parts.add(second)?.length ?? 0) > 200);
});

test('a reference that comes round again begins anew: old and new parts are never mixed', (t) => {
  const receiver = createPushSmsReceiver();
  const [oldFirst] = pdusOf(ofSize(200));
  const fresh = ofSize(200).map((octet) => octet ^ 0xff);
  const [first, second] = pdusOf(fresh);
  if (!oldFirst || !first || !second) return t.fail();
  t.is(receiver.receive(oldFirst), undefined);
  t.is(receiver.receive(first), undefined);
  t.deepEqual(receiver.receive(second), fresh);
});

test('a part that contradicts one that is there takes all earlier parts with it', (t) => {
  const parts = joinParts();
  const of = (number: number, value: number) =>
    decodeModemPdu(
      encodeSubmit({
        to,
        ports: WAP_PUSH_PORTS,
        part: { reference: 1, total: 3, number },
        data: Uint8Array.of(value),
      }),
    );
  t.is(parts.add(of(1, 1)), undefined);
  t.is(parts.add(of(2, 1)), undefined);
  t.is(parts.add(of(2, 2)), undefined);
  t.is(parts.add(of(3, 2)), undefined, 'part 1 was of the old message');
  t.deepEqual(parts.add(of(1, 2)), Uint8Array.of(2, 2, 2));
});

test('at most 16 messages are unfinished: the one that got no part for longest gives way', (t) => {
  const receiver = createPushSmsReceiver();
  const pairs = Array.from({ length: 17 }, (_, reference) => pdusOf(ofSize(200), { reference }));
  for (const [first] of pairs) if (first) receiver.receive(first);
  const whole = pairs.reverse().map(([, second]) => second && receiver.receive(second));
  t.is(whole.pop(), undefined);
  t.true(whole.every((octets) => octets !== undefined));
});

test('a message of more parts than an envelope needs is passed over', (t) => {
  const receiver = createPushSmsReceiver();
  const send = (total: number): boolean =>
    Array.from({ length: total }, (_, i) => {
      const part = { reference: 1, total, number: i + 1 };
      const data = pdusOf(ofSize(60)).map((pdu) => decodeModemPdu(pdu).data)[0] ?? new Uint8Array();
      const chunk = Math.ceil(data.length / total);
      return receiver.receive(
        encodeSubmit({
          to,
          ports: WAP_PUSH_PORTS,
          part,
          data: data.subarray(i * chunk, (i + 1) * chunk),
        }),
      );
    }).some((octets) => octets !== undefined);
  t.true(send(MAX_PARTS));
  t.false(send(MAX_PARTS + 1));
});

test('what is for somebody else gives nothing: text, other ports, other media types', (t) => {
  const receiver = createPushSmsReceiver();
  const text = fromHex('0001000b915121551532f400000cc8f79d9c07e54f61363b04');
  t.is(receiver.receive(text), undefined);
  const [pdu] = pdusOf(envelope, { contentTypeCode: 0x2e });
  if (!pdu) return t.fail();
  t.is(receiver.receive(pdu), undefined);
  t.deepEqual(createPushSmsReceiver({ contentTypeCode: 0x2e }).receive(pdu), envelope);
  const { data } = decodeModemPdu(pdu);
  const other = encodeSubmit({ to, ports: { destination: 2949, originator: 9200 }, data });
  t.is(createPushSmsReceiver({ contentTypeCode: 0x2e }).receive(other), undefined);
});

test('the media type is the same in capitals', (t) => {
  const [pdu] = encodePushSms(envelope, options);
  const capitals = (pdu?.pdu ?? '').replace(
    Buffer.from('application/vnd.3gpp').toString('hex'),
    Buffer.from('Application/VND.3GPP').toString('hex'),
  );
  t.not(capitals, pdu?.pdu);
  t.deepEqual(createPushSmsReceiver().receive(fromHex(capitals)), envelope);
});

test('any PDUs give nothing, an envelope or a CodecError', (t) => {
  const pdu = fc
    .tuple(
      fc.constantFrom(...pdusOf(ofSize(300)), ...pdusOf(envelope)),
      fc.array(fc.tuple(fc.nat({ max: 200 }), fc.nat({ max: 255 })), { maxLength: 3 }),
    )
    .map(([original, changes]) => {
      const changed = Uint8Array.from(original);
      for (const [at, value] of changes) changed[at % changed.length] = value;
      return changed;
    });
  fc.assert(
    fc.property(fc.array(pdu, { maxLength: 20 }), (pdus) => {
      const receiver = createPushSmsReceiver();
      for (const one of pdus) {
        try {
          receiver.receive(one);
        } catch (error) {
          t.true(error instanceof CodecError, String(error));
        }
      }
    }),
    { numRuns: 300 },
  );
  t.pass();
});

test('a reference beyond one octet is the caller’s mistake', (t) => {
  t.throws(() => encodePushSms(envelope, { to, reference: 256 }), { instanceOf: RangeError });
  t.throws(() => encodePushSms(envelope, { to, reference: -1 }), { instanceOf: RangeError });
});
