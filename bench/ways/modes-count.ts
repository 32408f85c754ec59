/** What passes for one push by each way: octets, round trips, handshakes, counted at a relay that holds everything for a while. */
import { openScene, type Wires } from './modes.ts';
import { kindsOf, pairFor, pushBy, type Way } from './modes-ways.ts';
import { spread } from '../lib/run.ts';

/** What passed between the ends for one push. */
export interface Wire {
  /** Of TCP payload, TLS and all, of the layer. */
  readonly octetsToUe: number;
  readonly octetsToNaf: number;
  /** Of datagrams. */
  readonly triggerOctets: number;
  /** With the BSF, both ways: of the NAF, of the UE. */
  readonly bsfOctets: number;
  /** Half of the flights of the interval that is timed, one after another. */
  readonly roundTrips: number;
  /** Those of them that are the set-up of TCP connections. */
  readonly tcpRoundTrips: number;
}

export interface Counted extends Wire {
  /** Handshakes per push whose own lookup returned the key. */
  readonly full: number;
}

/** One way, ms: flights are told apart only where a delay keeps them so. */
export const HELD_MS = 10;
const TIMES = 3;

/** Of each by its name, the medians of three. `reuses`: pushes over the open layer at a time. */
export async function countWays(
  ways: readonly Way[],
  reuses: number,
): Promise<Map<string, Counted>> {
  const scene = await openScene({ kinds: kindsOf(ways), relayed: true });
  const counted = new Map<string, Counted>();
  for (const way of ways) {
    const pair = pairFor(way, scene);
    const { wires } = pair;
    if (wires === undefined) throw new Error('no relay');
    if (way.how !== 'begin') await pair.bootstrap();
    wires.delayBy(HELD_MS);
    const pushes = way.how === 'reuse' ? reuses : 1;
    const seen: Wire[] = [];
    const before = await pair.handshakes();
    for (let i = 0; i < TIMES; i += 1) {
      if (way.how === 'reuse') {
        wires.passed();
        await pair.reuse(reuses);
      } else await pushBy(way, pair);
      seen.push(wireOf(way, wires, pushes));
    }
    wires.delayBy(0);
    const full = ((await pair.handshakes()).full - before.full) / TIMES / pushes;
    const median = (of: keyof Wire): number => spread(seen.map((wire) => wire[of])).median;
    counted.set(way.name, {
      octetsToUe: median('octetsToUe'),
      octetsToNaf: median('octetsToNaf'),
      triggerOctets: median('triggerOctets'),
      bsfOctets: median('bsfOctets'),
      roundTrips: median('roundTrips'),
      tcpRoundTrips: median('tcpRoundTrips'),
      full,
    });
  }
  await scene.close();
  return counted;
}

function wireOf({ since }: Way, wires: Wires, pushes: number): Wire {
  const { layer, triggers, nbsp, ub } = wires.passed();
  const set = [layer, nbsp, ub];
  const connections = set.reduce((sum, wire) => sum + wire.connections, 0);
  const talk = [...set, triggers].reduce((sum, wire) => sum + wire.flights.length, 0);
  const whole = since !== 'connection';
  // The first flight over the layer comes with the connection.
  const flights = whole ? talk + 2 * connections : layer.flights.length - 1;
  const sumOf = ({ octets }: typeof nbsp): number => octets.up + octets.down;
  return {
    octetsToUe: layer.octets.down / pushes,
    octetsToNaf: layer.octets.up / pushes,
    triggerOctets: sumOf(triggers) / pushes,
    bsfOctets: (sumOf(nbsp) + sumOf(ub)) / pushes,
    roundTrips: flights / 2 / pushes,
    tcpRoundTrips: whole ? connections / pushes : 0,
  };
}
