/** `RESULTS.md` and its drawings, from the results that are there. Every sentence is made of figures. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeWhole, type Result } from '../lib/result.ts';
import type { Chapter, Drawn } from './chapter.ts';
import { chapters } from './chapters.ts';
import type { Figures } from './figures.ts';
import { behind, floors, trust } from './findings.ts';
import { roundsOf } from './footer.ts';
import { list } from './format.ts';
import { updateReadme } from './readme.ts';
import { once, ratioTable, seriesTables, table } from './tables.ts';
import { judgeTargets, missed, targetTable } from './targets.ts';

/** A benchmark that gave no result this time, and why. */
export interface Absent {
  readonly name: string;
  readonly state: string;
  readonly reason?: string;
}

export interface Picture extends Drawn {
  readonly file: string;
  readonly chapter: string;
}

/** Writes into `folder`, and returns what it wrote, as names in it. */
export function writeReport(folder: string, figures: Figures, absent: readonly Absent[]): string[] {
  const pictures = draw(figures);
  mkdirSync(join(folder, 'plots'), { recursive: true });
  for (const { file, svg } of pictures) writeWhole(join(folder, file), svg);
  writeWhole(join(folder, 'RESULTS.md'), formatReport(figures, pictures, absent));
  const isNew = updateReadme(join(folder, '..', 'README.md'), figures, pictures);
  return [...pictures.map(({ file }) => file), 'RESULTS.md', ...(isNew ? ['../README.md'] : [])];
}

export function draw(figures: Figures): Picture[] {
  return chapters.flatMap(({ name: chapter, plots = [] }) =>
    plots.flatMap((plot) => {
      const drawn = plot.draw(figures);
      return drawn ? [{ ...drawn, chapter, file: `plots/${plot.name}.svg` }] : [];
    }),
  );
}

export function formatReport(
  figures: Figures,
  pictures: readonly Picture[],
  absent: readonly Absent[] = [],
): string {
  const measured = chapters.filter(({ name }) => figures.result(name) !== undefined);
  const judged = measured.flatMap((chapter) => judgeTargets(chapter, figures));
  const unflattering = [
    ...trust(figures.results),
    ...measured.flatMap(({ unflattering = [] }) => unflattering.map((find) => find(figures))),
    ...judged.map(missed),
    ...measured.flatMap((chapter) => behind(chapter, figures)),
    ...measured.flatMap((chapter) => floors(chapter, figures)),
  ];
  const surprising = measured.flatMap(({ surprising = [] }) => surprising.map((f) => f(figures)));
  const paragraphs = [
    '# Results',
    'Made by `npm run bench` out of `results/*.json`, which hold every round; not written by hand. ' +
      'A figure is the median of its rounds and, in brackets, what the middle four fifths of them lie between (of nine rounds or fewer, all). ' +
      'A ratio is taken round by round, within one run, so what disturbed the machine disturbed both. ' +
      'Times are of this machine; ratios are what to compare.',
    ...provenance(figures.results),
    '## What is not flattering',
    bullets(unflattering),
    '## What surprised',
    bullets(surprising),
    ...(judged.length > 0 ? ['## Targets', targetTable(judged)] : []),
    ...measured.flatMap((chapter) => details(chapter, figures, pictures)),
    ...withoutChapter(figures),
    ...notMeasured(figures, absent),
  ];
  return `${paragraphs.filter((one) => one !== '').join('\n\n')}\n`;
}

/** Machine and versions, once where they are the same everywhere, and how each result was taken. */
function provenance(results: readonly Result[]): string[] {
  const machines = once(
    results.map(({ machine: { cpus, cpu, kernel } }) => `${cpus} x ${cpu}, Linux ${kernel}`),
  );
  const versions = once(
    results.flatMap((result) =>
      Object.entries(result.versions).map(([name, version]) => `${nameOf(name)} ${version}`),
    ),
  );
  return [
    `Machine: ${list(machines)}, everything over loopback. Versions: ${versions.join(', ')}.`,
    table(
      ['benchmark', 'taken', 'commit', 'rounds', 'load before', 'command'],
      results.map((result) => [
        result.name,
        `${result.takenAt.slice(0, 16).replace('T', ' ')} UTC`,
        result.commit,
        `${roundsOf(result)}`,
        result.machine.load?.toFixed(2) ?? '',
        `\`${result.command}\``,
      ]),
    ),
  ];
}

function nameOf(name: string): string {
  return { node: 'Node.js', openssl: 'OpenSSL' }[name] ?? name;
}

function bullets(findings: readonly (string | undefined)[]): string {
  const told = findings.filter((finding) => finding !== undefined);
  return told.length === 0 ? 'Nothing.' : told.map((finding) => `- ${finding}`).join('\n');
}

function details(chapter: Chapter, figures: Figures, pictures: readonly Picture[]): string[] {
  const result = figures.result(chapter.name);
  if (result === undefined) return [];
  const ratios = chapter.comparisons.flatMap((one) => figures.ratios(chapter.name, one));
  return [
    `## ${chapter.title}`,
    result.about,
    ...pictures
      .filter((picture) => picture.chapter === chapter.name)
      .map(({ alt, file }) => `![${alt}](${file})`),
    ...(ratios.length > 0 ? [ratioTable(ratios)] : []),
    ...remarks(result),
    '<details><summary>Every figure</summary>',
    ...seriesTables(result),
    '</details>',
  ];
}

/** Of a script of somebody's own. */
function withoutChapter({ results }: Figures): string[] {
  return results
    .filter(({ name }) => !chapters.some((chapter) => chapter.name === name))
    .flatMap((result) => [
      `## ${result.name}`,
      result.about,
      ...remarks(result),
      ...seriesTables(result),
    ]);
}

function remarks({ notes, skipped = [] }: Result): string[] {
  const left = skipped.map((what) => `Not measured: ${what}.`);
  return notes.length + left.length === 0 ? [] : [bullets([...notes, ...left])];
}

function notMeasured(figures: Figures, absent: readonly Absent[]): string[] {
  const told = absent.filter(({ state }) => state !== 'done');
  const reasons = told.map(({ name, state, reason = '' }) => {
    const kept = figures.result(name) ? '; what is above is of an earlier run' : '';
    return `${name} ${state}: ${reason}${kept}`;
  });
  const never = chapters
    .filter(({ name }) => !figures.result(name) && !told.some((one) => one.name === name))
    .map(({ name }) => `${name}: no result yet, \`npm run bench -- ${name}\``);
  const all = [...reasons, ...never];
  return all.length === 0 ? [] : ['## Not measured', bullets(all)];
}
