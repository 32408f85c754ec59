/** The matrix as data: every peer, either way round, under every suite and group of the policy. */
import { isTls12Suite, SUITES, type SuiteName, type TlsBinding } from '../../../src/lib/suites.ts';
import { loadTlsPolicy } from '../../../src/store/policy.ts';

/** Which end of TLS the peer is: a client of our NAF, or a server of our UE. */
export type Role = 'client' | 'server';
/** As it is seen on the wire. */
export type Group = 'X25519' | 'P-256' | 'X25519MLKEM768' | '2048 bits' | 'none';

/** What is agreed on in one cell. */
export interface Terms {
  readonly suite: SuiteName;
  readonly group: Group;
}

export interface Cell extends Terms {
  readonly peer: string;
  readonly role: Role;
}

const { suites12, suites13 } = loadTlsPolicy();
/** The group that this runtime may lack. */
export const HYBRID = 'X25519MLKEM768';

/** Every column: the TLS 1.3 suites with every group, the TLS 1.2 suites with those that they take. */
export const columns: readonly Terms[] = [
  ...suites13.flatMap((suite) =>
    (['X25519', 'P-256', HYBRID] as const).map((group) => ({ suite, group })),
  ),
  ...suites12.flatMap((suite) => groupsOf(suite).map((group) => ({ suite, group }))),
];

/** The rows of a peer, one for each end of TLS that it can be. */
export function cellsOf(
  peer: Readonly<Record<'name', string>> & Partial<Record<Role, unknown>>,
): Cell[] {
  const roles = (['client', 'server'] as const).filter((role) => peer[role] !== undefined);
  return roles.flatMap((role) => columns.map((terms) => ({ peer: peer.name, role, ...terms })));
}

function groupsOf(suite: SuiteName): readonly Group[] {
  if (suite.startsWith('ECDHE-')) return ['X25519', 'P-256'];
  return suite.startsWith('DHE-') ? ['2048 bits'] : ['none'];
}

export function bindingOf({ suite }: Terms): TlsBinding {
  return isTls12Suite(suite) ? { version: '1.2', suite } : { version: '1.3' };
}

export function titleOf({ peer, role, suite, group }: Cell): string {
  return `${peer} as ${role}, TLS ${SUITES[suite].version} ${suite}${group === 'none' ? '' : `, ${group}`}`;
}
