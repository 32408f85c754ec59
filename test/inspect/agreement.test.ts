/** The field lists and the decoders read alike: what one finds faulty the other does, and nothing is left out. */
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { decodeAuts, encodeAuts } from '../../src/codec/auts.ts';
import { CoapDecoder } from '../../src/codec/coap-decoder.ts';
import { encodeMessage } from '../../src/codec/coap-tcp.ts';
import { type CoapMessage } from '../../src/codec/coap.ts';
import { OPTION, SIGNAL_OPTION } from '../../src/codec/coap-option.ts';
import { decodeEnvelope, sealEnvelope } from '../../src/codec/envelope.ts';
import { decodeGpi, sealGpi } from '../../src/codec/gpi.ts';
import { encodePushSms } from '../../src/codec/sms-push.ts';
import { decodeModemPdu } from '../../src/codec/sms.ts';
import { decodeWake, isWake, sealWake } from '../../src/codec/wake.ts';
import { decodeWapPush } from '../../src/codec/wap-push.ts';
import { CodecError } from '../../src/errors.ts';
import { inspectCoap } from '../../src/inspect/coap.ts';
import { OPTIONS, SIGNAL_OPTIONS } from '../../src/inspect/coap-options.ts';
import { inspectEnvelope } from '../../src/inspect/envelope.ts';
import { inspectGpi } from '../../src/inspect/gpi.ts';
import type { Inspection } from '../../src/inspect/sheet.ts';
import { inspectWake } from '../../src/inspect/wake.ts';
import { smsInspector } from '../../src/inspect/sms.ts';
import { parseMsisdn } from '../../src/ids.ts';
import { concat, fromHex, toHex } from '../../src/lib/bytes.ts';
import { connectAddresses, octets, octetsOf, pushInfos, seal } from '../support/gpi.ts';
import coap from '../vectors/coap-tcp.json' with { type: 'json' };
import sms from '../vectors/sms.json' with { type: 'json' };

const isRefused = (decode: () => unknown): boolean => {
  try {
    decode();
    return false;
  } catch (error) {
    if (error instanceof CodecError) return true;
    throw error;
  }
};

/** Leaf fields follow each other without a gap, and their hex is the input, up to the fault if there is one. */
function isComplete(t: ExecutionContext, input: Uint8Array, { fields, fault }: Inspection): void {
  const leaves = fields.filter(({ layer }) => layer !== 'GPI opened');
  let offset = 0;
  for (const field of leaves) {
    t.is(field.offset, offset, field.name);
    t.is(field.hex.length, field.octets * 2);
    offset += field.octets;
  }
  const hex = leaves.map((field) => field.hex).join('');
  t.is(hex, toHex(input).slice(0, hex.length));
  if (fault === undefined) t.is(hex.length, input.length * 2);
  else {
    const last = leaves.at(-1);
    const ends = last ? [last.offset, last.offset + last.octets] : [0];
    t.true(ends.includes(fault.offset), `the fault is in or after the last field: ${fault.reason}`);
  }
}

/** Valid octets, the same with octets changed, cut or added, and noise. */
const mangled = (valid: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    valid,
    fc
      .tuple(valid, fc.nat(), fc.nat({ max: 255 }))
      .map(([all, at, value]) => all.map((o, i) => (i === at % all.length ? value : o))),
    fc
      .tuple(valid, fc.nat({ max: 20 }), fc.nat({ max: 255 }))
      .map(([all, at, value]) => all.map((o, i) => (i === at % all.length ? value : o))),
    fc.tuple(valid, fc.nat()).map(([all, end]) => all.subarray(0, end % (all.length + 1))),
    fc.tuple(valid, octets(2)).map(([all, more]) => concat(all, more)),
    fc.uint8Array({ maxLength: 140 }),
  );

const gpis = pushInfos.map((info) => sealGpi(info, seal));
const envelopes = fc
  .tuple(fc.integer({ min: 1, max: 65_535 }), connectAddresses, gpis)
  .map(([sessionId, connect, gpi]) => sealEnvelope({ sessionId, connect, gpi }, octetsOf('ksNaf')));

test('a GPI is faulty for inspect exactly when its decoder refuses it', (t) => {
  fc.assert(
    fc.property(mangled(gpis), (input) => {
      const inspection = inspectGpi(input);
      isComplete(t, input, inspection);
      t.is(
        inspection.fault !== undefined,
        isRefused(() => decodeGpi(input)),
      );
    }),
    { numRuns: 500 },
  );
});

test('a GPI of more than 255 octets is faulty too', (t) => {
  const long = concat(octetsOf('gpi'), new Uint8Array(255 - octetsOf('gpi').length));
  t.is(inspectGpi(long).fault, undefined);
  t.regex(inspectGpi(concat(long, new Uint8Array(1))).fault?.reason ?? '', /at most 255 octets/);
});

