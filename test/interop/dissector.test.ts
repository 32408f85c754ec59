/** The Wireshark dissector reads what our codecs read, and the captures of docs/captures are what they say. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { decodeAuts } from '../../src/codec/auts.ts';
import { decodeEnvelope, sealEnvelope } from '../../src/codec/envelope.ts';
import { decodeWake } from '../../src/codec/wake.ts';
import { decodeGpi } from '../../src/codec/gpi.ts';
import { encodeWapPush, GPI_MEDIA_TYPE } from '../../src/codec/wap-push.ts';
import { concat, fromHex, toHex, view } from '../../src/lib/bytes.ts';
import { packageFile } from '../../src/store/policy.ts';
import { temporaryFolder } from '../support/command.ts';
import { octetsOf } from '../support/gpi.ts';
import { tcpPackets, udpPacket, writePcap } from '../support/pcap.ts';
import { testWith } from '../support/peers.ts';
import { fieldsOf, tshark } from '../support/tshark.ts';
import vectors from '../vectors/wake.json' with { type: 'json' };

const test = testWith('tshark');
const envelope = octetsOf('envelope');
const gpi = octetsOf('gpi');
const ksNaf = octetsOf('ksNaf');
/** The filter that the README of the captures gives. */
const MALFORMED = 'gba_push and _ws.expert.group == "Malformed"';
const ladder = packageFile('docs/captures/ladder.pcapng');
const resync = packageFile('docs/captures/resync.pcapng');
const wakeCapture = packageFile('docs/captures/wake.pcapng');

/** What our decoders make of octets on the trigger port, as the dissector's fields. */
function decoded(octets: Uint8Array): Record<string, string> {
  const { sessionId, connect, gpi, mac } = decodeEnvelope(octets);
  const { method, gbaU, rand, autn, ciphertext, mac: gpiMac } = decodeGpi(gpi);
  return {
    'gba_push.session_id': String(sessionId),
    'gba_push.connect.ipv4': connect?.host ?? '',
    'gba_push.connect.port': String(connect?.port ?? ''),
    'gba_push.gpi': toHex(gpi),
    'gba_push.gpi.method': String(['psk-tls', 'oscore', 'dm'].indexOf(method) + 1),
    'gba_push.gpi.gba_u': gbaU ? '1' : '0',
    'gba_push.gpi.rand': toHex(rand),
    'gba_push.b_tid': `${view(rand).toString('base64')}@<BSF>`,
    'gba_push.gpi.autn': toHex(autn),
    'gba_push.gpi.encrypted': toHex(ciphertext),
    'gba_push.gpi.mac': toHex(gpiMac),
    'gba_push.mac': toHex(mac),
  };
}

test('the example of docs/wire.md is shown field by field', (t) => {
  const expected = {
    ...decoded(envelope),
    'gba_push.version': '1',
    'gba_push.type': '1',
    'gba_push.session_id': '1',
    'gba_push.connect.kind': '1',
    'gba_push.connect.ipv4': '192.0.2.1',
    'gba_push.connect.port': '5684',
    'gba_push.gpi.length': '79',
    'gba_push.gpi.version': '1',
    'gba_push.gpi.rand': '23553cbe9637a89d218ae64dae47bf35',
    'gba_push.b_tid': 'I1U8vpY3qJ0hiuZNrke/NQ==@<BSF>',
    'gba_push.gpi.autn.sqn_ak': '55f328b43577',
    'gba_push.gpi.autn.amf': 'b9b9',
    'gba_push.gpi.autn.mac': '4a9ffac354dfafb3',
    'gba_push.gpi.encrypted.p_tid': 'f0bfe2ac30a5cbd5c9209380',
    'gba_push.gpi.encrypted.names': '7abd1406a0',
    'gba_push.mac': 'edea437ac3d93850',
    '_ws.expert.message': '',
  };
  const names = Object.keys(expected);
  const file = writePcap(t, [udpPacket(envelope)]);
  t.deepEqual(fieldsOf(file, names), [Object.values(expected)]);
});

