import test from 'ava';
import fc from 'fast-check';
import { BERT, blockAt, type Block } from '../../src/codec/block.ts';
import { CODE } from '../../src/codec/coap.ts';
import { LONGEST_PUSH, parsePush, type PushMessage } from '../../src/codec/push.ts';
import { pushBlockRequest, readBlockAnswer, readPushBlock } from '../../src/codec/push-block.ts';
import { parsePushId } from '../../src/ids.ts';
import { EMPTY } from '../../src/lib/bytes.ts';
import { Bodies, type Taken } from '../../src/ue/bodies.ts';
import { overTheWire } from '../support/coap.ts';
import { manualClock } from '../support/manual-clock.ts';

const LARGE = { exponent: BERT, most: 16_384 };

function pushOf(id: string, payload: Uint8Array): PushMessage {
  const rest = { urgency: 'high', ttlSeconds: 60, seq: 7, contentFormat: 50 } as const;
  return { id: parsePushId(id), ...rest, payload };
}

/** What the UE makes of one block, which goes over the wire to it. */
function give(
  bodies: Bodies,
  push: PushMessage,
  block: Block,
  payload: Uint8Array,
  tag = Uint8Array.of(1),
): Taken {
  const message = overTheWire(pushBlockRequest(push, 60, { block, tag }, payload));
  const [parsed, part] = [parsePush(message), readPushBlock(message)];
  if (parsed === undefined || part === undefined) throw new Error('this is no block of a push');
  return bodies.take(parsed, part);
}

/** Gives the block at an offset. */
function giveAt(bodies: Bodies, push: PushMessage, offset: number, size = LARGE): Taken {
  const { block, payload } = blockAt(push.payload, offset, size);
  return give(bodies, push, block, payload);
}

function codeOf(taken: Taken): number | undefined {
  return 'answer' in taken ? taken.answer.code : undefined;
}

test('a body in blocks of any size is one push, whatever else comes between them', (t) => {
  const payloads = fc.array(fc.uint8Array({ minLength: 1, maxLength: 3_000 }), { maxLength: 4 });
  const exponents = fc.nat({ max: BERT });
  fc.assert(
    fc.property(payloads, exponents, fc.infiniteStream(fc.nat()), (bodies, exponent, turns) => {
      const taking = new Bodies(manualClock());
      const left = bodies.map((payload, i) => ({ push: pushOf(`id-${i}`, payload), offset: 0 }));
      while (left.length > 0) {
        const at = (turns.next().value ?? 0) % left.length;
        const next = left[at];
        if (next === undefined) return;
        const { block, payload } = blockAt(next.push.payload, next.offset, {
          exponent,
          most: 2_048,
        });
        const taken = give(taking, next.push, block, payload);
        next.offset += payload.length;
        if (block.more) t.is(codeOf(taken), CODE.CONTINUE);
        else {
          t.deepEqual(taken, { whole: next.push });
          left.splice(at, 1);
        }
      }
    }),
    { numRuns: 50 },
  );
});

test('each block is answered by its own number', (t) => {
  const bodies = new Bodies(manualClock());
  const push = pushOf('a', new Uint8Array(40_000));
  giveAt(bodies, push, 0);
  const second = giveAt(bodies, push, 16_384);
  t.is(codeOf(second), CODE.CONTINUE);
  if (!('answer' in second)) return;
  const { options } = overTheWire(second.answer);
  t.deepEqual(readBlockAnswer(options).block, { number: 16, more: true, exponent: BERT });
});

test('a block that does not follow is answered 4.08, and what was there is gone', (t) => {
  const push = pushOf('a', new Uint8Array(60_000));
  for (const [which, ...offsets] of [
    ['the same again', 0, 16_384, 16_384],
    ['one left out', 0, 32_768],
    ['the last alone', 49_152],
  ] as const) {
    const bodies = new Bodies(manualClock());
    const codes = offsets.map((offset) => codeOf(giveAt(bodies, push, offset)));
    t.is(codes.at(-1), CODE.REQUEST_ENTITY_INCOMPLETE, which);
    t.true(codes.slice(0, -1).every((code) => code === CODE.CONTINUE));
    t.is(codeOf(giveAt(bodies, push, 16_384)), CODE.REQUEST_ENTITY_INCOMPLETE, which);
  }
});

