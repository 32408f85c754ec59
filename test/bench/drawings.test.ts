/** Drawings: well-formed, their figures in them, no text over another or off the page, legible light and dark. */
import test from 'ava';
import fc from 'fast-check';
import type { Result } from '../../bench/lib/result.ts';
import type { Drawn } from '../../bench/report/chapter.ts';
import { chapters } from '../../bench/report/chapters.ts';
import { Figures } from '../../bench/report/figures.ts';
import { number } from '../../bench/report/format.ts';
import { distributionPlot } from '../../bench/report/plot-distribution.ts';
import { spreadOf } from '../../bench/report/statistics.ts';
import { apart, broken, linearTicks, logTicks, widthOfText } from '../../bench/report/svg.ts';
import { idleResult, modesResult, sidesResult, sweepResult } from '../support/bench-results.ts';
import { contrast, elementsOf, fillsOf, outside, overlaps, textBoxes } from '../support/svg.ts';

const RESULTS: Readonly<Record<string, () => Result>> = {
  'latency-modes': modesResult,
  'latency-round-trip': sweepResult,
  pushes: sidesResult,
  memory: idleResult,
};

function draw(name: string, result: Result): Drawn | undefined {
  const plot = chapters.flatMap(({ plots = [] }) => plots).find((one) => one.name === name);
  return plot?.draw(new Figures([result]));
}

function textsOf(svg: string): string[] {
  return textBoxes(svg).map(({ content }) => content);
}

for (const [name, result] of Object.entries(RESULTS)) {
  test(`${name} is well-formed, and no text is over another or off the page`, (t) => {
    const { svg = '', alt = '' } = draw(name, result()) ?? {};
    t.true(elementsOf(svg).length > 30);
    t.deepEqual(overlaps(textBoxes(svg)), []);
    t.deepEqual(outside(svg), []);
    t.true(alt.length > 20);
    t.regex(svg, /role="img" aria-labelledby="title desc"/);
    t.notRegex(svg, /NaN|undefined|Infinity/);
  });

  test(`${name} is not drawn when its figures are not there`, (t) => {
    t.is(draw(name, { ...result(), series: [] }), undefined);
  });
}

test('the checks of drawings find what they are for', (t) => {
  const text = (y: number): string => `<text class="ink" x="10" y="${y}">some text</text>`;
  const svg = (inside: string): string => `<svg viewBox="0 0 90 50">${inside}</svg>`;
  t.is(overlaps(textBoxes(svg(text(10) + text(14)))).length, 1);
  t.deepEqual(overlaps(textBoxes(svg(text(10) + text(34)))), []);
  t.deepEqual(outside(svg(text(60))), ['some text']);
  t.throws(() => elementsOf('<svg><g></svg>'));
  t.throws(() => elementsOf('<svg><text>a < b & c</text></svg>'));
});

test('the distribution has its medians in it, and twenty dots a way', (t) => {
  const result = modesResult();
  const { svg = '' } = draw('latency-modes', result) ?? {};
  for (const { figure, rounds, percentiles } of result.series) {
    if (figure !== 'p50') continue;
    t.true(textsOf(svg).includes(`${number(spreadOf(rounds).median)} ms`));
    t.true(textsOf(svg).includes(`${number(percentiles?.[99] ?? NaN)} ms`));
  }
  const ways = result.series.filter(({ figure }) => figure === 'p50').length;
  t.is(elementsOf(svg).filter(({ name }) => name === 'circle').length, 20 * ways);
});

test('dots keep their place: none is left of a faster one, all are between the ends of the axis', (t) => {
  const percentiles = Array.from({ length: 101 }, (_, p) => 1 + p / 10);
  const row = { label: 'one', about: '', tone: 'push', percentiles } as const;
  const svg = distributionPlot({
    title: 'a',
    desc: 'b',
    footer: 'c',
    rows: [{ ...row, p50: { rounds: [6] } }],
  });
  const places = elementsOf(svg)
    .filter(({ name }) => name === 'circle')
    .map(({ attributes }) => Number(attributes['cx']));
  t.deepEqual(
    places,
    places.toSorted((a, b) => a - b),
  );
  t.true(Math.min(...places) > 262 && Math.max(...places) < 742);
});

test('each line against the round trip says how many round trips it waits for', (t) => {
  const { svg = '', alt = '' } = draw('latency-round-trip', sweepResult()) ?? {};
  const told = textsOf(svg).filter((text) => /round trips?$/.test(text));
  t.is(told.length, 6);
  t.is(told.filter((text) => text.endsWith(', 1 round trip')).length, 1);
  t.regex(alt, /^Reuse waits for 1 round trip, .* at 300\u00a0ms/);
});

