/** Key exchange groups on the wire: the hybrid one where the runtime has it, X25519 where it has not. */
import { spawn } from 'node:child_process';
import { createSecureContext } from 'node:tls';
import anyTest, { type ExecutionContext } from 'ava';
import { pskIdentityOf } from '../../src/ids.ts';
import { toHex } from '../../src/lib/bytes.ts';
import type { TlsBinding, TlsPolicy } from '../../src/lib/suites.ts';
import type { LiveSa } from '../../src/sa/association.ts';
import { startFlightRelay } from '../support/flights.ts';
import { testWith } from '../support/peers.ts';
import { handshakeMessagesOf } from '../support/tls-records.ts';
import { dial, makeSa, policy, startNaf, startRelay, until } from '../support/tls.ts';

const test = anyTest.serial;
const withOpenssl = testWith('openssl');
const hybrid: TlsPolicy = { ...policy, groups: ['X25519MLKEM768', 'X25519', 'P-256'] };
/** What Node.js 20 makes of the same policy. */
const withoutHybrid: TlsPolicy = { ...policy, groups: ['X25519', 'P-256'] };
const hasHybrid = ((): boolean => {
  try {
    createSecureContext({ ecdhCurve: 'X25519MLKEM768' });
    return true;
  } catch {
    return false;
  }
})();
const GROUP = { X25519: 0x001d, X25519MLKEM768: 0x11ec } as const;
const wanted = hasHybrid ? GROUP.X25519MLKEM768 : GROUP.X25519;

test(`with the hybrid group in the policy of both it is what ${process.version} can`, async (t) => {
  const sa = makeSa();
  const { port, layer } = await startNaf(t, [sa], { policy: hybrid });
  const relay = await startRelay(t, port);
  await dial(t, relay.port, sa, { policy: hybrid });
  await layer();
  const [hello] = handshakeMessagesOf(relay.sent.toServer);
  const [answer] = handshakeMessagesOf(relay.sent.toClient);
  const shares = sharesIn(extensionOf(hello?.body, 'client'));
  const octets = hasHybrid ? { [GROUP.X25519MLKEM768]: 1_216 } : {};
  t.deepEqual(shares, { ...octets, [GROUP.X25519]: 32 });
  t.is(extensionOf(answer?.body, 'server')?.readUInt16BE(0), wanted);
});

for (const [who, naf, ue] of [
  ['the NAF', withoutHybrid, hybrid],
  ['the UE', hybrid, withoutHybrid],
] as const) {
  test(`when ${who} has no hybrid group both take X25519, and no round trip more`, async (t) => {
    const sa = makeSa();
    const { port, layer } = await startNaf(t, [sa], { policy: naf });
    const flights = await startFlightRelay(t, port);
    const relay = await startRelay(t, flights.port);
    await dial(t, relay.port, sa, { policy: ue });
    await layer();
    t.deepEqual(flights.turns.slice(0, 3), ['client', 'server', 'client']);
    const [answer, second] = handshakeMessagesOf(relay.sent.toClient);
    t.is(extensionOf(answer?.body, 'server')?.readUInt16BE(0), GROUP.X25519);
    t.is(second, undefined);
  });
}

test('in TLS 1.2 the hybrid group, which it has not, is passed over', async (t) => {
  const binding: TlsBinding = { version: '1.2', suite: 'ECDHE-PSK-CHACHA20-POLY1305' };
  const sa = makeSa({ binding });
  const { port } = await startNaf(t, [sa], { policy: hybrid });
  const { socket } = await dial(t, port, sa, { policy: hybrid });
  t.like(socket.getEphemeralKeyInfo(), { type: 'ECDH', name: 'X25519' });
});

withOpenssl('an openssl without the hybrid group connects to a NAF that wants it', async (t) => {
  const sa = makeSa();
  const { port, layer } = await startNaf(t, [sa], { policy: hybrid });
  openssl(t, [
    ...['s_client', '-connect', `127.0.0.1:${port}`, '-servername', sa.nafFqdn],
    ...['-groups', 'X25519:P-256', ...credentialsOf(sa)],
  ]);
  t.is((await layer()).sa, sa);
});

withOpenssl(
  'a UE that wants the hybrid group connects to an openssl without it, in one round trip',
  async (t) => {
    const sa = makeSa();
    const said = openssl(t, [
      ...['s_server', '-accept', '127.0.0.1:0', '-nocert', '-alpn', 'coap'],
      ...['-groups', 'X25519:P-256', ...credentialsOf(sa)],
    ]);
    await until(() => /ACCEPT .*:\d+\s/.test(said()));
    const relay = await startFlightRelay(t, Number(/ACCEPT .*:(\d+)\s/.exec(said())?.[1]));
    const { socket } = await dial(t, relay.port, sa, { policy: hybrid });
    t.like(socket.getEphemeralKeyInfo(), { type: 'ECDH', name: 'X25519' });
    t.deepEqual(relay.turns.slice(0, 2), ['client', 'server']);
    t.true(relay.turns.length <= 4);
  },
);

function credentialsOf({ bTid, key }: LiveSa): string[] {
  return [
    ...['-tls1_3', '-ciphersuites', 'TLS_AES_128_GCM_SHA256'],
    ...['-psk', toHex(key), '-psk_identity', pskIdentityOf(bTid)],
  ];
}

/** The content of key_share in a hello's body; undefined without one. */
function extensionOf(hello: Buffer | undefined, of: 'client' | 'server'): Buffer | undefined {
  if (hello === undefined) return undefined;
  let at = 34;
  at += 1 + hello.readUInt8(at);
  at += of === 'server' ? 3 : 2 + hello.readUInt16BE(at) + 2;
  for (at += 2; at + 4 <= hello.length; at += 4 + hello.readUInt16BE(at + 2)) {
    const end = at + 4 + hello.readUInt16BE(at + 2);
    if (hello.readUInt16BE(at) === 0x33) return hello.subarray(at + 4, end);
  }
  return undefined;
}

/** The octets of each share that a client sends, by group. */
function sharesIn(keyShare: Buffer | undefined): Record<number, number> {
  const shares: Record<number, number> = {};
  if (keyShare === undefined) return shares;
  for (let at = 2; at + 4 <= keyShare.length; at += 4 + keyShare.readUInt16BE(at + 2)) {
    shares[keyShare.readUInt16BE(at)] = keyShare.readUInt16BE(at + 2);
  }
  return shares;
}

function openssl(t: ExecutionContext, args: readonly string[]): () => string {
  const child = spawn('openssl', args);
  child.stdin.on('error', () => undefined);
  t.teardown(() => child.kill('SIGKILL'));
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  return () => said;
}
