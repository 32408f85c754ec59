/** The SIMs of bench/modes.ts and bench/sweep.ts, one a UE, and how their NAFs prove themselves to the BSF. */
import {
  readSubscribers,
  readUsim,
  parseImsi,
  impiFromImsi,
  type NafRecord,
  type SubscriberRecord,
  type UsimCredentials,
} from '../../src/index.ts';
import { packageFile } from '../../src/store/policy.ts';
import { NAF } from '../lib/run.ts';

/** The demo SIM under an IMSI of its own: published keys, so for loopback and namespaces alone. */
export function subscriberOf(n: number): {
  readonly record: SubscriberRecord;
  readonly credentials: UsimCredentials;
} {
  const imsi = parseImsi(`00101${String(n + 1).padStart(10, '0')}`);
  const named = { imsi, impi: impiFromImsi(imsi) };
  const [record] = readSubscribers(packageFile('certs-none/demo-subscribers.json')).subscribers;
  if (record === undefined) throw new Error('no demo subscriber');
  const { credentials } = readUsim(packageFile('certs-none/demo-usim.json'));
  return { record: { ...record, ...named }, credentials: { ...credentials, ...named } };
}

export const BSF_PROOF = {
  identity: 'bench.example.org',
  key: Uint8Array.from({ length: 32 }, (_, i) => i),
};

export const NAF_AT_BSF: NafRecord = {
  name: 'bench',
  proof: BSF_PROOF,
  fqdns: [NAF],
  operations: ['push-info', 'bootstrapping-info'],
  gba: ['GBA_ME', 'GBA_U'],
  mayLearnImpi: true,
  // No limit is to be measured.
  vectors: { burst: 1_000_000, perSecond: 1_000_000 },
};
