/** Draws one push as the ladder of the README, from what both processes told, with measured times. */
import type { RoleEvent } from './demo-role.ts';

export interface Facts {
  readonly receipt: {
    readonly id: string;
    readonly state: string;
    readonly reason?: string;
    readonly detail?: string;
    readonly via?: string;
    readonly ms: { readonly total: number; readonly bsf: number; readonly push: number };
  };
  readonly naf: readonly RoleEvent[];
  readonly ue: readonly RoleEvent[];
}

const WIDTH = 62;

/** The lines of one push: only the steps that were taken, each with its time. */
export function ladder({ receipt, naf, ue }: Facts): string[] {
  const { ms } = receipt;
  const sent = find(naf, 'gba:trigger:sent');
  const received = find(ue, 'gba:trigger:received');
  const accepted = find(ue, 'gba:trigger:accepted');
  const dialled = find(ue, 'gba:tls:secured');
  const answered = find(ue, 'gba:push:answered');
  const lines = [row('  NAF', 'UE / USIM')];

  if (sent !== undefined) {
    lines.push(step('1-2 push-info to the BSF: Ks_NAF, GPI', '|', ms.bsf));
    const told = find(naf, 'gba:bsf:answered');
    const transit = told && received && number(received, 'uptimeMs') - number(told, 'uptimeMs');
    lines.push(arrow(`3 GPI 001 (psk-tls), UDP, ${number(sent, 'octets')} octets`, '>', transit));
  }
  if (accepted !== undefined) {
    lines.push(step('', '4 USIM: AUTN, CK, IK; Ks_NAF', number(accepted, 'totalMs')));
  }
  if (dialled !== undefined) {
    const identity = String(dialled['bTid']).slice(0, 8);
    lines.push(arrow(`5 ClientHello, PSK identity 3GPP-bootstrapping;${identity}...`, '<'));
    lines.push(
      arrow(
        `6 ${String(dialled['version'])} ${String(dialled['suite'])}`,
        '=',
        number(dialled, 'ms'),
      ),
    );
  }
  lines.push(arrow(`7 PUT /push/${receipt.id}`, '>'));
  if (answered !== undefined) {
    lines.push(step('', '8 handler', number(answered, 'handlerMs')));
  }
  if (receipt.state === 'acked') lines.push(arrow('9 2.01 Created', '<', ms.push));
  const outcome =
    receipt.state === 'acked' ? `acked via ${receipt.via ?? ''}` : `dead: ${receipt.detail ?? ''}`;
  lines.push(`  => ${outcome}, ${time(ms.total)} in all`);
  return lines;
}

function find(events: readonly RoleEvent[], name: string): RoleEvent | undefined {
  return events.find(({ event }) => event === name);
}

function number(event: RoleEvent, field: string): number {
  return Number(event[field]);
}

function row(left: string, right: string): string {
  return left.padEnd(WIDTH - right.length + 6) + right;
}

/** Something that one side does for itself. */
function step(left: string, right: string, ms?: number): string {
  const inner = right === '|' ? ` ${left}`.padEnd(WIDTH) : ` ${left}${right} `.padStart(WIDTH);
  return `   |${inner}|${ms === undefined ? '' : `  ${time(ms)}`}`;
}

/** Something that travels. */
function arrow(text: string, kind: '<' | '>' | '=', ms?: number): string {
  const line = kind === '=' ? '=' : '-';
  const body = ` ${text} `.padEnd(kind === '=' ? WIDTH - 3 : WIDTH - 2, line);
  const drawn =
    kind === '>' ? `${line}${body}>` : kind === '<' ? `<${line}${body}` : `<${line}${body}>`;
  return `   |${drawn.slice(0, WIDTH)}|${ms === undefined ? '' : `  ${time(ms)}`}`;
}

function time(ms: number): string {
  return `${ms.toFixed(2).padStart(7)} ms`;
}
