/** `npm run bench` as a process, with a benchmark of a few lines. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { bench } from '../../bench/lib/command.ts';
import { formatResult, readResult, type Result } from '../../bench/lib/result.ts';
import { choose, runAll, type Outcome } from '../../bench/lib/runner.ts';
import {
  gateResult,
  idleResult,
  modesResult,
  sidesResult,
  sweepResult,
} from '../support/bench-results.ts';

const main = fileURLToPath(new URL('../../bench/main.ts', import.meta.url));
const tiny = fileURLToPath(new URL('../support/bench-tiny.ts', import.meta.url));

function folderOf(t: ExecutionContext, ...results: readonly Result[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'gba-push-bench-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  mkdirSync(join(folder, 'results'));
  for (const result of results) save(folder, result);
  return folder;
}

function save(folder: string, result: Result): void {
  writeFileSync(join(folder, 'results', `${result.name}.json`), formatResult(result));
}

function start(folder: string, args: readonly string[], what = 'result'): ChildProcess {
  return spawn(process.execPath, [...process.execArgv, main, ...args, '--folder', folder], {
    env: { ...process.env, TINY: what },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function ended(child: ChildProcess): Promise<Ended> {
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (text: string) => (said[stream] += text));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...said };
}

/** In this process; only what it runs is one of its own. */
async function run(folder: string, args: readonly string[]): Promise<Ended> {
  const said = { stdout: '', stderr: '' };
  const code = await bench([...args, '--folder', folder], {
    table: [{ name: 'handshake', about: '', minutes: { quick: 1, normal: 1, full: 1 } }],
    signal: new AbortController().signal,
    print: (line) => (said.stdout += `${line}\n`),
    say: (line) => (said.stderr += `${line}\n`),
  });
  return { code, ...said };
}

/** What the tiny benchmark shall do, in processes that this one starts. */
function letTinyBe(t: ExecutionContext, what: string): void {
  process.env['TINY'] = what;
  t.teardown(() => {
    delete process.env['TINY'];
  });
}

test('a benchmark runs as a process, its result is in the report, and nothing of this machine’s paths', async (t) => {
  const folder = folderOf(t);
  const { code, stderr } = await ended(start(folder, [tiny]));
  t.is(code, 0, stderr);
  t.regex(stderr, /== bench-tiny \(1 of 1, at most 10 min\)\n[^]*== bench-tiny done after \d+ s/);
  const result = readResult(join(folder, 'results', 'tiny.json'));
  t.is(result.command, 'node bench/bench-tiny.ts');
  t.deepEqual(result.series[0]?.rounds, [12_345, 12_350, 12_340]);
  t.like(result.versions, { Something: '1.2', node: process.versions.node });
  const report = readFileSync(join(folder, 'RESULTS.md'), 'utf8');
  t.regex(report, /\n## tiny\n/);
  t.regex(report, /\| one \| 12,300 \(12,300 to 12,400\)|\| one \| 12,300/);
  t.regex(report, /Not measured: something: it is not installed\./);
  t.regex(report, /\*\*Fewer than 7 rounds\*\*: tiny/);
  for (const text of [report, JSON.stringify(result)]) {
    t.false(text.includes(folder));
    t.false(text.includes(fileURLToPath(new URL('../..', import.meta.url))));
    t.notRegex(text, new RegExp(`\\b${hostname()}\\b`));
  }
});

test('--report renders what is there and runs nothing: twice, octet for octet', async (t) => {
  const folder = folderOf(t, modesResult(), sweepResult(), sidesResult(), gateResult());
  const { code, stderr } = await run(folder, ['--report']);
  t.is(code, 0, stderr);
  t.notRegex(stderr, /==/);
  const files = ['RESULTS.md', 'plots/latency-modes.svg', 'plots/pushes.svg'];
  const first = files.map((file) => readFileSync(join(folder, file), 'utf8'));
  await run(folder, ['--report']);
  t.deepEqual(
    files.map((file) => readFileSync(join(folder, file), 'utf8')),
    first,
  );
  for (const [, file = ''] of (first[0] ?? '').matchAll(/!\[[^\]]*\]\(([^)]*)\)/g)) {
    t.true(existsSync(join(folder, file)), file);
  }
});

test('the figures of a README beside the folder are made of the results, between their marks', async (t) => {
  const above = folderOf(t);
  const folder = join(above, 'bench');
  mkdirSync(join(folder, 'results'), { recursive: true });
  for (const result of [modesResult(), sidesResult(), idleResult()]) save(folder, result);
  const readme = join(above, 'README.md');
  const [begin, end] = ['<!-- figures: made by npm run bench -->', '<!-- /figures -->'];
  writeFileSync(readme, `# Before\n\n${begin}\n\nold\n\n${end}\n\nafter\n`);
  t.regex((await run(folder, ['--report'])).stderr, /wrote \.\.\/README\.md/);
  const text = readFileSync(readme, 'utf8');
  t.true(text.startsWith(`# Before\n\n${begin}\n`) && text.endsWith(`\n${end}\n\nafter\n`));
  t.notRegex(text, /old/);
  t.regex(text, /!\[A push [^\]]*\]\(bench\/plots\/latency-modes\.svg\)/);
  t.regex(text, /\| a push over the open layer \| 0\.\d+ (?:\([^|]*\) )?ms \|  ?\|/);
  t.regex(
    text,
    /\| acknowledged pushes a second, 1 device, 1,024 in flight \| \d{3},000 (?:\([^|]*\) )?\| Mosquitto/,
  );
  t.notRegex((await run(folder, ['--report'])).stderr, /README/, 'the second time nothing is new');
  writeFileSync(readme, '# No marks\n');
  await run(folder, ['--report']);
  t.is(readFileSync(readme, 'utf8'), '# No marks\n');
});

