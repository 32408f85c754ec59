/** Every error this package throws: one class per cause, a stable `code`, and who must act. */

export type GbaErrorCode =
  | 'ERR_ID_MALFORMED'
  | 'ERR_GPI_MALFORMED'
  | 'ERR_GPI_PROFILE'
  | 'ERR_GPI_MAC'
  | 'ERR_GPI_POLICY'
  | 'ERR_UPA_MALFORMED'
  | 'ERR_UPA_MAC'
  | 'ERR_UPA_DUPLICATE'
  | 'ERR_UPA_BUSY'
  | 'ERR_SMS_MALFORMED'
  | 'ERR_WSP_MALFORMED'
  | 'ERR_UB_MALFORMED'
  | 'ERR_NBSP_MALFORMED'
  | 'ERR_COAP_MALFORMED'
  | 'ERR_COAP_OVERSIZE'
  | 'ERR_AKA_MAC_FAILURE'
  | 'ERR_AKA_SYNC_FAILURE'
  | 'ERR_AKA_SQN_EXHAUSTED'
  | 'ERR_SA_UNKNOWN'
  | 'ERR_SA_EXPIRED'
  | 'ERR_SA_REVOKED'
  | 'ERR_SA_CONFLICT'
  | 'ERR_CHANNEL_UNREACHABLE'
  | 'ERR_CHANNEL_REFUSED'
  | 'ERR_CHANNEL_CERTIFICATE'
  | 'ERR_CHANNEL_POLICY'
  | 'ERR_CHANNEL_PROTOCOL'
  | 'ERR_CHANNEL_TIMEOUT'
  | 'ERR_CHANNEL_CLOSED'
  | 'ERR_UPA_ADDRESS'
  | 'ERR_PUSH_OVERSIZE'
  | 'ERR_PUSH_REFUSED'
  | 'ERR_PUSH_QUEUE_FULL'
  | 'ERR_BSF_UNKNOWN_SUBSCRIBER'
  | 'ERR_BSF_DENIED'
  | 'ERR_BSF_UNKNOWN_TRANSACTION'
  | 'ERR_BSF_BUSY'
  | 'ERR_BSF_UNREACHABLE'
  | 'ERR_BSF_UNPROVEN'
  | 'ERR_STORE_UNAVAILABLE'
  | 'ERR_STORE_CORRUPT'
  | 'ERR_EXEC_FAILED'
  | 'ERR_CONFIG_FILE'
  | 'ERR_CONFIG_MODE'
  | 'ERR_CONFIG_DEMO'
  | 'ERR_CONFIG_ADDRESS';

/** What an error says beside its code and message. */
export interface GbaErrorOptions {
  /** True when the same call may succeed later without anybody changing anything. */
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

/** The base of all errors here. Match on `code`, never on `message`. No message holds a secret. */
export class GbaError extends Error {
  readonly code: GbaErrorCode;
  readonly retryable: boolean;

  constructor(code: GbaErrorCode, message: string, options: GbaErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** Bad bytes or bad text: whoever made them must act. */
export class CodecError extends GbaError {}

/** The SIM refused the challenge, or the network's answer to it. */
export class AkaError extends GbaError {}

/** The SIM found SQN out of range (TS 33.102 6.3.3). */
export class SyncFailure extends AkaError {
  /** 14 octets: (SQN_MS xor AK*) || MAC-S. */
  readonly auts: Uint8Array;

  constructor(auts: Uint8Array) {
    super('ERR_AKA_SYNC_FAILURE', 'the SIM has seen this or a later sequence number', {
      retryable: true,
    });
    this.auts = auts;
  }
}

/** A security association is unknown, over, or in the way. */
export class SaError extends GbaError {}

/** The secure layer or its transport failed. */
export class ChannelError extends GbaError {}

/** A push cannot be accepted or was refused. */
export class PushError extends GbaError {}

/** The BSF said no. */
export class BsfError extends GbaError {}

/** State on disk cannot be read or written. */
export class StoreError extends GbaError {}

/** A program of the lab's own, in place of one of our ports, did not do its part. */
export class ExecError extends GbaError {}

/** A file, flag or environment variable must be changed. */
export class ConfigError extends GbaError {}

/** The text of anything thrown, for a log line; never a stack. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
