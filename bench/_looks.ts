/** The systems that are compared, as the report orders and colours them. */
import type { Tone } from './report/svg.ts';

const TONES: Readonly<Record<string, Tone>> = {
  'gba-push': 'push',
  'gba-push, log on disk': 'push',
  Mosquitto: 'rival',
  aedes: 'other',
};

/** A floor is grey. */
export function toneOf(subject: string): Tone {
  return TONES[subject] ?? 'floor';
}

/** Ours, then others, then floors. */
export function rankOf(subject: string): number {
  const place = Object.keys(TONES).indexOf(subject);
  return place < 0 ? Infinity : place;
}
