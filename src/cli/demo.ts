/** `naf-push demo`: the whole ladder between three child processes, over a wire that is cut once. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Option, type Command } from 'commander';
import { parseEndpoint, formatEndpoint } from '../codec/address.ts';
import { spawnDemoBsf } from './demo-bsf.ts';
import { spawnRole, type Role } from './demo-role.ts';
import { ladder, type PushReceipt } from './demo-ladder.ts';
import { openWire } from './demo-wire.ts';
import { EXIT, whenAborted, type CommandIo } from './io.ts';
import { seconds } from './options.ts';
import { CommandFailure, subcommand } from './run.ts';

interface DemoOptions {
  readonly tls: '1.3' | '1.2';
  readonly pause?: number;
}

const UE = '001010000000001';
const RECEIPT_MS = 30_000;
/** For a process to start, on a machine that is busy with other things. */
const START_MS = 60_000;

export function addDemoCommand(program: Command, io: CommandIo): void {
  subcommand(program, 'demo')
    .description(
      'see the whole chain work: BSF, NAF and UE as processes of their own, three pushes',
    )
    .addOption(
      new Option('--tls <version>', 'TLS version of the layer')
        .choices(['1.3', '1.2'])
        .default('1.3'),
    )
    .option(
      '--pause <seconds>',
      'wait before each push: time to look, or to kill a process',
      seconds,
    )
    .addHelpText('after', EXAMPLES)
    .action(async (options: DemoOptions) => {
      await demo(options, io);
    });
}

async function demo({ tls, pause }: DemoOptions, io: CommandIo): Promise<void> {
  const say = (text: string): void => {
    io.stdout.write(`${text}\n`);
  };
  const state = mkdtempSync(join(tmpdir(), 'gba-push-demo-'));
  const wire = await openWire();
  const ue = spawnRole('ue-listen', [
    ...['--trigger', 'udp://127.0.0.1:0', '--tls', 'any', '--state', state, '--json', '--verbose'],
  ]);
  const bsf = spawnDemoBsf(state, UE);
  const roles: Role[] = [ue, bsf.role];
  const showPushes = async (): Promise<void> => {
    const { trigger } = await ue.next<{ trigger: string }>('listening', START_MS);
    const naf = spawnRole('naf-push', [
      ...['send', UE, '--stdin-lines', '--json', '--verbose', '--tls', tls],
      ...['--bsf', bsf.address, '--bsf-secret', bsf.secret],
      ...['--trigger', trigger, '--advertise', formatEndpoint(wire.address)],
    ]);
    roles.push(naf);
    const { address } = await naf.next<{ address: string }>('gba:naf:listening', START_MS);
    await bsf.role.next('ready', START_MS);
    wire.leadTo(parseEndpoint(address));
    say(`UE   pid ${ue.pid}  ue-listen, the demo USIM ${UE}, triggers at ${trigger}`);
    say(`BSF  pid ${bsf.role.pid}  naf-push bsf, with the HSS inside, is asked at ${bsf.address}`);
    say(`NAF  pid ${naf.pid}  naf-push send, without a key of any SIM, listens at ${address}`);
    say(
      `wire pid ${process.pid}  this process relays TCP at ${formatEndpoint(wire.address)}, to be able to cut it`,
    );

    const whileAllLive = <T>(wanted: Promise<T>): Promise<T> =>
      Promise.race([wanted, ...roles.map(({ ended }) => ended)]);
    const draw = (receipt?: PushReceipt): void => {
      for (const line of ladder({ receipt, naf: naf.seen, ue: ue.seen })) say(line);
    };
    const pushOnce = async (title: string, text: string): Promise<void> => {
      if (pause !== undefined) await whileAllLive(sleep(pause * 1_000, undefined, { ref: false }));
      say(`\n${title}`);
      ue.forget();
      naf.forget();
      naf.write(`${text}\n`);
      const outcome = naf.next<PushReceipt>('receipt', RECEIPT_MS);
      const receipt = await whileAllLive(outcome).catch((error: unknown) => {
        draw();
        throw error;
      });
      draw(receipt);
      if (receipt.state !== 'acked')
        throw new CommandFailure(EXIT.error, 'the push did not arrive');
    };
    await pushOnce('Push 1: nothing is there yet, so the key comes out of the SIM.', 'first push');
    await pushOnce('Push 2: the layer is open, so it is used again.', 'second push');
    say('\nThe wire is cut: its two TCP connections are gone without a word.');
    wire.cut();
    await pushOnce(
      'Push 3: the layer is gone, the key is valid, so the UE dials again.',
      'third push',
    );
    say(
      `\n${wire.connections} TCP connections, ${wire.connections} handshakes, 1 key from the SIM, no certificate.`,
    );
  };
  try {
    await Promise.race([showPushes(), interruption(io.signal)]);
  } finally {
    await Promise.all(roles.map((role) => role.end()));
    await wire.close();
    rmSync(state, { recursive: true, force: true });
  }
}

async function interruption(signal: AbortSignal | undefined): Promise<never> {
  await whenAborted(signal);
  throw new CommandFailure(EXIT.interrupted);
}

const EXAMPLES = `
Examples:
    $ naf-push demo
  Five seconds before each push, to kill a process by its pid and see what happens:
    $ naf-push demo --pause 5`;
