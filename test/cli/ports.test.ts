/** Both commands with the ports that are not files and UDP: programs, TCP, lines on stdin. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  call,
  jsonLines,
  startProcess,
  temporaryFolder,
  writeKeyFile,
} from '../support/command.ts';

const UE = '001010000000001';
const K = '465b5ce8b199b49faa5f0a2ee238a6bc';
const OPC = 'cd63cb71954a9f4e48a5994e37a02baf';

function script(t: ExecutionContext, text: string): string {
  const file = join(temporaryFolder(t), 'program.sh');
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
  return file;
}

/** Where the listening UE said that triggers come in. */
async function listening(ue: { says(pattern: RegExp): Promise<string> }): Promise<string> {
  return (await ue.says(/waits for triggers at (\S+)/)).replace(/.* /, '');
}

test('triggers come over TCP', async (t) => {
  const state = temporaryFolder(t);
  const ue = startProcess(t, 'ue-listen', ['--trigger', 'tcp://127.0.0.1:0', '--state', state]);
  const trigger = await listening(ue);
  t.regex(trigger, /^tcp:/);
  const naf = call(t, 'naf-push', [UE, '--trigger', trigger, '--state', state, '-m', 'by tcp']);
  t.is(await naf.ended, 0, naf.stderr);
  await ue.says(/by tcp\n/);
});

test('a UE hears triggers in several ways at once', async (t) => {
  const state = temporaryFolder(t);
  const ways = ['--trigger', 'udp://127.0.0.1:0', '--trigger', 'tcp://127.0.0.1:0'];
  const ue = startProcess(t, 'ue-listen', [...ways, '--json', '--state', state]);
  await ue.says(/"listening".*\n/);
  const [{ trigger, triggers } = {}] = jsonLines(ue.stdout);
  t.is((triggers as string[]).length, 2);
  t.is(trigger, (triggers as string[])[0]);
  for (const [n, way] of (triggers as string[]).entries()) {
    const naf = call(t, 'naf-push', [UE, '--trigger', way, '--state', state, '-m', `way ${n}`]);
    t.is(await naf.ended, 0, naf.stderr);
    await ue.says(new RegExp(`way ${n}`));
  }
});

test('a program brings triggers, and they come in on stdin: as an envelope, as short messages', async (t) => {
  const state = temporaryFolder(t);
  const subscribers = writeKeyFile(join(state, 'subscribers.json'), {
    subscribers: [{ imsi: UE, k: K, opc: OPC, msisdn: '+491701234567' }],
  });
  for (const member of ['envelope', 'sms']) {
    const ue = startProcess(t, 'ue-listen', ['--trigger', 'stdin:', '-C', '1', '--state', state]);
    t.is(await listening(ue), 'stdin:');
    const box = join(state, member);
    const carry = script(t, `cat >'${box}'`);
    const naf = call(t, 'naf-push', [
      ...[UE, '--subscribers', subscribers, '--trigger', `exec:${carry}`],
      ...['--state', state, '-m', `by ${member}`],
    ]);
    const request = await readJson(box);
    ue.write('no trigger\n\n{"envelope":5}\n');
    if (member === 'envelope') ue.write(`${JSON.stringify(request)}\n`);
    else {
      const parts = request['sms'] as { readonly pdu: string }[];
      for (const { pdu } of parts) ue.write(`${JSON.stringify({ sms: pdu })}\n`);
    }
    t.is(await naf.ended, 0, naf.stderr);
    t.is(await ue.ended, 0);
    t.regex(ue.stdout, new RegExp(`by ${member}`));
    t.regex(ue.stderr, /refused a trigger from stdin: a line is hex of an envelope/);
  }
});

test('a program that brings no trigger is told at once, and after three failures the push is given up', async (t) => {
  const state = temporaryFolder(t);
  const carry = script(t, 'echo "no carrier" >&2; exit 3');
  const naf = call(t, 'naf-push', [
    ...[UE, '--trigger', `exec:${carry}`, '--state', state, '-m', 'x', '--timeout', '60'],
  ]);
  await naf.says(/no carrier\n/);
  await naf.says(/naf-push: the trigger was not sent: \S+program\.sh: it ended with exit code 3\n/);
  t.is(await naf.ended, 1);
  t.regex(
    naf.stdout,
    /dead\(dropped\) {2}the trigger for \S+ was not sent: \S+program\.sh: it ended with exit code 3 \(3 times\) \(ERR_EXEC_FAILED\)/,
  );
});

