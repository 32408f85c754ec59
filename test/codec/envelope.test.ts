import test from 'ava';
import fc from 'fast-check';
import {
  decodeEnvelope,
  sealEnvelope,
  verifyEnvelope,
  type Envelope,
} from '../../src/codec/envelope.ts';
import { hkdfSha256 } from '../../src/aka/kdf.ts';
import { CodecError } from '../../src/errors.ts';
import { concat, fromHex, toHex, utf8Bytes } from '../../src/lib/bytes.ts';
import {
  connect,
  connectAddresses,
  flippedBits,
  octets,
  octetsOf,
  sessionId,
} from '../support/gpi.ts';

const ksNaf = octetsOf('ksNaf');
const gpi = octetsOf('gpi');
const sealed = octetsOf('envelope');

const envelopes: fc.Arbitrary<Envelope> = fc.record({
  sessionId: fc.integer({ min: 1, max: 65_535 }),
  connect: connectAddresses,
  gpi: fc.uint8Array({ minLength: 1, maxLength: 255 }),
});

/** An envelope with these octets as connect address; its MAC is not looked at. */
function withConnect(...parts: readonly (number | string)[]): Uint8Array {
  const address = concat(
    ...parts.map((part) => (typeof part === 'string' ? utf8Bytes(part) : Uint8Array.of(part))),
  );
  return concat(
    fromHex('110001'),
    Uint8Array.of(address.length),
    address,
    fromHex('01aa'),
    octets8,
  );
}
const octets8 = new Uint8Array(8);

test('the vector seals to the pinned octets and verifies', (t) => {
  t.is(toHex(sealEnvelope({ sessionId, connect, gpi }, ksNaf)), toHex(sealed));
  t.is(toHex(hkdfSha256(ksNaf, utf8Bytes('gba-push upa-1 mac'), 32)), toHex(octetsOf('upaMacKey')));
  const decoded = decodeEnvelope(sealed);
  t.is(decoded.sessionId, sessionId);
  t.deepEqual(decoded.connect, connect);
  t.deepEqual(decoded.gpi, gpi);
  t.notThrows(() => {
    verifyEnvelope(decoded, ksNaf);
  });
});

test('whatever is sealed decodes to the same and verifies', (t) => {
  fc.assert(
    fc.property(envelopes, octets(32), (envelope, key) => {
      const decoded = decodeEnvelope(sealEnvelope(envelope, key));
      verifyEnvelope(decoded, key);
      const { sessionId, gpi, connect } = decoded;
      const mapped = envelope.connect?.host.startsWith('::ffff:') ?? false;
      t.deepEqual({ sessionId, gpi }, { sessionId: envelope.sessionId, gpi: envelope.gpi });
      if (!mapped) t.deepEqual(connect, envelope.connect);
    }),
  );
  t.pass();
});

test('no connect address is one octet 00', (t) => {
  const short = sealEnvelope({ sessionId, connect: undefined, gpi }, ksNaf);
  t.is(short.length, 3 + 1 + 1 + gpi.length + 8);
  t.is(decodeEnvelope(short).connect, undefined);
});

test('an address in any spelling travels in its one form', (t) => {
  const spelt = (host: string): string | undefined =>
    decodeEnvelope(sealEnvelope({ sessionId, connect: { host, port: 1 }, gpi }, ksNaf)).connect
      ?.host;
  t.is(spelt('2001:DB8:0:0:0:0:0:1'), '2001:db8::1');
  t.is(spelt('::ffff:192.0.2.1'), '192.0.2.1');
  t.is(spelt('NAF.example'), 'naf.example');
});

test('an envelope that is cut off at any octet is refused', (t) => {
  for (let length = 0; length < sealed.length; length += 1) {
    t.throws(() => decodeEnvelope(sealed.subarray(0, length)), { code: 'ERR_UPA_MALFORMED' });
  }
});

