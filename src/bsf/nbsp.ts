/** Nbsp_GBA without HTTP around it: what a NAF asks for, whether it may have it, and the answer (TS 29.309 6.1). */
import {
  bootstrappingInfoRequest,
  bootstrappingInfoResponse,
  CAUSE_OF_ERROR,
  decodeNbsp,
  encodeNbsp,
  problemOf,
  pushInfoRequest,
  pushInfoResponse,
  type BootstrappingInfoRequestBody,
  type NbspOperation,
  type ProblemDetails,
  type PushInfoRequestBody,
} from '../codec/nbsp.ts';
import { BsfError, CodecError, GbaError } from '../errors.ts';
import { parseImpi, type Fqdn, type Impi, type UaSecurityProtocolId } from '../ids.ts';
import { wipe } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';
import { rateLimit, type RateLimit } from '../lib/limits.ts';
import type { Bsf, GbaType } from '../ports.ts';
import { mayServe, type NafOperation, type NafRecord } from '../store/nafs.ts';

/** What Nbsp_GBA is served from. */
export interface NbspOptions {
  /** The core that has the keys. */
  readonly bsf: Bsf;
  readonly clock: Clock;
}

/** The body of a 200, or why there is none; `reason` is for this machine alone. */
export type NbspAnswer =
  { readonly body: Uint8Array } | { readonly problem: ProblemDetails; readonly reason: string };

/** Both operations of Nbsp_GBA. */
export interface Nbsp {
  /** Answers a NAF that has proved who it is. Never rejects for a GbaError; the signal's reason. */
  answer(
    naf: NafRecord,
    operation: NbspOperation,
    body: Uint8Array,
    signal: AbortSignal,
  ): Promise<NbspAnswer>;
}

/** Nbsp_GBA without HTTP, for a server of your own; `listenNbsp` is ours. */
export function createNbsp({ bsf, clock }: NbspOptions): Nbsp {
  const limits = new Map<string, RateLimit>();
  const limitOf = ({ name, vectors }: NafRecord): RateLimit => {
    const limit = limits.get(name) ?? rateLimit(clock, { ...vectors, sources: SUBSCRIBERS });
    limits.set(name, limit);
    return limit;
  };

  const pushInfo: Operation<PushInfoRequestBody> = async (naf, request, signal) => {
    const { nafId } = request;
    const impi = impiOf(request);
    requireNaf(naf, 'push-info', nafId);
    const type = typeFor(naf, request);
    requireSubscriber(naf, impi);
    if (!limitOf(naf).take(impi)) {
      throw new BsfError('ERR_BSF_BUSY', `${naf.name} asks for too many vectors`, RETRYABLE);
    }
    const { auts, rand } = request;
    const info = await bsf.pushInfo(
      {
        impi,
        nafFqdn: nafId.nafFqdn,
        uaId: nafId.uaSecProtId,
        pTid: request.ptId,
        ...(type && { uiccOrMe: type }),
        requestedExpiresAt: request.requestedLifeTime,
        ...(auts && rand && { resync: { auts, rand } }),
      },
      signal,
    );
    const told = request.privateIdRequest && naf.mayLearnImpi;
    return handOver(info, () =>
      encodeNbsp(pushInfoResponse, {
        meKeyMaterial: info.ksNaf,
        uiccKeyMaterial: info.ksIntNaf,
        gbaPushInfo: info.gpi,
        keyExpiryTime: info.expiresAt,
        gbaType: GBA_TYPE,
        impi: told ? impi : undefined,
      }),
    );
  };

  const bootstrappingInfo: Operation<BootstrappingInfoRequestBody> = async (
    naf,
    { btId: bTid, nafId, gbaUAware },
    signal,
  ) => {
    requireNaf(naf, 'bootstrapping-info', nafId);
    const { nafFqdn, uaSecProtId: uaId } = nafId;
    const info = await bsf.bootstrapInfo({ bTid, nafFqdn, uaId }, signal);
    return handOver(info, () => {
      requireType(naf, info.ksIntNaf ? 'GBA_U' : 'GBA_ME');
      if (info.impi) requireSubscriber(naf, info.impi);
      return encodeNbsp(bootstrappingInfoResponse, {
        meKeyMaterial: info.ksNaf,
        uiccKeyMaterial: gbaUAware ? info.ksIntNaf : undefined,
        keyExpiryTime: info.expiresAt,
        bootstrappingInfoCreationTime: info.createdAt,
        gbaType: GBA_TYPE,
        impi: naf.mayLearnImpi ? info.impi : undefined,
      });
    });
  };

  return {
    async answer(naf, operation, body, signal) {
      try {
        if (operation === 'push-info-retrieval') {
          const asked = decodeNbsp(pushInfoRequest, body);
          if ('problem' in asked) return refusedFor(asked.problem);
          return { body: await pushInfo(naf, asked.value, signal) };
        }
        const asked = decodeNbsp(bootstrappingInfoRequest, body);
        if ('problem' in asked) return refusedFor(asked.problem);
        return { body: await bootstrappingInfo(naf, asked.value, signal) };
      } catch (error) {
        if (!(error instanceof GbaError)) throw error;
        return refusalOf(error);
      }
    },
  };
}

