import { randomBytes } from 'node:crypto';
import test from 'ava';
import { CODE } from '../../src/codec/coap.ts';
import { SIGNAL_OPTION, uintOption } from '../../src/codec/coap-option.ts';
import { LONGEST_PUSH, registration } from '../../src/codec/push.ts';
import { BsfError, ChannelError } from '../../src/errors.ts';
import { parseImpi, pskIdentityOf, type BTid } from '../../src/ids.ts';
import { systemClock, type Clock } from '../../src/lib/clock.ts';
import { subscribe } from '../../src/lib/events.ts';
import type { Channel } from '../../src/net/channel.ts';
import { dialPsk } from '../../src/net/psk-client.ts';
import { NotNow } from '../../src/ue/push-handler.ts';
import { channelOver, rawPeer } from '../support/channel.ts';
import { gate, impi, openLadder, openNaf } from '../support/ladder.ts';
import { manualClock } from '../support/manual-clock.ts';
import { createSim } from '../support/sim.ts';
import { policy, until } from '../support/tls.ts';

test('the first push bootstraps, the next ones reuse the layer, and the receipt tells the stages', async (t) => {
  const { naf, push, handled } = await openLadder(t);
  const first = await push('one', { urgency: 'high', contentFormat: 0 });
  t.like(first, { state: 'acked', via: 'bootstrap', attempts: 1, ue: impi });
  const { bsf, trigger, handshake, push: last, total } = first.ms;
  t.true([bsf, trigger, handshake, last].every((ms) => ms > 0));
  t.true(total >= bsf + trigger + handshake + last - 1);
  const second = await push('two');
  t.like(second, { state: 'acked', via: 'reuse', ms: { bsf: 0, trigger: 0, handshake: 0 } });
  t.is(naf.fullHandshakes, 1);
  t.deepEqual(
    handled.map(({ id, via, urgency, contentFormat, payload }) => [
      ...[id, via, urgency, contentFormat],
      Buffer.from(payload).toString(),
    ]),
    [
      [first.id, 'bootstrap', 'high', 0, 'one'],
      [second.id, 'reuse', 'normal', 42, 'two'],
    ],
  );
});

test('no time to live needs an open layer', async (t) => {
  const { push } = await openLadder(t);
  t.like(await push('never', { ttlSeconds: 0 }), { state: 'dead', reason: 'expired', attempts: 0 });
  await push('opens the layer');
  t.like(await push('now', { ttlSeconds: 0 }), { state: 'acked', via: 'reuse' });
});

test('"not now" is tried again after Max-Age, not before, and order holds', async (t) => {
  const clock = manualClock();
  let busy = true;
  const { push, handled } = await openLadder(t, {
    naf: { clock },
    handler: () => {
      if (busy) throw new NotNow(7_500);
    },
  });
  let answered = 0;
  const all = ['one', 'two'].map((text) => push(text).finally(() => (answered += 1)));
  await until(() => handled.length === 1);
  busy = false;
  await new Promise((resolve) => setTimeout(resolve, 50));
  clock.advance(7_999);
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.is(answered, 0);
  clock.advance(1);
  t.like(await Promise.all(all), [
    { state: 'acked', attempts: 2 },
    { state: 'acked', attempts: 2 },
  ]);
  t.deepEqual(
    handled.map(({ payload }) => Buffer.from(payload).toString()),
    ['one', 'one', 'two'],
  );
});

test('a push that "not now" outlives is expired at its time, and not sent again', async (t) => {
  const clock = manualClock();
  const { push, handled } = await openLadder(t, {
    naf: { clock },
    handler: ({ via }) => {
      if (via === 'reuse') throw new NotNow(60_000);
    },
  });
  await push('opens the layer');
  const receipt = push('soon stale', { ttlSeconds: 10 });
  await until(() => handled.length === 2);
  await new Promise((resolve) => setTimeout(resolve, 50));
  clock.advance(10_000);
  t.like(await receipt, { state: 'dead', reason: 'expired', attempts: 1 });
  t.is(handled.length, 2);
});

