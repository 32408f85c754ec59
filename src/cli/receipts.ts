/** How receipts are printed, and what all of them together mean to a shell. */
import type { Receipt } from '../naf/entry.ts';
import { EXIT, writeJson, type CommandIo } from './io.ts';
import { describe, exitCodeFor, exitCodeOf } from './run.ts';

export interface ReceiptStyle {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** One line a push on stdout: JSON with stable names, or words. `line`: which one of stdin it was, from 1. */
export function printReceipt(
  io: CommandIo,
  receipt: Receipt,
  { json, quiet }: ReceiptStyle,
  line?: number,
): void {
  const { id, ue, state, reason, detail, code, via, attempts, ms } = receipt;
  if (json === true) {
    const times = {
      total: round(ms.total),
      bsf: round(ms.bsf),
      trigger: round(ms.trigger),
      handshake: round(ms.handshake),
      push: round(ms.push),
    };
    writeJson(io.stdout, { id, ue, state, reason, detail, code, via, attempts, ms: times, line });
  } else if (quiet !== true) {
    const what = state === 'dead' ? `dead(${reason ?? ''})` : state;
    const why = sentence(receipt);
    const words = why === '' ? what : `${what}  ${why}`;
    io.stdout.write(
      `${id}  ${words}${via === undefined ? '' : `  ${via}`}  ${describeTimes(ms)}\n`,
    );
  }
}

/** Why a push is dead or not known to be handled, with the code when there is one. */
function sentence({ detail = '', code }: Receipt): string {
  return code === undefined ? detail : `${detail} (${code})`;
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
  /** What is left to be told on stderr. */
  readonly complaints: string[] = [];
  readonly #tells: (receipt: Receipt) => boolean;
  #arrived = 0;
  #worst: number | undefined;

  /** Of failures the first is told, when its receipt does not tell it to who looks. */
  constructor({ json, quiet }: ReceiptStyle, { isTTY }: CommandIo['stdout']) {
    const silent = json !== true && quiet === true;
    const seen = json !== true && quiet !== true && isTTY === true;
    this.#tells = ({ code }) => (code === undefined ? !silent : seen);
  }

  add(receipt: Receipt): void {
    const { state, reason, code } = receipt;
    if (state !== 'dead') {
      this.#arrived += 1;
      return;
    }
    if (this.complaints.length === 0 && !this.#tells(receipt)) {
      this.complaints.push(sentence(receipt));
    }
    if (code !== undefined) this.#worst ??= exitCodeOf(code);
    else this.#worst ??= reason === 'expired' ? EXIT.expired : EXIT.error;
  }

  /** Something went wrong that is no push's outcome. */
  fail(error: unknown): void {
    this.complaints.push(describe(error));
    this.#worst ??= exitCodeFor(error);
  }

  get exitCode(): number {
    if (this.#worst === undefined) return EXIT.ok;
    return this.#arrived > 0 ? EXIT.partly : this.#worst;
  }
}
