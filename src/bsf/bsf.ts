/** The BSF core: a vector becomes a NAF key and a GPI (TS 33.223 3.1), a session a NAF key (TS 33.220 4.5.3). */
import { deriveKsIntNaf, deriveKsNaf, ksOf, swapAutnStar } from '../aka/kdf.ts';
import { GPI_NAF_ID, methodOf, sealGpi, type GbaPushInfo } from '../codec/gpi.ts';
import { BsfError } from '../errors.ts';
import { bsfFqdnFromImpi, nafIdOf, type Fqdn } from '../ids.ts';
import { wipe } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';
import type { TlsPolicy } from '../lib/suites.ts';
import type { AuthenticationVector, Bsf, Hss, PushInfo, PushInfoRequest } from '../ports.ts';
import type { BootstrapSessions } from './sessions.ts';

/** What a BSF is made of, and whom it serves. */
export interface BsfOptions {
  readonly hss: Hss;
  readonly clock: Clock;
  /** No key outlives `maxSeconds`; the default is for the NAF, which always asks for an expiry. */
  readonly policy: TlsPolicy['keyLifetime'];
  /** The BSF's own name when it is not the one that TS 23.003 16.2 gives for the IMPI. */
  readonly fqdn?: Fqdn;
  /** The NAF names that may be asked for; any when absent, which is for a BSF inside its only NAF. */
  readonly nafs?: readonly Fqdn[];
  /** What UEs bootstrapped over Ub; a push never makes a session. None when absent. */
  readonly sessions?: BootstrapSessions;
}

/** A BSF in this process, for GBA_ME and GBA_U. */
export function createBsf({ hss, clock, policy, fqdn, nafs, sessions }: BsfOptions): Bsf {
  const requireServed = (nafFqdn: Fqdn): void => {
    if (!nafs || nafs.includes(nafFqdn)) return;
    throw denied(`this BSF gives no key for ${nafFqdn}; add it to the NAFs it serves`);
  };

  return {
    ...(fqdn !== undefined && { fqdn }),

    async pushInfo(request, signal) {
      signal?.throwIfAborted();
      requireServed(request.nafFqdn);
      if (methodOf(request.uaId) === undefined) {
        throw denied(`Ua security protocol id ${request.uaId} has no method in a GPI`);
      }
      const lifetime = lifetimeOf(request.requestedExpiresAt, clock.now(), policy.maxSeconds);
      const { impi, resync } = request;
      if (resync) await hss.resynchronise(impi, resync.rand, resync.auts);
      const vector = await hss.vector(impi, 'push');
      return spend(vector, request, {
        ...lifetime,
        bsfFqdn: fqdn ?? bsfFqdnFromImpi(impi),
      });
    },

    bootstrapInfo({ bTid, nafFqdn, uaId }, signal) {
      return new Promise((resolve) => {
        signal?.throwIfAborted();
        requireServed(nafFqdn);
        if (RESERVED.has(uaId)) throw denied(`Ua security protocol id ${uaId} is not for NAFs`);
        const session = sessions?.find(bTid);
        if (session === undefined) {
          const why = `no UE has bootstrapped ${JSON.stringify(bTid)} here; a push key is never given twice`;
          throw new BsfError('ERR_BSF_UNKNOWN_TRANSACTION', why);
        }
        const { gbaU, createdAt, expiresAt, impi } = session;
        const input = { ...session, nafId: nafIdOf(nafFqdn, uaId) };
        const ksNaf = deriveKsNaf(input);
        const ksIntNaf = gbaU ? deriveKsIntNaf(input) : undefined;
        resolve({ ksNaf, ksIntNaf, createdAt, expiresAt, impi });
      });
    },
  };
}

/** The key that seals GPIs, and TMPI generation (TS 33.220 H.3). */
const RESERVED: ReadonlySet<string> = new Set(['ff00000001', '0100000100']);

type Lifetime = Pick<GbaPushInfo, 'expiresAt' | 'lifetimeSeconds'>;

function lifetimeOf(requestedExpiresAt: number, now: number, maxSeconds: number): Lifetime {
  const latest = Math.min(requestedExpiresAt, now + maxSeconds * 1_000);
  const expiresAt = Math.floor(latest / 1_000) * 1_000;
  const lifetimeSeconds = Math.floor((expiresAt - now) / 1_000);
  if (!(lifetimeSeconds >= 1)) {
    throw denied('the key would end within a second by the BSF clock; ask for a later expiry');
  }
  return { expiresAt, lifetimeSeconds };
}

/** One vector, one NAF key, one GPI: then Ks is gone (the disposable-Ks model). */
function spend(
  { rand, autn, xres, ck, ik, uiccType = 'GBA_ME' }: AuthenticationVector,
  { impi, nafFqdn, uaId, pTid, uiccOrMe = uiccType }: PushInfoRequest,
  terms: Lifetime & Pick<GbaPushInfo, 'bsfFqdn'>,
): PushInfo {
  const gbaU = uiccOrMe === 'GBA_U';
  if (gbaU && uiccType !== 'GBA_U') {
    wipe(ck, ik, xres);
    throw denied(`the card of ${impi} has no GBA_U; ask for GBA_ME`);
  }
  const ks = ksOf(ck, ik);
  const gpiKey = deriveKsNaf({ ks, rand, impi, nafId: GPI_NAF_ID });
  try {
    const token = gbaU ? swapAutnStar(autn, ik) : autn;
    const info = { gbaU, rand, autn: token, uaId, pTid, nafFqdn, ...terms };
    const gpi = sealGpi(info, { key: gpiKey, impi });
    const input = { ks, rand, impi, nafId: nafIdOf(nafFqdn, uaId) };
    return {
      ksNaf: deriveKsNaf(input),
      ...(gbaU && { ksIntNaf: deriveKsIntNaf(input) }),
      expiresAt: terms.expiresAt,
      gpi,
    };
  } finally {
    wipe(ks, ck, ik, xres, gpiKey);
  }
}

function denied(rule: string): BsfError {
  return new BsfError('ERR_BSF_DENIED', rule);
}
