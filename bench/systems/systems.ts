/** All systems of the comparisons; one that this machine has not is named and left out. */
import { openAedes, stageAedes } from './aedes.ts';
import { compileFloor, openCFloor, stageCFloor } from './floor-c.ts';
import { openNodeFloor, stageNodeFloor } from './floor-node.ts';
import { openGba, stageGba } from './gba.ts';
import { mosquittoVersion, openMosquitto, stageMosquitto } from './mosquitto.ts';
import type { Side } from './side.ts';
import type { Stage } from './stage.ts';

type Opener<T> = () => Promise<T>;

const floor = compileFloor();
process.once('exit', () => floor?.remove());
const hasMosquitto = mosquittoVersion() !== undefined;
const absent = {
  mosquitto: 'Mosquitto: there is no `mosquitto` (Debian: apt-get install mosquitto)',
  c: 'the floor in C: it takes gcc and the headers of OpenSSL (Debian: apt-get install gcc libssl-dev)',
};

/** What this machine has not, of all that was opened so far. */
export const skipped = new Set<string>();

/** Systems that push, each to so many devices that are connected. */
export function openSides(ues: number, only?: readonly string[]): Promise<Side[]> {
  return openEach<Side>(only, {
    'gba-push': () => openGba({ ues, log: 'memory' }),
    'gba-push-disk': () => openGba({ ues, log: 'disk' }),
    mosquitto: hasMosquitto && (() => openMosquitto(ues)),
    aedes: () => openAedes(ues),
    'node-tls': () => openNodeFloor(ues, 'TLS'),
    'node-tcp': () => openNodeFloor(ues, 'TCP'),
    c: floor !== undefined && (() => openCFloor(floor, ues)),
  });
}

/** Systems to which devices will connect, up to so many; `flags` are for those that are written for Node. */
export function stagers(
  devices: number,
  flags: readonly string[] = [],
): Readonly<Record<string, Opener<Stage> | false>> {
  return {
    'gba-push': () => stageGba(devices, flags),
    mosquitto: hasMosquitto && stageMosquitto,
    aedes: () => stageAedes(flags),
    'node-tls': () => stageNodeFloor('TLS', flags),
    c: floor !== undefined && (() => stageCFloor(floor)),
  };
}

export function versionsOf(
  all: readonly { readonly name: string; readonly version?: string }[],
): Record<string, string> {
  return Object.fromEntries(
    all.flatMap(({ name, version }) => (version === undefined ? [] : [[name, version]])),
  );
}

/** One after another, those that are named. */
export async function openEach<T>(
  only: readonly string[] | undefined,
  openers: Readonly<Record<string, Opener<T> | false>>,
): Promise<T[]> {
  const opened: T[] = [];
  for (const [name, open] of Object.entries(openers)) {
    if (only && !only.includes(name)) continue;
    if (open) opened.push(await open());
    else {
      const why = absent[name as keyof typeof absent];
      if (skipped.has(why)) continue;
      skipped.add(why);
      console.log(`skipped: ${why}`);
    }
  }
  return opened;
}