test('the wakes of the vectors are shown field by field, and a copy leads back to the first', (t) => {
  const wakes = vectors.wakes.map(({ wake }) => fromHex(wake));
  const copies = [...wakes, ...wakes.slice(0, 1)];
  const names = [
    ...['type', 'wake.hint', 'connect.length', 'connect.ipv4', 'connect.ipv6', 'connect.name'],
    ...['connect.port', 'wake.mac', 'first_in'],
  ].map((name) => `gba_push.${name}`);
  const file = writePcap(
    t,
    copies.map((wake) => udpPacket(wake)),
  );
  const expected = copies.map((wake, i) => {
    const { hint, connect, mac } = decodeWake(wake);
    const kind = ['ipv4', 'ipv6', 'name'].map((one) => {
      const is = connect && kindOf(connect.host) === one;
      return is ? connect.host : '';
    });
    const length = String(wake.length - 18);
    const port = String(connect?.port ?? '');
    return ['2', toHex(hint), length, ...kind, port, toHex(mac), i === wakes.length ? '1' : ''];
  });
  t.deepEqual(fieldsOf(file, names), expected);
  t.deepEqual(fieldsOf(file, ['_ws.expert.message'], '-Y', '_ws.expert'), []);
  const info = tshark('-r', file).split('\n');
  t.regex(info[0] ?? '', /GBA-PUSH .* Wake$/);
  t.regex(info[1] ?? '', /GBA-PUSH .* Wake, connect to 192\.0\.2\.1:5684$/);
});

function kindOf(host: string): 'ipv4' | 'ipv6' | 'name' {
  return ({ 4: 'ipv4', 6: 'ipv6', 0: 'name' } as const)[isIP(host) as 0 | 4 | 6];
}

test('a name and an IPv6 address to connect to are shown', (t) => {
  const sealed = ['naf.example.org', '2001:db8::1'].map((host) =>
    udpPacket(sealEnvelope({ sessionId: 7, connect: { host, port: 8443 }, gpi }, ksNaf)),
  );
  const names = ['gba_push.connect.name', 'gba_push.connect.ipv6', 'gba_push.connect.port'];
  t.deepEqual(fieldsOf(writePcap(t, sealed), names), [
    ['naf.example.org', '', '8443'],
    ['', '2001:db8::1', '8443'],
  ]);
});

test('the captures have in each frame what their README says', (t) => {
  const readme = readFileSync(packageFile('docs/captures/README.md'), 'utf8');
  for (const [name, file] of Object.entries({ ladder, resync, wake: wakeCapture })) {
    const [, after = ''] = readme.split(`### ${name}.pcapng\n`);
    const [section = ''] = after.split('\n#', 1);
    const rows = Array.from(section.matchAll(/^\| (\d+) \| (.*) \|$/gm), ([, frame, what]) => [
      frame,
      what,
    ]);
    t.true(rows.length > 10, name);
    t.deepEqual(fieldsOf(file, ['frame.number', 'frame.comment'], '-Y', 'frame.comment'), rows);
  }
});

test('the filters that the README of the captures names are there', (t) => {
  const readme = readFileSync(packageFile('docs/captures/README.md'), 'utf8');
  const named = readme.match(/`gba_(?:push|psk)\.[a-z_.]+`/g) ?? [];
  const preference = 'gba_push.ports';
  const filters = named.map((name) => name.slice(1, -1)).filter((name) => name !== preference);
  t.true(filters.length > 2 && readme.includes(`\`${MALFORMED}\``));
  t.notThrows(() => tshark('-r', ladder, '-Y', filters.join(' or ')));
  t.throws(() => tshark('-r', ladder, '-Y', 'gba_push.no_such_field'));
});

