/** A UE of bench/gpi.ts, and beside it the NAF whose envelopes it opens; of any checkout. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Api from '../../src/index.ts';
import type { AkaCredentials } from '../../src/index.ts';
import type * as IntakeFile from '../../src/ue/gpi-intake.ts';
import { about, takeOrders } from '../lib/orders.ts';
import { cpuSince } from '../lib/run.ts';

export interface GpiOrder {
  /** The checkout whose sources are measured. */
  readonly root: string;
  readonly algorithm: AkaCredentials['algorithm'];
}

const { root, algorithm } = about<GpiOrder>();
const from = async <T>(file: string): Promise<T> =>
  (await import(pathToFileURL(join(root, file)).href)) as T;
const api = await from<typeof Api>('src/index.ts');
const { createGpiIntake } = await from<typeof IntakeFile>('src/ue/gpi-intake.ts');

const clock = api.systemClock;
const imsi = api.parseImsi('001010000000001');
const k = Buffer.alloc(16, 4);
const secrets: AkaCredentials =
  algorithm === 'milenage'
    ? { algorithm, k, opc: Buffer.alloc(16, 5) }
    : { algorithm, k, topc: Buffer.alloc(32, 5) };
const credentials = { ...secrets, imsi, impi: api.impiFromImsi(imsi) };
const policy = api.loadTlsPolicy();
const hss = api.createHss({
  subscribers: [{ ...credentials, amf: Uint8Array.of(0x80, 0) }],
  store: api.openMemoryStore(),
});
const naf = await api.listenPushServer({
  bsf: api.createBsf({ hss, clock, policy: policy.keyLifetime }),
  triggers: api.createTriggerSender({ clock }),
  policy,
  nafFqdn: api.parseFqdn('naf.mnc001.mcc001.pub.3gppnetwork.org'),
  listen: { host: '127.0.0.1', port: 0 },
});
const intake = createGpiIntake({
  usim: api.createUsim({ credentials, store: api.openMemoryStore() }),
  clock,
  policy: api.demoConnectPolicy,
  acceptBinding: ({ version }) => version === '1.3',
  rate: { burst: 1_000_000_000, perSecond: 1_000_000_000, sources: 8 },
});
let refused = '';
api.subscribe('gba:trigger:refused', ({ code, reason }) => {
  refused = `${code}: ${reason}`;
});
const source = { host: '127.0.0.1', port: 9 };

takeOrders({
  /** CPU of so many, one after another; each key must be the one that the NAF has. */
  open: async (count = 0) => {
    const sent: { readonly envelope: Uint8Array; readonly key: Buffer }[] = [];
    for (let i = 0; i < count; i += 1) {
      const { envelope, sa } = await naf.announce(credentials.impi);
      // The NAF wipes its own when it has too many that nobody came for.
      sent.push({ envelope, key: Buffer.from(sa.key) });
    }
    const keys: (Uint8Array | undefined)[] = [];
    const before = process.cpuUsage();
    for (const { envelope } of sent) keys.push((await intake.accept(envelope, source))?.sa.key);
    const us = cpuSince(before) / count;
    for (const [i, { key }] of sent.entries()) {
      if (!key.equals(keys[i] ?? Buffer.of()))
        throw new Error(`envelope ${i}: another key ${refused}`);
    }
    return { us };
  },
});