test('a client that is slow to say what it takes is not judged by what it has not said', async (t) => {
  const clock = manualClock();
  const naf = await openNaf(t, createSim(impi), { bootstrap: false, clock });
  const { sa } = await naf.announce(impi);
  const { socket } = await dialPsk({ ...naf.address, sa, policy, clock: systemClock });
  t.teardown(() => socket.destroy());
  const peer = rawPeer(socket);
  const receipt = naf.push(impi, new Uint8Array(10_000));
  await peer.hear(CODE.CSM);
  clock.advance(1_000);
  await new Promise((resolve) => setTimeout(resolve, 50));
  peer.say({ code: CODE.CSM, options: [uintOption(SIGNAL_OPTION.CSM_MAX_MESSAGE_SIZE, 65_536)] });
  const { token } = await peer.hear(CODE.PUT);
  peer.say({ code: CODE.CREATED, token });
  t.like(await receipt, { state: 'acked', attempts: 1 });
});

test('a refusal of the handler and of the BSF each reach the receipt', async (t) => {
  const { push } = await openLadder(t, {
    handler: () => {
      throw new Error('no');
    },
  });
  t.like(await push('bad'), { state: 'dead', reason: 'refused', attempts: 1 });
  const denied = new BsfError('ERR_BSF_DENIED', 'not for this NAF');
  const bsf = {
    pushInfo: () => Promise.reject(denied),
    bootstrapInfo: () => Promise.reject(denied),
  };
  const naf = await openNaf(t, createSim(impi), { bsf });
  t.like(await naf.push(impi, Buffer.from('x')), {
    state: 'dead',
    reason: 'dropped',
    code: 'ERR_BSF_DENIED',
    attempts: 0,
  });
});

test('what is too long for the UE is refused in words, and harms nothing else', async (t) => {
  const { naf, push } = await openLadder(t);
  const [before, huge, after] = await Promise.all([
    push('before'),
    naf.push(impi, new Uint8Array(LONGEST_PUSH + 1)),
    push('after'),
  ]);
  const detail = 'the UE takes no push of 8388609 octets, at most 8388608';
  t.like(huge, { state: 'dead', reason: 'refused', attempts: 1, detail });
  t.like(before, { state: 'acked', via: 'bootstrap' });
  t.like(after, { state: 'acked', via: 'reuse' });
  t.is(naf.fullHandshakes, 1);
});

test('what is longer than a message comes whole; only what is more urgent comes before it', async (t) => {
  const { naf, push, handled } = await openLadder(t);
  await push('opens the layer');
  const long = randomBytes(1_500_000);
  const receipts = await Promise.all([
    push('before'),
    naf.push(impi, new Uint8Array(65_536).fill(7)),
    naf.push(impi, long, { contentFormat: 50 }),
    naf.push(impi, long.subarray(0, 70_000)),
    push('after'),
    push('urgent', { urgency: 'high' }),
    push('not urgent', { urgency: 'low' }),
  ]);
  t.deepEqual(
    receipts.map(({ state, attempts, via }) => [state, attempts, via]),
    receipts.map(() => ['acked', 1, 'reuse']),
  );
  t.deepEqual(
    handled
      .slice(1)
      .filter(({ urgency }) => urgency === 'normal')
      .map(({ payload }) => payload.length),
    [6, 65_536, 1_500_000, 70_000, 5],
  );
  const order = handled.map(({ payload }) => payload.length);
  t.true(order.indexOf(6, 2) < order.indexOf(1_500_000), 'the urgent one did not wait');
  const taken = handled.find(({ payload }) => payload.length === long.length);
  t.true(long.equals(taken?.payload ?? Buffer.alloc(0)));
  t.like(taken, { contentFormat: 50, id: receipts[2]?.id });
});

