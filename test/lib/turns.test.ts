import test from 'ava';
import fc from 'fast-check';
import { createTurns } from '../../src/lib/turns.ts';

const never = new AbortController().signal;

test('so many have their turn, and the next when one of them has ended it', async (t) => {
  const turns = createTurns(2);
  const seen: string[] = [];
  const endA = await turns.take(never);
  const endB = await turns.take(never);
  const third = turns.take(never).then((end) => (seen.push('third'), end));
  const fourth = turns.take(never).then((end) => (seen.push('fourth'), end));
  t.deepEqual(seen, []);
  endB();
  endB();
  const endThird = await third;
  await Promise.resolve();
  t.deepEqual(seen, ['third']);
  endA();
  const endFourth = await fourth;
  t.deepEqual(seen, ['third', 'fourth']);
  endThird();
  endFourth();
  await t.notThrowsAsync(Promise.all([turns.take(never), turns.take(never)]));
});

test('who gives up waiting takes no turn', async (t) => {
  const turns = createTurns(1);
  const end = await turns.take(never);
  const impatient = new AbortController();
  const reason = new Error('no more');
  const waiting = turns.take(impatient.signal);
  const patient = turns.take(never);
  impatient.abort(reason);
  t.is(await t.throwsAsync(waiting), reason);
  t.is(await t.throwsAsync(turns.take(impatient.signal)), reason);
  end();
  (await patient)();
  await t.notThrowsAsync(turns.take(never));
});

test('whatever comes and goes, never more than allowed have a turn and nobody is forgotten', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.constantFrom('take', 'end', 'abort'), { maxLength: 60 }),
      async (most, steps) => {
        const turns = createTurns(most);
        const ends: (() => void)[] = [];
        const aborts: AbortController[] = [];
        let [taken, aborted] = [0, 0];
        for (const step of steps) {
          if (step === 'take') {
            const controller = new AbortController();
            aborts.push(controller);
            turns.take(controller.signal).then(
              (end) => {
                taken += 1;
                t.true(taken <= most);
                ends.push(() => {
                  taken -= 1;
                  end();
                });
              },
              () => (aborted += 1),
            );
          } else if (step === 'end') ends.shift()?.();
          else aborts.shift()?.abort();
          await new Promise(setImmediate);
        }
        for (let n = 0; n <= steps.length; n += 1) {
          ends.shift()?.();
          await new Promise(setImmediate);
        }
        await Promise.all(Array.from({ length: most }, () => turns.take(never)));
        t.true(aborted <= steps.length);
      },
    ),
    { numRuns: 40 },
  );
});
