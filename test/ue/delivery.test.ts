import test from 'ava';
import fc from 'fast-check';
import { URGENCIES, type PushAnswer, type Urgency } from '../../src/codec/push.ts';
import { StoreError } from '../../src/errors.ts';
import { bTidOf, parseFqdn, parsePushId, type Fqdn } from '../../src/ids.ts';
import { openMemoryHandledLog } from '../../src/store/handled-log.ts';
import { Delivery, type DeliveryOptions } from '../../src/ue/delivery.ts';
import { NotNow, type Push, type PushHandler } from '../../src/ue/push-handler.ts';
import { HandledSet } from '../../src/ue/handled-set.ts';
import { gate } from '../support/ladder.ts';
import { manualClock } from '../support/manual-clock.ts';

const nafFqdn = parseFqdn('naf.example.org');
const bTid = bTidOf(new Uint8Array(16), parseFqdn('bsf.example.org'));

interface Made {
  readonly seq: number;
  readonly text?: string;
  readonly urgency?: Urgency;
  readonly naf?: Fqdn;
  readonly payload?: Uint8Array;
}

function makePush({
  seq,
  text = `text ${seq}`,
  urgency = 'normal',
  naf = nafFqdn,
  payload,
}: Made): Push {
  return {
    id: parsePushId(`id-${seq}`),
    urgency,
    ttlSeconds: 86_400,
    seq,
    contentFormat: 0,
    payload: payload ?? Buffer.from(text),
    nafFqdn: naf,
    bTid,
    via: 'reuse',
  };
}

/** A delivery whose answers are noted as `<seq> <kind>`. */
function makeDelivery(handler: PushHandler, options: Partial<DeliveryOptions> = {}) {
  const clock = manualClock();
  const handled = new HandledSet({ clock, log: openMemoryHandledLog() });
  const delivery = new Delivery({ clock, handler, handled, ...options });
  const answers: string[] = [];
  const submit = (made: Made): Promise<PushAnswer> =>
    new Promise((resolve) => {
      delivery.submit(makePush(made), (answer) => {
        answers.push(`${made.seq} ${answer.kind}`);
        resolve(answer);
      });
    });
  return { clock, delivery, answers, submit };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a push is answered after its handler has finished, not before', async (t) => {
  const { passed, open } = gate();
  const { submit, answers } = makeDelivery(() => passed);
  const answer = submit({ seq: 1 });
  await settled();
  t.deepEqual(answers, []);
  open();
  t.deepEqual(await answer, { kind: 'handled' });
});

test('the same push again is acknowledged and not handled again', async (t) => {
  const seen: number[] = [];
  const { submit } = makeDelivery(({ seq }) => void seen.push(seq));
  t.deepEqual(await submit({ seq: 1 }), { kind: 'handled' });
  t.deepEqual(await submit({ seq: 1 }), { kind: 'handled-before' });
  t.deepEqual(seen, [1]);
});

test('the same id with another payload is a conflict', async (t) => {
  const seen: string[] = [];
  const { submit } = makeDelivery(({ payload }) => void seen.push(String(payload)));
  await submit({ seq: 1, text: 'one' });
  t.deepEqual(await submit({ seq: 1, text: 'two' }), { kind: 'conflict' });
  t.deepEqual(seen, ['one']);
});

test('two NAFs may use one id', async (t) => {
  const seen: string[] = [];
  const { submit } = makeDelivery((push) => void seen.push(push.nafFqdn));
  const naf = parseFqdn('other.example.org');
  t.deepEqual(await submit({ seq: 1 }), { kind: 'handled' });
  t.deepEqual(await submit({ seq: 1, text: 'else', naf }), { kind: 'handled' });
  t.deepEqual(seen, [nafFqdn, naf]);
});

test('what the handler refuses is refused for good', async (t) => {
  let runs = 0;
  const { submit } = makeDelivery(() => {
    runs += 1;
    throw new Error('no');
  });
  t.deepEqual(await submit({ seq: 1 }), { kind: 'refused' });
  t.deepEqual(await submit({ seq: 1 }), { kind: 'refused' });
  t.is(runs, 1);
});