test('blocks of two bodies are never joined: another tag is answered 4.08', (t) => {
  const bodies = new Bodies(manualClock());
  const push = pushOf('a', new Uint8Array(40_000));
  const first = blockAt(push.payload, 0, LARGE);
  const second = blockAt(push.payload, 16_384, LARGE);
  give(bodies, push, first.block, first.payload, Uint8Array.of(1));
  const taken = give(bodies, push, second.block, second.payload, Uint8Array.of(2));
  t.is(codeOf(taken), CODE.REQUEST_ENTITY_INCOMPLETE);
});

test('a first block begins anew', (t) => {
  const bodies = new Bodies(manualClock());
  const [old, fresh] = [new Uint8Array(40_000).fill(1), new Uint8Array(20_000).fill(2)];
  giveAt(bodies, pushOf('a', old), 0);
  giveAt(bodies, pushOf('a', old), 16_384);
  const push = pushOf('a', fresh);
  t.is(codeOf(giveAt(bodies, push, 0)), CODE.CONTINUE);
  t.deepEqual(giveAt(bodies, push, 16_384), { whole: push });
});

test('a body of more than 8 MiB is refused with 4.13, at its first block where that tells', (t) => {
  const told = giveAt(new Bodies(manualClock()), pushOf('a', new Uint8Array(LONGEST_PUSH + 1)), 0);
  t.is(codeOf(told), CODE.REQUEST_ENTITY_TOO_LARGE);
  if (!('answer' in told)) return;
  t.is(readBlockAnswer(overTheWire(told.answer).options).most, LONGEST_PUSH);

  const bodies = new Bodies(manualClock());
  const push = pushOf('b', new Uint8Array(10));
  const octets = new Uint8Array(65_536);
  for (let number = 0; number < LONGEST_PUSH / 1_024; number += 64) {
    const taken = give(bodies, push, { number, more: true, exponent: BERT }, octets);
    t.is(codeOf(taken), CODE.CONTINUE);
  }
  const last = { number: LONGEST_PUSH / 1_024, more: false, exponent: BERT };
  t.is(codeOf(give(bodies, push, last, Uint8Array.of(1))), CODE.REQUEST_ENTITY_TOO_LARGE);
});

test('all that are under way have room for 8 MiB together; the one that wants more comes later', (t) => {
  const bodies = new Bodies(manualClock());
  const octets = new Uint8Array(65_536);
  const fill = (id: string, count: number): number | undefined => {
    let code: number | undefined;
    for (let number = 0; number < count * 64; number += 64) {
      const block = { number, more: true, exponent: BERT };
      code = codeOf(give(bodies, pushOf(id, EMPTY), block, octets));
    }
    return code;
  };
  t.is(fill('a', 100), CODE.CONTINUE);
  t.is(fill('b', 1), CODE.SERVICE_UNAVAILABLE, 'the room of a doubles');
  const last = { number: 100 * 64, more: false, exponent: BERT };
  t.true('whole' in give(bodies, pushOf('a', EMPTY), last, octets));
  t.is(fill('b', 28), CODE.CONTINUE, 'what a had is free again');
});

test('one whose size is told has its room from the first block on, and no more than that', (t) => {
  const bodies = new Bodies(manualClock());
  const [a, b] = [pushOf('a', new Uint8Array(5_000_000)), pushOf('b', new Uint8Array(4_000_000))];
  t.is(codeOf(giveAt(bodies, a, 0)), CODE.CONTINUE);
  t.is(codeOf(giveAt(bodies, b, 0)), CODE.SERVICE_UNAVAILABLE);
  t.is(codeOf(giveAt(bodies, pushOf('c', new Uint8Array(3_388_608)), 0)), CODE.CONTINUE);
  let taken: Taken | undefined;
  for (let offset = 16_384; offset < 5_000_000; offset += 16_384) taken = giveAt(bodies, a, offset);
  if (taken === undefined || !('whole' in taken)) return t.fail();
  t.is(taken.whole.payload.buffer.byteLength, 5_000_000);
  t.is(codeOf(giveAt(bodies, b, 0)), CODE.CONTINUE);
});

