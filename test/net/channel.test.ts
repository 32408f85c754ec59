import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import fc from 'fast-check';
import { CODE, type CoapMessage } from '../../src/codec/coap.ts';
import {
  NO_OPTIONS,
  OPTION,
  SIGNAL_OPTION,
  emptyOption,
  stringOption,
  uintOption,
  type CoapOption,
} from '../../src/codec/coap-option.ts';
import { stringValue, uintValue } from '../../src/codec/option-values.ts';
import { PushError, type ChannelError } from '../../src/errors.ts';
import { utf8Bytes, utf8Text } from '../../src/lib/bytes.ts';
import type { ChannelEnd, Respond } from '../../src/net/channel-types.ts';
import type { ReleaseNotice } from '../../src/net/signalling.ts';
import {
  ask,
  channelAndRawPeer,
  channelPair,
  socketPair,
  channelOver,
} from '../support/channel.ts';
import { manualClock } from '../support/manual-clock.ts';

/** Collects now what nothing holds. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

const codeOf = (outcome: CoapMessage | Error): number | string =>
  outcome instanceof Error ? (outcome as ChannelError).code : outcome.code;

test('each end learns what the other accepts', async (t) => {
  const { near, far } = await channelPair(t, { maxMessageSize: 4096 }, { maxMessageSize: 66_000 });
  t.deepEqual(near.peer, { maxMessageSize: 66_000, takesBlocks: true });
  t.deepEqual(far.peer, { maxMessageSize: 4096, takesBlocks: true });
});

test('a peer that states no size accepts 1152, a later CSM changes it', async (t) => {
  const { channel, peer } = await channelAndRawPeer(t);
  t.deepEqual(channel.peer, { maxMessageSize: 1152, takesBlocks: false });
  peer.say({ code: CODE.CSM, options: [uintOption(2, 2000)] }, { code: CODE.PING });
  await peer.hear(CODE.PONG);
  t.deepEqual(channel.peer, { maxMessageSize: 2000, takesBlocks: false });
  peer.say({ code: CODE.CSM }, { code: CODE.PING, token: Uint8Array.of(1) });
  while (peer.heard.at(-1)?.token[0] !== 1) await new Promise(setImmediate);
  t.deepEqual(channel.peer, { maxMessageSize: 2000, takesBlocks: false });
});

test('options and payload arrive, and the answer comes back with its own', async (t) => {
  const { near } = await channelPair(
    t,
    {},
    {
      onRequest: ({ code, options, payload }, respond) => {
        const path = options.map(stringValue).join('/');
        const seen = `${code} ${path} ${utf8Text(payload)}`;
        respond({
          code: CODE.CONTENT,
          options: [uintOption(OPTION.MAX_AGE, 60)],
          payload: utf8Bytes(seen),
        });
      },
    },
  );
  const answer = await ask(near, {
    code: CODE.PUT,
    options: [stringOption(OPTION.URI_PATH, 'push'), stringOption(OPTION.URI_PATH, 'x')],
    payload: utf8Bytes('hello'),
  });
  t.false(answer instanceof Error);
  if (answer instanceof Error) return;
  t.is(answer.code, CODE.CONTENT);
  t.deepEqual(answer.options.map(uintValue), [60]);
  t.is(utf8Text(answer.payload), '3 push/x hello');
});

test('20,000 pipelined requests arrive and are answered in order', async (t) => {
  const arrived: number[] = [];
  const { near } = await channelPair(
    t,
    {},
    {
      onRequest: ({ payload }, respond) => {
        arrived.push(new DataView(payload.buffer, payload.byteOffset).getUint32(0));
        respond({ code: CODE.CREATED, payload });
      },
    },
  );
  const answered: number[] = [];
  const count = 20_000;
  await new Promise<void>((resolve) => {
    for (let i = 0; i < count; i++) {
      const payload = Buffer.alloc(32);
      payload.writeUInt32BE(i);
      near.request({ code: CODE.PUT, payload }, (outcome) => {
        if (outcome instanceof Error) throw outcome;
        answered.push(Buffer.from(outcome.payload).readUInt32BE());
        if (answered.length === count) resolve();
      });
    }
  });
  const expected = Array.from({ length: count }, (_, i) => i);
  t.deepEqual(arrived, expected);
  t.deepEqual(answered, expected);
});

test('both ends may ask at once, and answers may come in any order', async (t) => {
  const held: (() => void)[] = [];
  const { near, far } = await channelPair(
    t,
    {},
    {
      onRequest: ({ payload }, respond) => {
        held.push(() => respond({ code: CODE.CREATED, payload }));
        if (held.length === 3) for (const answer of held.reverse()) answer();
      },
    },
  );
  const asked = ['a', 'b', 'c'].map((text) =>
    ask(near, { code: CODE.PUT, payload: utf8Bytes(text) }),
  );
  t.is(codeOf(await ask(far, { code: CODE.GET })), CODE.CREATED);
  const texts = (await Promise.all(asked)).map((m) => m instanceof Error || utf8Text(m.payload));
  t.deepEqual(texts, ['a', 'b', 'c']);
});

test('many requests of one turn leave in one write', async (t) => {
  const { near, sockets } = await channelPair(t);
  const write = sockets[0].write.bind(sockets[0]) as (...args: unknown[]) => boolean;
  let writes = 0;
  sockets[0].write = (...args: unknown[]) => {
    writes++;
    return write(...args);
  };
  await Promise.all(
    Array.from({ length: 200 }, () => ask(near, { code: CODE.PUT, payload: new Uint8Array(100) })),
  );
  t.is(writes, 1);
});

test('a message longer than the peer accepts is refused before anything is sent', async (t) => {
  const { near, far } = await channelPair(t, {}, { maxMessageSize: 4096 });
  const settle = (): void => t.fail('it was refused, so it is not settled');
  const content = { code: CODE.PUT, payload: new Uint8Array(4096) };
  const error = t.throws(() => near.request(content, settle), { code: 'ERR_PUSH_OVERSIZE' });
  t.regex(error.message, /\d+ octets .* 4096/);
  t.is(near.inFlight, 0);
  t.is(codeOf(await ask(near, { code: CODE.PUT, payload: new Uint8Array(4080) })), CODE.CREATED);
  await far.close();
});

test('writable is false at the limit of requests in flight, and true again after an answer', async (t) => {
  const held: Respond[] = [];
  const { near } = await channelPair(
    t,
    { maxRequestsInFlight: 2 },
    { onRequest: (_request, respond) => held.push(respond) },
  );
  const asked = [ask(near, { code: CODE.GET }), ask(near, { code: CODE.GET })];
  t.false(near.writable);
  let woken = false;
  const waiting = near.whenWritable().then(() => (woken = true));
  await near.ping();
  t.false(woken);
  held[0]?.({ code: CODE.CONTENT });
  await waiting;
  t.true(near.writable);
  held[1]?.({ code: CODE.CONTENT });
  t.deepEqual((await Promise.all(asked)).map(codeOf), [CODE.CONTENT, CODE.CONTENT]);
});

test('a reader that stops makes the channel not writable, and nothing is lost', async (t) => {
  let arrived = 0;
  const { near, far } = await channelPair(
    t,
    { maxRequestsInFlight: 100_000 },
    {
      onRequest: (_request, respond) => {
        arrived++;
        respond({ code: CODE.CREATED });
      },
    },
  );
  far.pauseReading();
  const answers: Promise<CoapMessage | Error>[] = [];
  const payload = new Uint8Array(16_384);
  let turns = 0;
  while (turns < 5) {
    if (near.writable) answers.push(ask(near, { code: CODE.PUT, payload }));
    else turns++;
    await new Promise(setImmediate);
  }
  t.false(near.writable);
  t.true(answers.length > 4);
  far.resumeReading();
  await near.whenWritable();
  const outcomes = await Promise.all(answers);
  t.true(outcomes.every((outcome) => codeOf(outcome) === CODE.CREATED));
  t.is(arrived, answers.length);
});

test('a request with Observe may be answered again, any other may not', async (t) => {
  const { channel, peer } = await channelAndRawPeer(t, {
    onRequest: (request, respond) => {
      respond({ code: CODE.CONTENT });
      if (request.options.length > 0) respond({ code: CODE.CHANGED });
      else t.throws(() => respond({ code: CODE.CHANGED }), { instanceOf: TypeError });
    },
  });
  const token = Uint8Array.of(9);
  peer.say({ code: CODE.GET, token }, { code: CODE.GET, token, options: [emptyOption(6)] });
  peer.say({ code: CODE.PING });
  await peer.hear(CODE.PONG);
  const answers = peer.heard.filter((message) => message.token.length === 1);
  t.deepEqual(
    answers.map(({ code }) => code),
    [CODE.CONTENT, CODE.CONTENT, CODE.CHANGED],
  );
  await channel.close();
});

test('a notification over the peer’s limit is thrown at its sender, and harms nothing', async (t) => {
  let notify: Respond = () => t.fail('no request came');
  const { channel, peer } = await channelAndRawPeer(t, {
    onRequest: (_request, respond) => {
      notify = respond;
      respond({ code: CODE.CONTENT });
    },
  });
  peer.say({ code: CODE.GET, options: [emptyOption(OPTION.OBSERVE)] });
  await peer.hear(CODE.CONTENT);
  const long = { code: CODE.CHANGED, payload: new Uint8Array(1_200) };
  t.throws(() => notify(long), {
    instanceOf: PushError,
    code: 'ERR_PUSH_OVERSIZE',
    message: /over the peer's Max-Message-Size of 1152/,
  });
  notify({ code: CODE.CHANGED, payload: utf8Bytes('short') });
  t.is(utf8Text((await peer.hear(CODE.CHANGED)).payload), 'short');
  await channel.close();
  t.notThrows(() => notify(long));
});

test('a barrier is a Ping with Custody, and says whether the Pong has it', async (t) => {
  const { channel, peer } = await channelAndRawPeer(t);
  for (const custody of [true, false]) {
    const barrier = channel.barrier();
    while (peer.heard.at(-1)?.code !== CODE.PING) await new Promise(setImmediate);
    const { token, options } = peer.heard.pop() ?? t.fail();
    t.deepEqual(
      options.map(({ number }) => number),
      [SIGNAL_OPTION.PING_CUSTODY],
    );
    const given = custody ? options : NO_OPTIONS;
    peer.say({ code: CODE.PONG, token, options: given });
    t.is(await barrier, custody);
  }
  const lost = channel.barrier();
  peer.socket.destroy();
  await t.throwsAsync(lost, { code: 'ERR_CHANNEL_CLOSED' });
  await t.throwsAsync(channel.barrier(), { code: 'ERR_CHANNEL_CLOSED' });
});

test('a barrier of our own peer is passed when all before it is answered', async (t) => {
  const held: Respond[] = [];
  const onRequest = (_request: CoapMessage, respond: Respond): void => void held.push(respond);
  const { near } = await channelPair(t, {}, { onRequest });
  near.request({ code: CODE.PUT }, () => undefined);
  let passed: boolean | undefined;
  const barrier = near.barrier().then((custody) => (passed = custody));
  await near.ping();
  t.is(passed, undefined);
  for (const respond of held) respond({ code: CODE.CREATED });
  await barrier;
  t.true(passed);
});

test('Pongs without a token answer in order, those to keepalive too', async (t) => {
  const clock = manualClock();
  const { channel, peer } = await channelAndRawPeer(t, { clock, keepaliveMs: 1_000 });
  const pong = (...options: CoapOption[]): void => peer.say({ code: CODE.PONG, options });
  clock.advance(1_000);
  await peer.hear(CODE.PING);
  const passed: boolean[] = [];
  const barrier = channel.barrier().then((custody) => passed.push(custody));
  while (peer.heard.filter(({ code }) => code === CODE.PING).length < 2) {
    await new Promise(setImmediate);
  }
  pong(emptyOption(SIGNAL_OPTION.PING_CUSTODY));
  peer.say({ code: CODE.PING });
  await peer.hear(CODE.PONG);
  t.deepEqual(passed, [], 'it was for the Ping of the keepalive');
  pong();
  await barrier;
  t.deepEqual(passed, [false]);
  pong();
  await channel.close();
});

test('a request whose options the consumer cannot read is answered 4.00', async (t) => {
  const { channel, peer } = await channelAndRawPeer(t, {
    onRequest: ({ options }) => void options.map(stringValue),
  });
  peer.say({ code: CODE.GET, options: [{ number: 11, value: Uint8Array.of(0xc3) }] });
  const { payload } = await peer.hear(CODE.BAD_REQUEST);
  t.regex(utf8Text(payload) ?? '', /UTF-8/);
  await channel.close();
});

test('every request is settled exactly once when the socket dies at any moment', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 300 }), fc.nat(300), async (count, dieAt) => {
      let arrived = 0;
      const { near, sockets } = await channelPair(
        t,
        {},
        {
          onRequest: (_request, respond) => {
            if (arrived++ === dieAt) sockets[1].destroy();
            respond({ code: CODE.CREATED });
          },
        },
      );
      const settled = new Array<number>(count).fill(0);
      for (let i = 0; i < count; i++) {
        near.request({ code: CODE.PUT, payload: new Uint8Array(i) }, (outcome) => {
          settled[i]!++;
          if (outcome instanceof Error) t.is(outcome.code, 'ERR_CHANNEL_CLOSED');
        });
      }
      if (dieAt >= count) sockets[0].destroy();
      await near.closed;
      t.deepEqual(new Set(settled), new Set([1]));
      t.is(near.inFlight, 0);
    }),
    { numRuns: 40 },
  );
});

test('an answer under an unknown token is ignored, and so is a second one', async (t) => {
  const { channel, peer } = await channelAndRawPeer(t);
  let settled = 0;
  channel.request({ code: CODE.GET }, () => settled++);
  const { token } = await peer.hear(CODE.GET);
  peer.say({ code: CODE.CONTENT, token: Uint8Array.of(1, 2) });
  peer.say({ code: CODE.CONTENT, token: Uint8Array.of(7, 7, 7, 7) });
  peer.say({ code: CODE.CONTENT, token }, { code: CODE.CONTENT, token }, { code: CODE.PING });
  await peer.hear(CODE.PONG);
  t.is(settled, 1);
  t.is(channel.inFlight, 0);
});

test('release lets what is in flight finish and takes no more', async (t) => {
  const notices: ReleaseNotice[] = [];
  let answer: Respond = () => t.fail('no request came');
  const { near, far } = await channelPair(
    t,
    {},
    {
      onRequest: (_request, respond) => (answer = respond),
      onRelease: (notice) => notices.push(notice),
    },
  );
  const before = ask(near, { code: CODE.GET });
  near.release({ diagnostic: 'maintenance\n', holdOffSeconds: 30 });
  t.true(near.releasing);
  t.false(near.writable);
  t.is(codeOf(await ask(near, { code: CODE.GET })), 'ERR_CHANNEL_CLOSED');
  await near.ping();
  t.deepEqual(notices, [{ holdOffSeconds: 30, diagnostic: 'maintenance\\u{a}' }]);
  t.is(codeOf(await ask(far, { code: CODE.GET })), 'ERR_CHANNEL_CLOSED');
  answer({ code: CODE.CONTENT });
  t.is(codeOf(await before), CODE.CONTENT);
  await near.close();
  t.is((await far.closed).reason, 'released');
});

test('drain waits for both directions, then closes', async (t) => {
  const answers: Respond[] = [];
  const hold = (_request: CoapMessage, respond: Respond): void => void answers.push(respond);
  const { near, far } = await channelPair(
    t,
    { onRequest: hold },
    { onRequest: hold, onRelease: () => void far.drain() },
  );
  const asked = [ask(near, { code: CODE.GET }), ask(far, { code: CODE.GET })];
  await Promise.all([near.ping(), far.ping()]);
  let drained = false;
  const draining = near.drain().then(() => (drained = true));
  answers[0]?.({ code: CODE.CONTENT });
  await near.ping();
  t.false(drained);
  answers[1]?.({ code: CODE.CONTENT });
  await draining;
  t.deepEqual((await Promise.all(asked)).map(codeOf), [CODE.CONTENT, CODE.CONTENT]);
  t.is((await near.closed).reason, 'released');
  t.is((await far.closed).reason, 'released');
});

test('drain answers what the peer asked before it heard of the Release', async (t) => {
  const clock = manualClock();
  const answer = (_request: CoapMessage, respond: Respond): void => {
    respond({ code: CODE.CONTENT });
  };
  const { near, far } = await channelPair(t, { clock, onRequest: answer }, {});
  const draining = near.drain();
  t.is(codeOf(await ask(far, { code: CODE.GET })), CODE.CONTENT);
  clock.advance(999);
  await t.notThrowsAsync(far.ping());
  clock.advance(1);
  await draining;
  t.is((await far.closed).reason, 'released');
  t.is(clock.pending, 0);
});

test('drain gives up our requests that the peer does not answer', async (t) => {
  const clock = manualClock();
  const { near, far } = await channelPair(t, { clock }, { onRequest: () => {} });
  const asked = ask(near, { code: CODE.GET });
  await near.ping();
  const draining = near.drain();
  clock.advance(4_999);
  await far.ping();
  t.is(near.inFlight, 1);
  clock.advance(1);
  t.is(codeOf(await asked), 'ERR_CHANNEL_CLOSED');
  await draining;
  t.is((await near.closed).reason, 'local');
  t.is((await far.closed).reason, 'released');
  t.is(clock.pending, 0);
});

test('of several drains the earliest deadline holds, and a later call does not put it off', async (t) => {
  const clock = manualClock();
  const { near } = await channelPair(t, { clock }, { onRequest: () => {} });
  const asked = ask(near, { code: CODE.GET });
  const draining = [near.drain({ withinMs: Infinity }), near.drain({ withinMs: 100 })];
  clock.advance(60);
  draining.push(near.drain());
  clock.advance(40);
  t.is(codeOf(await asked), 'ERR_CHANNEL_CLOSED');
  await Promise.all(draining);
  t.is(clock.pending, 0);
});

test('drain waits for the answers that we owe, however long they take', async (t) => {
  const clock = manualClock();
  const held: Respond[] = [];
  const { near, far } = await channelPair(
    t,
    { clock, onRequest: (_request, respond) => void held.push(respond) },
    { onRequest: () => {} },
  );
  near.request({ code: CODE.GET }, () => {});
  const asked = ask(far, { code: CODE.GET });
  await far.ping();
  const draining = near.drain({ withinMs: 100 });
  clock.advance(60_000);
  held[0]?.({ code: CODE.CONTENT });
  t.is(codeOf(await asked), CODE.CONTENT);
  await draining;
});

test('a request that waits for its answer does not hold the octets that it came in', async (t) => {
  const held: Respond[] = [];
  const requests: WeakRef<CoapMessage>[] = [];
  const { peer } = await channelAndRawPeer(t, {
    onRequest: (request, respond) => {
      requests.push(new WeakRef(request));
      held.push(respond);
    },
  });
  const observe = [emptyOption(OPTION.OBSERVE)];
  peer.say({ code: CODE.GET, token: Uint8Array.of(7), options: observe }, { code: CODE.PING });
  await peer.hear(CODE.PONG);
  collectGarbage();
  t.is(requests[0]?.deref(), undefined);
  for (const code of [CODE.CONTENT, CODE.CHANGED]) {
    held[0]?.({ code });
    t.deepEqual([...(await peer.hear(code)).token], [7]);
  }
});

test('close settles what is in flight, and the other end sees an orderly end', async (t) => {
  const { near, far } = await channelPair(t, {}, { onRequest: () => {} });
  const asked = ask(near, { code: CODE.GET });
  await near.ping();
  await near.close();
  t.is(codeOf(await asked), 'ERR_CHANNEL_CLOSED');
  t.is(codeOf(await ask(near, { code: CODE.GET })), 'ERR_CHANNEL_CLOSED');
  await t.throwsAsync(near.ping(), { code: 'ERR_CHANNEL_CLOSED' });
  t.is((await near.closed).reason, 'local');
  t.is((await far.closed).reason, 'peer-closed');
  await near[Symbol.asyncDispose]();
});

test('a channel that is not being read closes as fast as any other', async (t) => {
  const clock = manualClock();
  const { near, far } = await channelPair(t, { clock }, { clock });
  near.pauseReading();
  near.request({ code: CODE.GET }, () => {});
  await Promise.all([near.close(), far.closed]);
  t.is(clock.monotonic(), 0);
});

test('what was asked before close still leaves', async (t) => {
  const { channel, peer } = await channelAndRawPeer(t);
  channel.request({ code: CODE.POST }, () => {});
  void channel.close();
  t.is((await peer.hear(CODE.POST)).code, CODE.POST);
  await channel.closed;
});

test('abort tells the peer why, and its words are cut and escaped there', async (t) => {
  const { near, far } = await channelPair(t);
  near.abort(`\u001b[31mred\u202e${'x'.repeat(500)}`);
  const end = await far.closed;
  t.is(end.reason, 'aborted-by-peer');
  t.true(end.diagnostic?.startsWith('\\u{1b}[31mred\\u{202e}x'));
  t.is(end.diagnostic?.length, 200);
  t.is((await near.closed).reason, 'local');
});

test('ready rejects when the channel ends before the peer has said its CSM', async (t) => {
  const { channel, peer } = await channelAndRawPeer(t, {}, false);
  peer.socket.end();
  await t.throwsAsync(channel.ready, { code: 'ERR_CHANNEL_CLOSED' });
  t.is((await channel.closed).reason, 'peer-closed');
});

test('a socket that is already closed gives a channel that is already lost', async (t) => {
  const [near] = await socketPair(t);
  near.destroy();
  await new Promise((resolve) => near.once('close', resolve));
  const channel = channelOver(near);
  t.is((await channel.closed).reason, 'lost');
});

test('its end is told once, and whoever asks late hears the same as whoever asked early', async (t) => {
  const ends: ChannelEnd[] = [];
  const { near, far } = await channelPair(t, { onClosed: (end) => void ends.push(end) });
  const early = near.closed;
  await near.ready;
  far.abort('enough');
  t.deepEqual(await early, { reason: 'aborted-by-peer', diagnostic: 'enough' });
  t.deepEqual([ends, await near.closed], [[await early], await early]);
  await t.notThrowsAsync(near.ready);
});

test('whoever asks after the end whether it was ready hears that it never was', async (t) => {
  const { channel, peer } = await channelAndRawPeer(t, {}, false);
  peer.socket.end();
  await channel.closed;
  await t.throwsAsync(channel.ready, { code: 'ERR_CHANNEL_CLOSED' });
});

test('a channel that idles has one timer', async (t) => {
  const clock = manualClock();
  await channelPair(t, { clock }, { clock });
  t.is(clock.pending, 2, 'one at either end');
});

test('no timer is left when a channel has closed', async (t) => {
  const clock = manualClock();
  const { near, far } = await channelPair(t, { clock }, { clock });
  t.true(clock.pending > 0);
  await near.ping();
  await near.close();
  await far.closed;
  t.is(clock.pending, 0);
});

test('a Pong without Custody comes at once, with Custody after everything before is answered', async (t) => {
  const answers: Respond[] = [];
  const { channel, peer } = await channelAndRawPeer(t, {
    onRequest: (_request, respond) => answers.push(respond),
  });
  const custody = [emptyOption(2)];
  peer.say(
    { code: CODE.GET, token: Uint8Array.of(1) },
    { code: CODE.GET, token: Uint8Array.of(2) },
  );
  peer.say({ code: CODE.PING, token: Uint8Array.of(3), options: custody });
  peer.say({ code: CODE.GET, token: Uint8Array.of(4) });
  peer.say({ code: CODE.PING, token: Uint8Array.of(5) });
  await peer.hear(CODE.PONG);
  answers[2]?.({ code: CODE.CONTENT });
  answers[1]?.({ code: CODE.CONTENT });
  answers[0]?.({ code: CODE.CONTENT });
  peer.say({ code: CODE.PING, token: Uint8Array.of(6) });
  while (peer.heard.at(-1)?.token[0] !== 6) await new Promise(setImmediate);
  const order = peer.heard.slice(1).map(({ token }) => token[0]);
  t.deepEqual(order, [5, 4, 2, 1, 3, 6]);
  const pong = peer.heard.find(({ token }) => token[0] === 3);
  t.deepEqual(
    pong?.options.map(({ number }) => number),
    [2],
  );
  t.is(peer.heard.find(({ token }) => token[0] === 6)?.options, NO_OPTIONS);
  await channel.close();
});
