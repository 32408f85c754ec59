/** Pushes in blocks over a real layer, to a UE of raw messages and to ours: order, endings, receipts. */
import test, { type ExecutionContext } from 'ava';
import { CODE, type CoapMessage } from '../../src/codec/coap.ts';
import {
  emptyOption,
  OPTION,
  pathOptions,
  queryOption,
  SIGNAL_OPTION,
  uintOption,
  type CoapOption,
} from '../../src/codec/coap-option.ts';
import { readPushBlock } from '../../src/codec/push-block.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { dialPsk } from '../../src/net/psk-client.ts';
import { rawPeer } from '../support/channel.ts';
import { impi, openLadder, openNaf } from '../support/ladder.ts';
import { createSim } from '../support/sim.ts';
import { policy, until } from '../support/tls.ts';

const LONG = new Uint8Array(70_000);
/** Block1 of an answer to a first block: 512 octets each, and as large as it likes. */
const SMALLER = uintOption(OPTION.BLOCK1, 0x0d);
const ANY = uintOption(OPTION.BLOCK1, 0x0f);

function csm(maxMessageSize: number): { code: number; options: CoapOption[] } {
  return {
    code: CODE.CSM,
    options: [
      uintOption(SIGNAL_OPTION.CSM_MAX_MESSAGE_SIZE, maxMessageSize),
      emptyOption(SIGNAL_OPTION.CSM_BLOCK_WISE_TRANSFER),
    ],
  };
}

