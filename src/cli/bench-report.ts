/** How `naf-push bench` shows what it has measured: a table for people, or a JSON object per line. */
import { quantilesOf, type Figures, type From, type Row } from './bench-figures.ts';
import { writeJson, type CommandIo } from './io.ts';

export interface BenchHead {
  /** Who was pushed to, as it was named. */
  readonly ue: string;
  /** Whose NAF it was. */
  readonly naf: 'own' | 'running';
  /** What the association was bound to, when that is known. */
  readonly tls: string | undefined;
  /** Of the payload. */
  readonly octets: number;
  readonly window: number;
}

/** Writes to stdout. */
export function printFigures(
  io: CommandIo,
  figures: Figures,
  head: BenchHead,
  json: boolean | undefined,
): void {
  if (json === true) return printJson(io, figures, head);
  const { ue, naf, tls, octets, window } = head;
  const layer = tls === undefined ? '' : `, TLS ${tls}`;
  const whose = naf === 'own' ? '' : ', a NAF that serves';
  const title = `${ue}${layer}${whose}; ${octets} octets, one push in flight; ms until the UE has handled it`;
  const columns = ['from', 'samples', 'p50', 'p90', 'p99', 'max', 'x reuse'];
  const lines = [['', ...columns, 'medians of its parts'], ...figures.rows.map(cellsOf)];
  const widths = columns.map((_, i) =>
    Math.max(...lines.map((cells) => cells[i + 1]?.length ?? 0)),
  );
  io.stdout.write(`${title}\n`);
  for (const [mode = '', from = '', ...rest] of lines) {
    const figuresOf = rest.slice(0, -1).map((cell, i) => cell.padStart(widths[i + 1] ?? 0));
    const line = [mode.padEnd(12), from.padEnd(widths[0] ?? 0), ...figuresOf, rest.at(-1) ?? ''];
    io.stdout.write(`${line.join('  ').trimEnd()}\n`);
  }
  const rate = figures.rateAt(window);
  if (rate === undefined) return;
  const { perSecond } = rate;
  const [least, median, most] = [
    Math.min(...perSecond),
    medianOf(perSecond),
    Math.max(...perSecond),
  ];
  io.stdout.write(
    `${window} in flight: ${grouped(median)} handled pushes a second ` +
      `(${grouped(least)} to ${grouped(most)} in ${perSecond.length} round${perSecond.length === 1 ? '' : 's'})\n`,
  );
}

function printJson(io: CommandIo, figures: Figures, { window, ...head }: BenchHead): void {
  writeJson(io.stdout, { event: 'bench', ...head });
  for (const { mode, from, samples, ms, timesReuse, stages } of figures.rows) {
    const times = rounded(ms);
    const ratio = timesReuse === undefined ? {} : { timesReuse: round(timesReuse) };
    const parts = Object.keys(stages).length === 0 ? {} : { stages: rounded(stages) };
    writeJson(io.stdout, { mode, from, samples, ms: times, ...ratio, ...parts });
  }
  const rate = figures.rateAt(window);
  if (rate === undefined) return;
  const { pushes, perSecond } = rate;
  writeJson(io.stdout, { mode: 'rate', window, pushes, perSecond: perSecond.map(Math.round) });
}

function cellsOf({ mode, from, samples, ms, timesReuse, stages }: Row): string[] {
  const parts = Object.entries(stages).map(([stage, value]) => `${stage} ${shown(value)}`);
  return [
    mode,
    FROM[from],
    String(samples),
    ...[ms.p50, ms.p90, ms.p99, ms.max].map((value) => (value === undefined ? '-' : shown(value))),
    timesReuse === undefined ? '-' : timesReuse.toFixed(1),
    parts.join(', '),
  ];
}

const FROM: Readonly<Record<From, string>> = {
  push: 'the push',
  connection: 'the connection',
};

function medianOf(values: readonly number[]): number {
  return quantilesOf(values)?.p50 ?? NaN;
}

function shown(ms: number): string {
  return ms.toFixed(ms < 100 ? 2 : 1);
}

function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Microseconds: what a clock that is shared can tell at most. */
function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

function rounded(values: object): object {
  const entries = Object.entries(values) as [string, number][];
  return Object.fromEntries(entries.map(([name, value]) => [name, round(value)]));
}
