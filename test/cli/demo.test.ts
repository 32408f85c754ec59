import test from 'ava';
import { startProcess, type Command } from '../support/command.ts';

test.serial(
  'the demonstration shows three pushes: by a new key, by reuse, and after a cut',
  async (t) => {
    const demo = startProcess(t, 'naf-push', ['demo']);
    t.is(await demo.ended, 0, demo.stdout + demo.stderr);
    t.deepEqual(
      [...demo.stdout.matchAll(/=> acked via (\w+)/g)].map(([, via]) => via),
      ['bootstrap', 'reuse', 'reconnect'],
    );
    t.regex(demo.stdout, /^BSF +pid \d+ .* unix:/m);
    t.regex(demo.stdout, /2 TCP connections, 2 handshakes, 1 key from the SIM, no certificate/);
    t.is(demo.stderr, '');
  },
);

/** The pids of its three processes, once they are there. */
async function rolesOf(demo: Command): Promise<{ ue: number; bsf: number; naf: number }> {
  await demo.says(/wire pid/);
  const [ue = 0, bsf = 0, naf = 0] = Array.from(
    demo.stdout.matchAll(/^(?:UE|BSF|NAF) +pid (\d+)/gm),
    ([, pid]) => Number(pid),
  );
  return { ue, bsf, naf };
}

test.serial('a process that is killed by hand is named, with its signal', async (t) => {
  for (const [role, name] of [
    ['ue', 'ue-listen'],
    ['bsf', 'naf-push'],
    ['naf', 'naf-push'],
  ] as const) {
    const demo = startProcess(t, 'naf-push', ['demo', '--pause', '60']);
    const { [role]: pid } = await rolesOf(demo);
    process.kill(pid, 'SIGKILL');
    t.is(await demo.ended, 1);
    t.is(demo.stderr, `naf-push: ${name} (pid ${pid}) was ended by SIGKILL\n`);
    t.notRegex(demo.stdout, /Push 1/);
  }
});

test.serial('of a push that was cut off only the steps are drawn that were taken', async (t) => {
  const demo = startProcess(t, 'naf-push', ['demo', '--pause', '0.7']);
  const { ue } = await rolesOf(demo);
  process.kill(ue, 'SIGSTOP');
  await demo.says(/Push 1/);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  process.kill(ue, 'SIGKILL');
  t.is(await demo.ended, 1);
  t.regex(demo.stderr, new RegExp(`ue-listen \\(pid ${ue}\\) was ended by SIGKILL`));
  const steps = Array.from(demo.stdout.matchAll(/^ {3}\|.*?(\d) /gm), ([, step]) => step);
  t.deepEqual(steps, ['1', '2', '3']);
  t.notRegex(demo.stdout, /=>/);
});

test.serial('interrupted, it takes its three processes with it', async (t) => {
  const demo = startProcess(t, 'naf-push', ['demo', '--tls', '1.2', '--pause', '60']);
  const roles = await rolesOf(demo);
  demo.interrupt();
  t.is(await demo.ended, 130);
  for (const pid of Object.values(roles)) t.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});
