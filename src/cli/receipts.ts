/** How receipts are printed, and what all of them together mean to a shell. */
import type { Receipt } from '../naf/entry.ts';
import { EXIT, writeJson, type CommandIo } from './io.ts';
import { exitCodeOf } from './run.ts';

export interface ReceiptStyle {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** One line a push on stdout: JSON with stable names, or words. */
export function printReceipt(io: CommandIo, receipt: Receipt, { json, quiet }: ReceiptStyle): void {
  const { id, ue, state, reason, detail, code, via, attempts, ms } = receipt;
  if (json === true) {
    const times = {
      total: round(ms.total),
      bsf: round(ms.bsf),
      trigger: round(ms.trigger),
      handshake: round(ms.handshake),
      push: round(ms.push),
    };
    writeJson(io.stdout, { id, ue, state, reason, detail, code, via, attempts, ms: times });
  } else if (quiet !== true) {
    const words = state === 'acked' ? state : `dead(${reason ?? ''})  ${detail ?? ''}`;
    io.stdout.write(
      `${id}  ${words}${via === undefined ? '' : `  ${via}`}  ${describeTimes(ms)}\n`,
    );
  }
}

function describeTimes(ms: Receipt['ms']): string {
  const stages = (['bsf', 'trigger', 'handshake', 'push'] as const)
    .filter((stage) => ms[stage] > 0)
    .map((stage) => `${stage} ${round(ms[stage])}`);
  return `${round(ms.total)} ms${stages.length > 0 ? ` (${stages.join(', ')})` : ''}`;
}

/** Two decimals: microseconds would claim more than a clock that is shared can know. */
function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}

/** Counts outcomes; `exitCode` is that of docs/operations.md. */
export class Tally {
  #acked = 0;
  #worst: number | undefined;

  add({ state, reason, code }: Receipt): void {
    if (state === 'acked') {
      this.#acked += 1;
      return;
    }
    if (code !== undefined) this.#worst ??= exitCodeOf(code);
    else this.#worst ??= reason === 'expired' ? EXIT.expired : EXIT.error;
  }

  get exitCode(): number {
    if (this.#worst === undefined) return EXIT.ok;
    return this.#acked > 0 ? EXIT.partly : this.#worst;
  }
}
