/** A BSF with everything around it: an HSS and SIMs in memory, Ub on loopback, a NAFs list. */
import { randomBytes } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import { createBsf } from '../../src/bsf/bsf.ts';
import { createHss } from '../../src/bsf/hss.ts';
import { createSessions, type BootstrapSessions } from '../../src/bsf/sessions.ts';
import { createUb, type Ub, type UbOptions } from '../../src/bsf/ub.ts';
import { listenUb } from '../../src/bsf/ub-server.ts';
import { impiFromImsi, parseFqdn, parseImsi, type Impi } from '../../src/ids.ts';
import { fromHex } from '../../src/lib/bytes.ts';
import { systemClock, type Clock } from '../../src/lib/clock.ts';
import type { AuthenticationVector, Bsf, GbaType, Hss, Usim } from '../../src/ports.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import type { NafRecord } from '../../src/store/nafs.ts';
import type { SubscriberRecord } from '../../src/store/subscribers.ts';
import { createUsim } from '../../src/ue/usim.ts';

export const keyLifetime = { defaultSeconds: 3_600, maxSeconds: 86_400 };

/** The n-th subscriber of the test network, with the keys of TS 35.208 test set 1. */
export function subscriber(n: number, uiccType: GbaType = 'GBA_ME'): SubscriberRecord {
  const imsi = parseImsi(`00101${String(n).padStart(10, '0')}`);
  return {
    imsi,
    impi: impiFromImsi(imsi),
    algorithm: 'milenage',
    k: fromHex('465b5ce8b199b49faa5f0a2ee238a6bc'),
    opc: fromHex('cd63cb71954a9f4e48a5994e37a02baf'),
    amf: fromHex('8000'),
    uiccType,
  };
}

export const [meOnly, gbaUCapable] = [subscriber(1), subscriber(2, 'GBA_U')];

export interface BsfBench {
  readonly bsf: Bsf;
  readonly hss: Hss;
  readonly ub: Ub;
  readonly sessions: BootstrapSessions;
  /** What the HSS gave, in order: the very octets, so that a test sees them wiped. */
  readonly vectors: readonly AuthenticationVector[];
  /** Which halves of IND they were of. */
  readonly uses: readonly string[];
  readonly usim: (record: SubscriberRecord) => Usim;
}

export function makeBsf(
  t: ExecutionContext,
  { clock = systemClock, ...options }: Partial<UbOptions> & { readonly clock?: Clock } = {},
): BsfBench {
  const inner = createHss({ subscribers: [meOnly, gbaUCapable], store: openMemoryStore() });
  const vectors: AuthenticationVector[] = [];
  const uses: string[] = [];
  const hss: Hss = {
    async vector(impi: Impi, use) {
      const vector = await inner.vector(impi, use);
      vectors.push(vector);
      uses.push(use);
      return vector;
    },
    resynchronise: (impi, rand, auts) => inner.resynchronise(impi, rand, auts),
  };
  const sessions = options.sessions ?? createSessions(clock);
  const core = { clock, policy: keyLifetime, ...options, hss: options.hss ?? hss, sessions };
  const ub = createUb(core);
  t.teardown(() => {
    ub.close();
    sessions.close();
  });
  return {
    bsf: createBsf(core),
    hss,
    ub,
    sessions,
    vectors,
    uses,
    usim: (credentials) => createUsim({ credentials, store: openMemoryStore() }),
  };
}

/** Serves Ub on loopback until the end of the test; resolves with its URL. */
export async function serveUb(t: ExecutionContext, ub: Ub): Promise<URL> {
  const server = await listenUb(ub, { host: '127.0.0.1', port: 0 });
  t.teardown(() => server.close());
  return new URL(`http://127.0.0.1:${server.address.port}`);
}

/** A NAF that may have everything for its name, and shows this token. */
export function nafRecord(change: Partial<NafRecord> = {}): NafRecord & { readonly token: string } {
  const token = randomBytes(24).toString('base64url');
  return {
    name: 'alerts',
    proof: { token },
    token,
    fqdns: [parseFqdn('naf.mnc001.mcc001.pub.3gppnetwork.org')],
    operations: ['push-info', 'bootstrapping-info'],
    gba: ['GBA_ME', 'GBA_U'],
    mayLearnImpi: true,
    vectors: { burst: 16, perSecond: 1 },
    ...change,
  };
}