test('an envelope is faulty for inspect exactly when its decoder, or that of its GPI, refuses it', (t) => {
  const auts = fc
    .tuple(octets(16), octets(14), fc.integer({ min: 0, max: 65_535 }))
    .map(([rand, value, sessionId]) => encodeAuts({ rand, auts: value, sessionId }));
  fc.assert(
    fc.property(mangled(fc.oneof({ arbitrary: envelopes, weight: 4 }, auts)), (input) => {
      const inspection = inspectEnvelope(input);
      isComplete(t, input, inspection);
      const refused = isRefused(() =>
        input[0] === 0x13 ? decodeAuts(input) : decodeGpi(decodeEnvelope(input).gpi),
      );
      t.is(inspection.fault !== undefined, refused, inspection.fault?.reason);
    }),
    { numRuns: 1_500 },
  );
});

const wakes = fc
  .tuple(fc.integer({ min: 1, max: 0xffff_ffff }), connectAddresses, octets(32))
  .map(([counter, connect, key]) => sealWake({ counter, connect }, key));

test('a wake is faulty for inspect exactly when its decoder refuses it', (t) => {
  fc.assert(
    fc.property(mangled(wakes), (input) => {
      const inspection = inspectWake(input);
      isComplete(t, input, inspection);
      const refused = isRefused(() => decodeWake(input));
      t.is(inspection.fault !== undefined, refused, inspection.fault?.reason);
      t.is(inspection.authentic, undefined);
      if (refused) return;
      const { connect, hint, mac } = decodeWake(input);
      const found = (...names: readonly string[]) =>
        inspection.fields.find(({ name }) => names.includes(name));
      t.is(found('hint')?.hex, toHex(hint));
      t.is(found('MAC')?.hex, toHex(mac));
      t.is(found('IPv4 address', 'IPv6 address', 'host name')?.value, connect?.host);
      t.is(found('port')?.value, connect && `${connect.port}`);
    }),
    { numRuns: 1_000 },
  );
});

test('the rules for connect addresses are those of the decoder', (t) => {
  const mapped = `02${'00'.repeat(10)}ffffc0000201`;
  const rules: readonly (readonly [string, boolean])[] = [
    ['01c00002011634', true],
    ['01c00002010000', false],
    ['01c000021634', false],
    ['00c00002011634', false],
    [`${mapped}1634`, false],
    [`02${'20'.repeat(16)}1634`, true],
    [`02${'20'.repeat(15)}1634`, false],
    ['03611634', true],
    ['03411634', false],
    ['03311634', false],
    ['031634', false],
    ['03', false],
  ];
  for (const [connect, valid] of rules) {
    const length = toHex(Uint8Array.of(connect.length / 2));
    const rest = `4f${toHex(octetsOf('gpi'))}${'00'.repeat(8)}`;
    const input = fromHex(`110001${length}${connect}${rest}`);
    const inspection = inspectEnvelope(input);
    isComplete(t, input, inspection);
    t.is(!isRefused(() => decodeEnvelope(input)), valid, connect);
    t.is(inspection.fault === undefined, valid, connect);
  }
});

test('a connect address is shown as its decoder reads it', (t) => {
  fc.assert(
    fc.property(envelopes, (input) => {
      const { connect, sessionId } = decodeEnvelope(input);
      const { fields } = inspectEnvelope(input);
      const value = (...names: readonly string[]) =>
        fields.find(({ layer, name }) => layer === 'Upa' && names.includes(name))?.value;
      t.is(value('session id'), `${sessionId}`);
      t.is(value('IPv4 address', 'IPv6 address', 'host name'), connect?.host);
      t.is(value('port'), connect && `${connect.port}`);
    }),
  );
});

const messages: fc.Arbitrary<Uint8Array> = fc
  .record({
    code: fc.oneof(fc.constantFrom(1, 3, 0x41, 0xe1, 0xe2, 0xe4, 0xe5), fc.nat({ max: 255 })),
    token: fc.uint8Array({ maxLength: 8 }),
    options: fc
      .array(
        fc.record({
          number: fc.oneof(
            fc.constantFrom(...Object.values(OPTION), ...Object.values(SIGNAL_OPTION)),
            fc.nat({ max: 65_535 }),
          ),
          value: fc.uint8Array({ maxLength: 20 }),
        }),
        { maxLength: 5 },
      )
      .map((options) => options.sort((a, b) => a.number - b.number)),
    payload: fc.uint8Array({ maxLength: 30 }),
  })
  .map(encodeMessage);

/** What the decoder makes of a whole stream; undefined when it refuses it or waits for more. */
function decodeStream(input: Uint8Array): CoapMessage[] | undefined {
  const decoder = new CoapDecoder(Infinity);
  const found: CoapMessage[] = [];
  const refused = isRefused(() => decoder.push(input, (message) => found.push(message)));
  return refused || decoder.partial ? undefined : found;
}

