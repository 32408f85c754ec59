import test from 'ava';
import fc from 'fast-check';
import { CODE } from '../../src/codec/coap.ts';
import { emptyOption, uintOption } from '../../src/codec/coap-option.ts';
import { uintValue } from '../../src/codec/option-values.ts';
import { ChannelError, CodecError } from '../../src/errors.ts';
import { fromHex, utf8Text } from '../../src/lib/bytes.ts';
import type { Respond } from '../../src/net/channel-types.ts';
import { ask, channelAndRawPeer } from '../support/channel.ts';
import { manualClock } from '../support/manual-clock.ts';

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise(setImmediate);
};

for (const code of [CODE.GET, CODE.CONTENT, CODE.PING, CODE.RELEASE]) {
  test(`a first message that is no CSM is answered with Abort (code ${code})`, async (t) => {
    const { channel, peer } = await channelAndRawPeer(
      t,
      { onRequest: () => t.fail('it came before the CSM') },
      false,
    );
    peer.say({ code });
    const abort = await peer.hear(CODE.ABORT);
    t.regex(utf8Text(abort.payload) ?? '', /CSM/);
    t.is((await channel.closed).reason, 'protocol-error');
  });
}

test('an Empty message is ignored, also before the CSM', async (t) => {
  const { channel, peer } = await channelAndRawPeer(t, {}, false);
  peer.say({ code: CODE.EMPTY }, { code: CODE.CSM }, { code: CODE.EMPTY }, { code: CODE.PING });
  await peer.hear(CODE.PONG);
  t.deepEqual(channel.peer, { maxMessageSize: 1152, takesBlocks: false });
});

test('a critical option in a CSM is named in the Abort', async (t) => {
  const { channel, peer } = await channelAndRawPeer(t);
  peer.say({ code: CODE.CSM, options: [uintOption(2, 1152), emptyOption(9)] });
  const abort = await peer.hear(CODE.ABORT);
  t.deepEqual(
    abort.options.map((option) => [option.number, uintValue(option)]),
    [[2, 9]],
  );
  t.is((await channel.closed).reason, 'protocol-error');
});

test('a critical option in another signal ends it without Bad-CSM-Option', async (t) => {
  const { channel, peer } = await channelAndRawPeer(t);
  peer.say({ code: CODE.PING, options: [emptyOption(1)] });
  t.is((await peer.hear(CODE.ABORT)).options.length, 0);
  t.is((await channel.closed).reason, 'protocol-error');
});

test('elective options and unknown signals are ignored', async (t) => {
  const { peer } = await channelAndRawPeer(t);
  peer.say({ code: CODE.CSM, options: [emptyOption(64)] }, { code: 0xff });
  peer.say({ code: CODE.PING, options: [emptyOption(64)] });
  t.is((await peer.hear(CODE.PONG)).options.length, 0);
});

test('a reserved code class ends the channel', async (t) => {
  for (const code of [0x20, 0xc0]) {
    const { channel, peer } = await channelAndRawPeer(t);
    peer.say({ code });
    t.is((await channel.closed).reason, 'protocol-error');
  }
});

test('a header that announces too much is refused before its body comes', async (t) => {
  const { channel, peer } = await channelAndRawPeer(t, { maxMessageSize: 4096 });
  peer.socket.write(fromHex('f000100000'));
  const abort = await peer.hear(CODE.ABORT);
  t.regex(utf8Text(abort.payload) ?? '', /over the limit of 4096/);
  t.is((await channel.closed).reason, 'protocol-error');
});

test('a CSM whose size has five octets says nothing of it, nor does a second size', async (t) => {
  const { channel, peer } = await channelAndRawPeer(t, {}, false);
  peer.say({ code: CODE.CSM, options: [{ number: 2, value: new Uint8Array(5) }] });
  await channel.ready;
  t.deepEqual(channel.peer, { maxMessageSize: 1152, takesBlocks: false });
  peer.say({ code: CODE.CSM, options: [uintOption(2, 2_000), uintOption(2, 1)] });
  peer.say({ code: CODE.PING });
  await peer.hear(CODE.PONG);
  t.deepEqual(channel.peer, { maxMessageSize: 2_000, takesBlocks: false });
});

