/** The SIM of `ue-listen`: in software out of a file, or behind a program. */
import type { TriggerAddress } from '../codec/address.ts';
import { requireLoopback } from '../compose/demo-keys.ts';
import { openExecUsim } from '../exec/usim.ts';
import type { Imsi } from '../ids.ts';
import { systemClock } from '../lib/clock.ts';
import type { AtomicStore, Usim } from '../ports.ts';
import { packageFile } from '../store/policy.ts';
import { readUsim } from '../store/subscribers.ts';
import { createUsim } from '../ue/usim.ts';
import { requireProgram } from './exec.ts';
import { EXIT, type CommandIo } from './io.ts';
import { programIn } from './options.ts';
import { CommandFailure } from './run.ts';

export interface SimOptions {
  readonly usim?: string;
  readonly gbaUKey?: 'external' | 'internal';
  readonly dangerouslyAllowDemoKeys?: boolean;
}

export interface Sim {
  readonly imsi: Imsi;
  /** Its key is published. */
  readonly demo: boolean;
  /** A SIM in software keeps its SQN in `store`; a program's own SIM does not need it. */
  readonly open: (store: AtomicStore) => Usim;
}

/**
 * @throws ConfigError, ExecError; ERR_CONFIG_DEMO for the demo SIM where strangers can send triggers;
 * CommandFailure where the SIM does not give the key that is asked for.
 */
export async function openSim(
  { usim: named, gbaUKey, dangerouslyAllowDemoKeys }: SimOptions,
  listen: readonly TriggerAddress[],
  io: CommandIo,
): Promise<Sim> {
  const words = named === undefined ? undefined : programIn(named);
  const internal = gbaUKey === 'internal';
  if (words !== undefined) {
    if (internal) throw noInternalKey('a card behind a program keeps Ks_int_NAF to itself');
    requireProgram('--usim exec:', words[0] ?? '', io.env['PATH']);
    const onStderr = (chunk: Buffer): void => void io.stderr.write(chunk);
    const usim = await openExecUsim({
      command: words,
      clock: systemClock,
      onStderr,
      ...(io.signal && { signal: io.signal }),
    });
    return { imsi: usim.imsi, demo: false, open: () => usim };
  }
  const { demo, credentials } = readUsim(named ?? packageFile('certs-none/demo-usim.json'));
  if (internal && credentials.uiccType !== 'GBA_U') {
    throw noInternalKey('this SIM has no GBA_U, so it has no Ks_int_NAF');
  }
  if (demo && dangerouslyAllowDemoKeys !== true) {
    requireLoopback(listen, 'give --usim FILE, or --dangerously-allow-demo-keys');
  }
  return { imsi: credentials.imsi, demo, open: (store) => createUsim({ credentials, store }) };
}

function noInternalKey(why: string): CommandFailure {
  const advice = 'leave it out, or give a --usim FILE with "gbaU": true';
  return new CommandFailure(EXIT.usage, `--gba-u-key internal: ${why}; ${advice}`);
}
