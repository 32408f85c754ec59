import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { ExecutionContext } from 'ava';
import { pskIdentityOf } from '../../src/ids.ts';
import { toHex } from '../../src/lib/bytes.ts';
import type { TlsBinding } from '../../src/lib/suites.ts';
import type { LiveSa } from '../../src/sa/association.ts';
import { testWith } from '../support/peers.ts';
import { dial, every12Binding, makeSa, startNaf, TLS13, until } from '../support/tls.ts';

const test = testWith('openssl');
const weakest: TlsBinding = { version: '1.2', suite: 'PSK-AES128-CBC-SHA256' };

for (const binding of [TLS13, ...every12Binding]) {
  const name = binding.version === '1.2' ? binding.suite : 'TLS 1.3';
  test(`openssl s_client opens a layer with the right key and not with another, ${name}`, async (t) => {
    const sa = makeSa({ binding });
    const naf = await startNaf(t, [sa]);
    const wrong = sClient(t, naf.port, { ...sa, key: randomBytes(32) });
    const [code] = (await once(wrong, 'exit')) as [number];
    t.not(code, 0);
    t.deepEqual(naf.layers, []);
    sClient(t, naf.port, sa);
    const { socket } = await naf.layer();
    t.is(socket.getProtocol(), `TLSv${binding.version}`);
    t.is(socket.alpnProtocol, 'coap');
    t.is(naf.server.fullHandshakes, 1);
  });

  test(`our UE opens a layer to openssl s_server with the right key only, ${name}`, async (t) => {
    const sa = makeSa({ binding });
    const port = await sServer(t, sa);
    const ue = await dial(t, port, sa);
    t.is(ue.socket.getProtocol(), `TLSv${binding.version}`);
    ue.socket.destroy();
    await t.throwsAsync(dial(t, port, makeSa({ ...sa })), { code: 'ERR_CHANNEL_REFUSED' });
  });
}

test('a TLS 1.2 client cannot renegotiate', async (t) => {
  const sa = makeSa({ binding: weakest });
  const naf = await startNaf(t, [sa]);
  const client = sClient(t, naf.port, sa);
  const said = collect(client);
  const { socket } = await naf.layer();
  const asked = naf.asked.length;
  client.stdin.write('R\n');
  await until(() => /no[ _]renegotiation/i.test(said()));
  t.regex(said(), /RENEGOTIATING/);
  t.is(naf.asked.length, asked);
  t.is(naf.server.fullHandshakes, 1);
  socket.destroy();
});

function sClient(
  t: ExecutionContext,
  port: number,
  { bTid, key, binding, nafFqdn }: LiveSa,
): ChildProcessWithoutNullStreams {
  return openssl(t, [
    's_client',
    ...['-connect', `127.0.0.1:${port}`, '-servername', nafFqdn, '-alpn', 'coap'],
    ...['-psk', toHex(key), '-psk_identity', pskIdentityOf(bTid)],
    ...(binding.version === '1.3'
      ? ['-tls1_3', '-ciphersuites', 'TLS_AES_128_GCM_SHA256']
      : ['-tls1_2', '-cipher', binding.suite]),
  ]);
}

async function sServer(t: ExecutionContext, { bTid, key, binding }: LiveSa): Promise<number> {
  const server = openssl(t, [
    's_server',
    ...['-accept', '127.0.0.1:0', '-nocert', '-alpn', 'coap'],
    ...['-psk', toHex(key), '-psk_identity', pskIdentityOf(bTid)],
    ...['-psk_hint', '3GPP-bootstrapping'],
    ...(binding.version === '1.3'
      ? ['-tls1_3', '-ciphersuites', 'TLS_AES_128_GCM_SHA256']
      : ['-tls1_2', '-cipher', binding.suite]),
  ]);
  const said = collect(server);
  await until(() => /ACCEPT .*:\d+\s/.test(said()));
  return Number(/ACCEPT .*:(\d+)\s/.exec(said())?.[1]);
}

function openssl(t: ExecutionContext, args: readonly string[]): ChildProcessWithoutNullStreams {
  const child = spawn('openssl', args);
  child.stdin.on('error', () => undefined);
  t.teardown(() => child.kill('SIGKILL'));
  return child;
}

function collect(child: ChildProcessWithoutNullStreams): () => string {
  let said = '';
  const add = (chunk: Buffer): void => {
    said += chunk.toString();
  };
  child.stdout.on('data', add);
  child.stderr.on('data', add);
  return () => said;
}
