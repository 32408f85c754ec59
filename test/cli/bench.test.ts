/** `naf-push bench`, as processes: against a UE, and against a NAF that serves. */
import test, { type ExecutionContext } from 'ava';
import {
  call,
  jsonLines,
  startProcess,
  startUe,
  temporaryFolder,
  type Command,
  type Json,
} from '../support/command.ts';

const UE = '001010000000001';
const TEXT = 'gba-push bench';
/** Four pushes or more in each sample: two samples are done. */
const THIRD_SAMPLE = /(?:"event":"push"[^]*?){9}/;

interface Shown extends Json {
  readonly mode: string;
  readonly from: string;
  readonly samples: number;
  readonly ms: Readonly<Record<string, number>>;
}

function figures({ stdout }: Command): Shown[] {
  return jsonLines(stdout).filter((line): line is Shown => 'mode' in line);
}

function pushesAt(ue: Command): Json[] {
  return jsonLines(ue.stdout).filter(({ event }) => event === 'push');
}

/** A UE, and what starts the command against it. */
async function scene(t: ExecutionContext, ...ueArgs: string[]) {
  const state = ['--state', temporaryFolder(t)];
  const { ue, trigger } = await startUe(t, startProcess, [
    ...ueArgs,
    '--state',
    temporaryFolder(t),
  ]);
  return {
    ue: ue as ReturnType<typeof startProcess>,
    bench: (...args: string[]) =>
      startProcess(t, 'naf-push', ['bench', UE, '--trigger', trigger, ...state, ...args]),
    running: (...args: string[]) =>
      startProcess(t, 'naf-push', ['bench', UE, '--running', ...state, ...args]),
    serve: async () => {
      const naf = startProcess(t, 'naf-push', ['serve', '--trigger', trigger, '--json', ...state]);
      await naf.says(/"event":"ready".*\n/);
      return naf;
    },
    association: async (): Promise<unknown> => {
      const ls = call(t, 'naf-push', ['sa', 'ls', UE, '--json', ...state]);
      t.is(await ls.ended, 0);
      return jsonLines(ls.stdout).at(-1)?.['btid'];
    },
  };
}

test.serial(
  'every way is measured as often as was asked, and the handler saw each push',
  async (t) => {
    const { ue, bench } = await scene(t);
    const done = bench(
      '--samples',
      '2',
      '--pushes',
      '10',
      '--window',
      '4',
      '--size',
      '20',
      '--json',
    );
    t.is(await done.ended, 0, done.stderr);
    t.like(jsonLines(done.stdout)[0], {
      event: 'bench',
      ue: UE,
      naf: 'own',
      tls: '1.3',
      octets: 20,
    });
    const shown = figures(done);
    t.deepEqual(
      shown.map(({ mode, from = '', samples }) => [mode, from, samples]),
      [
        ['reuse', 'push', 20],
        ['reconnect', 'connection', 2],
        ['reconnect', 'push', 2],
        ['bootstrap', 'push', 2],
        ['rate', '', undefined],
      ],
    );
    for (const { mode, ms } of shown.slice(0, 4)) {
      t.is(mode === 'reuse', ms['p90'] !== undefined, 'two samples have no p90');
      t.true((ms['p50'] ?? NaN) > 0 && (ms['max'] ?? NaN) >= (ms['p50'] ?? NaN), mode);
    }
    t.like(shown[4], { window: 4, pushes: 20 });
    // The first sample warms up.
    t.is(pushesAt(ue).length, 3 * (1 + 10 + 10 + 1));
    t.true(pushesAt(ue).every(({ payload }) => payload === TEXT.padEnd(20)));
  },
);

test.serial(
  'with sessions at both ends a lost layer is measured as resume; the table says so',
  async (t) => {
    const { bench } = await scene(t, '--tls', 'any', '--resumption', 'sa-bound');
    const how = ['--tls', '1.2', '--resumption', 'sa-bound', '--modes', 'bootstrap,reconnect'];
    const done = bench(...how, '--samples', '1');
    t.is(await done.ended, 0, done.stderr);
    t.regex(done.stdout, /^001010000000001, TLS 1\.2 ECDHE-PSK-CHACHA20-POLY1305; 100 octets/);
    t.regex(done.stdout, /\nresume +the connection +1 .*handshake [\d.]+, push [\d.]+\n/);
    t.regex(done.stdout, /\nbootstrap +the push +1 .*bsf [\d.]+, trigger [\d.]+, /);
    t.notRegex(done.stdout, /\nreuse|reconnect|in flight:/);
  },
);