test('one push at a time per urgency, in order; another urgency does not wait', async (t) => {
  const slow = gate();
  const seen: string[] = [];
  const { submit } = makeDelivery(async ({ urgency, seq }) => {
    seen.push(`${urgency} ${seq}`);
    if (urgency === 'low') await slow.passed;
  });
  const low = [submit({ seq: 1, urgency: 'low' }), submit({ seq: 2, urgency: 'low' })];
  t.deepEqual(await submit({ seq: 3, urgency: 'high' }), { kind: 'handled' });
  t.deepEqual(seen, ['low 1', 'high 3']);
  slow.open();
  await Promise.all(low);
  t.deepEqual(seen, ['low 1', 'high 3', 'low 2']);
});

test('after "not now" later pushes of that urgency and NAF wait, so the order holds', async (t) => {
  const seen: number[] = [];
  const naf = parseFqdn('other.example.org');
  let busy = true;
  const { submit, answers, clock } = makeDelivery(({ seq }) => {
    if (seq === 1 && busy) throw new NotNow(5_000);
    seen.push(seq);
  });
  await Promise.all([
    submit({ seq: 1 }),
    submit({ seq: 2 }),
    submit({ seq: 3, naf }),
    submit({ seq: 4, urgency: 'high' }),
  ]);
  t.deepEqual(answers.toSorted(), ['1 not-now', '2 not-now', '3 handled', '4 handled']);
  busy = false;
  clock.advance(5_000);
  t.like(await submit({ seq: 5 }), { kind: 'not-now' }, 'it was on its way before the NAF heard');
  for (const seq of [1, 2, 5]) t.like(await submit({ seq }), { kind: 'handled' });
  t.deepEqual(seen, [3, 4, 1, 2, 5]);
});

test('the hold ends by itself when the push that caused it never comes again', async (t) => {
  const { submit, clock } = makeDelivery(({ seq }) => {
    if (seq === 1) throw new NotNow(5_000);
  });
  await submit({ seq: 1 });
  t.like(await submit({ seq: 2 }), { kind: 'not-now' });
  clock.advance(10_000);
  t.like(await submit({ seq: 2 }), { kind: 'handled' });
});

test('"not now" of no time at all still keeps the order', async (t) => {
  const seen: number[] = [];
  let busy = true;
  const { submit } = makeDelivery(({ seq }) => {
    if (seq === 1 && busy) throw new NotNow(0);
    seen.push(seq);
  });
  await submit({ seq: 1 });
  t.like(await submit({ seq: 2 }), { kind: 'not-now' });
  busy = false;
  await submit({ seq: 1 });
  await submit({ seq: 2 });
  t.deepEqual(seen, [1, 2]);
});

test('"not now" takes no time that cannot be told', (t) => {
  const asked = [-5_000, Number.NaN, Infinity, -Infinity, 0, 1_500, undefined];
  t.deepEqual(
    asked.map((ms) => new NotNow(ms).afterMs),
    [0, 60_000, 60_000, 60_000, 0, 1_500, 60_000],
  );
});

test('too much waiting turns later pushes away and keeps those that came before', async (t) => {
  const slow = gate();
  const seen: number[] = [];
  const { submit, answers } = makeDelivery(
    async ({ seq }) => {
      seen.push(seq);
      await slow.passed;
    },
    { maxWaitingOctets: 4_000 },
  );
  const payload = new Uint8Array(1_000);
  const all = [1, 2, 3, 4].map((seq) => submit({ seq, payload }));
  await settled();
  t.deepEqual(answers, ['3 not-now', '4 not-now']);
  slow.open();
  await Promise.all(all);
  t.deepEqual(seen, [1, 2]);
  t.like(await submit({ seq: 3, payload }), { kind: 'handled' });
});

test('pushes without payload cannot pile up without a bound', async (t) => {
  const slow = gate();
  const { submit, answers } = makeDelivery(() => slow.passed, { maxWaitingOctets: 10_000 });
  const all = Array.from({ length: 100 }, (_, i) => submit({ seq: i + 1, text: '' }));
  await settled();
  t.true(answers.length > 50, `${answers.length} turned away`);
  slow.open();
  await Promise.all(all);
});

