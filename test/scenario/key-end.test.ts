/** The end of a key that could not be renewed, and what an idle layer costs; on clocks that the test moves. */
import test, { type ExecutionContext } from 'ava';
import type { Urgency } from '../../src/codec/push.ts';
import { subscribe, type EventTable } from '../../src/lib/events.ts';
import { createWorld, type WorldOptions } from '../support/world.ts';

/** Everything that is told of one event, from now to the end of the test. */
function collect<N extends keyof EventTable>(t: ExecutionContext, name: N): EventTable[N][] {
  const told: EventTable[N][] = [];
  t.teardown(subscribe(name, (message) => told.push(message)));
  return told;
}

/** A key of 100 s, renewed when 10 to 12.5 s are left, released when 5 s are left; one push has gone over it. */
async function openWorld(t: ExecutionContext, options: WorldOptions = {}) {
  const world = createWorld({ lifetimeSeconds: 100, ...options });
  t.teardown(() => world.close());
  const push = async (urgency?: Urgency): Promise<string> => {
    const id = world.push(urgency);
    await world.settle();
    return id;
  };
  /** Lets every handler finish. */
  const handle = async (): Promise<void> => {
    for (const run of world.running()) run.end('done');
    await world.settle();
  };
  await push();
  await world.pass(200);
  await handle();
  return { ...world, push, handle };
}

test.serial(
  'five seconds before the end the UE is told to stay away, and does not dial before that is over',
  async (t) => {
    const { faults, pass, settle } = await openWorld(t);
    const released = collect(t, 'gba:layer:released');
    const closed = collect(t, 'gba:layer:closed');
    const dialled = collect(t, 'gba:dial:started');
    faults.bsfAway = true;
    await pass(94_700);
    t.deepEqual(released, []);
    await pass(200);
    await settle();
    t.like(released, [{ holdOffSeconds: 5 }]);
    t.is(released.length, 1);
    t.deepEqual(closed.map(({ reason }) => reason).toSorted(), ['released', 'released']);
    await pass(4_900);
    t.deepEqual(dialled, []);
  },
);

test.serial(
  'a push that comes after the release goes by another key at once, not when the old one has ended',
  async (t) => {
    const { faults, pass, push, handle, receipts, clocks } = await openWorld(t);
    faults.bsfAway = true;
    await pass(95_000);
    faults.bsfAway = false;
    const id = await push();
    const since = clocks.naf.monotonic();
    await pass(100);
    await handle();
    t.like(receipts.get(id), [{ state: 'acked', via: 'bootstrap' }]);
    t.true(clocks.naf.monotonic() - since <= 200);
  },
);

test.serial(
  'a push whose handler outlives the key moves to the next one, and joins the handler',
  async (t) => {
    const { faults, pass, push, handle, receipts, runs } = await openWorld(t);
    faults.bsfAway = true;
    await pass(94_000);
    const id = await push();
    t.is(runs.length, 2);
    await pass(5_500);
    t.deepEqual(receipts.get(id), [], 'released, and still at work');
    faults.bsfAway = false;
    await pass(3_000);
    t.deepEqual(receipts.get(id), []);
    t.is(runs.length, 2, 'the handler is at work and is not called again');
    await handle();
    t.like(receipts.get(id), [{ state: 'acked', attempts: 2 }]);
    t.is(runs.length, 2);
  },
);

test.serial(
  'a handler that says "not now" to a push that moved is asked again when it said',
  async (t) => {
    const { faults, pass, push, handle, receipts, runs, running, settle } = await openWorld(t);
    faults.bsfAway = true;
    await pass(94_000);
    const id = await push();
    await pass(5_500);
    faults.bsfAway = false;
    await pass(3_000);
    running()[0]?.end('not-now');
    await settle();
    t.is(runs.length, 2);
    await pass(2_900);
    t.is(runs.length, 2, 'after 3 s');
    await pass(200);
    t.is(runs.length, 3);
    await handle();
    t.like(receipts.get(id), [{ state: 'acked' }]);
  },
);

test.serial(
  'a push that comes after the release does not wait for handlers that hold the old layer',
  async (t) => {
    const { faults, pass, push, runs, receipts } = await openWorld(t);
    const closed = collect(t, 'gba:layer:closed');
    faults.bsfAway = true;
    await pass(94_000);
    const slow = await push();
    await pass(1_500);
    t.deepEqual(closed, [], 'a handler is at work');
    faults.bsfAway = false;
    const id = await push('high');
    await pass(100);
    runs.find((run) => run.id === id)?.end('done');
    await pass(100);
    t.like(receipts.get(id), [{ state: 'acked', via: 'bootstrap' }]);
    t.deepEqual(receipts.get(slow), []);
  },
);

for (const [renew, vectors] of [
  ['always', 5],
  ['used', 2],
  ['never', 1],
] as const) {
  test.serial(
    `an idle UE costs ${vectors} keys in four lifetimes when renewal is "${renew}"`,
    async (t) => {
      const { pass, sim, associations } = await openWorld(t, { renew });
      t.is(associations.length, 1);
      await pass(4 * 90_000);
      t.is(sim.hss.vectors.length, vectors);
    },
  );
}

test.serial(
  'a UE that refuses the new key is offered the very same again, and a push then goes by another',
  async (t) => {
    const { faults, pass, push, handle, receipts, sim } = await openWorld(t);
    const offered = collect(t, 'gba:renewal:offered');
    faults.ueRefuses = true;
    await pass(96_000);
    t.true(offered.length > 3);
    t.is(new Set(offered.map(({ bTid }) => bTid)).size, 1);
    t.is(sim.hss.vectors.length, 2);
    faults.ueRefuses = false;
    const id = await push();
    await pass(100);
    await handle();
    t.like(receipts.get(id), [{ state: 'acked', via: 'bootstrap' }]);
    t.is(sim.hss.vectors.length, 3);
  },
);

test.serial(
  'a UE that cannot dial is offered the very same key again, and dials when it can',
  async (t) => {
    const { faults, pass, push, handle, receipts, sim } = await openWorld(t);
    const opened = collect(t, 'gba:layer:opened');
    faults.noDial = true;
    await pass(90_000);
    faults.noDial = false;
    await pass(4_700);
    t.is(opened.length, 1);
    t.is(sim.hss.vectors.length, 2);
    const id = await push();
    await handle();
    t.like(receipts.get(id), [{ state: 'acked', attempts: 1 }]);
  },
);
