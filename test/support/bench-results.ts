/** Results as the benchmarks write them, of made-up figures: the same ones in every run. */
import type { Conditions, Result, Series, Unit } from '../../bench/lib/result.ts';
import { percentilesOf } from '../../bench/report/statistics.ts';

/** Numbers between 0 and 1 that are the same in every run (xorshift32). */
export function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

const ROUNDS = 7;

interface Noise {
  readonly random: () => number;
  /** Seven values around one: each up to so much above or below, 0.05 is 5 %. */
  readonly around: (value: number, spread?: number) => number[];
}

function noise(seed: number): Noise {
  const random = chance(seed);
  return {
    random,
    around: (value, spread = 0.05) =>
      Array.from({ length: ROUNDS }, () => value * (1 + spread * (2 * random() - 1))),
  };
}

export function series(
  [subject, figure, unit]: readonly [string, string, Unit],
  rounds: readonly number[],
  conditions: Conditions = {},
): Series {
  return { subject, figure, unit, conditions, rounds };
}

export function resultOf(name: string, all: readonly Series[]): Result {
  return {
    name,
    about: `What ${name} compares.`,
    notes: [`A remark on ${name}.`],
    command: `node bench/${name}.ts`,
    takenAt: '2026-01-02T03:04:05.000Z',
    commit: 'abcdef0',
    machine: { cpu: 'Some CPU', cpus: 2, kernel: '6.1.0', load: 0.1 },
    versions: { node: '20.20.2', openssl: '3.0.19' },
    series: all,
  };
}

/** Subject, ms of p50, round trips, NAF CPU in us. */
const WAYS = [
  ['reuse', 0.25, 1, 16],
  ['resume 1.2', 3.1, 3, 1_100],
  ['reconnect 1.3 X25519', 3.6, 3, 1_300],
  ['reconnect 1.3 P-256', 3.9, 3, 1_420],
  ['reconnect 1.2 ECDHE-PSK-CHACHA20-POLY1305', 3.8, 4, 1_350],
  ['UE-initiated', 3.4, 3, 1_290],
  ['bootstrap, BSF inside', 11.5, 4, 2_400],
  ['bootstrap, BSF elsewhere', 16.2, 4, 2_900],
] as const;

export function modesResult(): Result {
  const { random, around } = noise(20201);
  return resultOf(
    'modes',
    WAYS.flatMap(([subject, ms, trips, cpu]) => {
      const samples = Array.from(
        { length: 500 },
        () => ms * (0.8 + 0.25 * random() + 0.15 / (0.08 + random())),
      );
      const percentiles = percentilesOf(samples);
      const at = (p: number): number => percentiles[p] ?? NaN;
      return [
        { ...series([subject, 'p50', 'ms'], around(at(50))), percentiles },
        series([subject, 'p90', 'ms'], around(at(90), 0.1)),
        series([subject, 'p99', 'ms'], around(at(99), 0.4)),
        series([subject, 'max', 'ms'], around(at(100), 0.5)),
        series([subject, 'NAF CPU', 'us'], around(cpu)),
        series([subject, 'UE CPU', 'us'], around(cpu * 1.3)),
        series([subject, 'octets to the UE', 'octets'], around(trips * 290, 0)),
        series([subject, 'octets to the NAF', 'octets'], around(trips * 260, 0)),
        series([subject, 'round trips', 'count'], around(trips, 0)),
      ];
    }),
  );
}

export function sweepResult(): Result {
  const { around } = noise(20208);
  return resultOf(
    'sweep',
    [0, 20, 50, 100, 300].flatMap((roundTrip) =>
      WAYS.filter(([subject]) => !/P-256|elsewhere/.test(subject)).flatMap(
        ([subject, ms, trips]) => {
          const where = { 'round trip, ms': roundTrip, 'loss, %': 0 };
          return [
            series([subject, 'p50', 'ms'], around(ms + trips * roundTrip, 0.02), where),
            series([subject, 'p99', 'ms'], around(3 * ms + trips * roundTrip, 0.2), where),
            ...(subject === 'reuse' && roundTrip === 50
              ? [
                  series([subject, 'p99', 'ms'], around(260, 0.2), { ...where, 'loss, %': 5 }),
                  series([subject, 'p50', 'ms'], around(52, 0.02), { ...where, 'loss, %': 5 }),
                ]
              : []),
          ];
        },
      ),
    ),
  );
}

/** Subject, us of p50 alone; pushes a second for windows 1, 32, 1024 to one UE, then to a hundred; KiB. */
const SYSTEMS = [
  ['gba-push', 298, [3_200, 92_000, 640_000, 3_100, 37_000, 221_000], 31],
  ['Mosquitto', 229, [4_300, 24_000, 41_000, 4_100, 26_800, 36_800], 14.6],
  ['aedes', 434, [2_200, 15_000, 21_000, 2_100, 13_000, 19_000], 38],
  ['bare Node TLS', 236, [4_200, 130_000, 900_000, 4_100, 45_000, 300_000], 25],
  ['bare Node TCP', 170, [5_900, 190_000, 1_400_000, 5_800, 61_000, 420_000], 9],
] as const;

export function sidesResult(): Result {
  const { around } = noise(20215);
  const settings = [1, 100].flatMap((UEs) => [1, 32, 1_024].map((window) => ({ UEs, window })));
  return resultOf(
    'sides',
    SYSTEMS.flatMap(([subject, p50, rates]) =>
      settings.flatMap((where, i) => {
        const rate = rates[i] ?? NaN;
        return [
          series([subject, 'acked pushes', 'per second'], around(rate, 0.08), where),
          series([subject, 'server CPU per acked push', 'us'], around(800_000 / rate), where),
          ...(where.window === 1 ? [series([subject, 'p50', 'us'], around(p50), where)] : []),
        ];
      }),
    ),
  );
}

export function idleResult(): Result {
  const { around } = noise(20222);
  const all = [...SYSTEMS, ['gba-push --max-semi-space-size=1', 0, [], 27]] as const;
  return resultOf(
    'idle',
    all.map(([subject, , , kib]) =>
      series([subject, 'RSS per connection', 'KiB'], around(kib, 0.03), { devices: 5_000 }),
    ),
  );
}

export function gateResult(): Result {
  const { around } = noise(20229);
  const us = { plain: 451, peek: 484, direct: 490, remote: 505 };
  return resultOf(
    'gate',
    Object.entries(us).map(([kind, value]) =>
      series([`TLS 1.3 ${kind}`, 'NAF CPU per handshake', 'us'], around(value, 0.1), {
        TLS: '1.3',
      }),
    ),
  );
}
