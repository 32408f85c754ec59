import test from 'ava';
import { CODE, type CoapMessage } from '../../src/codec/coap.ts';
import { PushError } from '../../src/errors.ts';
import type { Entry, Outcome, Via } from '../../src/naf/entry.ts';
import { Pushes } from '../../src/naf/pushes.ts';
import type { CoapContent, Settle } from '../../src/net/channel-types.ts';
import { makeEntry } from '../support/entry.ts';
import { manualClock } from '../support/manual-clock.ts';

const handled: CoapMessage = {
  code: CODE.CREATED,
  token: new Uint8Array(1),
  options: [],
  payload: new Uint8Array(0),
};

const deaf = {
  told: () => undefined,
  refused: () => undefined,
  takesLong: () => undefined,
  takeBack: () => undefined,
};

/** Pushes over a channel that only notes what it is asked. */
function makePushes(via: Exclude<Via, 'reuse'> = 'bootstrap') {
  const answers: Settle[] = [];
  const told: [Entry, Outcome['kind']][] = [];
  const refused: [Entry, string][] = [];
  const channel = {
    request: (_content: CoapContent, settle: Settle) => void answers.push(settle),
    barrier: () => new Promise<boolean>(() => undefined),
    peer: undefined,
  };
  const device = {
    ...deaf,
    told: (entry: Entry, { kind }: Outcome) => void told.push([entry, kind]),
    refused: (entry: Entry, detail: string) => void refused.push([entry, detail]),
  };
  const pushes = new Pushes(channel, device, via);
  const observe = () => {
    const registration = { token: '01', contentFormat: 42, respond: () => undefined };
    pushes.observe(registration, { channel, clock: manualClock(), endsAt: 90_000 });
  };
  return { answers, channel, told, refused, pushes, observe };
}

/** True when the promise has resolved by the next turn. */
async function isDone(promise: Promise<unknown>): Promise<boolean> {
  const later = new Promise((resolve) => setImmediate(resolve, false));
  return (await Promise.race([promise.then(() => true), later])) === true;
}

test('the first push tells how the layer came to be and what of that it waited for, the next that it was there', (t) => {
  const { pushes } = makePushes('reconnect');
  t.false(pushes.used);
  pushes.open(1_000, { bsf: 0, trigger: 300, handshake: 20 });
  const [first, second] = [makeEntry([], { seq: 1, acceptedAt: 900 }), makeEntry([], { seq: 2 })];
  pushes.send(first, 1_010);
  pushes.send(second, 1_020);
  t.true(pushes.used);
  t.like(first, {
    via: 'reconnect',
    attempts: 1,
    sentAt: 1_010,
    stages: { bsf: 0, trigger: 80, handshake: 20 },
  });
  t.like(second, { via: 'reuse', attempts: 1, stages: { bsf: 0, trigger: 0, handshake: 0 } });
});

test('an outcome is told once; those who wait are told when none is out any more', async (t) => {
  const { answers, told, pushes } = makePushes();
  const [one, other] = [makeEntry([], { seq: 1 }), makeEntry([], { seq: 2 })];
  for (const entry of [one, other]) pushes.send(entry, 0);
  const settled = pushes.settled();
  answers[1]?.(handled);
  t.false(await isDone(settled));
  answers[0]?.(handled);
  pushes.tell(one, { kind: 'handled' });
  t.true(await isDone(settled));
  t.deepEqual(told, [
    [other, 'handled'],
    [one, 'handled'],
  ]);
  t.true(await isDone(pushes.settled()));
});

test('what is sent again before those who wait are told keeps them waiting', async (t) => {
  const { channel } = makePushes();
  const pushes: Pushes = new Pushes(
    channel,
    { ...deaf, told: () => pushes.send(makeEntry([], { seq: 2 }), 0) },
    'bootstrap',
  );
  const entry = makeEntry([], { seq: 1 });
  pushes.send(entry, 0);
  const settled = pushes.settled();
  pushes.tell(entry, { kind: 'handled' });
  t.is(pushes.size, 1);
  t.false(await isDone(settled));
});

test('surrendered pushes are in order, answers to them count no more, and nobody waits for them', async (t) => {
  const { answers, told, pushes } = makePushes();
  const entries = [makeEntry([], { seq: 1 }), makeEntry([], { seq: 2 })];
  for (const entry of entries) pushes.send(entry, 0);
  const settled = pushes.settled();
  t.deepEqual(pushes.surrender(), entries);
  t.true(await isDone(settled));
  for (const answer of answers) answer(handled);
  t.deepEqual(told, []);
});

test('notifications that are out are told of when they are surrendered, and not given back', (t) => {
  const { told, pushes, observe } = makePushes();
  observe();
  t.true(pushes.observed);
  const entry = makeEntry([], { seq: 1 });
  pushes.send(entry, 0);
  t.deepEqual(pushes.surrender(), []);
  t.deepEqual(told, [[entry, 'sent']]);
});

test('one that cannot go over this layer is refused, and is no first push', (t) => {
  const { refused, pushes, channel } = makePushes();
  channel.request = () => {
    throw new PushError('ERR_PUSH_OVERSIZE', 'it is too long');
  };
  const entry = makeEntry([], { seq: 1 });
  pushes.send(entry, 0);
  t.deepEqual(refused, [[entry, 'it is too long']]);
  t.is(entry.attempts, 0);
  t.is(pushes.size, 0);
  t.false(pushes.used);
});