test.serial(
  'a NAF that serves is measured as it is: its association stays, unless bootstrap is asked for',
  async (t) => {
    const { serve, running, association } = await scene(t);
    const naf = await serve();
    const warm = running('--samples', '1', '--modes', 'reuse', '--pushes', '1');
    t.is(await warm.ended, 0, warm.stderr);
    const before = await association();
    t.is(typeof before, 'string');
    const done = running('--samples', '1', '--pushes', '5', '--json');
    t.is(await done.ended, 0, done.stderr);
    t.like(jsonLines(done.stdout)[0], { naf: 'running', tls: '1.3' });
    t.deepEqual(
      figures(done).map(({ mode }) => mode),
      ['reuse', 'reconnect', 'reconnect', 'rate'],
    );
    t.is(await association(), before);
    const anew = running('--samples', '1', '--modes', 'bootstrap', '--json');
    t.is(await anew.ended, 0, anew.stderr);
    t.like(figures(anew)[0], { mode: 'bootstrap', samples: 1 });
    t.not(await association(), before);
    t.is(naf.stderr, '', 'nothing to talk about');
  },
);

test.serial('what makes no sense is a usage error that says what would', async (t) => {
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [['--size', '13'], /expected a whole number from 14 to 8388608/i],
    [['--modes', 'reuse,resume'], /Expected some of reuse,reconnect,bootstrap, not "resume"/],
    [['--window', '0'], /expected a whole number from 1 to 1024/i],
    [['--pushes', '10001'], /expected a whole number from 1 to 10000/i],
    [['--timeout', '601'], /--timeout is 600 seconds at most/],
    [['--running', '--listen', '127.0.0.1:0'], /give --listen to naf-push serve/],
    [['--running', '--suite', 'X'], /give --suite to naf-push serve/],
  ];
  for (const [args, pattern] of wrong) {
    const done = call(t, 'naf-push', ['bench', UE, '--state', temporaryFolder(t), ...args]);
    t.is(await done.ended, 2, args.join(' '));
    t.regex(done.stderr, pattern);
  }
  const noUe = call(t, 'naf-push', ['bench', 'nobody']);
  t.is(await noUe.ended, 2);
});

test.serial(
  'nobody at the other end: exit 3 for a UE that is absent, 1 for a NAF that is',
  async (t) => {
    const state = ['--state', temporaryFolder(t)];
    const noUe = call(t, 'naf-push', [
      ...['bench', UE, '--trigger', 'udp://127.0.0.1:9', '--timeout', '0.3', ...state],
    ]);
    t.is(await noUe.ended, 3);
    t.regex(noUe.stderr, /did not connect within 0\.3 s: .*\(ERR_CHANNEL_TIMEOUT\)/);
    t.is(noUe.stdout, '');
    const noNaf = call(t, 'naf-push', ['bench', UE, '--running', ...state]);
    t.is(await noNaf.ended, 1);
    t.regex(noNaf.stderr, /no naf-push serve listens at .*: start it, or name its --state/);
    const { running, serve, ue } = await scene(t);
    ue.kill();
    await ue.ended;
    await serve();
    const silent = running('--timeout', '1');
    t.is(await silent.ended, 3);
    t.regex(silent.stderr, /no answer of the UE within 1 s: its time to live was over/);
  },
);

test.serial('a UE that is killed in the middle: what there is so far, and exit 6', async (t) => {
  const { ue, bench } = await scene(t);
  const cut = bench('--samples', '500', '--pushes', '1', '--timeout', '1', '--json');
  await ue.says(THIRD_SAMPLE);
  ue.kill();
  t.is(await cut.ended, 6, cut.stderr);
  t.regex(cut.stderr, /did not come back within 1 s: .*\(ERR_CHANNEL_TIMEOUT\)|did not connect/);
  t.true(figures(cut).some(({ mode, samples }) => mode === 'bootstrap' && samples >= 1));
});

test.serial('a NAF that is killed in the middle: what there is so far, and exit 6', async (t) => {
  const { ue, running, serve } = await scene(t);
  const naf = await serve();
  const cut = running('--modes', 'reuse', '--samples', '1000', '--pushes', '1', '--json');
  await ue.says(THIRD_SAMPLE);
  naf.kill();
  t.is(await cut.ended, 6, cut.stderr);
  t.regex(cut.stderr, /ended before it had answered|no naf-push serve listens/);
  t.true(figures(cut).some(({ mode }) => mode === 'reuse'));
});

test.serial('Ctrl-C, and the end of the time, leave what there is so far', async (t) => {
  const { ue, bench } = await scene(t);
  const stopped = bench('--samples', '500', '--pushes', '1');
  await ue.says(THIRD_SAMPLE);
  stopped.interrupt();
  t.is(await stopped.ended, 130, stopped.stderr);
  t.regex(stopped.stdout, /\nreuse +the push .*\nreconnect +the connection /);
  const late = bench('--samples', '500', '--pushes', '1', '-W', '5');
  t.is(await late.ended, 3, late.stderr);
  t.regex(late.stderr, /the 5 s of --wait are over/);
  t.regex(late.stdout, /\nreuse +the push /);
});
