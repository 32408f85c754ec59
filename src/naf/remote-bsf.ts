/** A BSF elsewhere as if it were in this process: the port `Bsf` over Nbsp_GBA (TS 29.309). */
import type { z } from 'zod';
import {
  bootstrappingInfoRequest,
  bootstrappingInfoResponse,
  CAUSE_OF_ERROR,
  decodeNbsp,
  decodeProblem,
  encodeNbsp,
  pushInfoRequest,
  pushInfoResponse,
  type NbspOperation,
} from '../codec/nbsp.ts';
import { AkaError, BsfError, CodecError, type GbaError, type GbaErrorCode } from '../errors.ts';
import type { Fqdn } from '../ids.ts';
import { formatHttp2Address } from '../net/http2-address.ts';
import type { Bsf } from '../ports.ts';
import { openBsfLink, type BsfLinkOptions, type Reply } from './bsf-link.ts';

/** Where the BSF is, and how this NAF proves itself to it. */
export interface RemoteBsfOptions extends BsfLinkOptions {
  /** The BSF's own name when it is not the one that TS 23.003 16.2 gives for the IMPI. */
  readonly fqdn?: Fqdn;
}

export interface RemoteBsf extends Bsf {
  /** Ends the session; requests that are out fail. */
  close(): Promise<void>;
  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Nothing is sent yet. The port's errors come as from a BSF in this process; besides, ERR_BSF_UNREACHABLE
 * and ERR_BSF_BUSY, which are retryable, ERR_NBSP_MALFORMED for an answer that is none, and ChannelError
 * when the BSF has another pre-shared key.
 * @throws ConfigError ERR_CONFIG_ADDRESS when address and proof do not go together.
 */
export function openRemoteBsf({ fqdn, ...options }: RemoteBsfOptions): RemoteBsf {
  const link = openBsfLink(options);
  const close = (): Promise<void> => link.close();

  const ask = async <Q extends z.ZodType, A extends z.ZodType>(
    operation: NbspOperation,
    [question, answer]: readonly [Q, A],
    value: z.output<Q>,
    signal: AbortSignal | undefined,
  ): Promise<z.output<A>> => {
    const reply = await link.post(operation, encodeNbsp(question, value), signal);
    if (reply.status !== 200) throw refusalOf(reply);
    const checked = decodeNbsp(answer, reply.body);
    if ('value' in checked) return checked.value;
    const from = formatHttp2Address(options.address);
    throw new CodecError('ERR_NBSP_MALFORMED', `${from} gave an answer that is none of Nbsp_GBA`);
  };

  return {
    ...(fqdn !== undefined && { fqdn }),

    async pushInfo(request, signal) {
      const { impi, nafFqdn, uaId, pTid, uiccOrMe, requestedExpiresAt, resync } = request;
      const value = {
        ueId: impi,
        ueIdType: 'PRIVATE',
        uiccAppLabel: UICC_APPLICATION,
        nafId: { nafFqdn, uaSecProtId: uaId },
        ptId: pTid,
        uiccOrMe: uiccOrMe ?? 'GBA_ME',
        requestedLifeTime: requestedExpiresAt,
        privateIdRequest: false,
        gbaUAware: uiccOrMe !== 'GBA_ME',
        ...resync,
        ...(uiccOrMe === undefined && { uiccWhenPossible: true }),
      } as const;
      const info = await ask('push-info-retrieval', PUSH_INFO, value, signal);
      return {
        ksNaf: info.meKeyMaterial,
        ...(info.uiccKeyMaterial && { ksIntNaf: info.uiccKeyMaterial }),
        expiresAt: info.keyExpiryTime ?? requestedExpiresAt,
        gpi: info.gbaPushInfo,
      };
    },

    async bootstrapInfo({ bTid, nafFqdn, uaId }, signal) {
      const nafId = { nafFqdn, uaSecProtId: uaId };
      const value = { btId: bTid, nafId, gbaUAware: true };
      const info = await ask('bootstrapping-info-retrieval', BOOTSTRAPPING_INFO, value, signal);
      if (info.keyExpiryTime === undefined) {
        throw new CodecError('ERR_NBSP_MALFORMED', 'the BSF did not say when the key ends');
      }
      return {
        ksNaf: info.meKeyMaterial,
        ksIntNaf: info.uiccKeyMaterial,
        expiresAt: info.keyExpiryTime,
        createdAt: info.bootstrappingInfoCreationTime,
        impi: info.impi,
      };
    },

    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The error that a BSF in this process would have thrown. */
function refusalOf({ status, body }: Reply): GbaError {
  const told = decodeProblem(body);
  const message = `the BSF says: ${told?.detail || `status ${status}`}`;
  if (status === 429) return new BsfError('ERR_BSF_BUSY', message, RETRYABLE);
  if (status >= 500) return new BsfError('ERR_BSF_UNREACHABLE', message, RETRYABLE);
  const codes = Object.keys(CAUSE_OF_ERROR) as GbaErrorCode[];
  const code = codes.find((one) => CAUSE_OF_ERROR[one] === told?.cause);
  if (code === 'ERR_AKA_MAC_FAILURE') return new AkaError(code, message);
  return new BsfError(code?.startsWith('ERR_BSF_') === true ? code : 'ERR_BSF_DENIED', message);
}

const PUSH_INFO = [pushInfoRequest, pushInfoResponse] as const;
const BOOTSTRAPPING_INFO = [bootstrappingInfoRequest, bootstrappingInfoResponse] as const;
/** TS 29.309 demands a label and does not say which there are; this BSF takes any. */
const UICC_APPLICATION = 'USIM';
const RETRYABLE = { retryable: true };
