import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { promisify } from 'node:util';
import test from 'ava';
import { listenUb } from '../../src/bsf/ub-server.ts';
import { parseChallenge, parseNonce } from '../../src/codec/digest-aka.ts';
import { ConfigError } from '../../src/errors.ts';
import type { Hss } from '../../src/ports.ts';
import { makeBsf, meOnly, serveUb } from '../support/bsf.ts';
import { gate } from '../support/ladder.ts';
import { testWith } from '../support/peers.ts';
import { drained } from '../support/tls.ts';

const withCurl = testWith('curl');
const authorization =
  `Digest username="${meOnly.impi}", realm="bsf.mnc001.mcc001.pub.3gppnetwork.org", ` +
  'nonce="", uri="/", response=""';

/** Sends these octets and gives the first line of what comes back, when the server has closed. */
async function firstLine(port: number, octets: string | Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.end(octets);
  return (await drained(socket)).toString('latin1').split('\r\n', 1)[0] ?? '';
}

withCurl('curl gets a challenge with RAND and AUTN for a subscriber’s IMPI', async (t) => {
  const url = await serveUb(t, makeBsf(t).ub);
  const { stdout } = await promisify(execFile)('curl', [
    ...['-s', '-i', '--http1.1', '-H', `Authorization: ${authorization}`, url.href],
  ]);
  const [status, ...lines] = stdout.split('\r\n');
  t.is(status, 'HTTP/1.1 401 Unauthorized');
  const header = lines.find((line) => line.startsWith('WWW-Authenticate: ')) ?? '';
  const { realm, nonce } = parseChallenge(header.slice('WWW-Authenticate: '.length));
  t.is(realm, 'bsf.mnc001.mcc001.pub.3gppnetwork.org');
  t.is(parseNonce(nonce).rand.length, 16);
  t.true(lines.includes('Server: gba-push'));
  t.true(lines.includes('Content-Length: 0'));
});

test('anything but a short GET of / with Digest is refused, and costs no vector', async (t) => {
  const { ub, vectors } = makeBsf(t);
  const port = Number((await serveUb(t, ub)).port);
  const auth = `Host: bsf\r\nConnection: close\r\nAuthorization: ${authorization}\r\n`;
  const long = `Content-Length: 5000\r\n\r\n${'x'.repeat(5_000)}`;
  const chunked = `Transfer-Encoding: chunked\r\n\r\n1388\r\n${'x'.repeat(5_000)}\r\n0\r\n\r\n`;
  const requests: [string, string][] = [
    [`GET / HTTP/1.1\r\nHost: bsf\r\nConnection: close\r\n\r\n`, '400'],
    [`GET /x HTTP/1.1\r\n${auth}\r\n`, '404'],
    [`GET http://bsf/ HTTP/1.1\r\n${auth}\r\n`, '404'],
    [`POST / HTTP/1.1\r\n${auth}Content-Length: 0\r\n\r\n`, '405'],
    [`GET / HTTP/1.1\r\n${auth}${long}`, '413'],
    [`GET / HTTP/1.1\r\n${auth}${chunked}`, '413'],
    [`GET / HTTP/1.1\r\nHost: bsf\r\nX: ${'x'.repeat(9_000)}\r\n\r\n`, '431'],
    ['\u0016\u0003\u0001 this is TLS\r\n\r\n', '400'],
  ];
  for (const [octets, status] of requests) {
    t.regex(await firstLine(port, octets), new RegExp(`^HTTP/1.1 ${status} `), octets.slice(0, 40));
  }
  t.is(vectors.length, 0);
});

test('drain answers the request that is here, and the port is free afterwards', async (t) => {
  const { hss } = makeBsf(t);
  const [arrived, answered] = [gate(), gate()];
  const slow: Hss = {
    ...hss,
    async vector(...asked) {
      arrived.open();
      await answered.passed;
      return hss.vector(...asked);
    },
  };
  const { ub } = makeBsf(t, { hss: slow });
  const server = await listenUb(ub, { host: '127.0.0.1', port: 0 });
  const { port } = server.address;
  const sent = request({ host: '127.0.0.1', port, headers: { authorization } }).end();
  await arrived.passed;
  const drain = server.drain();
  answered.open();
  const [response] = (await once(sent, 'response')) as [{ statusCode: number; resume(): void }];
  response.resume();
  t.is(response.statusCode, 401);
  await drain;
  const next = await listenUb(ub, { host: '127.0.0.1', port });
  await next.close();
});

test('an address that is taken is named', async (t) => {
  const { ub } = makeBsf(t);
  const server = await listenUb(ub, { host: '127.0.0.1', port: 0 });
  t.teardown(() => server.close());
  const taken = { instanceOf: ConfigError, code: 'ERR_CONFIG_ADDRESS', message: /127\.0\.0\.1/ };
  await t.throwsAsync(listenUb(ub, server.address), taken);
});

test('a connection on which nothing, or not all, comes ends within seconds', async (t) => {
  const port = Number((await serveUb(t, makeBsf(t).ub)).port);
  const started = `GET / HTTP/1.1\r\nHost: bsf\r\n`;
  const statuses = ['', started, `${started}Content-Length: 9\r\n\r\nab`].map(async (octets) => {
    const socket = connect(port, '127.0.0.1');
    socket.write(octets);
    return (await drained(socket)).toString('latin1').split('\r\n', 1)[0];
  });
  for (const status of await Promise.all(statuses)) t.is(status, 'HTTP/1.1 408 Request Timeout');
});

test('one source has 128 connections, and gets another when one of them ends', async (t) => {
  const port = Number((await serveUb(t, makeBsf(t).ub)).port);
  const dial = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    t.teardown(() => socket.destroy());
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  };
  const held: Socket[] = [];
  for (let i = 0; i < 128; i += 1) held.push(await dial());
  t.is((await drained(await dial())).length, 0);
  const [first] = held;
  const asked = `GET /x HTTP/1.1\r\nHost: bsf\r\nConnection: close\r\n\r\n`;
  first?.end(asked);
  t.regex((first && (await drained(first)).toString()) ?? '', /^HTTP\/1.1 404 /);
  t.regex(await firstLine(port, asked), /404/);
});
