import test from 'ava';
import { BERT, offsetOf, type Block } from '../../src/codec/block.ts';
import { CODE } from '../../src/codec/coap.ts';
import { OPTION, uintOption, type CoapOption } from '../../src/codec/coap-option.ts';
import { encodedLength } from '../../src/codec/coap-tcp.ts';
import { parsePush } from '../../src/codec/push.ts';
import { proceed, pushBlockAnswer, readPushBlock, tooLarge } from '../../src/codec/push-block.ts';
import { ChannelError, PushError } from '../../src/errors.ts';
import { EMPTY, toHex } from '../../src/lib/bytes.ts';
import type { Entry, Outcome } from '../../src/naf/entry.ts';
import { PutMode } from '../../src/naf/put-mode.ts';
import type { CoapContent, Settle } from '../../src/net/channel-types.ts';
import { overTheWire } from '../support/coap.ts';
import { makeEntry } from '../support/entry.ts';

interface Sent {
  readonly block: Block | undefined;
  readonly tag: string;
  readonly size: number | undefined;
  readonly payload: Uint8Array;
  readonly answer: Settle;
}

interface PeerOptions {
  readonly maxMessageSize?: number;
  readonly takesBlocks?: boolean;
}

/** A UE that answers as the test says. */
function makeMode({ maxMessageSize = 66_560, takesBlocks = true }: PeerOptions = {}) {
  const sent: Sent[] = [];
  const told: Outcome[] = [];
  const long: Entry[] = [];
  const given: Entry[] = [];
  let out = true;
  const channel = {
    peer: { maxMessageSize, takesBlocks },
    request: ({ code, options = [], payload = EMPTY }: CoapContent, answer: Settle) => {
      const content = { code, options, payload, token: new Uint8Array(4) };
      if (encodedLength(content) > channel.peer.maxMessageSize) {
        throw new PushError('ERR_PUSH_OVERSIZE', 'it is too long');
      }
      const message = overTheWire(content);
      const part = readPushBlock(message);
      t0(parsePush(message) !== undefined);
      sent.push({
        ...{ block: part?.block, tag: toHex(part?.tag ?? EMPTY), size: part?.size },
        ...{ payload: message.payload, answer },
      });
    },
  };
  const mode = new PutMode(channel, {
    tell: (_entry, outcome) => void told.push(outcome),
    takesLong: (entry) => void long.push(entry),
    giveBack: (entry) => void given.push(entry),
    has: () => out,
  });
  /** The last that was sent is answered so. */
  const answer = (content: CoapContent): void => {
    sent.at(-1)?.answer(overTheWire(content));
  };
  const goOn = (): void => {
    const block = sent.at(-1)?.block;
    if (block !== undefined) answer(proceed(block));
  };
  const surrender = (): void => {
    out = false;
  };
  return { mode, sent, told, long, given, answer, goOn, surrender, channel };
}

function t0(holds: boolean): void {
  if (!holds) throw new Error('what went out is no push');
}

function entryOf(octets: number): Entry {
  return makeEntry([], {
    seq: 1,
    payload: Buffer.from(Array.from({ length: octets }, (_, i) => i)),
  });
}

const echo = (code: number, block: Block, ...more: CoapOption[]): CoapContent => ({
  ...pushBlockAnswer({ kind: 'handled' }, block),
  code,
  ...(more.length > 0 && { options: more }),
});

test('what fits a message goes whole; what is longer in blocks of 16 KiB, each after the answer to the last', (t) => {
  const { mode, sent, told, long, answer, goOn } = makeMode();
  mode.send(entryOf(65_536), 60);
  t.is(sent[0]?.block, undefined);
  t.deepEqual(long, []);
  const entry = entryOf(70_000);
  mode.send(entry, 60);
  t.deepEqual(long, [entry]);
  for (let n = 0; n < 4; n += 1) goOn();
  const blocks = sent.slice(1);
  t.deepEqual(
    blocks.map(({ block, payload }) => [block && offsetOf(block), payload.length, block?.more]),
    [
      [0, 16_384, true],
      [16_384, 16_384, true],
      [32_768, 16_384, true],
      [49_152, 16_384, true],
      [65_536, 4_464, false],
    ],
  );
  t.deepEqual(
    blocks.map(({ size }) => size),
    [70_000, undefined, undefined, undefined, undefined],
  );
  t.is(new Set(blocks.map(({ tag }) => tag)).size, 1);
  t.is(blocks[0]?.tag.length, 16);
  t.deepEqual(Buffer.concat(blocks.map(({ payload }) => payload)), Buffer.from(entry.payload));
  t.deepEqual(told, []);
  answer(pushBlockAnswer({ kind: 'handled' }, { number: 64, more: false, exponent: BERT }));
  t.deepEqual(told, [{ kind: 'handled' }]);
});