test('what is wrong with an envelope is said in octets, and an octet in hex', (t) => {
  const fault = (octets: Uint8Array): string | undefined =>
    t.throws(() => decodeEnvelope(octets), { code: 'ERR_UPA_MALFORMED' })?.message;
  t.is(fault(Uint8Array.of(0x0a)), 'octet 0 is 0x11 for a GPI, not 0x0a');
  t.is(fault(sealed.subarray(0, -1)), 'the envelope ends 1 octet early');
  t.is(fault(sealed.subarray(0, -2)), 'the envelope ends 2 octets early');
  t.is(fault(concat(sealed, Uint8Array.of(0))), '1 octet too many after the MAC');
  t.is(fault(concat(sealed, Uint8Array.of(0, 0))), '2 octets too many after the MAC');
});

test('an envelope with any one bit flipped is refused', (t) => {
  for (const [bit, flipped] of flippedBits(sealed)) {
    t.throws(
      () => {
        verifyEnvelope(decodeEnvelope(flipped), ksNaf);
      },
      { instanceOf: CodecError },
      `bit ${bit}`,
    );
  }
});

test('an envelope does not verify under another key', (t) => {
  const error = t.throws(() => {
    verifyEnvelope(decodeEnvelope(sealed), octetsOf('gpiKey'));
  });
  t.like(error, { code: 'ERR_UPA_MAC' });
});

test('any octets decode to a layout or throw a CodecError', (t) => {
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 512 }),
    fc.uint8Array({ maxLength: 300 }).map((rest) => concat(fromHex('110001'), rest)),
  );
  fc.assert(
    fc.property(anything, (datagram) => {
      try {
        const { authenticated, mac } = decodeEnvelope(datagram);
        t.is(authenticated.length + mac.length, datagram.length);
      } catch (error) {
        if (!(error instanceof CodecError)) throw error;
      }
    }),
  );
  t.pass();
});

const refusals: readonly (readonly [string, Uint8Array])[] = [
  ['another version', concat(fromHex('21'), sealed.subarray(1))],
  ['the reserved type wake', concat(fromHex('12'), sealed.subarray(1))],
  ['the reserved type AUTS', concat(fromHex('13'), sealed.subarray(1))],
  ['session id 0', concat(fromHex('110000'), sealed.subarray(3))],
  ['an empty GPI', concat(fromHex('1100010000'), octets8)],
  ['an octet after the MAC', concat(sealed, fromHex('00'))],
  ['a connect address of an unknown kind', withConnect(4, 1, 2, 3, 4, 0, 80)],
  ['an IPv4 address of 5 octets', withConnect(1, 1, 2, 3, 4, 5, 0, 80)],
  ['an IPv6 address of 4 octets', withConnect(2, 1, 2, 3, 4, 0, 80)],
  ['an IPv4 address in IPv6 form', withConnect(2, ...mapped(), 0, 80)],
  ['port 0', withConnect(1, 1, 2, 3, 4, 0, 0)],
  ['a connect address that is a kind alone', withConnect(1)],
  ['a host name in upper case', withConnect(3, 'NAF', 0, 80)],
  ['a host name that is an IPv4 address', withConnect(3, '127.0.0.1', 0, 80)],
  ['a host name that resolvers read as an address', withConnect(3, '127.1', 0, 80)],
  ['a host name in hex', withConnect(3, '0x7f000001', 0, 80)],
  ['a host name with a NUL', withConnect(3, 'a\0b', 0, 80)],
  ['an empty host name', withConnect(3, 0, 80)],
];

for (const [what, datagram] of refusals) {
  test(`${what} is refused`, (t) => {
    t.throws(() => decodeEnvelope(datagram), { instanceOf: CodecError });
  });
}

test('what does not fit is never sealed', (t) => {
  const good: Envelope = { sessionId, connect, gpi };
  const wrong: readonly Partial<Envelope>[] = [
    { sessionId: 0 },
    { sessionId: 65_536 },
    { sessionId: 1.5 },
    { gpi: new Uint8Array(0) },
    { gpi: new Uint8Array(256) },
    { connect: { host: 'naf.example', port: 0 } },
    { connect: { host: '1.2.3', port: 1 } },
    { connect: { host: 'fe80::1%eth0', port: 1 } },
  ];
  for (const part of wrong) {
    t.throws(() => sealEnvelope({ ...good, ...part }, ksNaf), { instanceOf: CodecError });
  }
});

function mapped(): readonly number[] {
  return [...new Array<number>(10).fill(0), 0xff, 0xff, 127, 0, 0, 1];
}
