/** When a process is killed: what is going on then, how one knows, and whom it may hit. */
import type { Json } from '../support/command.ts';

export type End = 'naf' | 'ue';

export interface Phase {
  readonly name: string;
  /** True for the line that tells that it has come; absent: it is there at any time. */
  readonly begins?: (line: Json | string) => boolean;
  /** The kill comes at a random moment of so many ms after that. */
  readonly withinMs: number;
  /** The associations are revoked first, so that it comes soon. */
  readonly revoked?: true;
  /** A burst is pushed when it begins. */
  readonly burst?: true;
  /** The process is asked to finish first. */
  readonly interrupted?: true;
  /** It is killed a second time, while it starts. */
  readonly twice?: true;
}

const on =
  (...events: readonly string[]) =>
  (line: Json | string): boolean =>
    typeof line !== 'string' && events.includes(String(line['event']));

/** What the handler program says on stderr. */
export const AT_WORK = 'at work';

export const PHASES: readonly Phase[] = [
  {
    name: 'bootstrapping',
    revoked: true,
    begins: on('gba:bsf:answered', 'gba:sa:announced', 'gba:trigger:accepted', 'gba:trigger:sent'),
    withinMs: 15,
  },
  {
    name: 'handshake',
    revoked: true,
    begins: on('gba:dial:started', 'gba:tls:accepted', 'gba:tls:secured'),
    withinMs: 10,
  },
  { name: 'renewing', begins: on('gba:renewal:offered'), withinMs: 30 },
  { name: 'in flight', burst: true, withinMs: 20 },
  { name: 'handler at work', begins: (line) => line === AT_WORK, withinMs: 10 },
  {
    name: 'writing state',
    begins: on('gba:push:answered', 'gba:sa:established', 'gba:sa:closed'),
    withinMs: 2,
  },
  {
    name: 'expiring',
    begins: (line) => on('gba:sa:closed')(line) && (line as Json)['reason'] !== 'revoked',
    withinMs: 30,
  },
  { name: 'draining', burst: true, interrupted: true, withinMs: 150 },
  { name: 'starting', twice: true, withinMs: 5 },
];
