/** The Wireshark dissector finds fault with what our decoders refuse, claims nothing of others, and never fails. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import fc from 'fast-check';
import { decodeAuts, encodeAuts } from '../../src/codec/auts.ts';
import { decodeEnvelope, sealEnvelope } from '../../src/codec/envelope.ts';
import { decodeGpi } from '../../src/codec/gpi.ts';
import { decodeWake, sealWake } from '../../src/codec/wake.ts';
import { CodecError } from '../../src/errors.ts';
import { concat, fromHex, toHex, utf8Bytes } from '../../src/lib/bytes.ts';
import { temporaryFolder } from '../support/command.ts';
import { connectAddresses, octets, octetsOf } from '../support/gpi.ts';
import { udpPacket, tcpPackets, writePcap } from '../support/pcap.ts';
import { testWith } from '../support/peers.ts';
import { fieldsOf, tshark } from '../support/tshark.ts';

const test = testWith('tshark');
const SEED = 2948;
const envelope = octetsOf('envelope');
const gpi = octetsOf('gpi');
const ksNaf = octetsOf('ksNaf');

/** A DNS query for home.example-ab without its id: with it as many octets as an AUTS message. */
const dnsQuestion = concat(
  fromHex('01000001000000000000'),
  utf8Bytes('\x04home\x0aexample-ab\0'),
  fromHex('00010001'),
);

test('at other UDP ports it claims envelopes and their AUTS, and nothing else', (t) => {
  const auts = encodeAuts({ sessionId: 1, rand: octetsOf('rand'), auts: new Uint8Array(14) });
  const wake = sealWake({ counter: 1, connect: { host: '192.0.2.1', port: 1 } }, ksNaf);
  const foreign = [
    ...['11ab', '12ab', '13ab'].map((id) => concat(fromHex(id), dnsQuestion)),
    wake,
    fromHex('4101000111ff'),
    ...fc.sample(fc.uint8Array({ maxLength: 300 }), { seed: SEED, numRuns: 300 }),
    ...fc
      .sample(fc.tuple(fc.constantFrom(0x11, 0x12, 0x13), fc.uint8Array({ maxLength: 300 })), {
        seed: SEED,
        numRuns: 600,
      })
      .map(([header, rest]) => concat(Uint8Array.of(header), rest)),
    ...fc
      .sample(octets(32), { seed: SEED, numRuns: 100 })
      .map((rest) => concat(Uint8Array.of(0x13), rest)),
    auts,
    envelope.slice(0, -1),
    concat(envelope, Uint8Array.of(0)),
    envelope.with(12, 0x21),
    envelope.with(12, 0x14),
  ];
  const file = writePcap(t, [
    ...[...foreign, envelope, auts, wake, wake.slice(1), wake.slice(0, -1)].map((payload) =>
      udpPacket(payload, 40_001),
    ),
    udpPacket(wake, 40_002),
  ]);
  const claimed = fieldsOf(file, ['frame.number'], '-Y', 'gba_push').map(([n]) => Number(n));
  t.deepEqual(
    claimed,
    [1, 2, 3].map((n) => foreign.length + n),
  );
});

test('the preference gba_push.ports moves it, and gives 2948 back to WSP', (t) => {
  const file = writePcap(t, [udpPacket(fromHex('1100'), 2948), udpPacket(fromHex('1100'), 2949)]);
  const claimed = fieldsOf(file, ['frame.protocols'], '-o', 'gba_push.ports:2949-2950');
  t.deepEqual(claimed, [['ip:udp:wsp'], ['ip:udp:gba_push']]);
});

/** True when our decoders refuse these octets. */
function isRefused(message: Uint8Array): boolean {
  try {
    if (message[0] === 0x12) decodeWake(message);
    else if (message[0] === 0x13) decodeAuts(message);
    else decodeGpi(decodeEnvelope(message).gpi);
    return false;
  } catch (error) {
    if (error instanceof CodecError) return true;
    throw error;
  }
}