test('"not now" to a long push holds those behind it, and it comes whole again', async (t) => {
  let busy = true;
  const { naf, push, handled } = await openLadder(t, {
    handler: ({ payload }) => {
      if (!busy || payload.length < 100_000) return;
      busy = false;
      throw new NotNow(1);
    },
  });
  await push('opens the layer');
  const [long, after] = await Promise.all([naf.push(impi, new Uint8Array(100_000)), push('after')]);
  t.like(long, { state: 'acked', attempts: 2 });
  t.like(after, { state: 'acked', attempts: 1 });
  t.deepEqual(
    handled.slice(1).map(({ payload }) => payload.length),
    [100_000, 100_000, 5],
  );
});

test.serial('at most 8 announced associations of one UE wait; the oldest makes room', async (t) => {
  const naf = await openNaf(t, createSim(impi));
  const closed: string[] = [];
  const all: BTid[] = [];
  const stop = subscribe('gba:sa:closed', ({ bTid, reason }) => {
    if (reason === 'superseded') closed.push(bTid);
  });
  for (let n = 0; n < 11; n += 1) all.push((await naf.announce(impi)).sa.bTid);
  stop();
  t.deepEqual(closed, all.slice(0, 3));
});

test('a proved association replaces the older ones and leaves the younger ones alone', async (t) => {
  // For this clock a client that says nothing has not been silent for long.
  const clock = manualClock(Date.now());
  const naf = await openNaf(t, createSim(impi), { bootstrap: false, clock });
  const open = async () => {
    const { sa } = await naf.announce(impi);
    const key = Uint8Array.from(sa.key);
    return { ...sa, key };
  };
  const [oldest, older, newer] = [await open(), await open(), await open()];
  const heard: string[] = [];
  const layer = async (sa: typeof older) => {
    const { socket } = await dialPsk({ ...naf.address, sa, policy, clock: systemClock });
    const channel: Channel = channelOver(socket, {
      onRequest: (_request, respond) => {
        heard.push(sa.bTid);
        respond({ code: CODE.CREATED });
      },
      onRelease: () => void channel.drain(),
    });
    return { channel, open: () => channel.request(registration(undefined), () => undefined) };
  };
  const idle = await layer(oldest);
  const first = await layer(older);
  first.open();
  const receipt = await naf.push(impi, Buffer.from('over the older one'));
  t.like(receipt, { state: 'acked', via: 'bootstrap' });
  await idle.channel.closed;
  const second = await layer(newer);
  second.open();
  await first.channel.closed;
  t.like(await naf.push(impi, Buffer.from('over the newer one')), {
    state: 'acked',
    via: 'bootstrap',
  });
  t.like(await naf.push(impi, Buffer.from('still')), { state: 'acked', via: 'reuse' });
  t.deepEqual(heard, [older.bTid, newer.bTid, newer.bTid]);
  for (const sa of [oldest, older]) {
    await t.throwsAsync(dialPsk({ ...naf.address, sa, policy, clock: systemClock }), {
      instanceOf: ChannelError,
    });
  }
  await second.channel.close();
});

test('a UE that follows TS 33.223 may name the P-TID', async (t) => {
  const naf = await openNaf(t, createSim(impi), { bootstrap: false });
  const { sa } = await naf.announce(impi);
  const identity = pskIdentityOf(sa.pTid ?? sa.bTid);
  const layer = await dialPsk({ ...naf.address, sa, identity, policy, clock: systemClock });
  const channel = channelOver(layer.socket);
  t.like(await naf.push(impi, Buffer.from('x')), { state: 'acked', via: 'bootstrap' });
  await channel.close();
});

