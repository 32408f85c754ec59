/** The small print of a drawing: where its figures are from. */
import type { Result } from '../lib/result.ts';

/** `Node.js 20.20.2, 2 x AMD EPYC, loopback, 7 rounds, 2026-11-25`. */
export function footerOf(result: Result): string {
  const { machine, versions, takenAt } = result;
  return [
    `Node.js ${versions['node'] ?? ''}`,
    `${machine.cpus} x ${machine.cpu}`,
    'loopback',
    roundsOf(result) === 1 ? 'one round' : `medians of ${roundsOf(result)} rounds`,
    takenAt.slice(0, 10),
  ].join(', ');
}

/** The fewest that any of its series has. */
export function roundsOf({ series }: Result): number {
  return series.reduce((least, { rounds }) => Math.min(least, rounds.length), Infinity);
}
