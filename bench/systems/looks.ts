/** The systems that are compared, as the report orders and colours them. */
import type { Comparison } from '../report/figures.ts';
import type { Tone } from '../report/svg.ts';

const TONES: Readonly<Record<string, Tone>> = {
  'gba-push': 'push',
  'gba-push, log on disk': 'push',
  Mosquitto: 'rival',
  aedes: 'other',
};

/** What gba-push is compared with, everywhere. */
export const OPPONENTS = [
  { over: 'Mosquitto', against: 'rival' },
  { over: 'aedes', against: 'rival' },
  { over: 'bare Node TLS', against: 'floor' },
  { over: 'bare Node TCP', against: 'floor' },
  { over: 'C, OpenSSL', against: 'floor' },
] as const;

/** gba-push by each of these figures against all of them. */
export function againstAll(
  figures: readonly Pick<Comparison, 'figure' | 'better'>[],
): Comparison[] {
  return figures.flatMap((figure) =>
    OPPONENTS.map((opponent) => ({ of: 'gba-push', ...figure, ...opponent })),
  );
}

/** A floor is grey. */
export function toneOf(subject: string): Tone {
  return TONES[subject.split(' --', 1)[0] ?? subject] ?? 'floor';
}

/** Ours, then others, then floors. */
export function rankOf(subject: string): number {
  const place = Object.keys(TONES).indexOf(subject);
  return place < 0 ? Infinity : place;
}
