/** A storm, and what it did, as a table; ends with 1 when the property does not hold, with 2 for wrong arguments. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { argumentsOr } from '../support/usage.ts';
import { storm, type StormReport } from './storm.ts';

const USAGE = `npm run storm -- [--rounds 200] [--seed N] [--redeliver]

Kills NAF and device at random moments, so many rounds (200 take five to ten minutes), and tells whether every
push has the outcome that its receipt says. The same seed is the same storm. --redeliver: the device has it too.
Exit code 1: it does not hold.`;

const { rounds, seed, redeliver } = argumentsOr(USAGE, () => {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '200' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      redeliver: { type: 'boolean', default: false },
    },
  });
  const whole = (name: 'rounds' | 'seed', least: number): number => {
    const value = Number(values[name]);
    if (/^\d+$/.test(values[name]) && Number.isSafeInteger(value) && value >= least) return value;
    throw new RangeError(`--${name} is a whole number from ${least} up, not ${values[name]}`);
  };
  return { rounds: whole('rounds', 1), seed: whole('seed', 0), redeliver: values.redeliver };
});
console.log(`${rounds} rounds, seed ${seed}${redeliver ? ', --redeliver' : ''}`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    console.log(signal);
    process.exit(130);
  });
}
const folder = mkdtempSync(join(tmpdir(), 'gba-push-storm-'));
let done = 0;
const report = await storm({
  rounds,
  seed,
  folder,
  redeliver,
  built: true,
  onRound: () => {
    done += 1;
    if (process.stderr.isTTY) process.stderr.write(`\r${done}`);
  },
});
print(report);
if (report.faults.length === 0) rmSync(folder, { recursive: true, force: true });
else {
  console.log(`\nDOES NOT HOLD, see ${folder}\n${report.faults.slice(0, 20).join('\n')}`);
  process.exitCode = 1;
}

function print({ rounds, nafs, runs }: StormReport): void {
  console.log('\nkilled while       naf   ue both   back after, ms: median    most');
  for (const name of new Set(rounds.map(({ phase }) => phase))) {
    const of = rounds.filter(({ phase }) => phase === name);
    const hits = (ends: string): string =>
      String(of.filter(({ killed }) => killed.join() === ends).length).padStart(5);
    const times = of.map(({ recoveredMs }) => recoveredMs).sort((a, b) => a - b);
    const [median = 0, most = 0] = [times[times.length >> 1], times.at(-1)];
    console.log(
      `${name.padEnd(17)}${hits('naf')}${hits('ue')}${hits('naf,ue')}` +
        `${median.toFixed(0).padStart(24)}${most.toFixed(0).padStart(8)}`,
    );
  }
  const receipts = nafs.flatMap((naf) => naf.receipts);
  const written = nafs.reduce((sum, naf) => sum + naf.written, 0);
  const lost = written - receipts.length;
  console.log(`\npushes   ${written}, ${lost} of them without a receipt: their NAF was killed`);
  const states = receipts.map(({ state, reason }) => (reason ? `${state}(${reason})` : state));
  console.log(`outcome  ${countsOf(states)}`);
  console.log(`via      ${countsOf(receipts.map(({ via }) => via ?? 'none'))}`);
  const cutOff = runs.filter(({ finished }) => !finished).length;
  console.log(`handler  begun ${runs.length}, cut off ${cutOff}`);
}

function countsOf(words: readonly string[]): string {
  const counts = [...new Set(words)].map(
    (word) => `${word} ${words.filter((other) => other === word).length}`,
  );
  return counts.join(', ');
}
