/** Ports that are programs: real processes, most of which do not keep to the agreement. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { deriveKsIntNaf, deriveKsNaf, ksOf } from '../../src/aka/kdf.ts';
import { decodeEnvelope } from '../../src/codec/envelope.ts';
import { createPushSmsReceiver } from '../../src/codec/sms-push.ts';
import { AkaError, BsfError, ExecError, SyncFailure } from '../../src/errors.ts';
import { createExecHss } from '../../src/exec/hss.ts';
import { askProgram, parseCommand, type ProgramOptions } from '../../src/exec/program.ts';
import { createExecTriggerSender } from '../../src/exec/trigger.ts';
import { openExecUsim } from '../../src/exec/usim.ts';
import { nafIdOf, parseFqdn, parseMsisdn, parseUaSecurityProtocolId } from '../../src/ids.ts';
import { fromHex, toHex } from '../../src/lib/bytes.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { subscribe } from '../../src/lib/events.ts';
import { temporaryFolder } from '../support/command.ts';
import { impi } from '../support/ladder.ts';
import { z } from 'zod';

const rand = new Uint8Array(16).fill(1);
const autn = new Uint8Array(16).fill(2);
const ck = new Uint8Array(16).fill(3);
const ik = new Uint8Array(16).fill(4);
const nafId = nafIdOf(parseFqdn('naf.example.org'), parseUaSecurityProtocolId('0100000007'));
const SECRET = 'c0ffee'.repeat(5);

/** A shell script that has the request in $request. */
function program(t: ExecutionContext, script: string, ...args: string[]): ProgramOptions {
  const file = join(temporaryFolder(t), 'program');
  writeFileSync(file, `#!/bin/sh\nIFS= read -r request\n${script}\n`);
  chmodSync(file, 0o755);
  return { command: [file, ...args], clock: systemClock, timeoutMs: 5_000 };
}

const answering = (t: ExecutionContext, answer: unknown) =>
  program(t, `printf '%s\\n' '${JSON.stringify(answer)}'`);

test('a command is words, and no shell reads them', async (t) => {
  t.deepEqual(parseCommand('  a  b $HOME;c '), ['a', 'b', '$HOME;c']);
  t.throws(() => parseCommand('  '), { instanceOf: ExecError });
  const echo = program(t, `printf '{"word":"%s","request":%s}' "$1" "$request"`, '$(id)');
  const schema = z.object({ word: z.string(), request: z.object({ op: z.string() }) });
  t.deepEqual(await askProgram({ op: 'x' }, schema, echo), { word: '$(id)', request: { op: 'x' } });
});

const faults: [string, string, RegExp][] = [
  ['ends with an exit code', `echo '{"k":"${SECRET}"}'; exit 3`, /it ended with exit code 3$/],
  ['is ended by a signal', 'kill -9 $$', /it ended with SIGKILL$/],
  ['writes no JSON', `echo '${SECRET}'`, /its first line on stdout is no JSON$/],
  [
    'writes another form',
    `echo '{"imsi":"${SECRET}"}'`,
    /its answer: imsi: expected 6 to 15 digits$/,
  ],
  ['writes without end', 'yes', /more than 65536 octets of answer$/],
];
for (const [what, script, message] of faults) {
  test(`a program that ${what} is an error that quotes nothing of it`, async (t) => {
    const error = await t.throwsAsync(openExecUsim(program(t, script)), {
      instanceOf: ExecError,
      message,
    });
    t.false(String(error?.message).includes('c0ffee'));
  });
}

