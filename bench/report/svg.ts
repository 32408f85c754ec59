/** A small drawing kit: a page in the colours of the house, light and dark, scales, axes, and text whose width is known. */

/** Colours by meaning; letters in them have a contrast of 4.5 : 1 at least, on either ground. */
export type Tone = 'push' | 'tls' | 'key' | 'begun' | 'rival' | 'other' | 'floor';
export type Ink = 'ink' | 'soft' | `${Tone}-ink`;

export interface Page {
  /** The message, in large letters; broken over lines where it is long. */
  readonly title: string;
  readonly subtitle: string;
  /** For those who cannot see it. */
  readonly desc: string;
  readonly width: number;
  /** Below the title and subtitle; `body` counts from there. */
  readonly height: number;
  readonly body: readonly string[];
  /** One line of small print. */
  readonly footer: string;
}

export interface TextOptions {
  readonly size?: number;
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly ink?: Ink;
  readonly strong?: boolean;
  /** It may lie on lines: they stop around its letters. */
  readonly halo?: boolean;
}

export const MARGIN = 32;
const TITLE = 21;
const FONT = "ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif";

/** What was measured as a floor stays in the background; its letters do not. */
const FLOOR = { light: '#98a4b0', dark: '#66737f' };
const LIGHT: Record<Tone, string> = {
  push: '#1d7a4a',
  tls: '#1f6c9e',
  key: '#8a5a00',
  begun: '#7b3fa0',
  rival: '#b3402a',
  other: '#0b7285',
  floor: '#5a6877',
};
const DARK: Record<Tone, string> = {
  push: '#55c98b',
  tls: '#5fb0e6',
  key: '#e0a63c',
  begun: '#c79bea',
  rival: '#f0907a',
  other: '#4fc3d4',
  floor: '#98a6b4',
};

/** A whole file. */
export function page({ title, subtitle, desc, width, height, body, footer }: Page): string {
  const lines = broken(title, width - 2 * MARGIN, { size: TITLE, strong: true });
  const top = 24 + lines.length * 28 + 30;
  const all = top + height + 46;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${round(all)}" role="img" aria-labelledby="title desc" font-family="${FONT}" font-size="14">`,
    `<title id="title">${escape(title)}</title>`,
    `<desc id="desc">${escape(desc)}</desc>`,
    `<style>${style()}</style>`,
    `<rect class="ground" width="${width}" height="${round(all)}" rx="10"/>`,
    ...lines.map((line, i) => text(MARGIN, 44 + i * 28, line, { size: TITLE, strong: true })),
    text(MARGIN, 44 + (lines.length - 1) * 28 + 26, subtitle, { ink: 'soft' }),
    `<g transform="translate(0 ${round(top)})">`,
    ...body,
    '</g>',
    text(MARGIN, all - 16, footer, { size: 12, ink: 'soft' }),
    '</svg>',
    '',
  ].join('\n');
}

export function text(x: number, y: number, content: string, options: TextOptions = {}): string {
  const { size = 14, anchor = 'start', ink = 'ink', strong = false, halo = false } = options;
  const attributes = [
    `class="${ink}${strong ? ' strong' : ''}${halo ? ' halo' : ''}"`,
    `x="${round(x)}" y="${round(y)}"`,
    ...(size === 14 ? [] : [`font-size="${size}"`]),
    ...(anchor === 'start' ? [] : [`text-anchor="${anchor}"`]),
  ];
  return `<text ${attributes.join(' ')}>${escape(content)}</text>`;
}

export function line(
  name: string,
  [x1, y1]: readonly [number, number],
  [x2, y2]: readonly [number, number],
): string {
  return `<path class="${name}" d="M${round(x1)} ${round(y1)}L${round(x2)} ${round(y2)}"/>`;
}

export function bar(name: string, x: number, y: number, width: number, height: number): string {
  const [w, h] = [round(Math.max(0, width)), round(height)];
  return `<rect class="${name}" x="${round(x)}" y="${round(y)}" width="${w}" height="${h}" rx="2"/>`;
}

export function dot(name: string, x: number, y: number, radius: number): string {
  return `<circle class="${name}" cx="${round(x)}" cy="${round(y)}" r="${radius}"/>`;
}

/** From low to high, with ends: how far the rounds were apart. */
export function whisker(low: number, high: number, y: number): string {
  const [from, to] = [round(low), round(Math.max(high, low + 1))];
  const [top, bottom] = [round(y - 4), round(y + 4)];
  return `<path class="whisker" d="M${from} ${top}V${bottom}M${from} ${round(y)}H${to}M${to} ${top}V${bottom}"/>`;
}

export type Scale = (value: number) => number;

export function linear(
  [from, to]: readonly [number, number],
  [start, end]: readonly [number, number],
): Scale {
  return (value) => start + ((value - from) / (to - from)) * (end - start);
}