for (const size of [0, 1, 63]) {
  test(`a Max-Message-Size that no answer fits into ends the channel (${size})`, async (t) => {
    const onRequest = (): void => t.fail('it came after the refusal');
    const { channel, peer } = await channelAndRawPeer(t, { onRequest }, false);
    peer.say({ code: CODE.CSM, options: [uintOption(2, size)] }, { code: CODE.PUT });
    const abort = await peer.hear(CODE.ABORT);
    t.deepEqual(
      abort.options.map((option) => [option.number, uintValue(option)]),
      [[2, 2]],
    );
    t.is((await channel.closed).reason, 'protocol-error');
  });
}

test('the least Max-Message-Size that is accepted is 64', async (t) => {
  const { channel, peer } = await channelAndRawPeer(t, {}, false);
  peer.say({ code: CODE.CSM, options: [uintOption(2, 64)] }, { code: CODE.PUT });
  await peer.hear(CODE.CREATED);
  t.deepEqual(channel.peer, { maxMessageSize: 64, takesBlocks: false });
});

test('an answer over the peer’s limit ends the channel and is never thrown at whoever answers', async (t) => {
  const long = { code: CODE.CONTENT, payload: new Uint8Array(64) };
  const held: Respond[] = [];
  const { channel, peer } = await channelAndRawPeer(
    t,
    { onRequest: (_request, respond) => void held.push(respond) },
    false,
  );
  const small = { code: CODE.CSM, options: [uintOption(2, 64)] };
  peer.say(small, { code: CODE.GET }, { code: CODE.GET });
  while (held.length < 2) await turns(1);
  const asked = ask(channel, { code: CODE.GET });
  for (const respond of held) t.notThrows(() => respond(long));
  t.regex(utf8Text((await peer.hear(CODE.ABORT)).payload) ?? '', /Max-Message-Size of 64/);
  t.true((await asked) instanceof ChannelError);
  t.is((await channel.closed).reason, 'protocol-error');
  t.false(peer.heard.some(({ code }) => code === CODE.CONTENT));
});

test('a refusal of a bad request that is over the peer’s limit ends the channel too', async (t) => {
  const onRequest = (): void => {
    throw new CodecError('ERR_COAP_MALFORMED', 'x'.repeat(64));
  };
  const { channel, peer } = await channelAndRawPeer(t, { onRequest }, false);
  peer.say({ code: CODE.CSM, options: [uintOption(2, 64)] }, { code: CODE.GET });
  await peer.hear(CODE.ABORT);
  t.is((await channel.closed).reason, 'protocol-error');
});

test('garbage ends as a protocol error, a peer that hangs up, or silence; never as a crash', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 2_000 }), async (garbage) => {
      const { channel, peer } = await channelAndRawPeer(t, { maxMessageSize: 4096 });
      peer.socket.end(garbage);
      const { reason } = await channel.closed;
      t.true(['protocol-error', 'peer-closed', 'aborted-by-peer', 'released'].includes(reason));
    }),
    { numRuns: 60 },
  );
});

test('no CSM in time ends the channel', async (t) => {
  const clock = manualClock();
  const { channel, peer } = await channelAndRawPeer(t, { clock, csmTimeoutMs: 500 }, false);
  clock.advance(499);
  await peer.hear(CODE.CSM);
  t.deepEqual(peer.heard.length, 1);
  clock.advance(1);
  await peer.hear(CODE.ABORT);
  t.deepEqual(await channel.closed, {
    reason: 'protocol-error',
    diagnostic: 'no CSM within 500 ms',
  });
});

test('half a frame, then silence, is lost to the keepalive', async (t) => {
  const clock = manualClock();
  const { channel, peer } = await channelAndRawPeer(t, {
    clock,
    keepaliveMs: 1_000,
    pongTimeoutMs: 200,
  });
  peer.socket.write(fromHex('d0ff45'));
  await turns(20);
  clock.advance(1_000);
  await peer.hear(CODE.PING);
  clock.advance(199);
  t.true(channel.writable);
  clock.advance(1);
  t.is((await channel.closed).reason, 'keepalive-timeout');
  t.is(clock.pending, 0);
});

test('half a frame, then the end, says that a message was cut', async (t) => {
  const { channel, peer } = await channelAndRawPeer(t);
  peer.socket.end(fromHex('d0ff45'));
  const { reason, diagnostic } = await channel.closed;
  t.is(reason, 'peer-closed');
  t.regex(diagnostic ?? '', /middle of a message/);
});

