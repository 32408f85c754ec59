/** What a peer is to the matrix: how it is started with the terms of a cell, and what it cannot do. */
import { spawnSync } from 'node:child_process';
import { SUITES, type SuiteName } from '../../../src/lib/suites.ts';
import type { Cell, Group, Role, Terms } from './cells.ts';
import type { Launch } from './pipe.ts';

/** All that a peer needs to know. */
export interface Call extends Terms {
  readonly identity: string;
  /** In hex. */
  readonly key: string;
  /** Where a client connects to, and a server listens. */
  readonly port: number;
  /** Where a server sends what it has decrypted, for those that only relay. */
  readonly plain: number;
  /** For files that hold the key. */
  readonly folder: string;
}

/** Why the peer can do no better, and what shows that the reason lies in the peer. */
export interface Reason {
  readonly why: string;
  /** What it says itself, also when both ends are this peer and we have no part in it. */
  readonly says?: RegExp;
  /** What is not in its hello, so that no server could choose it. */
  readonly offersNo?: 'version' | 'suite';
}

/**
 * How a push goes through: `octets` carries what the test says as a CoAP peer; `coap` is a CoAP client
 * itself, and prints pushes; `echo` sends back each line; `relay` connects to `plain`.
 */
export type Speech = 'octets' | 'coap' | 'echo' | 'relay';

export interface Peer {
  readonly name: string;
  /** The Debian package. */
  readonly from: string;
  /** Undefined when it cannot be used here. */
  readonly version: () => string | undefined;
  readonly client?: (call: Call) => Launch;
  readonly server?: (call: Call) => Launch;
  /** How it gets its key. */
  readonly keyBy: string;
  readonly speech: Partial<Record<Role, Speech>>;
  /** False: it knows no ALPN, which RFC 8323 8.2 allows on port 5684. */
  readonly alpn?: false;
  /** False: it cannot be told suite and group, so our NAF offers no other. */
  readonly choosy?: false;
  /** False: a server that must be told its port. */
  readonly anyPort?: false;
  /** Its key is text: no NUL, no line feed at the end. */
  readonly keyIsText?: true;
  /** What our UE makes of it when it refuses a key as a server; default ERR_CHANNEL_REFUSED. */
  readonly refusal?: (terms: Terms) => string;
  readonly cannot: (cell: Cell) => Reason | undefined;
}

export function is13({ suite }: Terms): boolean {
  return SUITES[suite].version === '1.3';
}

/** True when the exchange has a group that a peer can be told. */
export function isCurve(group: Group): boolean {
  return group !== 'none' && group !== '2048 bits';
}

export function codeOf(suite: SuiteName): string {
  return SUITES[suite].code.toString(16).padStart(4, '0');
}

/** The reason for the hybrid group. */
export function lacksHybrid({ group }: Terms, says: RegExp): Reason | undefined {
  if (group !== 'X25519MLKEM768') return undefined;
  return { why: 'this version does not know the group X25519MLKEM768', says };
}

/** The version in what a program prints; undefined when it cannot be started. */
export function versionIn(
  [program, ...args]: readonly [string, ...string[]],
  pattern: RegExp,
): string | undefined {
  const { error, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  return error === undefined ? pattern.exec(stdout + stderr)?.[1] : undefined;
}
