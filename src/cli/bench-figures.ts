/** What `naf-push bench` has measured: times by the way that each push went, and rates. */
import type { ReceiptView } from './control-messages.ts';

type Via = NonNullable<ReceiptView['via']>;
type Stage = Exclude<keyof ReceiptView['ms'], 'total'>;

/** `connection`: from the UE's TCP connection, so that no pause before it counts. */
export type From = 'push' | 'connection';

export interface Quantiles {
  readonly p50: number;
  /** Absent where there are fewer than 10 values, and fewer than 100: it would be their greatest. */
  readonly p90?: number;
  readonly p99?: number;
  readonly max: number;
}

/** Milliseconds until the UE's answer, by one way. */
export interface Row {
  readonly mode: Via;
  readonly from: From;
  readonly samples: number;
  readonly ms: Quantiles;
  /** Its median by that of `reuse`; absent when there is none. */
  readonly timesReuse?: number;
  /** The median of each stage that is part of it. */
  readonly stages: Readonly<Partial<Record<Stage, number>>>;
}

export interface Rate {
  readonly window: number;
  readonly pushes: number;
  /** Acknowledged pushes a second in each round. */
  readonly perSecond: readonly number[];
}

/** Cheapest first; a layer that was opened anew has two intervals. */
const ROWS: readonly (readonly [Via, From, readonly Stage[]])[] = [
  ['reuse', 'push', []],
  ['resume', 'connection', ['handshake', 'push']],
  ['resume', 'push', []],
  ['reconnect', 'connection', ['handshake', 'push']],
  ['reconnect', 'push', []],
  ['ue-initiated', 'connection', ['handshake', 'push']],
  ['bootstrap', 'push', ['bsf', 'trigger', 'handshake', 'push']],
];

export class Figures {
  readonly #receipts = new Map<Via, ReceiptView[]>();
  readonly #perSecond: number[] = [];
  #ratePushes = 0;

  get empty(): boolean {
    return this.#receipts.size === 0;
  }

  add(receipts: readonly ReceiptView[]): void {
    for (const receipt of receipts) {
      const { via, state } = receipt;
      if (via === undefined || state === 'dead') continue;
      const known = this.#receipts.get(via) ?? [];
      known.push(receipt);
      this.#receipts.set(via, known);
    }
  }

  addRate(pushes: number, ms: number): void {
    this.#ratePushes += pushes;
    this.#perSecond.push(pushes / (ms / 1_000));
  }

  get rows(): readonly Row[] {
    const reuse = quantilesOf((this.#receipts.get('reuse') ?? []).map(({ ms }) => ms.total))?.p50;
    return ROWS.flatMap(([mode, from, stages]) => {
      const receipts = this.#receipts.get(mode) ?? [];
      const ms = quantilesOf(receipts.map((receipt) => intervalOf(receipt, from)));
      if (ms === undefined) return [];
      const medians = stages.map((stage) => [
        stage,
        quantilesOf(receipts.map((receipt) => receipt.ms[stage]))?.p50 ?? 0,
      ]);
      const timesReuse = reuse !== undefined && { timesReuse: ms.p50 / reuse };
      const medianOf = Object.fromEntries(medians) as Row['stages'];
      return [{ mode, from, samples: receipts.length, ms, ...timesReuse, stages: medianOf }];
    });
  }

  /** Undefined when none was measured. */
  rateAt(window: number): Rate | undefined {
    if (this.#perSecond.length === 0) return undefined;
    return { window, pushes: this.#ratePushes, perSecond: this.#perSecond };
  }
}

/** Undefined for no values. */
export function quantilesOf(values: readonly number[]): Quantiles | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (q: number): number => sorted[Math.floor(sorted.length * q)] ?? NaN;
  const max = sorted.at(-1);
  if (max === undefined) return undefined;
  return {
    p50: at(0.5),
    ...(sorted.length >= 10 && { p90: at(0.9) }),
    ...(sorted.length >= 100 && { p99: at(0.99) }),
    max,
  };
}

function intervalOf({ ms }: ReceiptView, from: From): number {
  return from === 'push' ? ms.total : ms.handshake + ms.push;
}
