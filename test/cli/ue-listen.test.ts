import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { call, jsonLines, startProcess, startUe, temporaryFolder } from '../support/command.ts';

const UE = '001010000000001';

async function openUe(t: ExecutionContext, args: readonly string[]) {
  const state = temporaryFolder(t);
  const { ue, trigger } = await startUe(t, call, ['--state', join(state, 'ue'), ...args]);
  const send = (...more: string[]) =>
    call(t, 'naf-push', [
      ...['send', UE, '--trigger', trigger, '--state', join(state, 'naf'), '--json', ...more],
    ]);
  return { ue, trigger, state, send };
}

/** Without `--json` the address is told on stderr. */
async function openPlainUe(t: ExecutionContext, args: readonly string[]) {
  const state = temporaryFolder(t);
  const common = ['--state', join(state, 'ue'), '--trigger', 'udp://127.0.0.1:0'];
  const ue = call(t, 'ue-listen', [...common, ...args]);
  const trigger = (await ue.says(/udp:\/\/\S+/)).trim();
  const send = async (...more: string[]): Promise<number | string> => {
    const where = ['--trigger', trigger, '--state', join(state, 'naf')];
    return call(t, 'naf-push', ['send', UE, ...where, ...more]).ended;
  };
  return { ue, send };
}

function handlerScript(t: ExecutionContext, body: string): string {
  const file = join(temporaryFolder(t), 'handler.sh');
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o700);
  return file;
}

test('after -C pushes it ends with 0, and the last one is acknowledged', async (t) => {
  const { ue, send } = await openUe(t, ['-C', '2']);
  t.is(await send('-m', 'one').ended, 0);
  t.is(await send('-m', 'two').ended, 0);
  t.is(await ue.ended, 0);
  t.deepEqual(
    jsonLines(ue.stdout).flatMap(({ payload }) => payload ?? []),
    ['one', 'two'],
  );
});

test('of more pushes at once it handles no more than -C', async (t) => {
  const { ue, send } = await openUe(t, ['-C', '3']);
  const naf = send('-l', '--timeout', '1', '--ttl', '1');
  for (let n = 0; n < 50; n += 1) naf.write(`${n}\n`);
  naf.endInput();
  t.is(await ue.ended, 0);
  t.is(await naf.ended, 6);
  t.is(jsonLines(ue.stdout).length, 1 + 3);
  const acked = jsonLines(naf.stdout).filter(({ state }) => state === 'acked');
  t.is(acked.length, 3);
});

test('when the time of -W is over it ends with 3', async (t) => {
  const { ue } = await openUe(t, ['-W', '0.2']);
  t.is(await ue.ended, 3);
});

test('a wait beyond what a timer of Node holds is a long wait', async (t) => {
  const { ue, send } = await openUe(t, ['-W', '9999999', '-C', '1']);
  t.is(await send('-m', 'x').ended, 0);
  t.is(await ue.ended, 0);
});

test('by default the payload and a newline are printed, or what the format says', async (t) => {
  const plain = await openPlainUe(t, ['-C', '1']);
  t.is(await plain.send('-m', 'h\u00e9llo'), 0);
  t.is(await plain.ue.ended, 0);
  t.is(plain.ue.stdout, 'h\u00e9llo\n');
  const other = await openPlainUe(t, ['-C', '1', '-F', '%n\\t%v %l %x']);
  t.is(await other.send('-m', 'hi'), 0);
  await other.ue.ended;
  t.is(other.ue.stdout, 'naf.mnc001.mcc001.pub.3gppnetwork.org\tbootstrap 2 6869\n');
});

test('--exec: exit 0 is handled; the program gets the payload, the facts and its arguments', async (t) => {
  const out = join(temporaryFolder(t), 'out');
  const script = handlerScript(
    t,
    `cat > "$1"; printf ' %s %s %s' "$GBA_PUSH_NAF" "$GBA_PUSH_VIA" "$GBA_PUSH_URGENCY" >> "$1"`,
  );
  const { ue, send } = await openUe(t, ['--exec', script, '-C', '1', '--', out]);
  const naf = send('-m', '$(touch /nowhere); `id`', '--urgency', 'high');
  t.is(await naf.ended, 0, naf.stdout);
  t.is(await ue.ended, 0);
  t.is(
    readFileSync(out, 'utf8'),
    '$(touch /nowhere); `id` naf.mnc001.mcc001.pub.3gppnetwork.org bootstrap high',
  );
  t.is(jsonLines(ue.stdout).length, 2);
});

