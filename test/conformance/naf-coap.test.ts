/** CoAP over TLS, octets written by hand, to a whole NAF, and what comes back (RFC 8323, RFC 7252). */
import anyTest, { type ExecutionContext } from 'ava';
import { systemClock } from '../../src/lib/clock.ts';
import { dialPsk } from '../../src/net/psk-client.ts';
import { rawPeer, type RawPeer } from '../support/channel.ts';
import { impi, openNaf } from '../support/ladder.ts';
import { createSim } from '../support/sim.ts';
import { policy, until } from '../support/tls.ts';

const test = anyTest.serial;
const CSM = '00e1';
const PING = '01e2ee';
/** Code and token of the NAF's answer to `PING`. */
const PONG = 'e3 ee';
const long = (octets: number): string => '61'.repeat(octets);

/** What is said, and code and token of each answer. A Ping follows, and is answered last. */
const rows: Readonly<Record<string, readonly [said: string, heard: readonly string[]]>> = {
  'a request without a token': ['20 01 b178', ['84 ']],
  'a token of one octet': ['21 01 07 b178', ['84 07']],
  'a token of eight octets': ['28 01 0102030405060708 b178', ['84 0102030405060708']],
  'two requests under one token': ['21 01 07 b178 21 05 07 b178', ['84 07', '85 07']],
  'a request for the root': ['01 01 07', ['84 07']],
  'a path of two segments': [`d104 01 07 bb${'2e77656c6c2d6b6e6f776e'} 04636f7265`, ['84 07']],
  'a segment of 255 octets': [`d1f4 01 07 bdf2 ${long(255)}`, ['84 07']],
  'a segment of 256 octets': [`d1f5 01 07 bdf3 ${long(256)}`, ['82 07']],
  'a payload where none is wanted': ['61 01 07 ff68656c6c6f', ['84 07']],
  FETCH: ['51 05 07 b470757368', ['85 07']],
  PATCH: ['51 06 07 b470757368', ['85 07']],
  iPATCH: ['01 07 07', ['85 07']],
  'a method that there is not': ['51 1f 07 b470757368', ['85 07']],
  'Proxy-Uri': ['61 01 07 d416 636f6170', ['a5 07']],
  'If-Match': ['11 01 07 10', ['82 07']],
  Block1: ['21 01 07 d00e', ['82 07']],
  Block2: ['21 01 07 d00a', ['84 07']],
  'Block2 of four octets': ['61 01 07 d40a 00000000', ['82 07']],
  'an unknown elective option': ['31 01 07 e0fcdb', ['84 07']],
  'an unknown elective option of 300 octets': [`e10024 01 07 eefcdb001f ${long(300)}`, ['84 07']],
  'an unknown critical option': ['31 01 07 e0fcdc', ['82 07']],
  'Empty messages, with a token and without': ['00 00 04 00 01020304', []],
  'a response that nobody waits for': ['01 45 07 00 84', []],
  'a Pong that nobody waits for': ['01 e3 07', []],
  'a Ping with a token of eight octets': ['08 e2 0102030405060708', ['e3 0102030405060708']],
  'a Ping with Custody': ['11 e2 07 20', ['e3 07']],
  'a Ping with an elective option': ['31 e2 07 d12f78', ['e3 07']],
  'a second CSM, with Block-Wise-Transfer and an elective option': ['70 e1 220480 20 d12f78', []],
  'signals that there are not': ['00 e6 01 ff 07', []],
};

/** What ends the connection, with an Abort (7.05) before it. */
const aborted: Readonly<Record<string, string>> = {
  'a token of nine octets': '09 01 010203040506070809',
  'a token length of 15': '0f 01',
  'a marker without a payload': '11 01 07 ff',
  'an option whose delta is 15': '11 01 07 f0',
  'an option whose length is 15': '11 01 07 0f',
  'an option longer than its message': '21 01 07 b578',
  'an option beyond number 65,535': '31 01 07 e0ffff',
  'a critical option in a Ping': '11 e2 07 10',
  'a critical option in a CSM': '10 e1 90',
  'a critical option in an unknown signal': '10 e6 10',
  'a Max-Message-Size of 1': '20 e1 2101',
  'a message of class 1': '00 20',
  'a message of class 6': '00 c0',
  // 4,097 octets: 2 of length, a code, 4,094.
  'a message over the Max-Message-Size': 'e0 0ef1 01',
  'a message of 4 GiB': 'f0 ffffffff 01',
};

test('each message is answered as the standards say, whole and one octet at a time', async (t) => {
  const dial = await open(t);
  for (const how of ['whole', 'in crumbs']) {
    const peer = await dial();
    say(peer, CSM);
    for (const [name, [said, heard]] of Object.entries(rows)) {
      peer.heard.length = 0;
      if (how === 'whole') say(peer, said + PING);
      else for (const octet of said.replaceAll(' ', '').match(/../g) ?? []) say(peer, octet);
      if (how !== 'whole') say(peer, PING);
      await until(() => answers(peer).includes(PONG));
      t.deepEqual(answers(peer), [...heard, PONG], `${name}, ${how}`);
    }
  }
});

test('what breaks the framing, or asks for what must be known, is answered by Abort', async (t) => {
  const dial = await open(t);
  for (const [name, said] of Object.entries(aborted)) {
    const peer = await dial();
    say(peer, CSM + said + PING);
    await until(() => peer.socket.readableEnded);
    t.deepEqual(answers(peer), ['e5 '], name);
  }
});

test('a first message that is no CSM is answered by Abort, and by nothing else', async (t) => {
  const dial = await open(t);
  for (const said of ['2101 07 b178', '01e2 07', '01e3 07', '00e4', '0045']) {
    const peer = await dial();
    say(peer, said + CSM);
    await until(() => peer.socket.readableEnded);
    t.deepEqual(answers(peer), ['e5 '], said);
  }
});

test('after a Release, an Abort or the end of the client the NAF ends the connection', async (t) => {
  const dial = await open(t);
  for (const said of ['60 e4 4105 ff627965', '30 e5 ff6e6f']) {
    const peer = await dial();
    say(peer, CSM + said);
    await until(() => peer.socket.readableEnded);
    t.deepEqual(answers(peer), [], said);
  }
  const half = await dial();
  say(half, `${CSM} 2101`);
  half.socket.end();
  await until(() => half.socket.readableEnded);
  t.deepEqual(answers(half), []);
});

/** A NAF, and who dials it with the key of its one association. */
async function open(t: ExecutionContext): Promise<() => Promise<RawPeer>> {
  const naf = await openNaf(t, createSim(impi), { bootstrap: false });
  const announced = (await naf.announce(impi)).sa;
  const sa = { ...announced, key: Uint8Array.from(announced.key) };
  return async () => {
    const { socket } = await dialPsk({ ...naf.address, sa, policy, clock: systemClock });
    t.teardown(() => socket.destroy());
    return rawPeer(socket);
  };
}

function say({ socket }: RawPeer, hex: string): void {
  socket.write(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
}

/** Code and token of all that came, but for the NAF's own CSM. */
function answers({ heard }: RawPeer): string[] {
  return heard
    .filter(({ code }) => code !== 0xe1)
    .map(({ code, token }) => `${code.toString(16)} ${Buffer.from(token).toString('hex')}`);
}
