/** What is written of a handled push for the next life, and read again. */
import type { HandledRecord } from '../ports.ts';
import type { EntryState } from './handled-table.ts';

/** What names a push: its id is the NAF's own. */
export interface PushKey {
  readonly nafFqdn: string;
  readonly id: string;
}

export interface Recordable extends PushKey {
  /** Of its payload, a character for each octet. */
  readonly digest: string;
  /** Until when it is remembered, monotonic ms. */
  readonly deadline: number;
  readonly state: HandledRecord['state'];
}

/** What a restart is told of an entry in each state. */
export const RECORDED_STATES = {
  running: 'started',
  interrupted: 'started',
  done: 'done',
  refused: 'refused',
  forgotten: 'forgotten',
} as const satisfies Record<EntryState, HandledRecord['state']>;

/** `toWall` is what makes monotonic time wall time: a restart reads a deadline as the clock is now. */
export function recordOf(push: Recordable, toWall: number): HandledRecord {
  return {
    // No FQDN has a slash.
    key: `${push.nafFqdn}/${push.id}`,
    digest: Buffer.from(push.digest, 'latin1').toString('base64url'),
    until: Math.max(0, Math.ceil(push.deadline + toWall)),
    state: push.state,
  };
}

/** Whose record it is, and the digest as `Recordable` has it. */
export function readRecord({ key, digest }: HandledRecord): PushKey & { readonly digest: string } {
  const split = key.indexOf('/');
  return {
    nafFqdn: key.slice(0, split),
    id: key.slice(split + 1),
    digest: Buffer.from(digest, 'base64url').toString('latin1'),
  };
}
