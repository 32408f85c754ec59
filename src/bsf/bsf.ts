/** The BSF core of GBA Push: a vector becomes a NAF key and a GPI, and nothing is kept (TS 33.223 3.1). */
import { deriveKsIntNaf, deriveKsNaf, ksOf, swapAutnStar } from '../aka/kdf.ts';
import { GPI_NAF_ID, methodOf, sealGpi, type GbaPushInfo } from '../codec/gpi.ts';
import { BsfError } from '../errors.ts';
import { bsfFqdnFromImpi, nafIdOf, type Fqdn } from '../ids.ts';
import { wipe } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';
import type { TlsPolicy } from '../lib/suites.ts';
import type { AuthenticationVector, Bsf, Hss, PushInfo, PushInfoRequest } from '../ports.ts';

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
}

/** A BSF in this process, for GBA_ME and GBA_U. */
export function createBsf({ hss, clock, policy, fqdn, nafs }: BsfOptions): Bsf {
  return {
    ...(fqdn !== undefined && { fqdn }),

    async pushInfo(request, signal) {
      signal?.throwIfAborted();
      if (nafs && !nafs.includes(request.nafFqdn)) {
        throw denied(`this BSF gives no key for ${request.nafFqdn}; add it to the NAFs it serves`);
      }
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

    bootstrapInfo({ bTid }) {
      const why = `no UE has bootstrapped ${JSON.stringify(bTid)} here; a push key is never given twice`;
      return Promise.reject(new BsfError('ERR_BSF_UNKNOWN_TRANSACTION', why));
    },
  };
}

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