test('bars are as long as their figures, on a logarithmic scale', (t) => {
  const { svg = '' } = draw('pushes', sidesResult()) ?? {};
  const bars = elementsOf(svg).filter(
    ({ name, attributes }) => name === 'rect' && attributes['class'] !== 'ground',
  );
  t.is(bars.length, 6 * 5);
  const result = sidesResult();
  const rate = (subject: string): number =>
    spreadOf(
      result.series.find(
        (one) =>
          one.subject === subject &&
          one.figure === 'acked pushes' &&
          one.conditions['UEs'] === 1 &&
          one.conditions['window'] === 1_024,
      )?.rounds ?? [],
    ).median;
  // The third row of panels, left: gba-push first, Mosquitto second.
  const [own, theirs] = [bars[20], bars[21]].map((bar) => Number(bar?.attributes['width']));
  const decade = ((own ?? 0) - (theirs ?? 0)) / Math.log10(rate('gba-push') / rate('Mosquitto'));
  t.true(Math.abs((own ?? 0) / decade - Math.log10(rate('gba-push') / 1_000)) < 0.02);
});

test('the memory of a layer has the target as a line, and each amount', (t) => {
  const { svg = '' } = draw('memory', idleResult()) ?? {};
  t.true(textsOf(svg).includes('target 30'));
  t.is(textsOf(svg).filter((text) => /^[\d.]+ KiB/.test(text)).length, 6);
});

test('letters have a contrast of 4.5 and bars of 2.4 at least, in light and in dark', (t) => {
  const { svg = '' } = draw('pushes', sidesResult()) ?? {};
  const ground = fillsOf(svg, 'ground');
  for (const tone of ['push', 'tls', 'key', 'begun', 'rival', 'other', 'floor']) {
    for (const mode of ['light', 'dark'] as const) {
      t.true(contrast(fillsOf(svg, `${tone}-ink`)[mode], ground[mode]) >= 4.5, `${tone} ${mode}`);
      t.true(contrast(fillsOf(svg, tone)[mode], ground[mode]) >= 2.4, `${tone} bar ${mode}`);
    }
  }
  for (const mode of ['light', 'dark'] as const) {
    t.true(contrast(fillsOf(svg, 'ink')[mode], ground[mode]) >= 7, `ink ${mode}`);
    t.true(contrast(fillsOf(svg, 'soft')[mode], ground[mode]) >= 4.5, `soft ${mode}`);
  }
});

test('no text touches another though figures be a hundred times larger or smaller', (t) => {
  const factor = fc.double({ min: 0.01, max: 100, noNaN: true });
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.keys(RESULTS)),
      fc.array(factor, { minLength: 9, maxLength: 9 }),
      (name, factors) => {
        const result = RESULTS[name]?.();
        const subjects = [...new Set(result?.series.map(({ subject }) => subject))];
        const series = result?.series.map((one) => {
          const by = factors[subjects.indexOf(one.subject)] ?? 1;
          const { percentiles, ...rest } = one;
          return {
            ...rest,
            rounds: one.rounds.map((value) => value * by),
            ...(percentiles && { percentiles: percentiles.map((value) => value * by) }),
          };
        });
        if (result === undefined || series === undefined) return;
        const { svg = '' } = draw(name, { ...result, series }) ?? {};
        t.deepEqual(overlaps(textBoxes(svg)), [], name);
        t.deepEqual(outside(svg), [], name);
      },
    ),
    { numRuns: 60, seed: 5 },
  );
});

test('a figure of nothing is drawn all the same', (t) => {
  for (const [name, result] of Object.entries(RESULTS)) {
    const { series, ...rest } = result();
    const none = series.map((one, i) =>
      i < 3 ? { ...one, rounds: one.rounds.map(() => 0) } : one,
    );
    const { svg = '' } = draw(name, { ...rest, series: none }) ?? {};
    t.true(elementsOf(svg).length > 30, name);
    t.notRegex(svg, /NaN|Infinity/, name);
  }
});

test('ticks are round numbers, few, and hold what there is', (t) => {
  t.deepEqual(linearTicks(1_230), [0, 250, 500, 750, 1_000, 1_250]);
  t.deepEqual(logTicks(0.2, 40), [0.3, 1, 3, 10, 30]);
  fc.assert(
    fc.property(fc.double({ min: 1e-3, max: 1e6, noNaN: true }), (most) => {
      const ticks = linearTicks(most);
      t.true((ticks.at(-1) ?? 0) >= most * (1 - 1e-9) && ticks.length <= 7);
    }),
  );
});

test('labels are moved apart, none beyond the end, in their order', (t) => {
  t.deepEqual(apart([10, 100], 36, 400), [10, 100]);
  t.deepEqual(apart([390, 395, 396], 36, 400), [328, 364, 400]);
});

test('words are broken into lines that fit', (t) => {
  const lines = broken('a line of words that is longer than its page', 100);
  t.true(lines.length > 2 && lines.every((one) => widthOfText(one) <= 100));
});
