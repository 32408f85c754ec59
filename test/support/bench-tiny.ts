/** A benchmark for `npm run bench` to run in tests: what it does is its last word, TINY. */
import { spawn } from 'node:child_process';
import { EXIT_SKIPPED, saveResult } from '../../bench/lib/result.ts';

switch (process.env['TINY']) {
  case 'skipped':
    console.log('there is no such thing here');
    process.exit(EXIT_SKIPPED);
    break;
  case 'failed':
    process.exit(3);
    break;
  case 'deaf':
    process.on('SIGTERM', () => undefined);
    setInterval(() => undefined, 1_000);
    break;
  case 'endless': {
    // It and what it started must go.
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
      stdio: 'ignore',
    });
    console.log(`running ${process.pid} ${child.pid ?? 0}`);
    setInterval(() => undefined, 1_000);
    break;
  }
  default:
    saveResult({
      name: 'tiny',
      about: 'Nothing, beside nothing else.',
      notes: ['It takes no time.'],
      skipped: ['something: it is not installed'],
      versions: { Something: '1.2' },
      series: [
        {
          subject: 'one',
          figure: 'p50',
          unit: 'us',
          conditions: {},
          rounds: [12_345, 12_350, 12_340],
        },
        {
          subject: 'other',
          figure: 'p50',
          unit: 'us',
          conditions: {},
          rounds: [24_690, 24_700, 24_680],
        },
      ],
    });
}
