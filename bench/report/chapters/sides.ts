/** What the report says of bench/sides.ts: gba-push beside Mosquitto, aedes and what is possible at all. */
import type { Conditions } from '../../lib/result.ts';
import { againstAll, OPPONENTS, rankOf, toneOf } from '../../systems/looks.ts';
import type { Chapter, Drawn, Headline } from '../chapter.ts';
import type { Figures } from '../figures.ts';
import { footerOf } from '../footer.ts';
import { number, times, withSpread } from '../format.ts';
import { panelsPlot, type Panel } from '../plot-panels.ts';
import { spreadOf } from '../statistics.ts';

const many = { UEs: 100, window: 1_024 };
const one = { UEs: 1, window: 1_024 };
const alone = { UEs: 1, window: 1 };
/** What does nothing but answer, over the same TLS. */
const LEAST = 'bare Node TLS';

export const sides: Chapter = {
  name: 'sides',
  title: 'Side by side: pushes',
  comparisons: againstAll([
    { figure: 'acked pushes', better: 'higher' },
    { figure: 'server CPU per acked push', better: 'lower' },
    { figure: 'p50', better: 'lower' },
  ]),
  targets: [
    {
      what: 'acked pushes/s, 100 UEs, window 1,024, against Mosquitto',
      ...{ figure: 'acked pushes', of: 'gba-push', over: 'Mosquitto', where: many },
      ...{ better: 'higher', target: 5, floor: 'bare Node TLS' },
      bound:
        'The CPU of the devices: about a half is reads and writes, TLS and the kernel, since a device has only its share ' +
        'of the window out and about six pushes share a write; most of the other half is what makes a push be handled ' +
        'at most once. Without the record of ids, in cold memory, a device takes 0.70x the CPU, without the SHA-256 of ' +
        'the payload too 0.57x, and the rate is 1.3x and 1.5x.',
    },
    {
      what: 'acked pushes/s, 1 UE, window 1,024, against Mosquitto',
      ...{ figure: 'acked pushes', of: 'gba-push', over: 'Mosquitto', where: one },
      ...{ better: 'higher', target: 12, floor: 'bare Node TLS' },
      bound:
        'The CPU of the UE: the whole window shares its writes, so system calls and TLS hardly count. Half of it makes a ' +
        'push be handled at most once: without the record of ids, in cold memory, the UE takes 0.70x the CPU, without ' +
        'the SHA-256 of the payload too 0.5x, and the rate is 1.4x and 1.6x to 2x. The rest is parsing, the handler and the answer.',
    },
    {
      what: 'server CPU per acked push, 100 UEs, window 32, against Mosquitto',
      ...{ figure: 'server CPU per acked push', of: 'gba-push', over: 'Mosquitto' },
      ...{ where: { UEs: 100, window: 32 }, better: 'lower', target: 0.9, floor: 'bare Node TLS' },
      bound:
        'One write and one read for each push: fewer pushes are out than there are devices, so nothing is shared, ' +
        'and a system call costs several times as much from Node as from C.',
    },
    ...[
      { over: 'Mosquitto', target: 1.3 },
      { over: 'aedes', target: 0.8 },
    ].map(({ over, target }) => ({
      what: `one push in flight, p50, against ${over}`,
      ...{ figure: 'p50', of: 'gba-push', over, where: alone, better: 'lower' as const, target },
      floor: 'bare Node TLS',
      bound:
        'Two wake-ups of an event loop and two writes and reads of Node, one pair at each end. With a UE that only ' +
        'answers, and both ends writing at once instead of at the end of the turn, it is 0.83x of what it is.',
    })),
  ],
  unflattering: [],
  surprising: [windowMatters],
  plots: [{ name: 'pushes', draw: drawSides }],
  headlines: headlinesOf,
};

function headlinesOf(figures: Figures): Headline[] {
  return [many, one].flatMap((where): Headline[] => {
    const query = { in: 'sides', figure: 'acked pushes', where };
    const own = figures.spread({ ...query, subject: 'gba-push' });
    if (own === undefined) return [];
    const rivals = OPPONENTS.filter(({ against }) => against === 'rival').map(({ over }) => over);
    const beside = [...rivals, LEAST].flatMap((subject) => {
      const theirs = figures.median({ ...query, subject });
      return theirs === undefined ? [] : [`${subject} ${number(theirs)}`];
    });
    const what = `acknowledged pushes a second, ${headingOf(where)}`;
    return [[what, withSpread(own, 'per second'), beside.join(', ')]];
  });
}

