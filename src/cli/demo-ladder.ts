/** Draws one push as the ladder of the README, from what both processes told, with measured times. */
import type { RoleEvent } from './demo-role.ts';

/** What the ladder needs of the receipt that `naf-push send --json` prints. */
export interface PushReceipt {
  readonly id: string;
  readonly state: string;
  readonly detail?: string;
  readonly via?: string;
  readonly attempts: number;
  readonly ms: { readonly total: number; readonly push: number };
}

export interface Facts {
  /** Undefined when there is none: the push had no outcome. */
  readonly receipt: PushReceipt | undefined;
  readonly naf: readonly RoleEvent[];
  readonly ue: readonly RoleEvent[];
}

/** Columns between the NAF's line and the UE's, and to the BSF's. */
const WIDTH = 62;
const TO_BSF = 24;

/** The lines of one push: only the steps that were taken, each with its time; none when none was. */
export function ladder({ receipt, naf, ue }: Facts): string[] {
  const told = find(naf, 'gba:bsf:answered');
  const sent = find(naf, 'gba:trigger:sent');
  const received = find(ue, 'gba:trigger:received');
  const accepted = find(ue, 'gba:trigger:accepted');
  const dialled = find(ue, 'gba:tls:secured');
  const answered = find(ue, 'gba:push:answered');
  const lines = ['  NAF'.padEnd(WIDTH - 3) + 'UE / USIM'];

  if (told !== undefined) {
    lines[0] = '  NAF'.padEnd(TO_BSF) + 'BSF / HSS'.padEnd(WIDTH - TO_BSF - 3) + 'UE / USIM';
    lines.push(toBsf('1 push-info request', '>'), toBsf('2 Ks_NAF, GPI', '<', number(told, 'ms')));
  }
  if (sent !== undefined) {
    const transit = told && received && number(received, 'uptimeMs') - number(told, 'uptimeMs');
    lines.push(arrow(`3 GPI 001 (psk-tls), UDP, ${number(sent, 'octets')} octets`, '>', transit));
  }
  if (accepted !== undefined) {
    lines.push(step('4 USIM: AUTN, CK, IK; Ks_NAF', number(accepted, 'totalMs')));
  }
  if (dialled !== undefined) {
    const identity = String(dialled['bTid']).slice(0, 6);
    lines.push(arrow(`5 ClientHello, PSK identity 3GPP-bootstrapping;${identity}...`, '<'));
    lines.push(
      arrow(
        `6 ${String(dialled['version'])} ${String(dialled['suite'])}`,
        '=',
        number(dialled, 'ms'),
      ),
    );
  }
  if (receipt ? receipt.attempts > 0 : answered) {
    lines.push(arrow(`7 PUT /push/${receipt?.id ?? String(answered?.['id'])}`, '>'));
  }
  if (answered !== undefined) {
    lines.push(step('8 handler', number(answered, 'handlerMs')));
  }
  if (receipt !== undefined) lines.push(...outcomeOf(receipt));
  return lines.length > 1 ? lines : [];
}

function outcomeOf({ state, via, detail, ms }: PushReceipt): string[] {
  const total = `${time(ms.total)} in all`;
  if (state !== 'acked') return [`  => dead: ${detail ?? ''}, ${total}`];
  return [arrow('9 2.01 Created', '<', ms.push), `  => acked via ${via ?? ''}, ${total}`];
}

function find(events: readonly RoleEvent[], name: string): RoleEvent | undefined {
  return events.find(({ event }) => event === name);
}

function number(event: RoleEvent, field: string): number {
  return Number(event[field]);
}

/** Something that one side does for itself. */
function step(right: string, ms?: number): string {
  return line(`${right} `.padStart(WIDTH), ms);
}

/** Something that travels between NAF and BSF. */
function toBsf(text: string, kind: '<' | '>', ms?: number): string {
  return line(`${drawn(text, kind, TO_BSF)}|`.padEnd(WIDTH), ms);
}

/** Something that travels between NAF and UE. */
function arrow(text: string, kind: '<' | '>' | '=', ms?: number): string {
  return line(drawn(text, kind, WIDTH), ms);
}

function drawn(text: string, kind: '<' | '>' | '=', width: number): string {
  const stroke = kind === '=' ? '=' : '-';
  const left = kind === '>' ? stroke : `<${stroke}`;
  const right = kind === '<' ? '' : '>';
  return `${left} ${text} `
    .padEnd(width - right.length, stroke)
    .concat(right)
    .slice(0, width);
}

function line(inner: string, ms: number | undefined): string {
  return `   |${inner}|${ms === undefined ? '' : `  ${time(ms)}`}`;
}

function time(ms: number): string {
  return `${ms.toFixed(2).padStart(7)} ms`;
}
