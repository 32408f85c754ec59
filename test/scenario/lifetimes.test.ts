/** Keys end, are renewed or not, and both ends start anew, in any order: each push has one outcome, and is handled once at most. */
import test from 'ava';
import fc from 'fast-check';
import { createWorld, type World } from '../support/world.ts';

type Step = readonly [name: string, act: (world: World) => void | Promise<void>];

const steps: readonly Step[] = [
  ['push', (world) => void world.push()],
  ['push', (world) => void world.push()],
  ['push', (world) => void world.push()],
  ['push urgent', (world) => void world.push('high')],
  ['handled', ({ running }) => running()[0]?.end('done')],
  ['handled', ({ running }) => running()[0]?.end('done')],
  ['not now', ({ running }) => running()[0]?.end('not-now')],
  ['refused', ({ running }) => running()[0]?.end('refused')],
  ['100 ms', (world) => world.pass(100)],
  ['700 ms', (world) => world.pass(700)],
  ['2 s', (world) => world.pass(2_000)],
  ['6 s', (world) => world.pass(6_000)],
  ['the BSF comes or goes', ({ faults }) => void (faults.bsfAway = !faults.bsfAway)],
  ['the UE refuses or not', ({ faults }) => void (faults.ueRefuses = !faults.ueRefuses)],
  ['the UE can dial or not', ({ faults }) => void (faults.noDial = !faults.noDial)],
  ['cut', (world) => world.cut()],
  ['the clock of the NAF jumps', ({ clocks }) => clocks.naf.jump(3_600_000)],
  ['the clock of the UE jumps', ({ clocks }) => clocks.ue.jump(-3_600_000)],
  ['the NAF is killed', (world) => world.restartNaf()],
  ['the UE is killed', (world) => world.restartUe()],
  ['the NAF starts anew', (world) => world.restartNaf({ politely: true })],
  ['the UE starts anew', (world) => world.restartUe({ politely: true })],
];

/** What is wrong with how it went; nothing is. */
function faultsOf({ receipts, runs }: World): string[] {
  return [...receipts].flatMap(([id, settled]) => {
    const [receipt] = settled;
    const own = runs.filter((run) => run.id === id && run.state !== 'not-now');
    const state = receipt && [receipt.state, receipt.reason].filter(Boolean).join(' ');
    const ends = own.map((run) => run.state).join(', ');
    const expected: Record<string, readonly string[]> = {
      acked: ['done'],
      'dead refused': ['refused'],
      'dead interrupted': ['cut'],
      // The NAF started anew: nobody knows, and that is what it says.
      'dead dropped': ['', 'done', 'refused', 'cut'],
    };
    if (settled.length !== 1) return [`${id} was settled ${settled.length} times`];
    if (own.length > 1) return [`${id} was handled ${own.length} times: ${ends}`];
    return expected[state ?? '']?.includes(ends) === true ? [] : [`${id} is ${state}: ${ends}`];
  });
}

const RUNS = 150;

async function run(world: World, names: readonly Step[]): Promise<string[]> {
  for (const [, act] of names) {
    await act(world);
    await world.settle();
  }
  Object.assign(world.faults, { bsfAway: false, ueRefuses: false, noDial: false });
  const open = (): boolean => [...world.receipts.values()].some((settled) => settled.length === 0);
  for (let turn = 0; turn < 400 && (open() || world.running().length > 0); turn += 1) {
    for (const one of world.running()) one.end('done');
    await world.pass(500);
  }
  const faults = faultsOf(world);
  await world.close();
  return faults;
}

test.serial('in any order, each push has one outcome and is handled at most once', async (t) => {
  let found = '';
  const order = fc.array(fc.constantFrom(...steps), { minLength: 8, maxLength: 60, size: 'max' });
  const property = fc.asyncProperty(order, async (chosen) => {
    const faults = await run(createWorld(), chosen);
    if (faults.length > 0)
      found = `${chosen.map(([name]) => name).join('; ')}: ${faults.join('; ')}`;
    return faults.length === 0;
  });
  const { failed, seed } = await fc.check(property, { numRuns: RUNS });
  t.false(failed, `seed ${seed}: ${found}`);
});
