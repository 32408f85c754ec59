/** Whom a NAF pushes to, and where their vectors come from: a file of keys, or a program of the lab's own. */
import { Option, type Command } from 'commander';
import { createHss } from '../bsf/hss.ts';
import { BsfError } from '../errors.ts';
import { createExecHss } from '../exec/hss.ts';
import type { Impi, Msisdn } from '../ids.ts';
import { systemClock } from '../lib/clock.ts';
import type { TriggerAddress } from '../codec/address.ts';
import type { Hss } from '../ports.ts';
import { openFileStore } from '../store/file-store.ts';
import { packageFile } from '../store/policy.ts';
import { readSubscribers, type SubscriberRecord } from '../store/subscribers.ts';
import { requireProgram } from './exec.ts';
import type { CommandIo } from './io.ts';
import { impiOf, path, program, stateFolder, type UeName } from './options.ts';

export interface SubscriberOptions {
  readonly subscribers?: string;
  /** The words of `--av exec:`. */
  readonly av?: readonly string[];
  readonly state?: string;
}

export interface Subscribers {
  /** In the order of the names that were given. */
  readonly impis: readonly Impi[];
  readonly hss: Hss;
  /** The keys are published. */
  readonly demo: boolean;
  /** What the file says of each. */
  readonly triggerOf: (impi: Impi) => TriggerAddress | undefined;
  readonly msisdnOf: (impi: Impi) => Msisdn | undefined;
  close(): Promise<void>;
}

export function addVectorOptions(command: Command): Command {
  return command
    .option(
      '--subscribers <file>',
      'JSON file of IMSIs and keys, mode 0600 (default: the demo subscribers)',
      path,
    )
    .addOption(
      new Option('--av <exec:program>', 'vectors out of a program instead of a file of keys')
        .argParser(program)
        .conflicts('subscribers'),
    );
}

/** `all`: those of the file. @throws ConfigError, BsfError ERR_BSF_UNKNOWN_SUBSCRIBER, StoreError. */
export async function openSubscribers(
  options: SubscriberOptions,
  ues: readonly UeName[] | 'all',
  io: CommandIo,
): Promise<Subscribers> {
  if (options.av !== undefined) {
    return programSubscribers(options.av, ues === 'all' ? [] : ues, io);
  }
  const file = options.subscribers ?? packageFile('certs-none/demo-subscribers.json');
  const { demo, subscribers } = readSubscribers(file);
  const named =
    ues === 'all' ? subscribers : ues.map((ue) => findSubscriber(subscribers, ue, file));
  const found = new Map(named.map((record) => [record.impi, record]));
  const store = await openFileStore({ folder: stateFolder(options.state, io.env), name: 'hss' });
  return {
    impis: named.map(({ impi }) => impi),
    hss: createHss({ subscribers, store }),
    demo,
    triggerOf: (impi) => found.get(impi)?.trigger,
    msisdnOf: (impi) => found.get(impi)?.msisdn,
    close: () => store.close(),
  };
}

/** The program knows them, and keeps SQN. */
function programSubscribers(
  command: readonly string[],
  ues: readonly UeName[],
  io: CommandIo,
): Subscribers {
  requireProgram('--av exec:', command[0] ?? '', io.env['PATH']);
  const onStderr = (chunk: Buffer): void => void io.stderr.write(chunk);
  return {
    impis: ues.map((ue) => impiOf(ue)),
    hss: createExecHss({
      command,
      clock: systemClock,
      onStderr,
      ...(io.signal && { signal: io.signal }),
    }),
    demo: false,
    triggerOf: () => undefined,
    msisdnOf: () => undefined,
    close: () => Promise.resolve(),
  };
}

function findSubscriber(
  subscribers: readonly SubscriberRecord[],
  ue: UeName,
  file: string,
): SubscriberRecord {
  const found = subscribers.find((record) =>
    'imsi' in ue ? record.imsi === ue.imsi : record.impi === ue.impi,
  );
  if (found !== undefined) return found;
  const name = 'imsi' in ue ? ue.imsi : ue.impi;
  throw new BsfError('ERR_BSF_UNKNOWN_SUBSCRIBER', `${file} has no subscriber ${name}`);
}
