/** A key that ends under load: the next one is there before, and nobody notices. */
import { randomInt } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { systemClock, type Clock } from '../../src/lib/clock.ts';
import { subscribe, type EventTable } from '../../src/lib/events.ts';
import type { Receipt } from '../../src/naf/entry.ts';
import { impi, openLadder } from '../support/ladder.ts';

/** Everything that is told of one event, from now to the end of the test. */
function collect<N extends keyof EventTable>(t: ExecutionContext, name: N): EventTable[N][] {
  const told: EventTable[N][] = [];
  t.teardown(subscribe(name, (message) => told.push(message)));
  return told;
}

/** The machine's clock, whose wall time is off and jumps. */
function otherClock(offsetMs: number): Clock & { jump(ms: number): void } {
  let offset = offsetMs;
  return {
    ...systemClock,
    now: () => Date.now() + offset,
    jump(ms) {
      offset += ms;
    },
  };
}

test.serial(
  'over four keys of five seconds, under load, every push is handled once and none waits for a key',
  async (t) => {
    const opened = collect(t, 'gba:layer:opened');
    const offered = collect(t, 'gba:renewal:offered');
    const sent = collect(t, 'gba:trigger:sent');
    const clocks = { naf: otherClock(0), ue: otherClock(-3_600_000) };
    const { naf, handled, sim } = await openLadder(t, {
      naf: { lifetimeSeconds: 5, clock: clocks.naf },
      ue: { clock: clocks.ue },
      handler: () => undefined,
    });
    const receipts: Promise<Receipt>[] = [];
    const first = await naf.push(impi, Buffer.from('first'));
    t.is(first.via, 'bootstrap');
    const triggers = sent.length;
    const endsAt = performance.now() + 30_000;
    while (opened.length < 5 && performance.now() < endsAt) {
      for (let n = randomInt(1, 8); n > 0; n -= 1)
        receipts.push(naf.push(impi, Buffer.from(`${n}`)));
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (receipts.length % 500 < 4) clocks[receipts.length % 2 ? 'naf' : 'ue'].jump(3_600_000);
    }
    const settled = await Promise.all(receipts);
    t.true(opened.length >= 5, `${opened.length} layers in 30 s`);
    t.deepEqual(new Set(settled.map(({ state }) => state)), new Set(['acked']));
    t.deepEqual(
      handled.map(({ id }) => id).toSorted(),
      [first, ...settled].map(({ id }) => id).toSorted(),
    );
    t.deepEqual(
      handled.map(({ seq }) => seq),
      handled.map((_, n) => n + 1),
      'in order',
    );
    t.is(sent.length, triggers, 'no trigger went over UDP');
    t.is(offered.length, opened.length - 1, 'the layer carried each');
    // The first over each layer says how that came to be; none waited for it.
    const firsts = settled.filter(({ via }) => via !== 'reuse');
    t.true(firsts.length < opened.length);
    for (const { ms } of firsts) t.like(ms, { bsf: 0, trigger: 0, handshake: 0 });
    t.is(sim.hss.vectors.length, opened.length, 'a vector a key');
  },
);
