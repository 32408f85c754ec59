/** gba-push in bench/sides.ts: the NAF is the sender, the UEs are a process of their own; all by the public API. */
import type { KnownNafOrder } from './gba-known-naf.ts';
import { endAll, startNode } from '../lib/program.ts';
import { handledRoom } from './handled-room.ts';
import type { Side } from './side.ts';
import { memoryOf, type Stage } from './stage.ts';
import type { NafOrder } from './gba-naf.ts';
import type { UesOrder } from './gba-ues.ts';

export interface GbaOptions {
  readonly ues: number;
  /** Where the UEs keep what they handled: in memory, or each in a file. */
  readonly log: 'memory' | 'disk';
}

/** Every UE has an association out of a real GPI, and an open layer, when it resolves. */
export async function openGba({ ues, log }: GbaOptions): Promise<Side> {
  const uesOrder: UesOrder = { ues, log };
  const devices = await startNode('systems/gba-ues.ts', 'devices', uesOrder);
  const { ports } = await devices.ask<{ ports: number[] }>('listen');
  const nafOrder: NafOrder = { ports, ttlSeconds: TTL_SECONDS };
  const server = await startNode('systems/gba-naf.ts', 'server', nafOrder);
  await server.ask('bootstrap', ues);
  await devices.ask('got');
  return {
    name: log === 'memory' ? 'gba-push' : 'gba-push, log on disk',
    about:
      'the NAF takes push(), sends it, and settles the receipt when the UE has handled it; ' +
      `NAF and sender are one process; handled ids ${log === 'memory' ? 'in memory' : 'on disk'}`,
    ...{ server, devices },
    room: handledRoom((TTL_SECONDS + SLACK_SECONDS) * 1_000),
    close: () => endAll(server, devices),
  };
}

/** As after an outage: NAF and UEs know their associations, each with a key of its own, and have no layer. */
export async function stageGba(
  associations: number,
  flags: readonly string[] = [],
): Promise<Stage> {
  const order: KnownNafOrder = { associations };
  const server = await startNode('systems/gba-known-naf.ts', 'server', order, flags);
  await server.ask('collect');
  // What it keeps of the associations themselves is a part of what each device takes.
  const before = memoryOf(server);
  const { port } = await server.ask<{ port: number }>('listen');
  const devices = await startNode('systems/gba-known-ues.ts', 'devices');
  return {
    name: 'gba-push',
    connected:
      'TLS under the key of its own known association, CSM both ways, registration answered',
    ...{ port, server, devices, before },
    close: () => endAll(devices, server),
  };
}

/** Short: a UE remembers each id for that long, and for so much longer, up to a second late (`HandledSet`). */
const TTL_SECONDS = 3;
const SLACK_SECONDS = 6;
