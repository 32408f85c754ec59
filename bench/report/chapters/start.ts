/** What the report says of bench/start.ts: many associations at once. */
import type { Chapter } from '../chapter.ts';
import type { Figures } from '../figures.ts';
import { number } from '../format.ts';

const before = { over: 'gba-push before', against: 'own', better: 'lower' } as const;

export const start: Chapter = {
  name: 'start',
  title: 'A NAF with many associations',
  comparisons: ['start in all', 'CPU of the start', 'RSS per association', 'handshake p50'].map(
    (figure) => ({ ...before, figure, of: 'gba-push' }),
  ),
  unflattering: [blocks],
};

/** Told when one turn of the event loop takes longer than 50 ms: a push has to wait for so long. */
function blocks(figures: Figures): string | undefined {
  const told = ['blocked while closing', 'blocked while expiring'].flatMap((figure) => {
    const series = figures.one({ in: 'start', subject: 'gba-push', figure });
    const ms = figures.median({ in: 'start', subject: 'gba-push', figure });
    const count = Number(series?.conditions['associations'] ?? 0).toLocaleString('en-US');
    return ms !== undefined && ms > 50 ? [`${number(ms)} ms ${figure} ${count} associations`] : [];
  });
  if (told.length === 0) return undefined;
  return `**A NAF stands still** for ${told.join(', and ')}, in one piece: whatever else it has to do waits.`;
}