test('--exec: another exit code or a signal is refused, and nothing is printed for it', async (t) => {
  for (const body of ['exit 1', 'kill -9 $$']) {
    const { ue, send } = await openUe(t, ['--exec', handlerScript(t, body)]);
    const naf = send('-m', 'x');
    t.is(await naf.ended, 1);
    t.like(jsonLines(naf.stdout)[0], { state: 'dead', reason: 'refused', attempts: 1 });
    t.is(jsonLines(ue.stdout).length, 1);
    ue.interrupt();
    t.is(await ue.ended, 130);
  }
});

test('--exec: exit 75 is not now, so the push waits for its time to live', async (t) => {
  const { send } = await openUe(t, ['--exec', handlerScript(t, 'exit 75')]);
  const naf = send('-m', 'x', '--ttl', '1');
  t.is(await naf.ended, 7);
  t.like(jsonLines(naf.stdout)[0], { state: 'dead', reason: 'expired', attempts: 1 });
});

test('--exec: "not now" is told once at the NAF, so that nobody wonders why nothing goes on', async (t) => {
  const { ue, trigger, state } = await openUe(t, ['--exec', handlerScript(t, 'exit 75')]);
  const where = ['--trigger', trigger, '--state', join(state, 'naf')];
  // A process of its own: events are told to everybody in a process, and other tests run in this one.
  const naf = startProcess(t, 'naf-push', ['send', UE, ...where, '-l', '--ttl', '2']);
  naf.write('one\ntwo\nthree\n');
  naf.endInput();
  t.is(await naf.ended, 7);
  t.regex(
    naf.stderr,
    /^naf-push: 001010000000001@\S+ says "not now": pushes wait until it takes them\n$/,
  );
  ue.interrupt();
  t.is(await ue.ended, 130);
});

test('--exec: a program that cannot be run is found out at the start', async (t) => {
  const folder = temporaryFolder(t);
  const plain = join(folder, 'plain');
  writeFileSync(plain, '#!/bin/sh\n', { mode: 0o600 });
  const faults: [string, RegExp][] = [
    ['/nowhere/handler', /--exec \/nowhere\/handler: there is no such program \(ERR_CONFIG_FILE\)/],
    ['no-such-handler', /there is no such program in the folders of PATH/],
    [folder, /there is no such program/],
    [plain, /plain is not executable: run chmod \+x \S*plain/],
    ['plain', /plain is not executable/],
  ];
  for (const [program, words] of faults) {
    const env = { GBA_PUSH_STATE: join(folder, 'state'), PATH: `/nowhere:${folder}` };
    const ue = call(t, 'ue-listen', ['--exec', program, '--trigger', 'udp://127.0.0.1:0'], { env });
    t.is(await ue.ended, 1);
    t.regex(ue.stderr, new RegExp(`^ue-listen: .*${words.source}.*\\n$`));
    t.is(ue.stdout, '');
  }
});

test('--exec: a name without a slash is looked up in PATH', async (t) => {
  const script = handlerScript(t, 'exit 0');
  const env = { GBA_PUSH_STATE: temporaryFolder(t), PATH: `/nowhere:${dirname(script)}` };
  const args = ['--exec', basename(script), '-W', '0.1', '--trigger', 'udp://127.0.0.1:0'];
  const ue = call(t, 'ue-listen', args, { env });
  t.is(await ue.ended, 3, ue.stderr);
});

test('--exec: a program that went away is told, and refuses nothing', async (t) => {
  const script = handlerScript(t, 'exit 0');
  const { ue, send } = await openUe(t, ['--exec', script]);
  rmSync(script);
  const naf = send('-m', 'x', '--ttl', '1');
  t.is(await naf.ended, 7);
  t.like(jsonLines(naf.stdout)[0], { reason: 'expired' });
  t.regex(ue.stderr, /^ue-listen: cannot run the handler \/\S+handler\.sh: .*ENOENT\n/m);
});

test('--exec: the output of the program comes out where payloads would, in order', async (t) => {
  const { ue, send } = await openPlainUe(t, ['--exec', '/bin/cat', '-C', '2']);
  t.is(await send('-m', 'one\n'), 0);
  t.is(await send('-m', 'two\n'), 0);
  t.is(await ue.ended, 0);
  t.is(ue.stdout, 'one\ntwo\n');
});

test('one state folder serves one UE at a time', async (t) => {
  const { ue, state } = await openUe(t, []);
  const second = call(t, 'ue-listen', [
    ...['--trigger', 'udp://127.0.0.1:0', '--state', join(state, 'ue')],
  ]);
  t.is(await second.ended, 1);
  t.regex(second.stderr, new RegExp(`process ${process.pid} uses .*choose another --state`));
  ue.interrupt();
  t.is(await ue.ended, 130);
  const third = await startUe(t, call, ['--state', join(state, 'ue')]);
  third.ue.interrupt();
  t.is(await third.ue.ended, 130);
});
