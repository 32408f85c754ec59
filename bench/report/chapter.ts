/** What the report says of one benchmark, beside its figures: what to compare, what to reach, what to tell. */
import type { Conditions } from '../lib/result.ts';
import type { Comparison, Figures } from './figures.ts';

/** A figure that shall be reached: a ratio to `over`, or without one an amount in the unit of the figure. */
export interface Target {
  /** As the row of the table begins: `acked pushes/s, 100 UEs, window 1,024, beside Mosquitto`. */
  readonly what: string;
  readonly figure: string;
  readonly of: string;
  readonly over?: string;
  readonly where?: Conditions;
  readonly better: 'higher' | 'lower';
  /** Absent where the figure is reported only. */
  readonly target?: number;
  /** Who does the same with the least that this runtime allows, in place of `of`. */
  readonly floor?: string;
  /** What keeps the figure from being better: true whatever it is. */
  readonly bound: string;
}

/** A sentence that is told only when the figures say so; undefined otherwise. */
export type Finding = (figures: Figures) => string | undefined;

/** A drawing of `plots/`; undefined when its figures are not there. */
export interface Plot {
  /** Of its file. */
  readonly name: string;
  readonly draw: (figures: Figures) => Drawn | undefined;
}

export interface Drawn {
  /** What it shows, in one sentence: the text in place of the picture. */
  readonly alt: string;
  readonly svg: string;
}

export interface Chapter {
  /** Of the benchmark. */
  readonly name: string;
  readonly title: string;
  readonly comparisons: readonly Comparison[];
  readonly targets?: readonly Target[];
  /** Told first. */
  readonly unflattering?: readonly Finding[];
  readonly surprising?: readonly Finding[];
  readonly plots?: readonly Plot[];
  /** Rows for the table of the README; none when its figures are not there. */
  readonly headlines?: (figures: Figures) => readonly Headline[];
}

/** What, how much, and beside what. */
export type Headline = readonly [what: string, amount: string, beside: string];
