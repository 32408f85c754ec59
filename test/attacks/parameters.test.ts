/** Attacks by weak parameters: what an eavesdropper needs in order to read on. */
import { constants } from 'node:crypto';
import anyTest, { type ExecutionContext } from 'ava';
import { pskIdentityOf } from '../../src/ids.ts';
import { toHex } from '../../src/lib/bytes.ts';
import type { TlsBinding } from '../../src/lib/suites.ts';
import type { LiveSa } from '../../src/sa/association.ts';
import { testWith } from '../support/peers.ts';
import { dial, makeSa } from '../support/tls.ts';
import { answerTo, rawHello, RECORD, serverExtensionsOf } from '../support/tls-records.ts';
import { testAttack } from './attack.ts';
import { dialNaive } from './naive.ts';
import { openTls12, runOpenssl } from './openssl.ts';

const test = testWith('openssl');
const KEY_SHARE = 0x33;
const dhe: TlsBinding = { version: '1.2', suite: 'DHE-PSK-AES128-GCM-SHA256' };

testAttack(anyTest.serial, {
  title:
    'a hello with psk_ke alone gets a layer without a key exchange, so without forward secrecy',
  because: 'a server may allow it, for devices that spare the octets (RFC 8446 2.2, 4.2.9)',
  naive: { tls: { secureOptions: constants.SSL_OP_ALLOW_NO_DHE_KEX } },
  succeeds: async ({ target, own }) => {
    const hello = rawHello({ identities: [pskIdentityOf(own.bTid)], key: own.key, modes: [0] });
    const answer = await answerTo(target.port, hello);
    if (answer?.type !== RECORD.handshake) return false;
    return !serverExtensionsOf(answer.body.subarray(4)).includes(KEY_SHARE);
  },
});

testAttack(test, {
  title: 'a layer with DHE-PSK stands on 1024 bits',
  because:
    'dhparam auto counts on a certificate for the size and takes 1024 bits (RFC 7919 1, Logjam)',
  binding: dhe,
  naive: { tls: { dhparam: 'auto' } },
  succeeds: async ({ t, target, own }) => {
    const client = openTls12(t, target.port, own);
    t.true(
      await client.says(/Temp Key: DH, \d+ bits[^]*push for|push for[^]*Temp Key: DH, \d+ bits/),
    );
    return Number(/Temp Key: DH, (\d+) bits/.exec(client.said())?.[1]) < 2048;
  },
});

testAttack(test, {
  title: 'the key of a TLS 1.3 association opens a layer of TLS 1.2 without forward secrecy',
  because: 'the callback is asked in both versions, a key belongs to one (RFC 8446 E.7)',
  succeeds: ({ t, target, own }) => {
    const binding = { version: '1.2', suite: 'PSK-AES128-CBC-SHA256' } as const;
    return openTls12(t, target.port, { ...own, binding }).says(/push for/);
  },
});

const weakNaf = 'a NAF that offers a 1024-bit group gets a layer with DHE-PSK';

test(`${weakNaf}: a naive UE falls`, async (t) => {
  const sa = makeSa({ binding: dhe });
  const port = await startWeak(t, sa);
  const socket = await dialNaive(port, sa, { maxVersion: 'TLSv1.2' });
  t.teardown(() => socket.destroy());
  t.like(socket.getEphemeralKeyInfo(), { type: 'DH', size: 1024 });
});

test(`${weakNaf}: ours holds`, async (t) => {
  const sa = makeSa({ binding: dhe });
  await t.throwsAsync(dial(t, await startWeak(t, sa), sa), { code: 'ERR_CHANNEL_POLICY' });
});

/** `openssl s_server` with the right key; its own choice of a group is 1024 bits. */
async function startWeak(t: ExecutionContext, { bTid, key, binding }: LiveSa): Promise<number> {
  const suite = binding.version === '1.2' ? binding.suite : '';
  const server = runOpenssl(t, [
    's_server',
    ...['-accept', '127.0.0.1:0', '-nocert', '-alpn', 'coap', '-tls1_2'],
    ...['-cipher', `${suite}:@SECLEVEL=0`, '-psk', toHex(key)],
    ...['-psk_identity', pskIdentityOf(bTid), '-psk_hint', '3GPP-bootstrapping'],
  ]);
  t.true(await server.says(/ACCEPT .*:\d+\s/));
  return Number(/ACCEPT .*:(\d+)\s/.exec(server.said())?.[1]);
}
