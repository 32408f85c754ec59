/** A short storm; `npm run storm` is the long one. `STORM_SEED` repeats the decisions of an earlier one. */
import test from 'ava';
import { temporaryFolder } from '../support/command.ts';
import { storm } from './storm.ts';

const seed = Number(process.env['STORM_SEED'] ?? Date.now() % 1_000_000);

for (const [title, options] of [
  ['every push has a known outcome, none is handled twice', { rounds: 14, mostMs: 30_000 }],
  [
    'at least once, what a kill cut off is handled again',
    { rounds: 6, mostMs: 12_000, redeliver: true },
  ],
] as const) {
  test.serial(`through kill -9 of both ends, again and again, ${title}`, async (t) => {
    t.timeout(240_000);
    t.log(`STORM_SEED=${seed}`);
    const { rounds, nafs, runs, faults } = await storm({
      ...options,
      seed,
      folder: temporaryFolder(t),
    });
    t.deepEqual(faults, [], `STORM_SEED=${seed}`);
    t.true(rounds.length > 0 && nafs.length > 0 && runs.length > 0);
  });
}
