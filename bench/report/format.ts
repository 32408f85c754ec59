/** Numbers as a person reads them: three digits that count, thousands set apart. */
import type { Unit } from '../lib/result.ts';
import type { Spread } from './statistics.ts';

/** `0.0123`, `1.23`, `12.3`, `123`, `12,300`. */
export function number(value: number): string {
  if (value === 0) return '0';
  const rounded = Number(value.toPrecision(3));
  const size = Math.floor(Math.log10(Math.abs(rounded)));
  const digits = Math.max(0, 2 - size);
  return rounded.toLocaleString('en-US', {
    minimumFractionDigits: Math.min(digits, 20),
    maximumFractionDigits: Math.min(digits, 20),
  });
}

/** Counts and octets are whole wherever they are. */
export function figure(value: number, unit: Unit): string {
  const isWhole = (unit === 'count' || unit === 'octets') && Number.isInteger(value);
  return isWhole ? value.toLocaleString('en-US') : number(value);
}

export function ratio(value: number): string {
  if (value >= 100) return number(value);
  return value < 0.1 ? value.toPrecision(2) : value.toFixed(value >= 10 ? 1 : 2);
}

/** For a title: two digits that count, and an amount that stays with its unit. */
export function short(value: number, unit?: string): string {
  const text = Number(value.toPrecision(2)).toLocaleString('en-US', { maximumFractionDigits: 6 });
  return unit === undefined ? text : `${text}\u00a0${unit}`;
}

/** `5.80x`. */
export function times(value: number): string {
  return `${ratio(value)}x`;
}

/** `5.80x (5.51 to 6.12)`. */
export function timesWithSpread({ median, low, high }: Spread): string {
  const [from, to] = [ratio(low), ratio(high)];
  return from === to ? times(median) : `${times(median)} (${from} to ${to})`;
}

export function withSpread({ median, low, high }: Spread, unit: Unit): string {
  const [middle, from, to] = [median, low, high].map((value) => figure(value, unit));
  return from === to ? (middle ?? '') : `${middle} (${from} to ${to})`;
}

/** `a`, `a and b`, `a, b and c`. */
export function list(words: readonly string[]): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1) ?? ''}`;
}