test.serial('the end of the key ends the layer; the next push gets a new key', async (t) => {
  const clock = manualClock();
  const { naf, push } = await openLadder(t, { naf: { clock, lifetimeSeconds: 60 } });
  t.like(await push('one'), { via: 'bootstrap' });
  const closed = new Promise<string>((resolve) => {
    const stop = subscribe('gba:sa:closed', ({ bTid, reason }) => {
      stop();
      resolve(`${bTid} ${reason}`);
    });
  });
  clock.advance(60_000);
  t.regex(await closed, / expired$/);
  t.like(await push('two'), { state: 'acked', via: 'bootstrap' });
  t.is(naf.fullHandshakes, 2);
});

test.serial(
  'drain lets what is out be answered, takes nothing more, and tells the UE to forget',
  async (t) => {
    const slow = gate();
    const { naf, push, handled } = await openLadder(t, { handler: () => slow.passed });
    const out = push('out');
    await until(() => handled.length === 1);
    const told: string[] = [];
    const stop = subscribe('gba:sa:closed', ({ reason }) => told.push(reason));
    t.teardown(stop);
    let drained = false;
    const drain = naf.drain().then(() => (drained = true));
    await t.throwsAsync(push('late'), { instanceOf: ChannelError, code: 'ERR_CHANNEL_CLOSED' });
    t.false(drained);
    slow.open();
    t.like(await out, { state: 'acked' });
    await drain;
    t.deepEqual(told, ['revoked', 'revoked'], 'at the UE and at the NAF');
  },
);

test('drain does not wait for what the UE does not want now', async (t) => {
  const { naf, push, handled } = await openLadder(t, {
    handler: () => {
      throw new NotNow(3_600_000);
    },
  });
  const waits = push('later');
  await until(() => handled.length === 1);
  await naf.drain();
  t.like(await waits, { state: 'dead', reason: 'dropped', code: 'ERR_CHANNEL_CLOSED' });
});

test('close settles everything at once, in flight or waiting', async (t) => {
  const slow = gate();
  t.teardown(slow.open);
  const { naf, push, handled } = await openLadder(t, { handler: () => slow.passed });
  const all = Array.from({ length: 1_500 }, (_, i) => push(`push ${i}`));
  await until(() => handled.length === 1);
  const closing = naf.close();
  const receipts = await Promise.all(all);
  await closing;
  t.true(
    receipts.every(({ reason, code }) => reason === 'dropped' && code === 'ERR_CHANNEL_CLOSED'),
  );
});

test.serial('a NAF that is closed while it asks the BSF keeps no key', async (t) => {
  const { hss } = createSim(impi);
  const asked = gate();
  const answer = gate();
  const naf = await openNaf(t, {
    ...createSim(impi),
    hss: {
      ...hss,
      async vector(who, use) {
        asked.open();
        await answer.passed;
        return hss.vector(who, use);
      },
    },
  });
  const announced: string[] = [];
  const stop = subscribe('gba:sa:announced', ({ bTid }) => announced.push(bTid));
  const receipt = naf.push(impi, Buffer.from('x'));
  await asked.passed;
  await naf.close();
  answer.open();
  t.like(await receipt, { reason: 'dropped' });
  await new Promise((resolve) => setImmediate(resolve));
  stop();
  t.deepEqual(announced, []);
  await t.throwsAsync(naf.announce(impi), { code: 'ERR_CHANNEL_CLOSED' });
});

test('a second NAF cannot listen at the same address', async (t) => {
  const sim = createSim(impi);
  const { address } = await openNaf(t, sim);
  const error = await t.throwsAsync(openNaf(t, sim, { listen: address }), {
    code: 'ERR_CONFIG_ADDRESS',
  });
  t.true(error.message.includes(`${address.host}:${address.port}`), error.message);
});

