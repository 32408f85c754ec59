/** The part of bench/sweep.ts where packets are lost: no relay, no delay, but two network namespaces and iptables between them. */
import { openScene } from './modes.ts';
import { kindsOf, sample, WAYS } from './modes-ways.ts';
import { openNetwork } from '../lib/namespaces.ts';
import type { Series } from '../lib/result.ts';
import { number, quantile } from '../lib/run.ts';

export interface LossOrder {
  /** Percent, of what comes in at each end. */
  readonly losses: readonly number[];
  readonly rounds: number;
  readonly samples: number;
}

/** One suite of each version, and the key of a BSF inside: what is lost is lost in every suite. */
const KINDS = ['1.3 X25519', '1.2 ECDHE-PSK-CHACHA20-POLY1305'];
const REUSES = 100;
const WARM_UPS = 3;
const FIGURES = { p50: 0.5, p90: 0.9, p99: 0.99, max: 1 } as const;

/** Prints a table of it. Or why there is none. */
export async function measureLosses({
  losses,
  rounds,
  samples,
}: LossOrder): Promise<readonly Series[] | { readonly reason: string }> {
  const network = openNetwork();
  if ('reason' in network) return network;
  const ways = WAYS.filter(({ kind }) => KINDS.some((name) => kind.name === name));
  const scene = await openScene({ kinds: kindsOf(ways), relayed: false, ...network });
  const times = new Map(losses.map((percent) => [percent, [] as Map<string, number[]>[]]));
  for (let i = 0; i < WARM_UPS; i += 1) {
    for (const pair of scene.pairs) await sample(pair, ways, REUSES, () => undefined);
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const [percent, all] of times) {
      const own = new Map(ways.map(({ name }) => [name, [] as number[]]));
      all.push(own);
      network.lose(percent);
      for (let i = 0; i < samples; i += 1) {
        for (const pair of scene.pairs) {
          await sample(pair, ways, REUSES, ({ name }, { ms }) => own.get(name)?.push(...ms));
        }
      }
    }
  }
  network.lose(0);
  await scene.close();
  network.close();

  console.log(
    `\nloss at each end, no delay: ms of ${rounds} rounds of ${samples} samples (reuse: ${REUSES} in each)`,
  );
  const series: Series[] = [];
  for (const { name: subject } of ways) {
    for (const [percent, all] of times) {
      const sorted = all.map((own) => (own.get(subject) ?? []).toSorted((a, b) => a - b));
      const whole = sorted.flat().sort((a, b) => a - b);
      const cells = Object.entries(FIGURES).map(([figure, q]) => {
        const conditions = { 'loss, %': percent, path: 'namespaces' };
        const perRound = sorted.map((ms) => quantile(ms, q));
        series.push({ subject, figure, unit: 'ms', conditions, rounds: perRound });
        return `${figure} ${number(quantile(whole, q)).padStart(8)}`;
      });
      console.log(`${subject.padEnd(42)} ${String(percent).padStart(3)} %  ${cells.join('  ')}`);
    }
  }
  return series;
}
