/** The BSF of the demonstration: a process of its own on a socket file, with one NAF that has a fresh token. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { impiFromImsi, parseImsi } from '../ids.ts';
import { defaultNafFqdn } from '../compose/naf.ts';
import { spawnRole, type Role } from './demo-role.ts';

export interface DemoBsf {
  readonly role: Role;
  /** Where it will listen. */
  readonly address: string;
  /** The file with the token that the NAF shows. */
  readonly secret: string;
}

/** `folder` is its owner's alone, and holds all that the BSF reads and writes. */
export function spawnDemoBsf(folder: string, imsi: string): DemoBsf {
  const token = randomBytes(24).toString('base64url');
  const fqdn = defaultNafFqdn(impiFromImsi(parseImsi(imsi)));
  const [nafs, secret] = [join(folder, 'nafs.json'), join(folder, 'naf.token')];
  const ownerOnly = { mode: 0o600 };
  const naf = { name: 'demo', token, fqdns: [fqdn], operations: ['push-info'] };
  writeFileSync(nafs, JSON.stringify({ nafs: [naf] }), ownerOnly);
  writeFileSync(secret, token, ownerOnly);
  const address = `unix:${join(folder, 'bsf.sock')}`;
  const role = spawnRole('naf-push', [
    ...['bsf', '--listen', address, '--nafs', nafs, '--state', folder, '--json', '--verbose'],
  ]);
  return { role, address, secret };
}
