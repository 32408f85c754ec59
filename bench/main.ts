/**
 * `npm run bench`: runs the benchmarks, each a process of its own, and writes the report from what they found.
 *
 *   npm run bench -- --help
 *
 * Ends with 1 when a benchmark failed or, with --check, a ratio is worse than in the baseline; with 2 when
 * it was asked for something that is not there.
 */
import { bench } from './lib/command.ts';
import type { Benchmark } from './lib/runner.ts';

/** The benchmarks, in the order of the report. Another one is another line. */
const TABLE: readonly Benchmark[] = [
  {
    name: 'modes',
    about: 'one push at a time by every way: reuse, resume, reconnect, bootstrap, UE-initiated',
    args: { quick: ['--quick'], full: ['--samples', '40'] },
    minutes: { quick: 3, normal: 10, full: 40 },
  },
  {
    name: 'sweep',
    about: 'the same ways over round trips of 0 to 300 ms, and losses of 0 to 5 %',
    args: { quick: ['--quick'] },
    minutes: { quick: 5, normal: 30, full: 60 },
  },
  {
    name: 'sides',
    about: 'acknowledged pushes beside Mosquitto, aedes and floors',
    args: { quick: [], normal: ['--full'], full: ['--full', '--rounds', '15'] },
    minutes: { quick: 5, normal: 20, full: 45 },
  },
  {
    name: 'broadcast',
    about: 'one payload to 1,000 devices, beside the same',
    args: { normal: ['--full'], full: ['--full', '--rounds', '51'] },
    minutes: { quick: 3, normal: 10, full: 20 },
  },
  {
    name: 'storm',
    about: '1,000 devices connect at once, beside the same',
    args: { normal: ['--full'], full: ['--full', '--rounds', '15'] },
    minutes: { quick: 5, normal: 15, full: 30 },
  },
  {
    name: 'idle',
    about: 'memory of each of 5,000 idle layers, beside the same',
    args: { normal: ['--full'], full: ['--full', '--rounds', '11'] },
    minutes: { quick: 5, normal: 25, full: 45 },
  },
  {
    name: 'handshake',
    about: 'octets and NAF CPU of a handshake: groups, resumption',
    args: { quick: ['--rounds', '10'], full: ['--rounds', '400'] },
    minutes: { quick: 2, normal: 5, full: 15 },
  },
  {
    name: 'gate',
    about: 'server CPU of a handshake whose key has to be fetched, beside plain node:tls',
    args: { quick: ['--rounds', '5', '--handshakes', '100'], full: ['--rounds', '51'] },
    minutes: { quick: 3, normal: 10, full: 25 },
  },
  {
    name: 'gpi',
    about: 'CPU of the UE from a trigger to its key',
    args: { normal: ['--full'], full: ['--full', '--rounds', '51'] },
    minutes: { quick: 2, normal: 5, full: 10 },
  },
  {
    name: 'start',
    about: 'a NAF with many associations: start, memory, end, all of them expiring',
    args: { quick: ['--associations', '5000', '--rounds', '2'], full: ['--rounds', '9'] },
    minutes: { quick: 3, normal: 10, full: 30 },
  },
];

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stop.abort();
  });
}
process.exitCode = await bench(process.argv.slice(2), {
  table: TABLE,
  signal: stop.signal,
  print: (line) => {
    console.log(line);
  },
  say: (line) => {
    console.error(line);
  },
});