test('blocks are as long as the messages that the UE takes, and no BERT below 1,153 octets', (t) => {
  const first = (maxMessageSize: number): [number | undefined, number | undefined] => {
    const { mode, sent } = makeMode({ maxMessageSize });
    mode.send(entryOf(70_000), 60);
    return [sent[0]?.block?.exponent, sent[0]?.payload.length];
  };
  t.deepEqual(first(8_388_608), [BERT, 16_384]);
  t.deepEqual(first(10_000), [BERT, 8_192]);
  t.deepEqual(first(1_153), [BERT, 1_024]);
  t.deepEqual(first(1_152), [6, 1_024]);
  t.deepEqual(first(1_000), [5, 512]);
  t.deepEqual(first(80), [0, 16]);
});

test('a UE that takes no blocks, or not even the smallest, is sent nothing', (t) => {
  const none = makeMode({ takesBlocks: false });
  t.throws(() => none.mode.send(entryOf(70_000), 60), { code: 'ERR_PUSH_OVERSIZE' });
  const narrow = makeMode({ maxMessageSize: 64 });
  t.throws(() => narrow.mode.send(entryOf(70_000), 60), { code: 'ERR_PUSH_OVERSIZE' });
  t.deepEqual([none.sent, narrow.sent, narrow.long], [[], [], []]);
});

test('a UE that says anew what it takes gets smaller blocks from the next one on', (t) => {
  const { mode, sent, answer, channel } = makeMode();
  const entry = entryOf(70_000);
  mode.send(entry, 60);
  channel.peer.maxMessageSize = 8_192;
  answer(proceed({ number: 0, more: true, exponent: BERT }));
  t.deepEqual(sent[1]?.block, { number: 16, more: true, exponent: BERT });
  t.is(sent[1]?.payload.length, 4_096);
  channel.peer.maxMessageSize = 500;
  answer(proceed({ number: 16, more: true, exponent: BERT }));
  t.like(sent[2]?.block, { number: 80, exponent: 4 });
});

test('a UE that names a larger size gets none', (t) => {
  const { mode, sent, answer } = makeMode({ maxMessageSize: 500 });
  mode.send(entryOf(2_000), 60);
  answer(proceed({ number: 0, more: true, exponent: 6 }));
  t.deepEqual(sent[1]?.block, { number: 1, more: true, exponent: 4 });
});

test('after a 4.08 the blocks stay as small as the UE has asked for', (t) => {
  const { mode, sent, answer } = makeMode();
  mode.send(entryOf(70_000), 60);
  answer(proceed({ number: 0, more: true, exponent: 5 }));
  answer({ code: CODE.REQUEST_ENTITY_INCOMPLETE });
  t.deepEqual(sent[2]?.block, { number: 0, more: true, exponent: 5 });
});

test('only when its last block is out the UE may have handled it', (t) => {
  const { mode, answer, goOn } = makeMode();
  const entry = entryOf(70_000);
  mode.send(entry, 60);
  t.is(entry.unanswered, -1, 'whoever has sent it counts it');
  for (let n = 0; n < 3; n += 1) goOn();
  t.is(entry.unanswered, -1);
  goOn();
  t.is(entry.unanswered, 0);
  answer({ code: CODE.REQUEST_ENTITY_INCOMPLETE });
  t.is(entry.unanswered, -1, 'it has not');
  answer({ code: CODE.SERVICE_UNAVAILABLE });
  t.is(entry.unanswered, 0, 'an answer is counted by who hears it');
});

test('a UE that wants smaller blocks gets them from the next one on', (t) => {
  const { mode, sent, answer } = makeMode();
  const entry = entryOf(70_000);
  mode.send(entry, 60);
  answer(proceed({ number: 0, more: true, exponent: 5 }));
  t.deepEqual(sent[1]?.block, { number: 32, more: true, exponent: 5 });
  t.deepEqual(Buffer.from(sent[1]?.payload ?? EMPTY), entry.payload.subarray(16_384, 16_896));
});

test('a 4.13 to the first block may ask for smaller ones; else the UE takes no such push', (t) => {
  const first = { number: 0, more: true, exponent: 4 };
  const smaller = makeMode();
  smaller.mode.send(entryOf(70_000), 60);
  smaller.answer(echo(CODE.REQUEST_ENTITY_TOO_LARGE, first));
  t.deepEqual(smaller.sent[1]?.block, first);
  t.deepEqual(smaller.told, []);

  const none = makeMode();
  none.mode.send(entryOf(70_000), 60);
  none.answer(tooLarge({ ...first, exponent: BERT }, 50_000));
  const detail = 'the UE takes no push of 70000 octets, at most 50000';
  t.deepEqual(none.told, [{ kind: 'too-large', detail }]);
});

