/** What only processes can show: volume, kills, signals, pipes (docs/design.md). */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import test from 'ava';
import { createMilenage } from '../../src/aka/milenage.ts';
import { decodeSqn } from '../../src/aka/sqn.ts';
import { openAutn } from '../../src/aka/vector.ts';
import { parseTriggerAddress } from '../../src/codec/address.ts';
import { decodeGpi } from '../../src/codec/gpi.ts';
import { fromHex } from '../../src/lib/bytes.ts';
import { call, jsonLines, startProcess, startUe, temporaryFolder } from '../support/command.ts';

const UE = '001010000000001';
const K = '465b5ce8b199b49faa5f0a2ee238a6bc';
const OPC = 'cd63cb71954a9f4e48a5994e37a02baf';
const LINES = 10_000;
const input = Array.from({ length: LINES }, (_, i) => `line ${i}\n`).join('');

test.serial('10,000 lines arrive in order, once each, over one layer', async (t) => {
  const state = temporaryFolder(t);
  const { ue, trigger } = await startUe(t, startProcess, ['--state', state, '-C', String(LINES)]);
  const args = ['send', UE, '--trigger', trigger, '--state', state, '-l', '--json', '-v'];
  const naf = call(t, 'naf-push', args, { input });
  t.is(await naf.ended, 0);
  t.is(await ue.ended, 0);
  const pushes = jsonLines(ue.stdout).slice(1);
  t.is(pushes.map(({ payload }) => `${String(payload)}\n`).join(''), input);
  const receipts = jsonLines(naf.stdout);
  t.is(new Set(receipts.map(({ id }) => id)).size, LINES);
  t.true(receipts.every(({ state, attempts }) => state === 'acked' && attempts === 1));
  t.is(naf.stderr.match(/"event":"gba:tls:secured"/g)?.length, 1);
  t.is(receipts.filter(({ via }) => via === 'bootstrap').length, 1);
});

for (const after of [300, 4_100]) {
  test.serial(
    `a UE killed after ${after} pushes and started again gets the rest, and nothing twice`,
    async (t) => {
      const state = temporaryFolder(t);
      const { ue, trigger } = await startUe(t, startProcess, ['--state', state]);
      const args = ['send', UE, '--trigger', trigger, '--state', state, '-l', '--json'];
      const naf = call(t, 'naf-push', args, { input });
      await ue.says(new RegExp(`"payload":"line ${after}"`));
      if (ue.pid === undefined) throw new Error('a process has a pid');
      process.kill(ue.pid, 'SIGKILL');
      t.is(await ue.ended, 'SIGKILL');
      const again = await startUe(t, startProcess, ['--state', state, '--trigger', trigger]);
      const code = await naf.ended;
      again.ue.interrupt();
      t.is(await again.ue.ended, 130);

      const handled = [ue, again.ue].flatMap(({ stdout }) => jsonLines(stdout));
      const ids = handled.flatMap(({ event, id }) => (event === 'push' ? [id] : []));
      t.is(new Set(ids).size, ids.length, 'no id is handled twice');
      const receipts = jsonLines(naf.stdout);
      t.is(receipts.length, LINES, 'each push has one receipt');
      t.is(new Set(receipts.map(({ id }) => id)).size, LINES);
      const dead = receipts.filter(({ state }) => state !== 'acked');
      t.true(dead.every(({ reason }) => reason === 'interrupted'));
      t.true(dead.length <= 1, `${dead.length} interrupted`);
      t.is(code, dead.length === 0 ? 0 : 6);
      const seen = new Set(ids);
      const unseen = receipts.filter(({ id }) => !seen.has(id));
      t.true(
        unseen.length <= 1,
        'what is acknowledged was handled, but for a line that the kill cut',
      );
      t.true(jsonLines(again.ue.stdout).length > 1, 'the second life had something to do');
    },
  );
}

