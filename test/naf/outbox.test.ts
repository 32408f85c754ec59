import test from 'ava';
import fc from 'fast-check';
import { URGENCIES, type Urgency } from '../../src/codec/push.ts';
import { ChannelError } from '../../src/errors.ts';
import { Outbox } from '../../src/naf/outbox.ts';
import { type Entry, type Outcome, type Receipt } from '../../src/naf/entry.ts';
import { makeEntry, type MadeEntry } from '../support/entry.ts';
import { impi } from '../support/ladder.ts';

function makeOutbox() {
  const receipts: Receipt[] = [];
  const outbox = new Outbox(impi);
  const add = (made: MadeEntry): Entry => {
    const entry = makeEntry(receipts, made);
    outbox.add(entry);
    return entry;
  };
  const take = (now = 0): Entry => {
    const entry = outbox.take(now);
    if (entry === undefined) throw new Error('nothing may go out');
    entry.attempts += 1;
    entry.sentAt = now;
    entry.unanswered += 1;
    return entry;
  };
  return { outbox, receipts, add, take };
}

test('the most urgent goes first, and within an urgency the oldest', (t) => {
  const { outbox, add, take } = makeOutbox();
  const order: Urgency[] = ['low', 'high', 'very-low', 'normal', 'low', 'high'];
  order.forEach((urgency, i) => add({ seq: i + 1, urgency }));
  t.deepEqual(
    order.map(() => take().seq),
    [2, 6, 4, 1, 5, 3],
  );
  t.is(outbox.take(0), undefined);
  t.is(outbox.queued, 0);
});

test('what comes back goes out before everything newer of its urgency', (t) => {
  const { outbox, add, take } = makeOutbox();
  for (const seq of [1, 2, 3, 4, 5]) add({ seq });
  const out = [take(), take(), take()];
  outbox.putBack([out[2], out[0], out[1]].filter((entry) => entry !== undefined));
  t.is(outbox.queued, 5);
  t.deepEqual(
    [1, 2, 3, 4, 5].map(() => take().seq),
    [1, 2, 3, 4, 5],
  );
});

test('each answer of the UE has its outcome', (t) => {
  const { outbox, receipts, add, take } = makeOutbox();
  const answers = ['handled', 'handled-before', 'interrupted', 'conflict', 'refused'] as const;
  answers.forEach((kind, i) => {
    add({ seq: i + 1 });
    outbox.told(take(10), { kind }, 30);
  });
  t.deepEqual(
    receipts.map(({ state, reason }) => reason ?? state),
    ['acked', 'acked', 'interrupted', 'refused', 'refused'],
  );
  for (const receipt of receipts) {
    t.like(receipt, { ue: impi, attempts: 1, ms: { total: 30, push: 20 } });
    t.is(receipt.detail === undefined, receipt.state === 'acked');
  }
});

test('what a plain client took or may have got is settled as that, and for good', (t) => {
  const { outbox, receipts, add, take } = makeOutbox();
  const outcomes = [{ kind: 'taken' }, { kind: 'sent' }, { kind: 'sent', detail: 'who knows' }];
  outcomes.forEach((outcome, i) => {
    add({ seq: i + 1 });
    outbox.told(take(10), outcome as Outcome, 30);
  });
  t.deepEqual(
    receipts.map(({ state, reason, detail }) => [state, reason, detail]),
    [
      ['taken', undefined, undefined],
      ['sent', undefined, undefined],
      ['sent', undefined, 'who knows'],
    ],
  );
  t.is(outbox.queued, 0);
});

test('after "not now" that urgency waits, and it first', (t) => {
  const { outbox, receipts, add, take } = makeOutbox();
  add({ seq: 1 });
  add({ seq: 2 });
  add({ seq: 3, urgency: 'low' });
  t.is(outbox.releasedAt(0), Infinity);
  outbox.told(take(), { kind: 'not-now', afterMs: 500 }, 100);
  t.is(take(100).seq, 3);
  t.is(outbox.take(599), undefined);
  t.is(outbox.releasedAt(100), 600);
  t.deepEqual([take(600).seq, take(600).seq], [1, 2]);
  t.is(outbox.releasedAt(600), Infinity);
  t.deepEqual(receipts, []);
});

test('while one takes many messages later ones of its urgency wait, others and earlier ones do not', (t) => {
  const { outbox, add, take } = makeOutbox();
  for (const seq of [1, 2, 3]) add({ seq });
  add({ seq: 4, urgency: 'high' });
  const [urgent, first, long] = [take(), take(), take()];
  t.deepEqual([urgent.seq, first.seq, long.seq], [4, 1, 2]);
  outbox.takesLong(long);
  t.is(outbox.take(0), undefined);
  t.false(outbox.isPassable(add({ seq: 5 }), 0));
  outbox.told(first, { kind: 'not-now', afterMs: 1_000 }, 0);
  t.is(outbox.take(999), undefined);
  t.is(take(1_000), first, 'it was before the long one');
  outbox.takesLong(first);
  t.true(outbox.told(first, { kind: 'handled' }, 1_000));
  t.is(outbox.take(1_000), undefined, 'the long one is out still');
  t.true(outbox.told(long, { kind: 'handled' }, 1_000));
  t.is(take(1_000).seq, 3);
});

test('later ones wait no more for one that is put back: it goes before them', (t) => {
  const { outbox, add, take } = makeOutbox();
  for (const seq of [1, 2]) add({ seq });
  const long = take();
  outbox.takesLong(long);
  outbox.putBack([long]);
  t.deepEqual([take().seq, take().seq], [1, 2]);
  t.false(outbox.told(long, { kind: 'handled' }, 0), 'nothing waited');
});

