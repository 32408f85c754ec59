/** The chapters of the report, in their order. A benchmark without one has its tables all the same. */
import { broadcast, storm } from './chapters/crowds.ts';
import { gate } from './chapters/gate.ts';
import { gpi } from './chapters/gpi.ts';
import { handshake } from './chapters/handshake.ts';
import { idle } from './chapters/idle.ts';
import { modes } from './chapters/modes.ts';
import { sides } from './chapters/sides.ts';
import { start } from './chapters/start.ts';
import { sweep } from './chapters/sweep.ts';
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