test('a push that went whole and was too large goes in the blocks that the UE asks for', (t) => {
  const { mode, sent, told, long, given, answer } = makeMode();
  const entry = entryOf(3_000);
  mode.send(entry, 60);
  answer({
    code: CODE.REQUEST_ENTITY_TOO_LARGE,
    options: [uintOption(OPTION.BLOCK1, 0x0d)],
  });
  t.deepEqual([given, told, sent.length, entry.unanswered], [[entry], [], 1, -1]);
  mode.send(entry, 60);
  t.deepEqual(sent[1]?.block, { number: 0, more: true, exponent: 5 });
  t.deepEqual(long, [entry]);
  mode.send(entryOf(2_999), 60);
  t.is(sent[2]?.block, undefined);
  mode.send(entryOf(3_001), 60);
  t.is(sent[3]?.block?.exponent, 5);

  const refused = makeMode();
  refused.mode.send(entry, 60);
  refused.answer({ code: CODE.REQUEST_ENTITY_TOO_LARGE, options: [uintOption(OPTION.SIZE1, 100)] });
  const detail = 'the UE takes no push of 3000 octets, at most 100';
  t.deepEqual(refused.told, [{ kind: 'too-large', detail }]);
});

test('a 4.08 begins it anew, three times; after that the push waits', (t) => {
  const { mode, sent, told, answer, goOn } = makeMode();
  mode.send(entryOf(70_000), 60);
  for (let n = 1; n <= 3; n += 1) {
    goOn();
    answer({ code: CODE.REQUEST_ENTITY_INCOMPLETE });
    t.is(sent.length, 2 * n + 1);
    t.is(sent.at(-1)?.block?.number, 0);
  }
  answer({ code: CODE.REQUEST_ENTITY_INCOMPLETE });
  t.deepEqual(told, [{ kind: 'not-now', afterMs: 60_000 }]);
});

test('a UE that takes one block for the whole push has not taken it', (t) => {
  for (const code of [CODE.CREATED, CODE.CHANGED, CODE.CONTENT]) {
    const { mode, told, answer } = makeMode();
    mode.send(entryOf(70_000), 60);
    answer({ code });
    t.like(told, [{ kind: 'too-large' }]);
    t.is(told.length, 1);
  }
});

test('answers without sense are no answers for good', (t) => {
  const last = makeMode();
  last.mode.send(entryOf(70_000), 60);
  for (let n = 0; n < 5; n += 1) last.goOn();
  t.deepEqual(last.told, [{ kind: 'not-now', afterMs: 60_000 }], '2.31 to the last block');

  const long = { number: OPTION.BLOCK1, value: new Uint8Array(4).fill(255) };
  for (const octets of [70_000, 3_000]) {
    const { mode, told, answer } = makeMode();
    mode.send(entryOf(octets), 60);
    answer({ code: CODE.REQUEST_ENTITY_TOO_LARGE, options: [long] });
    t.deepEqual(told, [{ kind: 'not-now', afterMs: 60_000 }]);
  }
});

test('"not now" and a refusal count at any block', (t) => {
  for (const [answered, kind] of [
    [{ code: CODE.SERVICE_UNAVAILABLE, options: [uintOption(OPTION.MAX_AGE, 7)] }, 'not-now'],
    [{ code: CODE.BAD_REQUEST }, 'refused'],
    [{ code: CODE.BAD_OPTION }, 'refused'],
  ] as const) {
    const { mode, told, answer, goOn } = makeMode();
    mode.send(entryOf(70_000), 60);
    goOn();
    answer(answered);
    t.like(told, [{ kind }]);
  }
});

test('a layer that ends in the middle gives the push back; one that was given up goes no further', (t) => {
  const ended = makeMode();
  const entry = entryOf(70_000);
  ended.mode.send(entry, 60);
  ended.goOn();
  ended.sent.at(-1)?.answer(new ChannelError('ERR_CHANNEL_CLOSED', 'it has ended'));
  t.deepEqual([ended.given, ended.told, ended.sent.length], [[entry], [], 2]);

  const surrendered = makeMode();
  surrendered.mode.send(entry, 60);
  surrendered.surrender();
  surrendered.goOn();
  surrendered.answer({ code: CODE.CREATED });
  t.deepEqual([surrendered.given, surrendered.told, surrendered.sent.length], [[], [], 1]);
});