test('a layer that ends before it is registered takes the place of no other', async (t) => {
  const naf = await openNaf(t, createSim(impi), { bootstrap: false });
  const open = async () => {
    const { sa } = await naf.announce(impi);
    return { ...sa, key: Uint8Array.from(sa.key) };
  };
  const [older, newer] = [await open(), await open()];
  const silent = await dialPsk({ ...naf.address, sa: older, policy, clock: systemClock });
  silent.socket.allowHalfOpen = true;
  rawPeer(silent.socket).say({ code: CODE.CSM });
  await new Promise((resolve) => setTimeout(resolve, 600));
  const good = await dialPsk({ ...naf.address, sa: newer, policy, clock: systemClock });
  const channel = channelOver(good.socket, {
    onRequest: (_request, respond) => {
      respond({ code: CODE.CREATED });
    },
  });
  channel.request(registration(undefined), () => undefined);
  t.like(await naf.push(impi, Buffer.from('over the good one')), { state: 'acked' });
  await new Promise((resolve) => setTimeout(resolve, 700));
  t.like(await naf.push(impi, Buffer.from('still')), { state: 'acked', via: 'reuse' });
  await channel.close();
});

test('a trigger address without a port is as good as no word', async (t) => {
  const sent: number[] = [];
  const stop = subscribe('gba:trigger:sent', ({ to }) => {
    if (to.endsWith(':9')) sent.push(9);
  });
  t.teardown(stop);
  const naf = await openNaf(t, createSim(impi), {
    triggerAddress: () => ({ transport: 'udp', host: '127.0.0.1', port: 9 }),
    patience: { reconnectMs: 50 },
  });
  const { sa } = await naf.announce(impi);
  const { socket } = await dialPsk({ ...naf.address, sa, policy, clock: systemClock });
  const channel = channelOver(socket);
  channel.request(registration('udp://127.0.0.1:0'), () => undefined);
  await channel.ready;
  await channel.ping();
  await channel.close();
  const waits = naf.push(impi, Buffer.from('x'), { ttlSeconds: 60 });
  await until(() => sent.length > 0);
  await naf.close();
  t.like(await waits, { state: 'dead', code: 'ERR_CHANNEL_CLOSED' });
});

test.serial(
  'a push that was told "not now" goes out again, also when timers fire early',
  async (t) => {
    /** Fires at nine tenths of the time, so that the end of a pause is approached in ever smaller steps. */
    const hasty: Clock = {
      ...systemClock,
      after(ms, action) {
        if (ms > 1_000) return systemClock.after(ms, action);
        const endsAt = performance.now() + ms * 0.9;
        let over = false;
        const tick = (): void => {
          if (over) return;
          if (performance.now() >= endsAt) action();
          else setImmediate(tick);
        };
        setImmediate(tick);
        return { cancel: () => void (over = true) };
      },
    };
    let refusals = 0;
    const { push } = await openLadder(t, {
      handler: () => {
        if ((refusals += 1) % 2 === 1) throw new NotNow(100);
      },
      naf: { clock: hasty },
    });
    for (let n = 0; n < 12; n += 1) {
      t.like(await push(`${n}`, { ttlSeconds: 3 }), { state: 'acked', attempts: 2 });
    }
  },
);

test('a UE whose layer is parked comes back under the same key, after what was out is answered', async (t) => {
  let answer = (): void => undefined;
  const slow = new Promise<void>((resolve) => (answer = resolve));
  const { naf, push } = await openLadder(t, {
    handler: (one) => (Buffer.from(one.payload).toString() === 'slow' ? slow : undefined),
  });
  t.is((await push('one')).via, 'bootstrap');
  const [before] = naf.associations(impi);
  const out = push('slow');
  const parked = naf.park(impi);
  const later = push('three');
  answer();
  t.is(await parked, 1);
  t.like(await out, { state: 'acked', via: 'reuse', attempts: 1 });
  t.like(await later, { state: 'acked', via: 'reconnect', attempts: 1 });
  t.is(naf.associations(impi)[0]?.bTid, before?.bTid);
  t.is(await naf.park(parseImpi('nobody@ims.mnc001.mcc001.3gppnetwork.org')), 0);
});