/** How much of its rate comes from pushes that share writes. */
function windowMatters(figures: Figures): string | undefined {
  const rate = (window: number): number | undefined =>
    figures.median({
      ...{ in: 'sides', subject: 'gba-push', figure: 'acked pushes' },
      where: { UEs: 1, window },
    });
  const [narrow, wide] = [rate(1), rate(1_024)];
  if (narrow === undefined || wide === undefined || wide < 5 * narrow) return undefined;
  return `The rate comes from pushes that share: to one device ${number(narrow)} a second are acknowledged with one in flight, and ${number(wide)} with 1,024, ${times(wide / narrow)}. What is done for each push is the same; the pushes of one turn of the event loop share a write and a TLS record, and a wait.`;
}

function drawSides(figures: Figures): Drawn | undefined {
  const result = figures.result('sides');
  const series = figures.all({ in: 'sides', figure: 'acked pushes' });
  const settings = sorted(series.map(({ conditions }) => conditions));
  const ratioAt = (where: Conditions): number | undefined =>
    figures
      .ratios('sides', {
        figure: 'acked pushes',
        of: 'gba-push',
        ...OPPONENTS[0],
        better: 'higher',
      })
      .find(({ conditions }) => Object.entries(where).every(([k, v]) => conditions[k] === v))
      ?.spread.median;
  if (result === undefined || settings.length === 0) return undefined;
  const panels = settings.map((where): Panel => {
    const here = figures.all({ in: 'sides', figure: 'acked pushes', where });
    const mosquitto = here.find(({ subject }) => subject === 'Mosquitto');
    return {
      heading: headingOf(where),
      bars: here
        .toSorted((a, b) => rankOf(a.subject) - rankOf(b.subject))
        .map(({ subject, rounds }) => ({
          label: subject,
          tone: toneOf(subject),
          spread: spreadOf(rounds),
          ...(subject === 'gba-push' && mosquitto && { note: `(${times(ratioAt(where) ?? NaN)})` }),
        })),
    };
  });
  const [busy, single] = [ratioAt(many), ratioAt(one)];
  const title =
    busy === undefined || single === undefined
      ? 'Acknowledged pushes a second, by devices and pushes in flight'
      : `${busy > 1 ? 'More' : 'Fewer'} acknowledged pushes than Mosquitto where many are in flight: ` +
        `${times(busy)} to 100 devices, ${times(single)} to one`;
  const rate = (where: Conditions): string =>
    number(
      figures.median({ in: 'sides', subject: 'gba-push', figure: 'acked pushes', where }) ?? NaN,
    );
  const desc = settings.map((where) => `${headingOf(where)}: gba-push ${rate(where)} a second`);
  const svg = panelsPlot({
    ...{ title, desc: desc.join('; '), footer: footerOf(result), panels },
    subtitle:
      'Pushes a second, acknowledged end to end. Logarithmic scale; in brackets the ratio to Mosquitto.',
    columns: new Set(settings.map(({ ['UEs']: ues }) => ues)).size > 1 ? 2 : 1,
    tick: (value) =>
      value >= 1e6 ? `${value / 1e6}M` : value >= 1_000 ? `${value / 1_000}k` : `${value}`,
  });
  return { alt: title, svg };
}

/** Each once: by window, and within it by devices, so that a row of panels is one window. */
function sorted(all: readonly Conditions[]): Conditions[] {
  const once = [...new Map(all.map((where) => [JSON.stringify(where), where])).values()];
  const key = ({ UEs, window }: Conditions): number => Number(window) * 1e6 + Number(UEs);
  return once.toSorted((a, b) => key(a) - key(b));
}

function headingOf({ UEs, window }: Conditions): string {
  const count = (value: unknown): string => Number(value).toLocaleString('en-US');
  return `${count(UEs)} ${UEs === 1 ? 'device' : 'devices'}, ${count(window)} in flight`;
}
