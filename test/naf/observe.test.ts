import type { ExecutionContext } from 'ava';
import test from 'ava';
import { CODE, type CoapMessage } from '../../src/codec/coap.ts';
import {
  emptyOption,
  OPTION,
  pathOptions,
  queryOption,
  SIGNAL_OPTION,
  sortOptions,
  uintOption,
  type CoapOption,
} from '../../src/codec/coap-option.ts';
import { findUint } from '../../src/codec/option-values.ts';
import { EMPTY } from '../../src/lib/bytes.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { PushServer, PushServerOptions } from '../../src/naf/push-server.ts';
import { dialPsk } from '../../src/net/psk-client.ts';
import { channelOver, rawPeer, type RawPeer } from '../support/channel.ts';
import { impi, openLadder, openNaf } from '../support/ladder.ts';
import { manualClock } from '../support/manual-clock.ts';
import { createSim } from '../support/sim.ts';
import { policy, until } from '../support/tls.ts';

type PongMode = 'custody' | 'plain' | 'libcoap' | 'never';

interface Observer extends RawPeer {
  /** `GET /push` with these options under this token. */
  readonly get: (token: Uint8Array, ...options: readonly CoapOption[]) => void;
  /** What came under a token, by code: notifications as their payloads. */
  readonly under: (token: Uint8Array) => (string | number)[];
  pongs: PongMode;
}

const TOKEN = Uint8Array.of(0xaa, 0x01);
const OBSERVE = emptyOption(OPTION.OBSERVE);
const CANCEL = uintOption(OPTION.OBSERVE, 1);
const REGISTRATION = [...pathOptions('.push'), queryOption('mode', 'put')];
const CUSTODY = emptyOption(SIGNAL_OPTION.PING_CUSTODY);

async function openObserved(
  t: ExecutionContext,
  options: Partial<PushServerOptions> = {},
): Promise<{ naf: PushServer; dial: () => Promise<Observer>; push: PushServer['push'] }> {
  const naf = await openNaf(t, createSim(impi), { bootstrap: false, ...options });
  const { sa } = await naf.announce(impi);
  const kept = { ...sa, key: Uint8Array.from(sa.key) };
  return {
    naf,
    push: (...args) => naf.push(...args),
    dial: async () => {
      const { socket } = await dialPsk({ ...naf.address, sa: kept, policy, clock: systemClock });
      t.teardown(() => socket.destroy());
      return observer(rawPeer(socket));
    },
  };
}

/** A client that speaks CoAP and nothing of ours; it answers Pings as told. */
function observer(peer: RawPeer): Observer {
  const { socket, heard } = peer;
  let answered = 0;
  const self: Observer = {
    ...peer,
    pongs: 'custody',
    get: (token, ...options) => {
      const all = sortOptions([...pathOptions('push'), ...options]);
      peer.say({ code: CODE.GET, token, options: all });
    },
    under: (token) =>
      heard
        .filter((message) => Buffer.compare(message.token, token) === 0)
        .map(({ code, payload }) =>
          code === CODE.CONTENT ? Buffer.from(payload).toString() : code,
        ),
  };
  socket.on('data', () => {
    const pings = heard.filter(({ code }) => code === CODE.PING);
    for (const { token, options } of pings.slice(answered)) {
      if (self.pongs === 'never') return;
      answered += 1;
      const custody = self.pongs === 'libcoap' || (self.pongs === 'custody' && options.length > 0);
      peer.say({
        code: CODE.PONG,
        token: self.pongs === 'libcoap' ? EMPTY : token,
        options: custody ? [CUSTODY] : [],
      });
    }
  });
  peer.say({ code: CODE.CSM });
  return self;
}

const text = (some: string): Uint8Array => Buffer.from(some);
const optionsOf = (message: CoapMessage | undefined): (number | undefined)[] =>
  [OPTION.OBSERVE, OPTION.CONTENT_FORMAT, OPTION.MAX_AGE].map((number) =>
    findUint(message?.options ?? [], number),
  );

test('a client that observes gets each push as a notification of its own, and never a PUT', async (t) => {
  const { push, dial } = await openObserved(t);
  const waiting = push(impi, text('before it came'), { ttlSeconds: 60, contentFormat: 0 });
  const peer = await dial();
  peer.get(TOKEN, OBSERVE);
  t.like(await waiting, { state: 'taken', via: 'bootstrap', attempts: 1 });
  const texts = Array.from({ length: 300 }, (_, i) => `push ${i}`);
  const receipts = await Promise.all(texts.map((one) => push(impi, text(one))));
  for (const receipt of receipts) t.like(receipt, { state: 'taken', via: 'reuse', attempts: 1 });
  t.true(receipts.every(({ reason, detail }) => reason === undefined && detail === undefined));
  t.deepEqual(peer.under(TOKEN), ['', 'before it came', ...texts]);
  const notifications = peer.heard.filter(({ code }) => code === CODE.CONTENT);
  const sequence = notifications.map((message) => optionsOf(message)[0] ?? 0);
  t.true(sequence.every((number, i) => i === 0 || number > (sequence[i - 1] ?? 0)));
  const [, contentFormat, maxAge = 0] = optionsOf(notifications[1]);
  t.is(contentFormat, 42);
  t.true(maxAge > 30 && maxAge <= 60, 'what is left of its 60 s');
  t.false(peer.heard.some(({ code }) => code === CODE.PUT));
  t.true(peer.heard.filter(({ code }) => code === CODE.PING).length < texts.length);
});

