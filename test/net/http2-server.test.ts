import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import test from 'ava';
import { ChannelError } from '../../src/errors.ts';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { dialHttp2 } from '../../src/net/http2-client.ts';
import { parseHttp2Address } from '../../src/net/http2-address.ts';
import { listenHttp2, type ListenHttp2Options } from '../../src/net/http2-server.ts';
import { manualClock } from '../support/manual-clock.ts';
import { drained, policy } from '../support/tls.ts';

const key = new Uint8Array(32).fill(5);
const identity = 'naf.example.org';
const defaults: ListenHttp2Options = {
  address: parseHttp2Address('https://127.0.0.1:0'),
  clock,
  policy,
  keyFor: (name) => (name === identity ? key : undefined),
  onStream: (stream, _headers, peer) => {
    stream.respond({ ':status': 200 });
    stream.end(peer.identity);
  },
};

test('a request comes with the identity that its connection proved', async (t) => {
  const server = await listenHttp2(defaults);
  t.teardown(() => server.close());
  const dialling = { address: server.address, policy, clock, psk: { identity, key } };
  const session = await dialHttp2({ ...dialling, timeoutMs: 5_000 });
  const stream = session.request({ ':path': '/' });
  const [body] = (await once(stream, 'data')) as [Buffer];
  t.is(body.toString(), identity);
  session.destroy();
});

test('a key that ends between its look-up and the proof opens no session', async (t) => {
  let asked = 0;
  let streams = 0;
  const server = await listenHttp2({
    ...defaults,
    keyFor: () => (++asked === 1 ? key : undefined),
    onStream: () => {
      streams += 1;
    },
  });
  t.teardown(() => server.close());
  const dialling = { address: server.address, policy, clock, psk: { identity, key } };
  const session = await dialHttp2({ ...dialling, timeoutMs: 5_000 });
  session.request({ ':path': '/' }).on('error', () => undefined);
  await once(session, 'close');
  t.is(asked, 2);
  t.is(streams, 0);
});

test('a connection that does not finish its handshake is ended', async (t) => {
  const held = manualClock();
  const server = await listenHttp2({ ...defaults, clock: held });
  t.teardown(() => server.close());
  if (server.address.scheme === 'unix') return t.fail();
  const socket = connect(server.address.port, server.address.host);
  const ended = drained(socket);
  while (held.pending === 0) await new Promise(setImmediate);
  held.advance(policy.handshakeTimeoutMs);
  t.is((await ended).length, 0);
});

test('a server that does not finish its handshake is left', async (t) => {
  const held = manualClock();
  const silent = createServer((socket) => socket.on('error', () => undefined)).listen(
    0,
    '127.0.0.1',
  );
  await once(silent, 'listening');
  t.teardown(() => silent.close());
  const { port } = silent.address() as { port: number };
  const address = parseHttp2Address(`https://127.0.0.1:${port}`);
  const dialling = dialHttp2({
    address,
    policy,
    clock: held,
    psk: { identity, key },
    timeoutMs: 700,
  });
  held.advance(700);
  const late = { instanceOf: ChannelError, code: 'ERR_CHANNEL_TIMEOUT' };
  t.true((await t.throwsAsync(dialling, late))?.retryable);
});