test('a program that could not be run until the time was over is why, not an absent UE', async (t) => {
  const state = temporaryFolder(t);
  const carry = script(t, 'exit 3');
  const naf = call(t, 'naf-push', [
    ...[UE, '--trigger', `exec:${carry}`, '--state', state, '-l', '--timeout', '0.5'],
  ]);
  chmodSync(carry, 0o600);
  naf.write('x\n');
  naf.endInput();
  t.is(await naf.ended, 1);
  t.regex(naf.stdout, /was not sent: cannot run \S+program\.sh: .*EACCES \(ERR_EXEC_FAILED\)/);
});

test('a SIM behind a program, vectors out of a program', async (t) => {
  const state = temporaryFolder(t);
  const card = script(
    t,
    `read -r request
case "$request" in
*identify*) echo '{"imsi":"${UE}"}' ;;
*) echo '{"ck":"${'11'.repeat(16)}","ik":"${'22'.repeat(16)}"}' ;;
esac`,
  );
  const centre = script(
    t,
    `echo '{"rand":"${'33'.repeat(16)}","autn":"${'44'.repeat(16)}","ck":"${'11'.repeat(16)}","ik":"${'22'.repeat(16)}"}'`,
  );
  const ue = startProcess(t, 'ue-listen', [
    ...['--usim', `exec:${card}`, '--trigger', 'udp://127.0.0.1:0', '--state', state],
  ]);
  const trigger = await listening(ue);
  const naf = call(t, 'naf-push', [
    ...[UE, '--av', `exec:${centre}`, '--trigger', trigger, '--state', state, '-m', 'foreign'],
  ]);
  t.is(await naf.ended, 0, naf.stderr);
  await ue.says(/foreign\n/);
});

test('a program that is not there is found out at start', async (t) => {
  const missing = 'exec:/nonexistent/program --flag';
  const state = ['--state', temporaryFolder(t)];
  const wrong: [Parameters<typeof call>[1], string[]][] = [
    ['ue-listen', ['--usim', missing]],
    ['naf-push', [UE, '-m', 'x', '--av', missing]],
    ['naf-push', [UE, '-m', 'x', '--trigger', missing]],
  ];
  for (const [command, args] of wrong) {
    const run = call(t, command, [...args, ...state]);
    t.is(await run.ended, 1);
    t.regex(run.stderr, /^\S+: --\w+ exec:\/nonexistent\/program: there is no such program/);
  }
});

test('a UE names itself by its P-TID, and in GBA_U uses the key of the card, in both versions', async (t) => {
  const state = temporaryFolder(t);
  const sim = { imsi: UE, k: K, opc: OPC, gbaU: true };
  const usim = writeKeyFile(join(state, 'usim.json'), sim);
  const subscribers = writeKeyFile(join(state, 'subscribers.json'), { subscribers: [sim] });
  const ue = startProcess(t, 'ue-listen', [
    ...['--usim', usim, '--psk-identity', 'p-tid', '--gba-u-key', 'internal', '--tls', 'any'],
    ...['--trigger', 'udp://127.0.0.1:0', '--state', state],
  ]);
  const trigger = await listening(ue);
  for (const tls of ['1.3', '1.2']) {
    const args = ['--subscribers', subscribers, '--trigger', trigger, '--tls', tls];
    const naf = call(t, 'naf-push', [UE, ...args, '--state', state, '-m', `tls ${tls}`]);
    t.is(await naf.ended, 0, naf.stderr);
    await ue.says(new RegExp(`tls ${tls}\\n`));
  }
  const denied = call(t, 'naf-push', [UE, '--gba', 'u', '-m', 'x', '--state', state]);
  t.is(await denied.ended, 4);
  t.regex(denied.stderr, /has no GBA_U; ask for GBA_ME \(ERR_BSF_DENIED\)/);
});

test('an HSS that lost its state is set right by AUTS, unless the UE gives none', async (t) => {
  const state = temporaryFolder(t);
  const open = async (...more: string[]) => {
    const ue = startProcess(t, 'ue-listen', [
      '--trigger',
      'udp://127.0.0.1:0',
      '--state',
      state,
      ...more,
    ]);
    return { ue, trigger: await listening(ue) };
  };
  const push = (trigger: string, hss: string, text: string) =>
    call(t, 'naf-push', [
      ...[UE, '--trigger', trigger, '--state', join(state, hss), '-m', text, '--timeout', '4'],
    ]);
  const { ue, trigger } = await open();
  for (let n = 0; n < 3; n += 1) t.is(await push(trigger, 'old', 'first').ended, 0);
  const lost = push(trigger, 'new', 'after the loss');
  t.is(await lost.ended, 0, lost.stderr);
  ue.interrupt();
  t.is(await ue.ended, 130);
  const { trigger: silent } = await open('--no-auts');
  t.is(await push(silent, 'newer', 'x').ended, 3);
});

async function readJson(file: string): Promise<Record<string, unknown>> {
  for (let n = 0; n < 400; n += 1) {
    try {
      return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  throw new Error(`${file} did not come`);
}