function agreeOnCoap(t: ExecutionContext, input: Uint8Array): void {
  const inspection = inspectCoap(input);
  const decoded = decodeStream(input);
  isComplete(t, input, inspection);
  t.is(inspection.fault === undefined, decoded !== undefined, inspection.fault?.reason);
  if (decoded === undefined) return;
  const { fields } = inspection;
  const numbers = fields.flatMap(({ name }) => /\((\d+)\)$/.exec(name)?.[1] ?? []);
  t.deepEqual(
    numbers.map(Number),
    decoded.flatMap(({ options }) => options.map(({ number }) => number)),
  );
  const hex = (wanted: string) => fields.flatMap((f) => (f.name === wanted ? [f.hex] : []));
  const filled = (parts: readonly Uint8Array[]) =>
    parts.filter(({ length }) => length > 0).map(toHex);
  t.deepEqual(hex('Token'), filled(decoded.map(({ token }) => token)));
  t.deepEqual(hex('payload'), filled(decoded.map(({ payload }) => payload)));
  t.deepEqual(
    hex('Code'),
    decoded.map(({ code }) => toHex(Uint8Array.of(code))),
  );
}

test('a CoAP stream is faulty for inspect exactly when its decoder refuses it or waits for more', (t) => {
  const streams = fc.array(messages, { minLength: 1, maxLength: 3 }).map((all) => concat(...all));
  fc.assert(
    fc.property(mangled(streams), (input) => {
      agreeOnCoap(t, input);
    }),
    { numRuns: 1_500 },
  );
});

test('inspect agrees with the decoder on the vectors of CoAP, good and bad', (t) => {
  for (const { hex } of [...coap.messages, ...coap.malformed]) agreeOnCoap(t, fromHex(hex));
  for (const { payloadOctets, header } of coap.lengths.slice(0, 4)) {
    agreeOnCoap(t, concat(fromHex(header), new Uint8Array(payloadOctets)));
  }
});

test('every option that the codec knows has a name, a clause and words', (t) => {
  t.deepEqual(
    Array.from(OPTIONS.keys()).sort((a, b) => a - b),
    Object.values(OPTION).sort((a, b) => a - b),
  );
  const signals = Array.from(SIGNAL_OPTIONS.values()).flatMap((options) => [...options.keys()]);
  t.is(signals.length, Object.keys(SIGNAL_OPTION).length + 1, 'Custody is of Ping and of Pong');
});

const pdus = fc
  .tuple(
    fc.oneof({ arbitrary: envelopes, weight: 2 }, wakes),
    fc.option(fc.constantFrom(9, 0x9001, 'x-lab:gba'), { nil: undefined }),
  )
  .chain(([envelope, applicationId]) => {
    const to = parseMsisdn('+491701234567');
    const all = encodePushSms(envelope, { to, reference: 7, applicationId, validSeconds: 60 });
    return fc.constantFrom(...all.map(({ pdu }) => fromHex(pdu)));
  });
const known = fc.constantFrom(...sms.pdus.map(({ hex }) => fromHex(hex)));

test('an SMS is faulty for inspect exactly when a decoder of its layers refuses it', (t) => {
  fc.assert(
    fc.property(mangled(fc.oneof({ arbitrary: pdus, weight: 4 }, known)), (input) => {
      const [inspection, ...more] = smsInspector()(input);
      if (inspection === undefined) return t.fail();
      // A changed octet may make a part the only one of its message, which is then shown joined as well.
      fc.pre(more.length === 0);
      isComplete(t, input, inspection);
      const refused = isRefused(() => {
        const { alphabet, ports, part, data } = decodeModemPdu(input);
        if (alphabet !== 'octets' || ports?.destination !== 2948 || part) return;
        const { contentType, body } = decodeWapPush(data);
        if (contentType !== 'application/vnd.3gpp.gba.gpi') return;
        if (isWake(body)) decodeWake(body);
        else decodeGpi(decodeEnvelope(body).gpi);
      });
      if (inspection.fields.some(({ layer }) => layer === 'Upa') || refused) {
        t.is(inspection.fault !== undefined, refused, inspection.fault?.reason);
      } else t.is(inspection.fault, undefined);
    }),
    { numRuns: 1_500 },
  );
});

test('a push that came in parts is shown whole after its last part', (t) => {
  fc.assert(
    fc.property(envelopes, (envelope) => {
      const to = parseMsisdn('+491701234567');
      const applicationId = 'x-lab:a long enough name to need a second part'.padEnd(60, '.');
      const inspect = smsInspector();
      const all = encodePushSms(envelope, { to, reference: 7, applicationId });
      t.true(all.length > 1);
      const found = all.map(({ pdu }) => inspect(fromHex(pdu)));
      t.true(found.slice(0, -1).every(({ length }) => length === 1));
      const [, joined] = found.at(-1) ?? [];
      if (joined === undefined) return t.fail();
      t.true(joined.joined);
      t.is(joined.fault, undefined);
      isComplete(t, fromHex(joined.fields.map(({ hex }) => hex).join('')), joined);
      const inner = joined.fields.filter(({ layer }) => layer === 'Upa' || layer === 'GPI');
      t.is(inner.map(({ hex }) => hex).join(''), toHex(envelope));
    }),
    { numRuns: 30 },
  );
});