test.serial(
  'a UE started again after a kill refuses the trigger that it took in before',
  async (t) => {
    const state = temporaryFolder(t);
    const carrier = createSocket('udp4');
    carrier.bind(0, '127.0.0.1');
    await once(carrier, 'listening');
    t.teardown(() => carrier.close());
    const at = `udp://127.0.0.1:${carrier.address().port}`;
    const envelope = once(carrier, 'message') as Promise<[Buffer]>;

    const first = await startUe(t, startProcess, ['--state', state]);
    const naf = call(t, 'naf-push', ['send', UE, '-m', 'one', '--trigger', at, '--state', state]);
    const [octets] = await envelope;
    const { host, port } = parseTriggerAddress(first.trigger);
    carrier.send(octets, port, host);
    t.is(await naf.ended, 0, naf.stderr);
    if (first.ue.pid === undefined) throw new Error('a process has a pid');
    process.kill(first.ue.pid, 'SIGKILL');
    await first.ue.ended;

    const second = await startUe(t, startProcess, ['--state', state, '--trigger', first.trigger]);
    carrier.send(octets, port, host);
    await second.ue.says(/"event":"gba:trigger:refused".*ERR_AKA_SYNC_FAILURE/);
    const next = call(t, 'naf-push', [
      ...['send', UE, '-m', 'two', '--trigger', first.trigger, '--state', state],
    ]);
    t.is(await next.ended, 0, next.stderr);
    t.like(jsonLines(second.ue.stdout)[1], { event: 'push', payload: 'two', via: 'bootstrap' });
  },
);

test.serial('a NAF that is killed never uses a sequence number again', async (t) => {
  const state = temporaryFolder(t);
  const algorithm = createMilenage({ k: fromHex(K), opc: fromHex(OPC) });
  const sqns: number[] = [];
  for (const start of [startProcess, call]) {
    const naf = start(t, 'naf-push', ['sa', 'announce', UE, UE, '--state', state, '--json']);
    await naf.says(/envelope.*\n.*envelope.*\n/);
    for (const { gpi } of jsonLines(naf.stdout)) {
      const { rand, autn } = decodeGpi(fromHex(String(gpi)));
      sqns.push(decodeSqn(openAutn(algorithm, rand, autn).sqn).seq);
    }
    if (naf.pid === undefined) naf.interrupt();
    else process.kill(naf.pid, 'SIGKILL');
    await naf.ended;
  }
  t.deepEqual(sqns, [1, 2, 3, 4]);
});

test.serial('an interrupted NAF lets what is out be answered, and ends with 130', async (t) => {
  const state = temporaryFolder(t);
  const { ue, trigger } = await startUe(t, startProcess, ['--state', join(state, 'ue')]);
  const naf = startProcess(t, 'naf-push', [
    ...['send', UE, '--trigger', trigger, '--state', state, '-l', '--json'],
  ]);
  naf.write('one\ntwo\n');
  await naf.says(/"state":"acked".*\n.*"state":"acked"/);
  naf.interrupt();
  t.is(await naf.ended, 130);
  t.is(naf.stderr, '');
  ue.interrupt();
  t.is(await ue.ended, 130);
  t.is(jsonLines(ue.stdout).length, 3);
  t.is(ue.stderr, '');
});

test.serial('a reader that goes away ends either command quietly', async (t) => {
  const state = temporaryFolder(t);
  const { ue, trigger } = await startUe(t, startProcess, ['--state', join(state, 'ue')]);
  const naf = startProcess(t, 'naf-push', [
    ...['send', UE, '--trigger', trigger, '--state', state, '-l', '--json'],
  ]);
  naf.write('one\n');
  await naf.says(/"state":"acked"/);
  naf.closeOutput();
  naf.write('two\n');
  t.is(await naf.ended, 0);
  t.is(naf.stderr, '');

  const { closeOutput } = ue as ReturnType<typeof startProcess>;
  closeOutput();
  const last = call(t, 'naf-push', [
    ...['send', UE, '--trigger', trigger, '--state', state, '-m', 'x', '--timeout', '1'],
  ]);
  t.is(await ue.ended, 0);
  t.notRegex(ue.stderr, /EPIPE|\n\s+at /);
  await last.ended;
});