/** What is below the axis, 0 too, lies at its beginning. */
export function logarithmic(
  domain: readonly [number, number],
  range: readonly [number, number],
): Scale {
  const scale = linear([Math.log(domain[0]), Math.log(domain[1])], range);
  return (value) => scale(Math.log(Math.max(value, domain[0])));
}

/** From a little below the least that has a logarithm to a little above the most. */
export function logDomain(values: readonly number[]): readonly [number, number] {
  const some = values.filter((value) => value > 0);
  return some.length === 0 ? [1, 10] : [Math.min(...some) * 0.85, Math.max(...some) * 1.15];
}

/** Powers of ten, with 2 and 5 between them where there are few: those from `from` to `to`. */
export function logTicks(from: number, to: number): number[] {
  const first = Math.floor(Math.log10(from));
  const last = Math.ceil(Math.log10(to));
  const steps = last - first > 3 ? [1] : last - first > 2 ? [1, 3] : [1, 2, 5];
  const all = Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i));
  return all
    .flatMap((power) => steps.map((step) => Number((step * power).toPrecision(1))))
    .filter((tick) => tick >= from * 0.999 && tick <= to * 1.001);
}

/** The least axis from 0 that holds `most`, in about so many round steps. */
export function linearTicks(most: number, about = 5): number[] {
  const rough = most / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((n) => n * power >= rough) ?? 10) * power;
  const count = Math.ceil(most / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}

/** Those ticks whose texts, in small letters, do not touch. */
export function legible(
  ticks: readonly number[],
  x: Scale,
  textOf: (tick: number) => string,
): number[] {
  let free = -Infinity;
  return ticks.filter((tick) => {
    const half = widthOfText(textOf(tick), { size: 12 }) / 2 + 3;
    if (x(tick) - half < free) return false;
    free = x(tick) + half;
    return true;
  });
}

/** Moves labels apart, as little as is needed, so that each has its height; in the order given. */
export function apart(wanted: readonly number[], height: number, most: number): number[] {
  const order = wanted.map((_, i) => i).sort((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0));
  const placed = [...wanted];
  let last = -Infinity;
  for (const i of order) last = placed[i] = Math.max(placed[i] ?? 0, last + height);
  let next = most + height;
  for (const i of order.toReversed()) next = placed[i] = Math.min(placed[i] ?? 0, next - height);
  return placed;
}

/** How wide a text is at most: by DejaVu Sans, the widest of the fonts that it may be drawn in. */
export function widthOfText(
  content: string,
  { size = 14, strong = false }: TextOptions = {},
): number {
  let em = 0;
  for (const letter of content) em += emOf(letter);
  return em * size * (strong ? 1.12 : 1);
}

function emOf(letter: string): number {
  if (/[ijl.,:;'|!()[\] ]/.test(letter)) return 0.36;
  if (/[ftrJI/-]/.test(letter)) return 0.43;
  if (/[mwMWO@%→]/.test(letter)) return 0.98;
  return /[A-Z]/.test(letter) ? 0.72 : 0.64;
}

/** Words into lines that are narrow enough; a no-break space holds words together. */
export function broken(content: string, width: number, options: TextOptions = {}): string[] {
  const lines = [''];
  for (const word of content.split(' ')) {
    const longer = `${lines.at(-1) ?? ''} ${word}`.trim();
    if (widthOfText(longer, options) > width && lines.at(-1) !== '') lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}

function style(): string {
  const tones = (colours: Record<Tone, string>): string[] =>
    Object.entries(colours).flatMap(([tone, colour]) => [
      `.${tone} { fill: ${colour} }`,
      `.${tone}-ink { fill: ${colour} }`,
      `.${tone}-line { fill: none; stroke: ${colour}; stroke-width: 2.5; stroke-linejoin: round }`,
    ]);
  return [
    '',
    '.ground { fill: #fdfdfb } .ink { fill: #1c2733 } .soft { fill: #5a6877 }',
    '.halo { paint-order: stroke; stroke: #fdfdfb; stroke-width: 4; stroke-linejoin: round }',
    '.grid { stroke: #e3e7eb; stroke-width: 1 } .axis { stroke: #b7c1cb; stroke-width: 1.5 }',
    '.whisker { fill: none; stroke: #1c2733; stroke-width: 1.5 }',
    '.leader { fill: none; stroke: #b7c1cb; stroke-width: 1 } .strong { font-weight: 600 }',
    ...tones(LIGHT),
    `.floor { fill: ${FLOOR.light} }`,
    '@media (prefers-color-scheme: dark) {',
    '.ground { fill: #12181f } .ink { fill: #e6ebf0 } .soft { fill: #98a6b4 }',
    '.grid { stroke: #26303a } .axis { stroke: #45525f } .whisker { stroke: #e6ebf0 }',
    '.leader { stroke: #45525f } .halo { stroke: #12181f }',
    ...tones(DARK),
    `.floor { fill: ${FLOOR.dark} }`,
    '}',
    '',
  ].join('\n');
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