test('what is handed on takes up no more than it has, also when nobody said its size', (t) => {
  const bodies = new Bodies(manualClock());
  const octets = new Uint8Array(65_536);
  let taken: Taken | undefined;
  for (let n = 0; n < 5; n += 1) {
    const block = { number: 64 * n, more: n < 4, exponent: BERT };
    taken = give(bodies, pushOf('a', EMPTY), block, octets);
  }
  if (taken === undefined || !('whole' in taken)) return t.fail();
  t.is(taken.whole.payload.buffer.byteLength, 5 * 65_536);
});

test('one that gets no block for a minute gives way', (t) => {
  const clock = manualClock();
  const bodies = new Bodies(clock);
  const [left, next] = [
    pushOf('a', new Uint8Array(8_000_000)),
    pushOf('b', new Uint8Array(800_000)),
  ];
  giveAt(bodies, left, 0);
  clock.advance(59_999);
  t.is(codeOf(giveAt(bodies, next, 0)), CODE.SERVICE_UNAVAILABLE);
  giveAt(bodies, left, 16_384);
  clock.advance(59_999);
  t.is(codeOf(giveAt(bodies, next, 0)), CODE.SERVICE_UNAVAILABLE, 'its last block counts');
  clock.advance(1);
  t.is(codeOf(giveAt(bodies, next, 0)), CODE.CONTINUE);
  t.is(codeOf(giveAt(bodies, left, 32_768)), CODE.REQUEST_ENTITY_INCOMPLETE);
});

test('a Request-Tag of more than 8 octets says nothing', (t) => {
  const push = pushOf('a', new Uint8Array(20_000));
  const { block, payload } = blockAt(push.payload, 0, LARGE);
  const tag = new Uint8Array(9);
  const message = overTheWire(pushBlockRequest(push, 60, { block, tag }, payload));
  t.is(readPushBlock(message)?.tag.length, 0);
});

test('of more than four at once the one that began first makes room', (t) => {
  const bodies = new Bodies(manualClock());
  const pushes = Array.from('abcde', (id) => pushOf(id, new Uint8Array(20_000)));
  for (const push of pushes) giveAt(bodies, push, 0);
  const [a, b] = pushes;
  if (a === undefined || b === undefined) return;
  t.is(codeOf(giveAt(bodies, a, 16_384)), CODE.REQUEST_ENTITY_INCOMPLETE);
  t.deepEqual(giveAt(bodies, b, 16_384), { whole: b });
});

test('a block that is not as long as it must be is malformed', (t) => {
  const push = pushOf('a', new Uint8Array(100));
  for (const [more, exponent, octets] of [
    [true, 6, 1_023],
    [true, 6, 0],
    [true, BERT, 1_500],
    [true, BERT, 0],
    [false, 0, 17],
  ] as const) {
    const block = { number: 0, more, exponent };
    t.throws(() => give(new Bodies(manualClock()), push, block, new Uint8Array(octets)), {
      code: 'ERR_COAP_MALFORMED',
    });
  }
});

test('what a message has beside a block is not kept alive with it', (t) => {
  const bodies = new Bodies(manualClock());
  const push = pushOf('a', new Uint8Array(20_000).fill(5));
  const first = blockAt(push.payload, 0, LARGE);
  const message = overTheWire(
    pushBlockRequest(push, 60, { block: first.block, tag: Uint8Array.of(1) }, first.payload),
  );
  const [parsed, part] = [parsePush(message), readPushBlock(message)];
  if (parsed === undefined || part === undefined) return;
  bodies.take(parsed, part);
  message.octets.fill(0);
  t.deepEqual(giveAt(bodies, push, 16_384), { whole: push });
});
