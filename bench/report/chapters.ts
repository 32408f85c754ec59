/** The chapters of the report, in their order. A benchmark without one has its tables all the same. */
import { broadcast, storm } from '../_chapter-crowds.ts';
import { gate } from '../_chapter-gate.ts';
import { gpi } from '../_chapter-gpi.ts';
import { handshake } from '../_chapter-handshake.ts';
import { idle } from '../_chapter-idle.ts';
import { modes } from '../_chapter-modes.ts';
import { sides } from '../_chapter-sides.ts';
import { start } from '../_chapter-start.ts';
import { sweep } from '../_chapter-sweep.ts';
import type { Chapter } from './chapter.ts';
import type { Figures, Ratio } from './figures.ts';

export const chapters: readonly Chapter[] = [
  modes,
  sweep,
  sides,
  broadcast,
  storm,
  idle,
  handshake,
  gate,
  gpi,
  start,
];

/** Of every comparison that the results have: what a baseline keeps. */
export function allRatios(figures: Figures): readonly Ratio[] {
  return chapters.flatMap(({ name, comparisons }) =>
    comparisons.flatMap((comparison) => figures.ratios(name, comparison)),
  );
}
