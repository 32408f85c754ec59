import test from 'ava';
import { createChallenges, type Challenge } from '../../src/bsf/challenges.ts';
import { parseImpi } from '../../src/ids.ts';
import { manualClock } from '../support/manual-clock.ts';

function challenge(user: string): Challenge {
  const impi = parseImpi(`${user}@example.org`);
  return {
    impi,
    rand: new Uint8Array(16),
    xres: new Uint8Array(8).fill(1),
    ks: new Uint8Array(32).fill(1),
    gbaU: false,
  };
}

function isWiped({ xres, ks }: Challenge): boolean {
  return [...xres, ...ks].every((octet) => octet === 0);
}

test('1,024 wait at most: the oldest of all makes room and is wiped', (t) => {
  const clock = manualClock();
  const challenges = createChallenges(clock);
  const made = Array.from({ length: 1_025 }, (_, n) => challenge(`user${n}`));
  made.forEach((one, n) => {
    challenges.add(`nonce${n}`, one);
  });
  t.is(challenges.size, 1_024);
  t.is(clock.pending, 1);
  const [first, second] = made;
  t.true(first && isWiped(first));
  t.false(second && isWiped(second));
});

test('a challenge is given away once, to its subscriber, and close wipes the others', (t) => {
  const clock = manualClock();
  const challenges = createChallenges(clock);
  const [one, two] = [challenge('one'), challenge('two')];
  challenges.add('a', one);
  challenges.add('b', two);
  t.is(challenges.take('a', two.impi), undefined);
  t.like(challenges.take('a', one.impi), { ks: one.ks });
  t.is(challenges.take('a', one.impi), undefined);
  challenges.close();
  t.false(isWiped(one));
  t.true(isWiped(two));
  t.is(clock.pending, 0);
});