test('a Pong without Custody makes it sent, one as libcoap gives it makes it taken', async (t) => {
  const { push, dial } = await openObserved(t);
  const peer = await dial();
  peer.pongs = 'plain';
  peer.get(TOKEN, OBSERVE);
  const sent = await push(impi, text('one'));
  t.like(sent, { state: 'sent', attempts: 1 });
  t.is(sent.detail, undefined);
  peer.pongs = 'libcoap';
  t.like(await push(impi, text('two')), { state: 'taken' });
});

test('silence after a push loses the layer: it is sent, and does not go out again', async (t) => {
  const clock = manualClock();
  const { naf, push, dial } = await openObserved(t, { clock });
  const peer = await dial();
  peer.pongs = 'never';
  peer.get(TOKEN, OBSERVE);
  const all = Array.from({ length: 40 }, (_, i) => push(impi, text(`push ${i}`)));
  await until(() => peer.under(TOKEN).length === 33);
  clock.advance(15_000);
  const out = await Promise.all(all.slice(0, 32));
  for (const receipt of out) t.like(receipt, { state: 'sent', attempts: 1 });
  t.regex(out[0]?.detail ?? '', /may have arrived, and is not sent again/);
  await until(() => peer.socket.closed);

  const back = await dial();
  back.get(TOKEN, OBSERVE);
  for (const receipt of await Promise.all(all.slice(32))) t.like(receipt, { state: 'taken' });
  t.deepEqual(back.under(TOKEN), ['', ...Array.from({ length: 8 }, (_, i) => `push ${32 + i}`)]);
  t.is(naf.fullHandshakes, 2);
});

test('a client that talks but gives no Pong keeps its layer, and its pushes are sent', async (t) => {
  const clock = manualClock();
  const { push, dial } = await openObserved(t, { clock });
  const peer = await dial();
  peer.pongs = 'never';
  peer.get(TOKEN, OBSERVE);
  const slow = push(impi, text('slow'));
  await peer.hear(CODE.PING);
  for (let second = 0; second < 15; second += 1) {
    peer.say({ code: CODE.PING, token: Uint8Array.of(second) });
    await until(() => peer.heard.filter(({ code }) => code === CODE.PONG).length > second);
    clock.advance(1_000);
  }
  t.like(await slow, { state: 'sent' });
  peer.pongs = 'custody';
  t.like(await push(impi, text('next')), { state: 'taken', via: 'reuse' });
});

test('whoever comes back under the key gets what is new, and what was out is not sent twice', async (t) => {
  const { push, dial } = await openObserved(t);
  const first = await dial();
  first.pongs = 'never';
  first.get(TOKEN, OBSERVE);
  const out = push(impi, text('out'));
  await first.hear(CODE.PING);
  const second = await dial();
  second.get(TOKEN, OBSERVE);
  t.like(await out, { state: 'sent' });
  t.like(await push(impi, text('new')), { state: 'taken', via: 'reconnect' });
  t.deepEqual(second.under(TOKEN), ['', 'new']);
  t.deepEqual(first.under(TOKEN), ['', 'out']);
});

test('a cancelled registration takes nothing; pushes wait for the next one', async (t) => {
  const { push, dial } = await openObserved(t);
  const peer = await dial();
  peer.get(TOKEN, OBSERVE);
  t.like(await push(impi, text('one')), { state: 'taken' });
  peer.get(TOKEN, CANCEL);
  await until(() => peer.under(TOKEN).length === 3);
  t.deepEqual(optionsOf(peer.heard.at(-1)), [undefined, undefined, undefined]);
  t.like(await push(impi, text('now'), { ttlSeconds: 0 }), { state: 'dead', reason: 'expired' });
  const waits = push(impi, text('two'));
  await push(impi, text('too late'), { ttlSeconds: 1 });
  t.deepEqual(peer.under(TOKEN), ['', 'one', '']);
  const other = Uint8Array.of(7);
  peer.get(other, OBSERVE);
  t.like(await waits, { state: 'taken' });
  t.deepEqual(peer.under(other), ['', 'two']);
});

