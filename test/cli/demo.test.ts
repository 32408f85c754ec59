import test from 'ava';
import { startProcess } from '../support/command.ts';

test.serial(
  'the demonstration shows three pushes: by a new key, by reuse, and after a cut',
  async (t) => {
    const demo = startProcess(t, 'naf-push', ['demo']);
    t.is(await demo.ended, 0, demo.stdout + demo.stderr);
    t.deepEqual(
      [...demo.stdout.matchAll(/=> acked via (\w+)/g)].map(([, via]) => via),
      ['bootstrap', 'reuse', 'reconnect'],
    );
    t.regex(demo.stdout, /2 TCP connections, 2 handshakes, 1 key from the SIM, no certificate/);
    t.is(demo.stderr, '');
  },
);

test.serial('interrupted, it takes both of its processes with it', async (t) => {
  const demo = startProcess(t, 'naf-push', ['demo', '--tls', '1.2', '--pause', '60']);
  await demo.says(/wire pid/);
  const pids = [...demo.stdout.matchAll(/^(?:UE|NAF) +pid (\d+)/gm)].map(([, pid]) => Number(pid));
  t.is(pids.length, 2);
  demo.interrupt();
  t.is(await demo.ended, 130);
  for (const pid of pids) t.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});
