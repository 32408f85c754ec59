import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { SUITES, type SuiteName } from '../../src/lib/suites.ts';
import {
  call,
  jsonLines,
  startProcess,
  startUe,
  temporaryFolder,
  type CallOptions,
  type Command,
  type Json,
} from '../support/command.ts';
import { policy } from '../support/tls.ts';

const UE = '001010000000001';
const IMPI = '001010000000001@ims.mnc001.mcc001.3gppnetwork.org';

/** One device, a process of its own, that serves all tests of a file in turn. */
async function openDevice(t: ExecutionContext) {
  const state = temporaryFolder(t);
  const { ue, trigger } = await startUe(t, startProcess, ['--state', state, '--tls', 'any']);
  const seen = jsonLines(ue.stdout).length;
  const send = async (args: readonly string[], options: CallOptions = {}) => {
    const common = ['--trigger', trigger, '--state', state];
    const naf = call(t, 'naf-push', ['send', UE, ...common, ...args], options);
    return { naf, code: await naf.ended };
  };
  const pushes = (): Json[] => jsonLines(ue.stdout).slice(seen);
  return { ue, send, pushes };
}

function receiptOf({ stdout }: Command): Json & { readonly ms: Json } {
  const [receipt] = jsonLines(stdout);
  return receipt as Json & { readonly ms: Json };
}

test.serial(
  'every suite of the policy carries pushes: the first bootstraps, the rest reuse',
  async (t) => {
    const { send, pushes } = await openDevice(t);
    for (const suite of [...policy.suites13, ...policy.suites12] satisfies SuiteName[]) {
      const args = ['-l', '--json', '-v', '--suite', suite];
      const { naf, code } = await send(args, { input: 'one\ntwo\nthree' });
      t.is(code, 0, naf.stderr);
      const receipts = jsonLines(naf.stdout);
      t.deepEqual(
        receipts.map(({ state, via, attempts }) => [state, via, attempts]),
        [
          ['acked', 'bootstrap', 1],
          ['acked', 'reuse', 1],
          ['acked', 'reuse', 1],
        ],
      );
      const got = pushes().slice(-3);
      t.deepEqual(
        got.map(({ payload }) => payload),
        ['one', 'two', 'three'],
      );
      t.deepEqual(
        got.map(({ id }) => id),
        receipts.map(({ id }) => id),
      );
      const secured = jsonLines(naf.stderr).filter(({ event }) => event === 'gba:tls:secured');
      t.is(secured.length, 1);
      t.like(secured[0], { version: `TLSv${SUITES[suite].version}`, suite });
    }
  },
);

test.serial('the JSON of both ends has the members that are promised, and no others', async (t) => {
  const { ue, send, pushes } = await openDevice(t);
  t.deepEqual(Object.keys(jsonLines(ue.stdout)[0] ?? {}), ['event', 'trigger', 'impi', 'pid']);
  t.like(jsonLines(ue.stdout)[0], { event: 'listening', impi: IMPI, pid: ue.pid });

  const { naf } = await send(['-m', 'hello', '--json', '--tls', '1.2']);
  const receipt = receiptOf(naf);
  t.deepEqual(Object.keys(receipt), ['id', 'ue', 'state', 'via', 'attempts', 'ms']);
  t.deepEqual(Object.keys(receipt.ms), ['total', 'bsf', 'trigger', 'handshake', 'push']);
  t.true(Object.values(receipt.ms).every((ms) => typeof ms === 'number' && ms > 0));
  t.like(receipt, { ue: IMPI, state: 'acked', via: 'bootstrap', attempts: 1 });
  const [push] = pushes();
  t.deepEqual(Object.keys(push ?? {}), [
    ...['event', 'id', 'btid', 'via', 'contentFormat', 'bytes', 'payload'],
    ...['urgency', 'nafFqdn'],
  ]);
  t.like(push, {
    event: 'push',
    id: receipt['id'],
    via: 'bootstrap',
    contentFormat: 0,
    bytes: 5,
    payload: 'hello',
    urgency: 'normal',
    nafFqdn: 'naf.mnc001.mcc001.pub.3gppnetwork.org',
  });

  const octets = Uint8Array.of(0xff, 0, 0xfe, 0x0a);
  const file = join(temporaryFolder(t), 'octets');
  writeFileSync(file, octets);
  t.is((await send(['-f', file, '--urgency', 'very-low'])).code, 0);
  t.like(pushes()[1], {
    contentFormat: 42,
    bytes: 4,
    payloadBase64: '/wD+Cg==',
    urgency: 'very-low',
  });
  t.false('payload' in (pushes()[1] ?? {}));
  t.is((await send(['-f', '-', '--content-format', '60'], { input: octets })).code, 0);
  t.like(pushes()[2], { contentFormat: 60, payloadBase64: '/wD+Cg==' });
  t.is((await send(['-m', ''])).code, 0);
  t.like(pushes()[3], { bytes: 0, payload: '' });

  const words = await send(['-m', 'x']);
  t.regex(words.naf.stdout, /^[A-Za-z0-9_-]{16} {2}acked {2}bootstrap {2}[\d.]+ ms \(bsf .*\)\n$/);
  const quiet = await send(['-m', 'x', '-q']);
  t.is(quiet.naf.stdout + quiet.naf.stderr, '');
  const short = call(t, 'naf-push', [UE, '-m', 'x', '--ttl', '0'], {
    env: { GBA_PUSH_STATE: temporaryFolder(t) },
  });
  t.is(await short.ended, 7, short.stderr);
});

test.serial('what is too long is an error in words, and the pushes around it arrive', async (t) => {
  const { send, pushes } = await openDevice(t);
  const input = `before\n${'x'.repeat(8_388_609)}\nafter\n${'y'.repeat(300_000)}\n`;
  const { naf, code } = await send(['-l', '--json', '-v'], { input });
  t.is(code, 6);
  const states = new Map(jsonLines(naf.stdout).map((receipt) => [receipt['state'], receipt]));
  const detail = 'the UE takes no push of 8388609 octets, at most 8388608';
  t.like(states.get('dead'), { reason: 'refused', attempts: 1, detail });
  t.deepEqual(
    pushes().map(({ bytes }) => bytes),
    [6, 5, 300_000],
  );
  t.is(naf.stderr.match(/gba:tls:secured/g)?.length, 1, 'over one layer');
});