test('one push larger than all that may wait is handled when nothing else is at work', async (t) => {
  const { submit } = makeDelivery(() => undefined, { maxWaitingOctets: 10 });
  t.like(await submit({ seq: 1, payload: new Uint8Array(100) }), { kind: 'handled' });
});

test('stop answers what waits with "not now" and waits for the handler that is at work', async (t) => {
  const slow = gate();
  const seen: number[] = [];
  const { submit, delivery, answers } = makeDelivery(async ({ seq }) => {
    seen.push(seq);
    await slow.passed;
  });
  const all = [submit({ seq: 1 }), submit({ seq: 2 })];
  await settled();
  let stopped = false;
  const stop = delivery.stop().then(() => (stopped = true));
  await settled();
  t.deepEqual(answers, ['2 not-now']);
  t.false(stopped);
  slow.open();
  await Promise.all([stop, ...all]);
  t.deepEqual(answers, ['2 not-now', '1 handled']);
  t.like(await submit({ seq: 3 }), { kind: 'not-now' });
  t.deepEqual(seen, [1]);
});

test('when the record cannot be written the push is told "not now" and not handled', async (t) => {
  const clock = manualClock();
  let full = true;
  const log = {
    ...openMemoryHandledLog(),
    append: () => {
      if (full) throw new StoreError('ERR_STORE_UNAVAILABLE', 'the disk is full');
    },
  };
  const seen: number[] = [];
  const { submit } = makeDelivery(({ seq }) => void seen.push(seq), {
    clock,
    handled: new HandledSet({ clock, log }),
  });
  t.like(await submit({ seq: 1 }), { kind: 'not-now' });
  t.like(await submit({ seq: 2 }), { kind: 'not-now' });
  full = false;
  t.like(await submit({ seq: 1 }), { kind: 'handled' });
  t.like(await submit({ seq: 2 }), { kind: 'handled' });
  t.deepEqual(seen, [1, 2]);
});

const outcomes = fc.constantFrom('handled', 'refused', 'not-now' as const);
const arrivals = fc.array(
  fc.record({
    seq: fc.integer({ min: 1, max: 8 }),
    urgency: fc.constantFrom(...URGENCIES),
    conflicting: fc.boolean(),
    outcome: outcomes,
    slow: fc.boolean(),
    pauseMs: fc.constantFrom(0, 0, 1, 20_000),
  }),
  { maxLength: 40 },
);

test('under any redelivery each id is handled at most once and each arrival is answered once', async (t) => {
  await fc.assert(
    fc.asyncProperty(arrivals, async (script) => {
      const finished: number[] = [];
      const running = new Set<Urgency>();
      const plans = new Map<number, (typeof script)[number]>();
      const { delivery, clock } = makeDelivery(async ({ seq, urgency }) => {
        const plan = plans.get(seq);
        t.false(running.has(urgency), 'one at a time per urgency');
        running.add(urgency);
        if (plan?.slow === true) await settled();
        running.delete(urgency);
        if (plan?.outcome === 'not-now') throw new NotNow(1_000);
        finished.push(seq);
        if (plan?.outcome === 'refused') throw new Error('no');
      });
      const counts = script.map(() => 0);
      const answers: Promise<PushAnswer>[] = script.map(async (arrival, i) => {
        for (let turn = 0; turn < i; turn += 1) await Promise.resolve();
        plans.set(arrival.seq, arrival);
        clock.advance(arrival.pauseMs);
        const text = arrival.conflicting ? 'other' : 'same';
        return new Promise((resolve) => {
          delivery.submit(makePush({ ...arrival, text }), (answer) => {
            counts[i] = (counts[i] ?? 0) + 1;
            resolve(answer);
          });
        });
      });
      await Promise.all(answers);
      await settled();
      t.deepEqual(finished.toSorted(), [...new Set(finished)].toSorted());
      t.true(counts.every((count) => count === 1));
    }),
    { numRuns: 200 },
  );
});
