/** Findings that are the same for every benchmark: where others are ahead, and how far to trust the figures. */
import type { Result } from '../lib/result.ts';
import type { Chapter } from './chapter.ts';
import { advantage, conditionsText, isBehind, type Figures, type Ratio } from './figures.ts';
import { roundsOf } from './footer.ts';
import { list, times, timesWithSpread } from './format.ts';
import { once } from './tables.ts';

/** Rounds that a median needs to be worth repeating. */
const FEW_ROUNDS = 7;

/** One sentence for each figure and rival that is ahead in every round of some setting. */
export function behind({ name, comparisons }: Chapter, figures: Figures): string[] {
  return comparisons
    .filter(({ against }) => against === 'rival')
    .flatMap((comparison) => {
      const all = figures.ratios(name, comparison);
      const lost = all.filter(isBehind);
      if (lost.length === 0) return [];
      const where = lost
        .toSorted((a, b) => advantage(a) - advantage(b))
        .map((ratio) => `${timesWithSpread(ratio.spread)}${at(ratio)}`);
      const settings = all.length === 1 ? '' : ` in ${lost.length} of ${all.length} settings`;
      return [
        `**${comparison.over} is ahead in ${comparison.figure}**${settings}: ${lost[0]?.of ?? ''} has ${list(where)}.`,
      ];
    });
}

/** A line for each floor: its ratios, from the least to the most of all settings. */
export function floors({ name, title, comparisons }: Chapter, figures: Figures): string[] {
  const told = new Map<string, { figure: string; of: string }[]>();
  for (const comparison of comparisons.filter(({ against }) => against === 'floor')) {
    const all = figures.ratios(name, comparison);
    if (!all.some(isBehind)) continue;
    const medians = all.map(({ spread }) => spread.median);
    const [least, most] = [times(Math.min(...medians)), times(Math.max(...medians))];
    const range = least === most ? most : `${least} to ${most}`;
    const own = { figure: `${comparison.figure} ${range}`, of: all[0]?.of ?? '' };
    told.set(comparison.over, [...(told.get(comparison.over) ?? []), own]);
  }
  if (told.size === 0) return [];
  const lines = Array.from(told, ([over, own]) => {
    const [first, ...more] = once(own.map(({ of }) => of));
    const words = own.map(({ figure, of }) => (more.length > 0 ? `${figure} (${of})` : figure));
    return `  - ${more.length > 0 ? '' : `${first ?? ''} `}beside ${over}: ${list(words)}`;
  });
  const head = `**Behind what does the least**, ${lowered(title)}; medians, over all settings:`;
  return [[head, ...lines].join('\n')];
}

/** As it goes on within a sentence. */
function lowered(title: string): string {
  return `${title.charAt(0).toLowerCase()}${title.slice(1)}`;
}

function at({ conditions }: Ratio): string {
  const under = conditionsText(conditions);
  return under === '' ? '' : ` with ${under}`;
}

/** What makes these figures worth less: few rounds, a busy machine, sources that no commit has. */
export function trust(results: readonly Result[]): string[] {
  const named = (which: (result: Result) => boolean): string[] =>
    results.filter(which).map(({ name }) => name);
  const few = named((result) => roundsOf(result) < FEW_ROUNDS);
  const busy = named(({ machine }) => (machine.load ?? 0) > machine.cpus / 2);
  const changed = named(({ commit }) => commit.endsWith('+'));
  const commits = new Set(results.map(({ commit }) => commit));
  return [
    ...(few.length > 0
      ? [`**Fewer than ${FEW_ROUNDS} rounds**: ${list(few)}. Look, but do not quote.`]
      : []),
    ...(busy.length > 0
      ? [
          `**The machine had other work** when these began: ${list(busy)} (by the mean of the minute before, more than half of its CPUs were wanted).`,
        ]
      : []),
    ...(changed.length > 0 ? [`**Sources that no commit has** (marked +): ${list(changed)}.`] : []),
    ...(commits.size > 1
      ? [`The results are of ${commits.size} different commits; see the table above.`]
      : []),
  ];
}