/** Envelopes with every kind of connect address, AUTS, and what becomes of them by cuts and changed octets. */
function messages(): Uint8Array[] {
  const good = [
    envelope,
    encodeAuts({ sessionId: 9, rand: octetsOf('rand'), auts: new Uint8Array(14).fill(7) }),
    ...fc
      .sample(connectAddresses, { seed: SEED, numRuns: 40 })
      .map((connect) => sealEnvelope({ sessionId: 1, connect, gpi }, ksNaf)),
    ...fc
      .sample(connectAddresses, { seed: SEED + 1, numRuns: 40 })
      .map((connect, i) => sealWake({ counter: i + 1, connect }, ksNaf)),
  ];
  const changed = fc.sample(
    fc.tuple(fc.constantFrom(...good), fc.nat({ max: 60 }), fc.nat({ max: 255 })),
    { seed: SEED, numRuns: 1_200 },
  );
  return [
    ...good,
    ...[...good.slice(0, 3), ...good.slice(-2)].flatMap((whole) =>
      Array.from(whole, (_, length) => whole.slice(0, length)),
    ),
    ...good.map((whole) => concat(whole, Uint8Array.of(1, 2))),
    ...changed.map(([whole, at, octet]) => (at < whole.length ? whole.with(at, octet) : whole)),
    envelope.with(1, 0).with(2, 0),
    ...connects.map((connect) => withConnect(fromHex(connect))),
    ...connects.map((connect) => wakeWithConnect(fromHex(connect))),
  ].filter((message) => message.length > 0 && message[1] !== WSP_PUSH);
}

/** The octet that makes a datagram a WAP push. */
const WSP_PUSH = 6;
const LONG = 'a.'.repeat(63);
/** Names at the border of what is allowed, then other connect addresses there. */
const names = [
  ...'a A a. .a a..b -a a- a-b a_b 1 a.1 1.a a.0x 0xfg a.0xff ä a\0 a\n'.split(' '),
  ...['a'.repeat(63), 'a'.repeat(64), `${LONG}a`, `${LONG}ab`, 'a b'],
];
const connects = [
  ...names.map((name) => `03${toHex(utf8Bytes(name))}1634`),
  ...'00 01 0100 010000 01c000020116 01c00002010000 01c0000201163400 04c00002011634'.split(' '),
  ...[`${'00'.repeat(10)}ffffc0000201`, '00'.repeat(16), '00'.repeat(15)].map(
    (ip) => `02${ip}1634`,
  ),
];

function withConnect(connect: Uint8Array): Uint8Array {
  const tail = envelope.slice(11);
  return concat(envelope.slice(0, 3), Uint8Array.of(connect.length), connect, tail);
}

function wakeWithConnect(connect: Uint8Array): Uint8Array {
  const head = sealWake({ counter: 1, connect: undefined }, ksNaf).slice(0, 9);
  return concat(head, Uint8Array.of(connect.length), connect, new Uint8Array(8));
}

test('it finds a fault in exactly what our decoders refuse', (t) => {
  const all = messages();
  const refused = all.map(isRefused);
  t.true(refused.filter(Boolean).length > 400 && refused.filter((is) => !is).length > 400);
  const datagrams = all.map((message) => udpPacket(message));
  const found = fieldsOf(writePcap(t, datagrams), ['_ws.expert.message']);
  const differing = all.filter((_, i) => (found[i]?.[0] !== '') !== refused[i]).map(toHex);
  t.deepEqual(differing, []);
});

test('no octets, whole or cut by the capture, make an error in the dissector', (t) => {
  const random = fc.sample(
    fc.tuple(
      fc.constantFrom(0x10, 0x11, 0x12, 0x13, 0x21, 0xff),
      fc.uint8Array({ maxLength: 600 }),
    ),
    { seed: SEED, numRuns: 500 },
  );
  const all = [
    ...messages(),
    ...random.map(([header, rest]) => concat(Uint8Array.of(header), rest)),
  ];
  const file = writePcap(t, [
    ...all.map((message) => udpPacket(message)),
    ...all.slice(0, 300).flatMap((message, i) => tcpPackets(10_000 + i, [message])),
  ]);
  const cut = join(temporaryFolder(t), 'cut.pcap');
  for (const length of [29, 32, 40, 60, 100]) {
    execFileSync('editcap', ['-s', String(length), file, cut], { stdio: 'ignore' });
    t.notRegex(tshark('-r', cut, '-V'), /Lua Error|Dissector bug/);
  }
  const text = tshark('-r', file, '-V', '-2');
  t.notRegex(text, /Lua Error|Dissector bug/);
  t.true((text.match(/^GBA Push/gm) ?? []).length > 1_500);
});

test('octets that the capture does not hold are no fault', (t) => {
  const [whole, cut] = [writePcap(t, [udpPacket(envelope)]), join(temporaryFolder(t), 'cut.pcap')];
  execFileSync('editcap', ['-s', '60', whole, cut], { stdio: 'ignore' });
  const [[note, fault] = []] = fieldsOf(cut, ['gba_push.cut', 'gba_push.fault.short']);
  t.not(note, '');
  t.is(fault, '');
});