test('a second registration takes the place of the first', async (t) => {
  const { push, dial } = await openObserved(t);
  const peer = await dial();
  const other = Uint8Array.of(7);
  peer.get(TOKEN, OBSERVE);
  peer.get(other, OBSERVE, uintOption(OPTION.ACCEPT, 0));
  peer.get(TOKEN, CANCEL);
  await until(() => peer.under(TOKEN).length === 3);
  t.like(await push(impi, text('one'), { contentFormat: 0 }), { state: 'taken' });
  t.deepEqual(peer.under(other), ['', 'one']);
  t.deepEqual(peer.under(TOKEN), ['', CODE.NOT_FOUND, '']);
  const refused = await push(impi, text('{}'), { contentFormat: 50 });
  t.like(refused, { state: 'dead', reason: 'refused', attempts: 0 });
  t.regex(refused.detail ?? '', /takes Content-Format 0 only/);
});

test('10,000 registrations under as many tokens leave one', async (t) => {
  const { push, dial } = await openObserved(t);
  const peer = await dial();
  const tokenOf = (n: number): Uint8Array => Uint8Array.of(n >>> 8, n);
  for (let n = 0; n < 10_000; n += 1) peer.get(tokenOf(n), OBSERVE);
  await until(() => peer.under(tokenOf(9_999)).length > 0);
  t.like(await push(impi, text('one')), { state: 'taken' });
  t.deepEqual(peer.under(tokenOf(9_999)), ['', 'one']);
  t.deepEqual(peer.under(tokenOf(9_998)), ['', CODE.NOT_FOUND]);
  t.is(peer.heard.filter(({ payload }) => payload.length > 0).length, 1);
});

test('what is no registration is answered and changes nothing', async (t) => {
  const { push, dial } = await openObserved(t);
  const peer = await dial();
  const junk = [
    uintOption(OPTION.OBSERVE, 2),
    { number: OPTION.OBSERVE, value: new Uint8Array(200) },
    { number: OPTION.ACCEPT, value: new Uint8Array(9) },
    { number: OPTION.BLOCK1, value: EMPTY },
  ];
  junk.forEach((option, i) => {
    peer.get(Uint8Array.of(i), ...(i < 2 ? [option] : [OBSERVE, option]));
  });
  peer.get(Uint8Array.of(8), CANCEL);
  peer.say({ code: CODE.GET, token: Uint8Array.of(9), options: [OBSERVE] });
  peer.say({ code: CODE.POST, token: Uint8Array.of(10), options: pathOptions('push') });
  await until(() => peer.under(Uint8Array.of(10)).length > 0);
  t.deepEqual(
    [0, 1, 2, 3, 8, 9, 10].map((token) => peer.under(Uint8Array.of(token))[0]),
    [
      ...[CODE.METHOD_NOT_ALLOWED, CODE.METHOD_NOT_ALLOWED, CODE.BAD_OPTION, CODE.BAD_OPTION],
      ...['', CODE.NOT_FOUND, CODE.METHOD_NOT_ALLOWED],
    ],
  );
  peer.get(TOKEN, OBSERVE);
  t.like(await push(impi, text('one')), { state: 'taken' });
});

test('what is longer than the client wants its blocks is read over the same layer, also while that is parked', async (t) => {
  const { naf, push, dial } = await openObserved(t);
  const peer = await dial();
  const block = (number: number): CoapOption => uintOption(OPTION.BLOCK2, number * 16 + 6);
  peer.get(TOKEN, OBSERVE, block(0));
  const long = push(impi, text('x'.repeat(2_500)));
  await until(() => peer.under(TOKEN).length === 2);
  const parked = naf.park(impi);
  peer.get(Uint8Array.of(1), block(1));
  await until(() => peer.under(Uint8Array.of(1)).length === 1);
  t.is(peer.heard.filter(({ code }) => code === CODE.RELEASE).length, 0);
  // Some repeat the Observe, and the token, of their registration.
  peer.get(TOKEN, OBSERVE, block(2));
  t.like(await long, { state: 'taken', attempts: 1 });
  const parts = [...peer.under(TOKEN), ...peer.under(Uint8Array.of(1))];
  t.deepEqual(
    parts.map((part) => String(part).length),
    [0, 1_024, 452, 1_024],
  );
  t.is(await parked, 1);
});

