/** The figures in the README: between two marks, made of the same results, so that they cannot grow old by themselves. */
import { existsSync, readFileSync } from 'node:fs';
import { writeWhole } from '../lib/result.ts';
import { chapters } from './chapters.ts';
import type { Figures } from './figures.ts';
import type { Picture } from './report.ts';
import { table } from './tables.ts';

const BEGIN = '<!-- figures: made by npm run bench -->';
const END = '<!-- /figures -->';
const SHOWN = ['latency-modes', 'latency-round-trip'];

/** True when it has such marks, and was written anew. */
export function updateReadme(
  file: string,
  figures: Figures,
  pictures: readonly Picture[],
): boolean {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) return false;
  const block = formatBlock(figures, pictures);
  const updated = `${text.slice(0, from + BEGIN.length)}\n\n${block}\n\n${text.slice(to)}`;
  if (updated !== text) writeWhole(file, updated);
  return updated !== text;
}

export function formatBlock(figures: Figures, pictures: readonly Picture[]): string {
  const rows = chapters.flatMap(({ headlines }) => headlines?.(figures) ?? []);
  const [first] = figures.results;
  if (first === undefined || rows.length === 0) return 'There are no results yet.';
  const { machine, versions, takenAt } = first;
  const shown = pictures.filter(({ file }) => SHOWN.some((name) => file === `plots/${name}.svg`));
  return [
    ...shown.map(({ alt, file }) => `![${alt}](bench/${file})`),
    table(['', 'median (spread)', 'beside'], rows),
    `Node.js ${versions['node'] ?? ''}, ${machine.cpus} x ${machine.cpu}, loopback, ${takenAt.slice(0, 10)}. ` +
      'In brackets, what the rounds lie between. What is not flattering comes first in [bench/RESULTS.md](bench/RESULTS.md).',
  ].join('\n\n');
}