/** A NAF, and a UE that takes PUTs and answers as the test says. */
async function openRaw(t: ExecutionContext) {
  const naf = await openNaf(t, createSim(impi), { bootstrap: false });
  const { sa } = await naf.announce(impi);
  const key = Uint8Array.from(sa.key);
  const dial = async () => {
    const { socket } = await dialPsk({
      ...naf.address,
      ...{ sa: { ...sa, key: Uint8Array.from(key) }, policy, clock: systemClock },
    });
    t.teardown(() => socket.destroy());
    const peer = rawPeer(socket);
    const options = [...pathOptions('.push'), queryOption('mode', 'put')];
    peer.say(csm(66_560), { code: CODE.POST, token: Uint8Array.of(9), options });
    await peer.hear(CODE.CHANGED);
    const puts = (): CoapMessage[] => peer.heard.filter(({ code }) => code === CODE.PUT);
    /** The n-th that came. */
    const put = async (n: number): Promise<CoapMessage> => {
      await until(() => puts().length > n);
      const [found] = puts().slice(n);
      if (found === undefined) throw new Error('no PUT');
      return found;
    };
    const answer = ({ token }: CoapMessage, code: number, ...more: CoapOption[]): void => {
      peer.say({ code, token, options: more });
    };
    return { peer, puts, put, answer };
  };
  return { naf, dial };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('two that the UE wants in blocks go one after the other', async (t) => {
  const { naf, dial } = await openRaw(t);
  const { put, puts, answer } = await dial();
  void naf.push(impi, new Uint8Array(3_000));
  void naf.push(impi, new Uint8Array(600));
  for (const one of [await put(0), await put(1)]) {
    answer(one, CODE.REQUEST_ENTITY_TOO_LARGE, SMALLER);
  }
  t.is(readPushBlock(await put(2))?.size, 3_000);
  await pause(50);
  t.is(puts().length, 3);
});

test('one that goes in blocks after all frees nothing that waits for another', async (t) => {
  const { naf, dial } = await openRaw(t);
  const { put, puts, answer } = await dial();
  const short = naf.push(impi, new Uint8Array(600));
  void naf.push(impi, LONG);
  const [whole, first] = [await put(0), await put(1)];
  t.is(readPushBlock(whole), undefined);
  t.is(readPushBlock(first)?.size, 70_000);
  answer(whole, CODE.REQUEST_ENTITY_TOO_LARGE, SMALLER);
  answer(await put(2), CODE.CONTINUE, SMALLER);
  answer(await put(3), CODE.CREATED, uintOption(OPTION.BLOCK1, 0x15));
  t.like(await short, { state: 'acked', attempts: 2 });
  void naf.push(impi, Buffer.from('later'));
  await pause(50);
  t.is(puts().length, 4);
});

test('with a time to live of 0 a push does not wait for a long one, and its receipt says why', async (t) => {
  const { naf, dial } = await openRaw(t);
  const { put } = await dial();
  void naf.push(impi, LONG);
  await put(0);
  const receipt = await naf.push(impi, Buffer.from('x'), { ttlSeconds: 0 });
  t.like(receipt, { state: 'dead', reason: 'expired', attempts: 0 });
  t.regex(receipt.detail ?? '', /^no layer was open and free/);
  t.is(
    (
      await Promise.race([
        naf.push(impi, Buffer.from('x'), { urgency: 'high', ttlSeconds: 0 }),
        put(1),
      ])
    ).code,
    CODE.PUT,
  );
});

test('an earlier one that the UE put off goes out between the blocks of the long one, not after it', async (t) => {
  const { naf, dial } = await openRaw(t);
  const { put, answer } = await dial();
  const short = naf.push(impi, Buffer.from('short'));
  void naf.push(impi, LONG);
  const [early, first] = [await put(0), await put(1)];
  answer(early, CODE.SERVICE_UNAVAILABLE, uintOption(OPTION.MAX_AGE, 0));
  const again = await put(2);
  t.is(again.payload.length, 5);
  answer(again, CODE.CREATED);
  t.like(await short, { state: 'acked', attempts: 2 });
  answer(first, CODE.CONTINUE, ANY);
  t.is(readPushBlock(await put(3))?.block.number, 16);
});

test('a UE that says in the middle that it takes shorter messages gets them', async (t) => {
  const { naf, dial } = await openRaw(t);
  const { peer, put, answer } = await dial();
  void naf.push(impi, LONG);
  const first = await put(0);
  peer.say(csm(8_192));
  answer(first, CODE.CONTINUE, ANY);
  t.is((await put(1)).payload.length, 4_096);
});

test('a layer that is parked ends when the long push has come to its end', async (t) => {
  const { naf, push, handled } = await openLadder(t);
  await push('opens the layer');
  const long = naf.push(impi, new Uint8Array(3_000_000));
  await pause(5);
  t.is(await naf.park(impi), 1);
  t.like(await long, { state: 'acked', attempts: 1, via: 'reuse' });
  t.is(handled.length, 2);
});

test('a NAF that is drained lets a long push come to its end', async (t) => {
  const { naf, push, handled } = await openLadder(t);
  await push('opens the layer');
  const long = naf.push(impi, new Uint8Array(3_000_000));
  await pause(5);
  await naf.drain();
  t.like(await long, { state: 'acked', attempts: 1 });
  t.is(handled.length, 2);
});

test('a long push whose last block never went out cannot have been handled, and its receipt says no such thing', async (t) => {
  const { naf, dial } = await openRaw(t);
  const { peer, put } = await dial();
  const long = naf.push(impi, LONG, { ttlSeconds: 1 });
  await put(0);
  peer.socket.destroy();
  const receipt = await long;
  t.like(receipt, { state: 'dead', reason: 'expired', attempts: 1 });
  t.notRegex(receipt.detail ?? '', /may have handled/);
});

test('over the next layer it begins with its first block, and those behind it keep their place', async (t) => {
  const { naf, dial } = await openRaw(t);
  const first = await dial();
  const long = naf.push(impi, LONG);
  const later = naf.push(impi, Buffer.from('later'));
  first.answer(await first.put(0), CODE.CONTINUE, ANY);
  await first.put(1);
  first.peer.socket.destroy();
  const second = await dial();
  for (let n = 0; n < 5; n += 1) {
    const block = await second.put(n);
    t.is(readPushBlock(block)?.block.number, 16 * n);
    t.is(second.puts().length, n + 1);
    second.answer(block, n < 4 ? CODE.CONTINUE : CODE.CREATED, ANY);
  }
  second.answer(await second.put(5), CODE.CREATED);
  t.like(await Promise.all([long, later]), [
    { state: 'acked', attempts: 2 },
    { state: 'acked', attempts: 1 },
  ]);
});

test('a Release in the middle gives it back: it goes over the next layer, and nothing waits for ever', async (t) => {
  const { naf, dial } = await openRaw(t);
  const first = await dial();
  const long = naf.push(impi, LONG);
  const later = naf.push(impi, Buffer.from('later'));
  const block = await first.put(0);
  first.peer.say({ code: CODE.RELEASE });
  first.answer(block, CODE.CONTINUE, ANY);
  const second = await dial();
  for (let n = 0; n < 5; n += 1) {
    second.answer(await second.put(n), n < 4 ? CODE.CONTINUE : CODE.CREATED, ANY);
  }
  second.answer(await second.put(5), CODE.CREATED);
  t.like(await Promise.all([long, later]), [{ state: 'acked' }, { state: 'acked' }]);
});