test('--check passes on what was accepted, and fails on a result in which one subject is 1.5 times slower', async (t) => {
  const folder = folderOf(t, sidesResult());
  const without = await run(folder, ['--report', '--check']);
  t.is(without.code, 2);
  t.regex(without.stderr, /no baseline yet: write one with --accept/);
  t.is((await run(folder, ['--report', '--accept'])).code, 0);
  const same = await run(folder, ['--report', '--check']);
  t.is(same.code, 0, same.stdout);
  t.regex(same.stdout, /0 worse/);
  const { series, ...rest } = sidesResult();
  const slower = series.map((one) =>
    one.subject === 'gba-push' && one.figure === 'p50'
      ? { ...one, rounds: one.rounds.map((us) => us * 1.5) }
      : one,
  );
  save(folder, { ...rest, series: slower });
  const { code, stdout } = await run(folder, ['--report', '--check', '--accept']);
  t.is(code, 1);
  t.regex(
    stdout,
    /WORSE +sides: p50, UEs 1, window 1: gba-push \/ Mosquitto: .* a factor of 1\.50;/,
  );
  t.is((await run(folder, ['--report', '--check'])).code, 1, 'what failed was not accepted');
});

test.serial(
  'one that cannot run here is skipped by name and reason; one that fails fails the run',
  async (t) => {
    const folder = folderOf(t, sidesResult());
    letTinyBe(t, 'skipped');
    const skipped = await run(folder, [tiny]);
    t.is(skipped.code, 0);
    t.regex(skipped.stderr, /skipped: bench-tiny: there is no such thing here/);
    t.regex(
      readFileSync(join(folder, 'RESULTS.md'), 'utf8'),
      /## Not measured\n\n- bench-tiny skipped: there is no such thing here/,
    );
    letTinyBe(t, 'failed');
    const failed = await run(folder, [tiny]);
    t.is(failed.code, 1);
    t.regex(failed.stderr, /failed: bench-tiny: exit code 3/);
  },
);

test('what is not there is named, with what there is', async (t) => {
  const folder = folderOf(t);
  const unknown = await run(folder, ['nosuch']);
  t.is(unknown.code, 2);
  t.regex(unknown.stderr, /no benchmark is called nosuch: there are .*handshake/);
  const nothing = await run(folder, ['--report']);
  t.is(nothing.code, 2);
  t.regex(nothing.stderr, /there are no results: run a benchmark first/);
  writeFileSync(join(folder, 'results', 'broken.json'), '{"name": "broken"}');
  const broken = await run(folder, ['--report']);
  t.is(broken.code, 2);
  t.regex(broken.stderr, /broken\.json is not the result of a benchmark: [^]*about/);
});

/** The pids that an endless benchmark says. */
async function pidsOf(child: ChildProcess): Promise<number[]> {
  if (child.stdout === null) throw new Error('no stdout');
  for await (const line of createInterface(child.stdout)) {
    const [, own, its] = /^running (\d+) (\d+)$/.exec(line) ?? [];
    if (own !== undefined && its !== undefined) return [Number(own), Number(its)];
  }
  throw new Error('it never ran');
}

/** A zombie that nobody has waited for yet is gone as well. */
function isGone(pid: number): boolean {
  try {
    return /^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

test('Ctrl-C ends the benchmark and what it started, and makes no report', async (t) => {
  const folder = folderOf(t);
  const child = start(folder, [tiny, '--quick'], 'endless');
  const pids = await pidsOf(child);
  child.kill('SIGINT');
  const [code] = (await once(child, 'close')) as [number | null];
  t.is(code, 1);
  for (const pid of pids) t.true(isGone(pid));
  t.false(existsSync(join(folder, 'RESULTS.md')));
});

test.serial(
  'one that takes too long is ended, though it would not listen, and the next one runs',
  async (t) => {
    const folder = folderOf(t);
    const told: string[] = [];
    letTinyBe(t, 'deaf');
    const minutes = { quick: 0.005, normal: 0.005, full: 0.005 };
    const deaf = { name: tiny, about: '', minutes };
    const outcomes: Outcome[] = await runAll([deaf, deaf], {
      ...{ extent: 'quick', results: join(folder, 'results'), graceMs: 10 },
      signal: new AbortController().signal,
      print: () => undefined,
      tell: (line) => told.push(line),
    });
    t.deepEqual(
      outcomes.map(({ name, state, reason }) => [name, state, reason]),
      Array.from({ length: 2 }, () => ['bench-tiny', 'failed', 'not done after 0.005 min']),
    );
    t.is(told.length, 4);
  },
);

test('without a name all of the table is chosen, in its order', (t) => {
  const table = ['one', 'two'].map((name) => ({
    ...{ name, about: '' },
    minutes: { quick: 1, normal: 1, full: 1 },
  }));
  t.deepEqual(choose([], table), table);
  t.deepEqual(choose(['two'], table), table.slice(1));
  t.throws(() => choose(['three'], table), { message: /there are one, two/ });
});