type Operation<Body> = (naf: NafRecord, request: Body, signal: AbortSignal) => Promise<Uint8Array>;

interface WireNafId {
  readonly nafFqdn: Fqdn;
  readonly uaSecProtId: UaSecurityProtocolId;
}

/** The FQDN in a NAF_Id must be the NAF's own, else it would get the keys of another (TS 29.109 6.2.2.2). */
function requireNaf(
  naf: NafRecord,
  operation: NafOperation,
  { nafFqdn, uaSecProtId }: WireNafId,
): void {
  if (!naf.operations.includes(operation)) throw denied(naf, operation);
  if (!naf.fqdns.includes(nafFqdn)) throw denied(naf, `the name ${nafFqdn}`);
  if (naf.uaIds?.includes(uaSecProtId) === false) {
    throw denied(naf, `Ua security protocol id ${uaSecProtId}`);
  }
}

/** Undefined: on the card when it can; a NAF that may have one type alone gets that one or nothing. */
function typeFor(
  naf: NafRecord,
  { uiccOrMe, uiccWhenPossible }: PushInfoRequestBody,
): GbaType | undefined {
  const [only, ...more] = naf.gba;
  if (uiccWhenPossible === true) return more.length > 0 ? undefined : only;
  requireType(naf, uiccOrMe);
  return uiccOrMe;
}

function requireType(naf: NafRecord, type: GbaType): void {
  if (!naf.gba.includes(type)) throw denied(naf, type);
}

/** Asked before the HSS is, so that it does not tell whether there is such a subscriber. */
function requireSubscriber(naf: NafRecord, impi: Impi): void {
  if (!mayServe(naf, impi)) throw denied(naf, `subscriber ${impi}`);
}

function impiOf({ ueId, ueIdType }: { readonly ueId: string; readonly ueIdType: string }): Impi {
  if (ueIdType === 'PRIVATE') return parseImpi(ueId);
  const rule = `this BSF knows subscribers by IMPI, and this is a ${JSON.stringify(ueIdType)} identity`;
  throw new BsfError('ERR_BSF_UNKNOWN_SUBSCRIBER', rule);
}

/** The keys live until the answer is written, or is not. */
function handOver<T>(
  { ksNaf, ksIntNaf }: { readonly ksNaf: Uint8Array; readonly ksIntNaf?: Uint8Array | undefined },
  encode: () => T,
): T {
  try {
    return encode();
  } finally {
    wipe(ksNaf, ...(ksIntNaf ? [ksIntNaf] : []));
  }
}

function denied({ name }: NafRecord, what: string): BsfError {
  return new BsfError('ERR_BSF_DENIED', `the NAFs file does not give ${name} ${what}`);
}

function refusedFor(problem: ProblemDetails): NbspAnswer {
  return { problem, reason: problem.title };
}

function refusalOf(error: GbaError): NbspAnswer {
  const { message: reason } = error;
  const cause = error instanceof CodecError ? 'MANDATORY_IE_INCORRECT' : CAUSE_OF_ERROR[error.code];
  if (cause !== undefined) return { problem: problemOf(cause, reason), reason };
  return { problem: problemOf(error.retryable ? 'NF_CONGESTION' : 'SYSTEM_FAILURE'), reason };
}

const GBA_TYPE = '3G_GBA';
const RETRYABLE = { retryable: true };
/** How many subscribers of one NAF have a rate of their own. */
const SUBSCRIBERS = 100_000;