test('keepalive: no Ping while the peer talks, one after silence, and a Pong keeps it', async (t) => {
  const clock = manualClock();
  const { channel, peer } = await channelAndRawPeer(t, {
    clock,
    keepaliveMs: 1_000,
    pongTimeoutMs: 200,
  });
  const pings = (): number => peer.heard.filter(({ code }) => code === CODE.PING).length;
  const roundTrip = async (token: number): Promise<void> => {
    peer.say({ code: CODE.PING, token: Uint8Array.of(token) });
    while (peer.heard.at(-1)?.token[0] !== token) await turns(1);
  };
  clock.advance(900);
  await roundTrip(1);
  clock.advance(900);
  await roundTrip(2);
  t.is(pings(), 0);
  clock.advance(1_000);
  const { token, options } = await peer.hear(CODE.PING);
  t.is(options.length, 0);
  clock.advance(150);
  peer.say({ code: CODE.PONG, token });
  await roundTrip(3);
  clock.advance(900);
  t.true(channel.writable);
  t.is(pings(), 1);
  await channel.close();
});

test('keepalive rests while reading is paused', async (t) => {
  const clock = manualClock();
  const { channel } = await channelAndRawPeer(t, { clock, keepaliveMs: 1_000, pongTimeoutMs: 200 });
  channel.pauseReading();
  clock.advance(60_000);
  t.true(channel.writable);
  channel.resumeReading();
  clock.advance(1_199);
  t.true(channel.writable);
  clock.advance(1);
  t.is((await channel.closed).reason, 'keepalive-timeout');
});

test('ping measures the round trip, and a Pong that nobody asked for changes nothing', async (t) => {
  const clock = manualClock();
  const { channel, peer } = await channelAndRawPeer(t, { clock });
  peer.say({ code: CODE.PONG, token: Uint8Array.of(0, 0, 0, 0) });
  await turns(20);
  const rtt = channel.ping();
  const { token } = await peer.hear(CODE.PING);
  clock.advance(42);
  peer.say({ code: CODE.PONG, token });
  t.is(await rtt, 42);
  await channel.close();
});

test('100,000 pipelined Pings are answered', async (t) => {
  const { peer } = await channelAndRawPeer(t);
  peer.socket.write(Buffer.alloc(200_000, fromHex('00e2')));
  peer.say({ code: CODE.PING, token: Uint8Array.of(1) });
  while (peer.heard.at(-1)?.token.length !== 1) await turns(1);
  t.is(peer.heard.filter(({ code }) => code === CODE.PONG).length, 100_001);
});

test('a peer that asks but never reads is not read either', async (t) => {
  let asked = 0;
  const payload = new Uint8Array(1_000);
  const { channel, peer } = await channelAndRawPeer(t, {
    onRequest: (_request, respond) => {
      asked++;
      respond({ code: CODE.CONTENT, payload });
    },
  });
  peer.socket.pause();
  const flood = 200_000;
  peer.socket.write(Buffer.alloc(flood * 2, fromHex('0001')));
  let before = -1;
  while (asked !== before) {
    before = asked;
    await turns(50);
  }
  t.true(asked < flood, `${asked} of ${flood} were taken in`);
  peer.socket.resume();
  while (asked < flood) await turns(1);
  t.is(asked, flood);
  await channel.close();
});

test('more than 16 Pings with Custody do not pile up', async (t) => {
  const { channel, peer } = await channelAndRawPeer(t, { onRequest: () => {} });
  peer.say({ code: CODE.GET, token: Uint8Array.of(1) });
  for (let i = 0; i < 20; i++) peer.say({ code: CODE.PING, options: [emptyOption(2)] });
  peer.say({ code: CODE.PING, token: Uint8Array.of(2) });
  while (peer.heard.at(-1)?.token[0] !== 2) await turns(1);
  const pongs = peer.heard.filter(({ code }) => code === CODE.PONG);
  t.is(pongs.length, 5);
  t.true(pongs.every(({ options }) => options.length === 0));
  await channel.close();
});

test('nothing that comes after an Abort is looked at', async (t) => {
  const { channel, peer } = await channelAndRawPeer(t, {
    onRequest: () => t.fail('it came after the Abort'),
  });
  peer.socket.write(fromHex('00e5' + '0001' + '0001'));
  const end = await channel.closed;
  t.is(end.reason, 'aborted-by-peer');
});

test('a peer that never closes its side is cut off', async (t) => {
  const clock = manualClock();
  const { channel, peer } = await channelAndRawPeer(t, { clock });
  peer.socket.allowHalfOpen = true;
  const closing = channel.close();
  await new Promise((resolve) => peer.socket.once('end', resolve));
  clock.advance(1_000);
  await closing;
  t.is((await channel.closed).reason, 'local');
});