test('a UE says once a layer how it takes pushes', async (t) => {
  const { push, dial } = await openObserved(t);
  const puts = await dial();
  puts.say({ code: CODE.POST, token: Uint8Array.of(1), options: REGISTRATION });
  puts.get(TOKEN, OBSERVE);
  await until(() => puts.under(TOKEN).length > 0);
  t.deepEqual(puts.under(TOKEN), [CODE.CONFLICT]);
  const receipt = push(impi, text('by PUT'));
  const { token } = await puts.hear(CODE.PUT);
  puts.say({ code: CODE.CREATED, token });
  t.like(await receipt, { state: 'acked' });

  const observing = await dial();
  observing.get(TOKEN, OBSERVE);
  observing.say({ code: CODE.POST, token: Uint8Array.of(1), options: REGISTRATION });
  await until(() => observing.under(Uint8Array.of(1)).length > 0);
  t.deepEqual(observing.under(Uint8Array.of(1)), [CODE.CONFLICT]);
  t.like(await push(impi, text('observed')), { state: 'taken' });
});

test('a client that is slow to register gets no PUT from then on', async (t) => {
  const clock = manualClock();
  const { push, dial } = await openObserved(t, { clock });
  const peer = await dial();
  const early = push(impi, text('early'));
  await peer.hear(CODE.CSM);
  clock.advance(1_000);
  const { token } = await peer.hear(CODE.PUT);
  peer.get(TOKEN, OBSERVE);
  await until(() => peer.under(TOKEN).length > 0);
  t.like(await push(impi, text('late')), { state: 'taken', via: 'reuse' });
  peer.say({ code: CODE.NOT_FOUND, token });
  t.like(await early, { state: 'dead', reason: 'refused' });
  t.is(peer.heard.filter(({ code }) => code === CODE.PUT).length, 1);
});

test('a notification over the Max-Message-Size is refused in words and harms nothing else', async (t) => {
  const { push, dial } = await openObserved(t);
  const peer = await dial();
  peer.get(TOKEN, OBSERVE);
  const [before, huge, after] = await Promise.all([
    push(impi, text('before')),
    push(impi, new Uint8Array(1_200)),
    push(impi, text('after')),
  ]);
  t.like(huge, { state: 'dead', reason: 'refused', attempts: 0 });
  t.regex(huge.detail ?? '', /over the peer's Max-Message-Size of 1152/);
  t.deepEqual([before.state, after.state], ['taken', 'taken']);
});

test('a NAF that drains waits for the Pong, then ends the registration and the layer', async (t) => {
  const { naf, push, dial } = await openObserved(t);
  const peer = await dial();
  peer.pongs = 'never';
  peer.get(TOKEN, OBSERVE);
  const out = push(impi, text('out'));
  const { token } = await peer.hear(CODE.PING);
  const drained = naf.drain();
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.deepEqual(peer.under(TOKEN), ['', 'out']);
  peer.say({ code: CODE.PONG, token, options: [CUSTODY] });
  t.like(await out, { state: 'taken' });
  await peer.hear(CODE.RELEASE);
  peer.socket.end();
  await drained;
  t.deepEqual(peer.under(TOKEN), ['', 'out', CODE.NOT_FOUND]);
  t.false(peer.heard.some(({ code }) => code === CODE.DELETE));
});

test('a client that releases is heard out', async (t) => {
  const { push, dial } = await openObserved(t);
  const peer = await dial();
  peer.pongs = 'never';
  peer.get(TOKEN, OBSERVE);
  const out = push(impi, text('out'));
  const { token } = await peer.hear(CODE.PING);
  peer.say({ code: CODE.RELEASE });
  await new Promise((resolve) => setTimeout(resolve, 20));
  peer.say({ code: CODE.PONG, token, options: [CUSTODY] });
  t.like(await out, { state: 'taken' });
  await until(() => peer.socket.readableEnded);
});

test('a NAF that is closed says of what is out that it was sent, of the rest that it was dropped', async (t) => {
  const { naf, push, dial } = await openObserved(t);
  const peer = await dial();
  peer.pongs = 'never';
  peer.get(TOKEN, OBSERVE);
  const all = Array.from({ length: 40 }, (_, i) => push(impi, text(`push ${i}`)));
  await until(() => peer.under(TOKEN).length === 33);
  await naf.close();
  const states = (await Promise.all(all)).map(({ state, reason }) => reason ?? state);
  t.deepEqual(states, [...Array<string>(32).fill('sent'), ...Array<string>(8).fill('dropped')]);
});

test('our own UE is answered as before, and nothing of it is ever only sent', async (t) => {
  const { push } = await openLadder(t);
  t.like(await push('one'), { state: 'acked', via: 'bootstrap' });
});

test('a UE on our own channel may observe as well', async (t) => {
  const { naf, push } = await openObserved(t);
  const { sa } = await naf.announce(impi);
  const key = Uint8Array.from(sa.key);
  const { socket } = await dialPsk({
    ...naf.address,
    sa: { ...sa, key },
    policy,
    clock: systemClock,
  });
  const channel = channelOver(socket);
  const options = sortOptions([OBSERVE, ...pathOptions('push')]);
  channel.request({ code: CODE.GET, options }, () => undefined);
  t.like(await push(impi, text('one')), { state: 'taken' });
  await channel.close();
});
