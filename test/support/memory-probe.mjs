/** Preloaded into a command that is measured: on SIGUSR2 it collects garbage and tells what is left. */
import { setTimeout } from 'node:timers';

process.on('SIGUSR2', () => {
  globalThis.gc();
  // A second turn, for what only a finished promise held.
  setTimeout(() => {
    globalThis.gc();
    const { rss, heapUsed, external } = process.memoryUsage();
    process.stderr.write(
      `${JSON.stringify({ event: 'memory', rss, held: heapUsed + external })}\n`,
    );
  }, 50);
});
