/** The ways in which a push reaches a device, as the report names and colours them. */
import type { Series } from '../lib/result.ts';
import type { Tone } from '../report/svg.ts';

export interface Way {
  /** How the subjects begin that it is of. */
  readonly prefix: string;
  readonly about: string;
  readonly tone: Tone;
}

const WAYS: readonly Way[] = [
  { prefix: 'reuse', about: 'over the layer that is open', tone: 'push' },
  { prefix: 'resume', about: 'a short handshake, then the push', tone: 'other' },
  { prefix: 'reconnect', about: 'a new handshake, then the push', tone: 'tls' },
  { prefix: 'UE-initiated', about: 'a key over Ub, a handshake, the push', tone: 'begun' },
  { prefix: 'bootstrap', about: 'a new key, a handshake, the push', tone: 'key' },
];

export function wayOf({ subject }: Pick<Series, 'subject'>): Way {
  const known = WAYS.find(({ prefix }) => subject.startsWith(prefix));
  return known ?? { prefix: subject, about: '', tone: 'floor' };
}

/** A label of two words at most; what else there is to the name stands beneath it, or else what the way does. */
export function labelOf({ subject }: Pick<Series, 'subject'>): {
  readonly label: string;
  readonly about: string;
  readonly tone: Tone;
} {
  const { about, tone } = wayOf({ subject });
  const [, label = subject, rest = ''] = /^(.{1,24}?) ([A-Z0-9-]{12,}.*)$/.exec(subject) ?? [];
  return { label, about: rest === '' ? about : rest, tone };
}

/** Values in ms, whatever they were measured in. */
export function inMs({ unit, rounds, percentiles }: Series): {
  readonly rounds: readonly number[];
  readonly percentiles?: readonly number[];
} {
  const scale = (values: readonly number[]): number[] =>
    values.map((value) => (unit === 'us' ? value / 1_000 : value));
  return { rounds: scale(rounds), ...(percentiles && { percentiles: scale(percentiles) }) };
}
