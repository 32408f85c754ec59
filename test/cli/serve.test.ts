/** A NAF that lives on, killed and started again, and asked over its control socket, as processes. */
import { statSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { until } from '../support/tls.ts';
import { call, jsonLines, startProcess, temporaryFolder, type Json } from '../support/command.ts';

const UE = '001010000000001';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Both commands with state folders and ports that stay the same over restarts. */
async function scene(t: ExecutionContext) {
  const state = temporaryFolder(t);
  const [tls, udp] = [await freePort(), await freePort()];
  const trigger = `udp://127.0.0.1:${udp}`;
  return {
    state,
    async startUe(...more: string[]) {
      const ue = startProcess(t, 'ue-listen', [
        ...['--trigger', trigger, '--state', join(state, 'ue'), ...more],
      ]);
      await ue.says(/waits for triggers/);
      return ue;
    },
    async startNaf(...more: string[]) {
      const naf = startProcess(t, 'naf-push', [
        ...['serve', '--listen', `127.0.0.1:${tls}`, '--trigger', trigger, '--json'],
        ...['--state', state, ...more],
      ]);
      await naf.says(/"event":"ready".*\n/);
      return naf;
    },
    sa: (...args: string[]) => call(t, 'naf-push', ['sa', ...args, '--state', state]),
  };
}

function line(message: string, more: Json = {}): string {
  return `${JSON.stringify({ ue: UE, message, ttl: 20, ...more })}\n`;
}

function receipts(stdout: string): Json[] {
  return jsonLines(stdout).filter((object) => 'state' in object);
}

test('after both ends were killed the next push goes by reconnect, and a revocation is for good', async (t) => {
  const both = await scene(t);
  const { sa } = both;
  const ue = await both.startUe();
  let naf = await both.startNaf();
  naf.write(line('one'));
  await naf.says(/"via":"bootstrap".*\n/);
  naf.kill();
  ue.kill();
  await Promise.all([naf.ended, ue.ended]);
  naf = await both.startNaf();
  await both.startUe();
  naf.write(line('two'));
  await naf.says(/"via":"reconnect".*\n/);

  const shown = sa('show', UE, '--json');
  t.is(await shown.ended, 0);
  const [view = {}] = jsonLines(shown.stdout);
  t.like(view, { state: 'established', tls: '1.3' });
  t.deepEqual(Object.keys(view).sort(), [
    'btid',
    'expiresAt',
    'nafFqdn',
    'ptid',
    'state',
    'tls',
    'ue',
  ]);
  t.is(await sa('revoke', String(view['btid'])).ended, 0);
  const again = sa('revoke', UE);
  t.is(await again.ended, 5);
  t.regex(again.stderr, /no live association of 001010000000001 \(ERR_SA_UNKNOWN\)/);
  const none = sa('ls');
  t.is(await none.ended, 0);
  t.is(none.stdout, '');
  naf.write(line('three'));
  await naf.says(/"via":"bootstrap".*\n/);
  t.deepEqual(
    receipts(naf.stdout).map(({ state }) => state),
    ['acked', 'acked'],
  );
});

test('over three keys of five seconds every push arrives once, in order, and no one waits for a key', async (t) => {
  const both = await scene(t);
  const ue = await both.startUe('-v');
  const naf = await both.startNaf('--lifetime', '5');
  const keys = (): number => ue.stderr.match(/ trigger accepted /g)?.length ?? 0;
  let sent = 0;
  for (const giveUpAt = Date.now() + 40_000; keys() < 4 && Date.now() < giveUpAt;) {
    for (let n = 0; n < 5; n += 1) naf.write(line(`${(sent += 1)}`));
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
  t.true(keys() >= 4);
  naf.write(line('the end'));
  await ue.says(/the end\n/);
  await until(() => receipts(naf.stdout).length === sent + 1);
  t.deepEqual(ue.stdout.trim().split('\n'), [
    ...Array.from({ length: sent }, (_, n) => `${n + 1}`),
    'the end',
  ]);
  t.true(sent > 100, `${sent}`);
  const all = receipts(naf.stdout);
  t.deepEqual(new Set(all.map(({ state }) => state)), new Set(['acked']));
  const [, ...later] = all.filter(({ via }) => via !== 'reuse');
  for (const { ms } of later) t.like(ms, { bsf: 0 });
});

test('lines that make no sense are told by number and passed over', async (t) => {
  const both = await scene(t);
  await both.startUe();
  const naf = await both.startNaf();
  naf.write('no json\n{"ue":"1"}\n{"message":"x"}\n');
  naf.write(
    `${JSON.stringify({ ue: UE })}\n${line('x', { urgency: 'loud' })}${line('x', { colour: 1 })}`,
  );
  naf.write(line('x'.repeat(17_000_000)));
  naf.write(line('good'));
  await naf.says(/"state":"acked".*\n/);
  const told = naf.stderr.trim().split('\n');
  t.deepEqual(
    told.map((text) => /^naf-push: line (\d): /.exec(text)?.[1]),
    ['1', '2', '3', '4', '5', '6', '7'],
  );
  t.is(told[0], 'naf-push: line 1: it is no JSON object');
  t.is(told[3], 'naf-push: line 4: give either "message" or "payloadBase64"');
  t.regex(told[6] ?? '', /line 7: it has more than 16777216 octets, too many for a push/);
  const said = jsonLines(naf.stdout).slice(1);
  t.deepEqual(
    said.map((one) => [one['event'] ?? one['state'], one['line']]),
    [...[1, 2, 3, 4, 5, 6, 7].map((n) => ['invalid', n]), ['acked', 8]],
  );
  t.is(said[0]?.['detail'], 'it is no JSON object');
  naf.interrupt();
  t.is(await naf.ended, 130);
});

test('the control socket is its owner’s alone, and takes no nonsense', async (t) => {
  const both = await scene(t);
  const { state, sa } = both;
  const absent = sa('ls');
  t.is(await absent.ended, 1);
  t.regex(absent.stderr, /no naf-push serve listens at .*: start it, or name its --state/);
  await both.startNaf();
  const path = join(state, 'naf', 'control');
  t.is(statSync(path).mode & 0o777, 0o600);
  const push = { op: 'push', ue: UE, payloadBase64: '', count: 1, window: 1, withinMs: 1, ttl: 1 };
  const orders = [
    { ...push, count: 10_001 },
    { ...push, window: 1_025 },
    { ...push, withinMs: 60_001 },
    { ...push, ttl: 601 },
    { ...push, payloadBase64: 'A'.repeat(90_004) },
    { ...push, ue: '?' },
    { op: 'park' },
  ].map((order) => `${JSON.stringify(order)}\n`);
  for (const text of [
    ...['nonsense\n', '{"op":"shutdown"}\n', '{"op":"ls","which":"?"}\n', ''],
    ...orders,
  ]) {
    const socket = connect(path);
    socket.end(text);
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    t.regex(chunk.toString(), /^\{"error":/);
  }
  const second = sa('ls');
  t.is(await second.ended, 0);
});

test('two of them never share a state folder', async (t) => {
  const both = await scene(t);
  await both.startNaf();
  const second = call(t, 'naf-push', ['serve', '--state', both.state]);
  t.is(await second.ended, 1);
  t.regex(second.stderr, /process \d+ uses .* already/);
});