test('a program that is not there, takes too long or is broken off is an error', async (t) => {
  const missing = { command: ['/nonexistent/program'], clock: systemClock };
  await t.throwsAsync(openExecUsim(missing), { message: /^cannot run \/nonexistent\/program: / });
  const slow = { ...program(t, 'exec sleep 30'), timeoutMs: 50 };
  await t.throwsAsync(openExecUsim(slow), { message: /no answer within 50 ms$/ });
  const reason = new Error('enough');
  const broken = askProgram(
    {},
    z.object({}),
    program(t, 'exec sleep 30'),
    AbortSignal.abort(reason),
  );
  t.is(await t.throwsAsync(broken), reason);
  const controller = new AbortController();
  const later = askProgram({}, z.object({}), program(t, 'exec sleep 30'), controller.signal);
  setTimeout(() => {
    controller.abort(reason);
  }, 30);
  t.is(await t.throwsAsync(later), reason);
});

const asCard = (answer: unknown, gbaU = false) => `case "$request" in
*identify*) echo '{"imsi":"001010000000001","gbaU":${gbaU}}' ;;
*) echo '${JSON.stringify(answer)}' ;;
esac`;

test('a card on the ME gives CK and IK, and so NAF keys', async (t) => {
  const card = asCard({ ck: toHex(ck), ik: toHex(ik).toUpperCase() });
  const usim = await openExecUsim(program(t, card));
  t.is(usim.impi, impi);
  t.is(usim.uiccType, 'GBA_ME');
  const source = await usim.authenticate(rand, autn);
  t.deepEqual(await source.derive(nafId), deriveKsNaf({ ks: ksOf(ck, ik), rand, impi, nafId }));
});

test('a card with GBA_U keeps Ks and is asked for each NAF key', async (t) => {
  const ksExtNaf = deriveKsIntNaf({ ks: ksOf(ck, ik), rand, impi, nafId });
  const log = join(temporaryFolder(t), 'log');
  const script = `printf '%s\\n' "$request" >>'${log}'\n${asCard({ ksExtNaf: toHex(ksExtNaf) }, true)}`;
  const usim = await openExecUsim(program(t, script));
  t.is(usim.uiccType, 'GBA_U');
  const source = await usim.authenticate(rand, autn, 'GBA_U');
  t.deepEqual(await source.derive(nafId), ksExtNaf);
  const requests = readFileSync(log, 'utf8').trim().split('\n');
  t.deepEqual(
    requests.slice(1).map((line) => JSON.parse(line) as unknown),
    [
      { op: 'authenticate', context: 'GBA_U', rand: toHex(rand), autn: toHex(autn) },
      { op: 'derive', rand: toHex(rand), impi, nafId: toHex(nafId) },
    ],
  );
});

test('what a card refuses is told by its kind', async (t) => {
  const auts = new Uint8Array(14).fill(9);
  const usim = async (answer: unknown) => openExecUsim(program(t, asCard(answer)));
  const sync = await t.throwsAsync((await usim({ auts: toHex(auts) })).authenticate(rand, autn), {
    instanceOf: SyncFailure,
  });
  t.deepEqual(sync?.auts, auts);
  const mac = (await usim({ error: 'mac' })).authenticate(rand, autn);
  await t.throwsAsync(mac, { instanceOf: AkaError, code: 'ERR_AKA_MAC_FAILURE' });
  const other = (await usim({ error: SECRET })).authenticate(rand, autn);
  t.false((await t.throwsAsync(other, { instanceOf: ExecError }))?.message.includes('c0ffee'));
  const nothing = (await usim({})).authenticate(rand, autn);
  await t.throwsAsync(nothing, { message: /neither CK and IK nor AUTS/ });
});