test('in the ladder the trigger, both ClientHellos and the pushes are one thread', (t) => {
  const [[payload = ''] = [], ...more] = fieldsOf(ladder, ['udp.payload'], '-Y', 'gba_push');
  t.is(more.length, 0, 'one trigger for three pushes');
  const expected = decoded(fromHex(payload));
  t.is(expected['gba_push.connect.ipv4'], '127.0.0.2');
  const names = [...Object.keys(expected), 'gba_push.hello_in'];
  const hellos = fieldsOf(
    ladder,
    ['frame.number', 'gba_psk.trigger_in', 'gba_psk.b_tid', 'gba_psk.namespace'],
    ...['-Y', 'tls.handshake.type == 1'],
  );
  const trigger = [...Object.values(expected), hellos[0]?.[0]];
  t.deepEqual(fieldsOf(ladder, names, '-2', '-Y', 'gba_push'), [trigger]);
  const bTid = expected['gba_push.b_tid']?.replace(
    '<BSF>',
    'bsf.mnc001.mcc001.pub.3gppnetwork.org',
  );
  t.deepEqual(
    hellos.map(([, ...fields]) => fields),
    [
      ['1', bTid, '3GPP-bootstrapping'],
      ['1', bTid, '3GPP-bootstrapping'],
    ],
  );
  t.deepEqual(fieldsOf(ladder, ['frame.number'], '-Y', 'tls.handshake.type == 11'), []);
  t.deepEqual(fieldsOf(ladder, ['frame.number'], '-Y', MALFORMED), []);
});

test('the pushes are in clear by the secrets in the capture, and hidden without them', (t) => {
  const puts = ['-Y', 'coap.code == 3'];
  const paths = fieldsOf(ladder, ['coap.opt.uri_path'], ...puts).map(([path = '']) => path);
  t.is(paths.length, 3);
  for (const path of paths) t.regex(path, /^push,[\w-]{16}$/);
  t.regex(tshark('-r', ladder, '-V', ...puts), /first push: the key comes out of the SIM/);
  const closed = join(temporaryFolder(t), 'closed.pcapng');
  execFileSync('editcap', ['--discard-all-secrets', ladder, closed], { stdio: 'ignore' });
  t.deepEqual(fieldsOf(closed, ['frame.number'], '-Y', 'coap'), []);
});

test('AUTS is shown over UDP and TCP, each with the trigger that it answers', (t) => {
  const names = ['session_id', 'auts.rand', 'auts', 'auts.sqn_ak', 'auts.mac_s', 'trigger_in'].map(
    (name) => `gba_push.${name}`,
  );
  const shown = fieldsOf(resync, ['udp.payload', 'tcp.payload', ...names], '-Y', 'gba_push.auts');
  t.is(shown.length, 2);
  const triggers = fieldsOf(
    resync,
    ['frame.number', 'gba_push.auts_in', 'gba_push.first_in'],
    '-2',
    '-Y',
    'gba_push.gpi',
  );
  for (const [i, [overUdp = '', overTcp = '', ...values]] of shown.entries()) {
    t.is(overUdp === '', i === 1);
    const { sessionId, rand, auts } = decodeAuts(fromHex(overUdp + overTcp));
    const parts = [auts.slice(0, 6), auts.slice(6)].map(toHex);
    const [answered = ''] = values.slice(-1);
    t.deepEqual(values.slice(0, -1), [String(sessionId), toHex(rand), toHex(auts), ...parts]);
    t.is(triggers.find(([frame]) => frame === answered)?.[2], '', 'the first of its kind');
  }
  const again = triggers.filter(([, , first]) => first !== '');
  t.true(again.length > 0, 'sent again while the UE waits over TCP');
  t.is(triggers.filter(([, auts]) => auts !== '').length, 2 + again.length);
});