test('a shorter "not now" that comes after a longer one does not shorten it', (t) => {
  const { outbox, add, take } = makeOutbox();
  add({ seq: 1 });
  add({ seq: 2 });
  const [first, second] = [take(), take()];
  outbox.told(first, { kind: 'not-now', afterMs: 60_000 }, 0);
  outbox.told(second, { kind: 'not-now', afterMs: 1_000 }, 0);
  t.is(outbox.take(59_999), undefined);
  t.is(take(60_000), first);
  t.is(take(60_000), second);
});

test('what waits too long is dead, and the next deadline is told', (t) => {
  const { outbox, receipts, add } = makeOutbox();
  add({ seq: 1, ttlMs: 100 });
  add({ seq: 2, ttlMs: 300, urgency: 'high' });
  add({ seq: 3, ttlMs: 200 });
  t.is(outbox.expire(99), 100);
  t.is(outbox.expire(200), 300);
  t.deepEqual(
    receipts.map(({ id, reason }) => `${id} ${reason ?? ''}`),
    ['id-1 expired', 'id-3 expired'],
  );
  t.like(receipts[0], { attempts: 0, ms: { total: 200, push: 0 } });
  t.is(receipts[0]?.via, undefined);
  t.is(outbox.queued, 1);
  t.is(outbox.expire(300), Infinity);
  t.is(outbox.queued, 0);
});

test('what is dropped after it went out may have been handled, unless the UE said "not now"', (t) => {
  const { outbox, receipts, add, take } = makeOutbox();
  for (const seq of [1, 2, 3]) add({ seq });
  const [first, second] = [take(), take()];
  outbox.told(second, { kind: 'not-now', afterMs: 1_000 }, 0);
  outbox.putBack([first]);
  outbox.dropAll(7, new ChannelError('ERR_CHANNEL_TIMEOUT', 'nobody came'));
  t.deepEqual(
    receipts.map(({ detail }) => detail),
    ['nobody came; it went out, so the UE may have handled it', 'nobody came', 'nobody came'],
  );
});

test('what expires after it went out may have been handled, and says so', (t) => {
  const { outbox, receipts, add, take } = makeOutbox();
  for (const seq of [1, 2]) add({ seq, ttlMs: 100 });
  outbox.putBack([take()]);
  outbox.expire(100);
  t.deepEqual(
    receipts.map(({ detail }) => detail),
    [
      'its time to live was over; it went out, so the UE may have handled it',
      'its time to live was over',
    ],
  );
});

test('"not now" says nothing of an earlier time that the push went out', (t) => {
  const { outbox, receipts, add, take } = makeOutbox();
  add({ seq: 1 });
  outbox.putBack([take()]);
  outbox.told(take(), { kind: 'not-now', afterMs: 1_000 }, 0);
  outbox.dropAll(7, new ChannelError('ERR_CHANNEL_CLOSED', 'closed'));
  t.is(receipts[0]?.detail, 'closed; it went out, so the UE may have handled it');
});

test('a push without time to live that went out and came back is over, and not for want of a layer', (t) => {
  const { outbox, receipts, add, take } = makeOutbox();
  add({ seq: 1, ttlMs: 0 });
  outbox.putBack([take()]);
  outbox.expire(0);
  t.regex(receipts[0]?.detail ?? '', /^its time to live was over/);
});

test('dropping everything says why, in words and as a code', (t) => {
  const { outbox, receipts, add } = makeOutbox();
  for (const urgency of URGENCIES) add({ seq: 1, urgency });
  outbox.dropAll(7, new ChannelError('ERR_CHANNEL_TIMEOUT', 'nobody came'));
  t.is(receipts.length, 4);
  for (const receipt of receipts) {
    t.like(receipt, {
      state: 'dead',
      reason: 'dropped',
      detail: 'nobody came',
      code: 'ERR_CHANNEL_TIMEOUT',
    });
  }
  t.is(outbox.queued, 0);
});

const script = fc.array(
  fc.record({
    do: fc.constantFrom('add', 'add', 'take', 'take', 'lose', 'ack', 'not-now', 'wait'),
    urgency: fc.constantFrom(...URGENCIES),
    ms: fc.nat(50),
  }),
  { maxLength: 80 },
);

test('whatever happens, nothing is lost, nothing is settled twice, and order per urgency holds', (t) => {
  fc.assert(
    fc.property(script, (steps) => {
      const { outbox, receipts, add } = makeOutbox();
      const out: Entry[] = [];
      const acked: Entry[] = [];
      let [now, seq] = [0, 0];
      for (const { do: what, urgency, ms } of steps) {
        const [first] = out;
        if (what === 'add') add({ seq: (seq += 1), urgency });
        if (what === 'wait') now += ms;
        if (what === 'lose') outbox.putBack(out.splice(0));
        if (what === 'take') {
          const entry = outbox.take(now);
          if (entry === undefined) continue;
          const earlier = out.filter((one) => one.urgency === entry.urgency);
          t.true(earlier.every((one) => one.seq < entry.seq));
          out.push(entry);
        }
        if (what === 'ack' && first !== undefined) {
          acked.push(first);
          outbox.told(first, { kind: 'handled' }, now);
          out.shift();
        }
        if (what === 'not-now' && first !== undefined) {
          const later = out.filter((one) => one.urgency === first.urgency);
          for (const entry of later) outbox.told(entry, { kind: 'not-now', afterMs: ms }, now);
          out.splice(0, Infinity, ...out.filter((entry) => !later.includes(entry)));
        }
        t.is(outbox.queued + out.length + acked.length, seq);
      }
      for (const urgency of URGENCIES) {
        const order = acked.filter((one) => one.urgency === urgency).map((e) => e.seq);
        t.deepEqual(
          order,
          order.toSorted((a, b) => a - b),
        );
      }
      t.is(receipts.length, acked.length);
    }),
  );
});