test('vectors come out of a program, and refusals by their kind', async (t) => {
  const given = { rand: toHex(rand), autn: toHex(autn), ck: toHex(ck), ik: toHex(ik) };
  const vector = await createExecHss(answering(t, { ...given, uiccType: 'GBA_U' })).vector(
    impi,
    'push',
  );
  t.like(vector, { rand, autn, ck, ik, uiccType: 'GBA_U' });
  const unknown = createExecHss(answering(t, { error: 'unknown' }));
  await t.throwsAsync(unknown.vector(impi, 'push'), {
    instanceOf: BsfError,
    code: 'ERR_BSF_UNKNOWN_SUBSCRIBER',
  });
  const auts = new Uint8Array(14);
  const mac = createExecHss(answering(t, { error: 'mac' })).resynchronise(impi, rand, auts);
  await t.throwsAsync(mac, { code: 'ERR_AKA_MAC_FAILURE' });
  await t.notThrowsAsync(createExecHss(answering(t, {})).resynchronise(impi, rand, auts));
  const short = createExecHss(answering(t, { ...given, ck: '00' })).vector(impi, 'push');
  await t.throwsAsync(short, { instanceOf: ExecError });
});

test('a trigger is handed to the program once, as an envelope and as short messages', async (t) => {
  const file = join(temporaryFolder(t), 'request');
  const answer = fromHex(`130001${'aa'.repeat(30)}`);
  const carrier = program(
    t,
    `printf '%s' "$request" >'${file}'; echo '{"auts":"${toHex(answer)}"}'`,
  );
  const sender = createExecTriggerSender({
    ...carrier,
    msisdn: () => parseMsisdn('+491701234567'),
  });
  const heard: Uint8Array[] = [];
  const envelope = new Uint8Array(99).fill(0x11);
  const onAnswer = (octets: Uint8Array): void => void heard.push(octets);
  const trigger = { impi, envelope, to: undefined, onAnswer };
  t.is(await sender.send(trigger, new AbortController().signal), 1);
  t.deepEqual(heard, [answer]);
  const request = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly op: string;
    readonly impi: string;
    readonly envelope: string;
    readonly sms: readonly { readonly pdu: string; readonly length: number }[];
  };
  t.like(request, { op: 'trigger', impi, envelope: toHex(envelope) });
  const receiver = createPushSmsReceiver();
  const received = request.sms.map(({ pdu }) => receiver.receive(fromHex(pdu)));
  t.deepEqual(received.at(-1), envelope);
  t.throws(() => decodeEnvelope(envelope), undefined, 'the carrier does not look inside');
  t.is(await sender.send(trigger, AbortSignal.abort()), 0);
  await sender.close();
  t.is(await sender.send(trigger, new AbortController().signal), 0);
});

test('a carrier that fails is an event, and close ends one that hangs', async (t) => {
  const told: string[] = [];
  t.teardown(subscribe('gba:trigger:failed', ({ reason }) => told.push(reason)));
  const trigger = { impi, envelope: rand, to: undefined };
  const failing = createExecTriggerSender(program(t, 'exit 4'));
  await t.throwsAsync(failing.send(trigger, new AbortController().signal), {
    instanceOf: ExecError,
    message: /it ended with exit code 4$/,
  });
  t.is(told.length, 1);
  t.regex(told[0] ?? '', /it ended with exit code 4$/);
  const pid = join(temporaryFolder(t), 'pid');
  const hanging = createExecTriggerSender(program(t, `echo $$ >'${pid}'; exec sleep 30`));
  const sending = hanging.send(trigger, new AbortController().signal);
  for (let n = 0; n < 200 && !existsSync(pid); n += 1) await new Promise((r) => setTimeout(r, 10));
  await hanging.close();
  t.is(await sending, 0);
});

test('what a program has started and sent away does not hold up its deadline', async (t) => {
  const daemon = program(t, 'setsid sleep 20 & exec sleep 20');
  const slow = { ...daemon, timeoutMs: 100 };
  await t.throwsAsync(openExecUsim(slow), { message: /no answer within 100 ms$/ });
});

test('a vector that lacks something is told by the name of what it lacks', async (t) => {
  const short = createExecHss(answering(t, { rand: toHex(rand), ck: toHex(ck), ik: 'zz' }));
  await t.throwsAsync(short.vector(impi, 'push'), {
    message: /its answer: autn: expected 32 hex digits; ik: expected 32 hex digits$/,
  });
});