test('in the capture of a wake the NAF is elsewhere, and one GPI serves for both layers', (t) => {
  const shown = fieldsOf(wakeCapture, ['gba_push.type', 'udp.payload'], '-Y', 'gba_push');
  t.is(shown.filter(([type]) => type === '1').length, 1);
  const wakes = shown.filter(([type]) => type === '2');
  t.true(wakes.length > 0);
  const { connect } = decodeWake(fromHex(wakes[0]?.[1] ?? ''));
  t.deepEqual(connect, { host: '127.0.0.2', port: 5685 });
  const hellos = fieldsOf(
    wakeCapture,
    ['tcp.dstport', 'gba_psk.trigger_in'],
    ...['-Y', 'tls.handshake.type == 1'],
  );
  t.deepEqual(hellos, [
    ['5684', '1'],
    ['5685', '1'],
  ]);
  const pushes = fieldsOf(wakeCapture, ['frame.number'], '-Y', 'coap.code == 3');
  t.is(pushes.length, 2);
  t.deepEqual(fieldsOf(wakeCapture, ['frame.number'], '-Y', MALFORMED), []);
});

test('over TCP and in a WAP push a wake is read like an envelope, also one that begins like a WAP push', (t) => {
  const [, first = ''] = vectors.wakes.map(({ wake }) => wake);
  const wake = fromHex(first);
  const likePush = wake.with(1, 6);
  const push = { transactionId: 0x12, contentType: GPI_MEDIA_TYPE, body: wake };
  const file = writePcap(t, [
    ...tcpPackets(50_000, [wake.slice(0, 5), wake.slice(5, 12), wake.slice(12)]),
    udpPacket(encodeWapPush(push)),
    udpPacket(likePush),
  ]);
  const fields = ['gba_push.wake.hint', 'gba_push.connect.port', 'gba_push.fault.short'];
  const { hint } = decodeWake(wake);
  t.deepEqual(fieldsOf(file, fields, '-Y', 'gba_push.wake.hint'), [
    [toHex(hint), '5684', ''],
    [toHex(hint), '5684', ''],
    [toHex(hint.with(0, 6)), '5684', ''],
  ]);
});

test('over TCP an envelope is read in any pieces, and a part of one is told at the end', (t) => {
  const cuts = [1, 3, 4, 11, 50, envelope.length - 1];
  const halves = cuts.flatMap((at, i) => [
    ...tcpPackets(50_000 + i, [envelope.slice(0, at), envelope.slice(at)]),
    ...tcpPackets(51_000 + i, [envelope.slice(0, at)]),
  ]);
  const octetwise = tcpPackets(
    52_000,
    Array.from(envelope, (octet) => Uint8Array.of(octet)),
  );
  const surplus = tcpPackets(53_000, [concat(envelope, Uint8Array.of(0))]);
  const file = writePcap(t, [...halves, ...octetwise, ...surplus]);
  const fields = ['tcp.srcport', 'gba_push.mac', 'gba_push.fault.short', 'gba_push.fault.surplus'];
  const shown = fieldsOf(file, fields, '-Y', 'gba_push');
  t.deepEqual(
    shown.map(([port = '', mac, short, surplus]) => [
      port.slice(0, 2),
      mac === 'edea437ac3d93850',
      short !== '',
      surplus !== '',
    ]),
    [
      ...cuts.flatMap(() => [
        ['50', true, false, false],
        ['51', false, true, false],
      ]),
      ['52', true, false, false],
      ['53', true, false, true],
    ],
  );
});

test('in a WAP push it is found by media type, and other WAP pushes are left to WSP', (t) => {
  const push = { transactionId: 0x11, contentType: GPI_MEDIA_TYPE, body: envelope };
  const file = writePcap(t, [
    udpPacket(encodeWapPush(push)),
    udpPacket(encodeWapPush({ ...push, contentType: 0x2e })),
    udpPacket(fromHex('110600')),
  ]);
  t.deepEqual(fieldsOf(file, ['wsp.pdu_type', 'gba_push.mac']), [
    ['0x06', 'edea437ac3d93850'],
    ['0x06', ''],
    ['0x06', ''],
  ]);
});
