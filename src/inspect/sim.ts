/** What the SIM of a GPI can tell of it: whether AUTN and both MACs hold, and what is sealed (TS 33.102 6.3.3). */
import type { AkaAlgorithm } from '../aka/algorithm.ts';
import { deriveKsNaf, ksOf, swapAutnStar } from '../aka/kdf.ts';
import { verifyEnvelope, type DecodedEnvelope } from '../codec/envelope.ts';
import { GPI_NAF_ID, openGpi, type DecodedGpi, type GbaPushInfo } from '../codec/gpi.ts';
import { CodecError } from '../errors.ts';
import { nafIdOf, type Impi } from '../ids.ts';
import { equalSecret, wipe, xor } from '../lib/bytes.ts';

/** One SIM. Its SQN is not judged, and nothing of it changes. */
export interface InspectingSim {
  readonly impi: Impi;
  readonly algorithm: AkaAlgorithm;
}

/** No key is in it. */
export interface Verdict {
  /** 6 octets; genuine only when MAC-A holds. */
  readonly sqn: Uint8Array;
  readonly macAHolds: boolean;
  readonly gpiMacHolds: boolean;
  /** What is sealed, when the MAC of the GPI holds; or why it cannot be read all the same. */
  readonly sealed?: GbaPushInfo | CodecError;
  /** Undefined when no key leads to it. */
  readonly envelopeMacHolds?: boolean;
}

/** Asks the SIM. Its keys are wiped before this returns. */
export function ask(
  { impi, algorithm }: InspectingSim,
  gpi: DecodedGpi,
  envelope?: DecodedEnvelope,
): Verdict {
  const { rand } = gpi;
  const { res, ck, ik, ak } = algorithm.f2345(rand);
  const autn = gpi.gbaU ? swapAutnStar(gpi.autn, ik) : gpi.autn;
  const sqn = xor(autn.subarray(0, 6), ak);
  const macAHolds = equalSecret(algorithm.f1(rand, sqn, autn.subarray(6, 8)), autn.subarray(8));
  const ks = ksOf(ck, ik);
  const key = deriveKsNaf({ ks, rand, impi, nafId: GPI_NAF_ID });
  const sealed = attempt(() => openGpi(gpi, { key, impi }));
  const isOpen = !(sealed instanceof CodecError);
  const gpiMacHolds = isOpen || sealed.code !== 'ERR_GPI_MAC';
  const ksNaf = isOpen
    ? deriveKsNaf({ ks, rand, impi, nafId: nafIdOf(sealed.nafFqdn, sealed.uaId) })
    : undefined;
  const envelopeMacHolds =
    ksNaf && envelope && !(attempt(() => verifyEnvelope(envelope, ksNaf)) instanceof CodecError);
  wipe(res, ck, ik, ak, ks, key, ...(ksNaf ? [ksNaf] : []));
  return {
    sqn,
    macAHolds,
    gpiMacHolds,
    ...(gpiMacHolds && { sealed }),
    ...(envelopeMacHolds !== undefined && { envelopeMacHolds }),
  };
}

/** True when all that was checked holds. */
export function isAuthentic({ macAHolds, gpiMacHolds, envelopeMacHolds }: Verdict): boolean {
  return macAHolds && gpiMacHolds && envelopeMacHolds !== false;
}

/** What `decode` gives, or the CodecError that it throws. */
export function attempt<T>(decode: () => T): T | CodecError {
  try {
    return decode();
  } catch (error) {
    if (error instanceof CodecError) return error;
    throw error;
  }
}
