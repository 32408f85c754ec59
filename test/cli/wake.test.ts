/** A NAF that lives on and its device, as processes: who is called, from where, and what a device without its state is told. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { jsonLines, startProcess, temporaryFolder } from '../support/command.ts';

const UE = '001010000000001';

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}

/** Both commands; the device's trigger port stays, the NAF is at another port each time. */
async function scene(t: ExecutionContext) {
  const state = temporaryFolder(t);
  const trigger = `udp://127.0.0.1:${await freeUdpPort()}`;
  return {
    ueState: join(state, 'ue'),
    async startUe() {
      const where = ['--trigger', trigger, '--state', join(state, 'ue')];
      const ue = startProcess(t, 'ue-listen', [...where, '-v', '--json']);
      await ue.says(/"event":"listening".*\n/);
      return ue;
    },
    async startNaf() {
      const naf = startProcess(t, 'naf-push', [
        ...['serve', '--listen', '127.0.0.1:0', '--trigger', trigger, '--state', state],
      ]);
      const ready = await naf.says(/serves at .*\n/);
      return { naf, port: /127\.0\.0\.1:(\d+)/.exec(ready)?.[1] ?? '' };
    },
  };
}

function line(message: string): string {
  return `${JSON.stringify({ ue: UE, message, ttl: 90 })}\n`;
}

test('a NAF that was killed and is there again at another port calls the device: reconnect', async (t) => {
  const both = await scene(t);
  const ue = await both.startUe();
  const first = await both.startNaf();
  first.naf.write(line('one'));
  await first.naf.says(/ acked {2}bootstrap .*\n/);
  first.naf.kill();
  await first.naf.ended;
  const second = await both.startNaf();
  t.not(second.port, first.port);
  second.naf.write(line('two'));
  await second.naf.says(/ acked {2}reconnect .*\n/);
  await ue.says(/"event":"gba:wake:accepted".*\n/);
  const dialled = jsonLines(ue.stderr)
    .filter(({ event }) => event === 'gba:dial:started')
    .map(({ to }) => to);
  t.is(dialled.at(-1), `127.0.0.1:${second.port}`);
  t.regex(second.naf.stderr, /^naf-push: serves at .*\n$/, 'nothing else to talk about');
});

test('a device that lost its state heeds no wake; the NAF says so and gives it a new key', async (t) => {
  const both = await scene(t);
  const ue = await both.startUe();
  const { naf } = await both.startNaf();
  naf.write(line('one'));
  await naf.says(/ acked {2}bootstrap .*\n/);
  ue.kill();
  await ue.ended;
  for (const file of ['associations', 'store.key']) {
    rmSync(join(both.ueState, `ue-${UE}`, file));
  }
  const again = await both.startUe();
  naf.write(line('two'));
  await naf.says(/ bootstrap [^]* acked {2}bootstrap .*\n/);
  t.regex(
    naf.stderr,
    /naf-push: 3 wakes had no effect on 001010000000001@.*: .* or it has lost its state; it gets a new key\n/,
  );
  const refused = jsonLines(again.stderr).filter(({ event }) => event === 'gba:trigger:refused');
  t.true(refused.length >= 3);
  t.true(refused.every(({ code }) => code === 'ERR_SA_UNKNOWN'));
});
