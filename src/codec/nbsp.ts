/** Nbsp_GBA as JSON, both ways from one statement of each body (TS 29.309 6.1, Annex A). */
import { z } from 'zod';
import type { GbaErrorCode } from '../errors.ts';
import { parseFqdn, parseImpi, parsePTid, parseUaSecurityProtocolId } from '../ids.ts';
import { fromHex, toHex, utf8Bytes, utf8Text } from '../lib/bytes.ts';
import { formatInstant, parseInstant } from './instant.ts';

/** The two operations, by the last part of their path; both are POST. */
export const NBSP_OPERATIONS: readonly NbspOperation[] = [
  'push-info-retrieval',
  'bootstrapping-info-retrieval',
];
/** One of them. */
export type NbspOperation = 'push-info-retrieval' | 'bootstrapping-info-retrieval';

/** `{apiRoot}/nbsp-gba/v1/<operation>`, with an empty apiRoot. */
export function nbspPath(operation: NbspOperation): string {
  return `/nbsp-gba/v1/${operation}`;
}

/** No name in these bodies is longer. */
const MAX_TEXT = 255;

/** Text that only a parser makes into a value. */
function parsed<T extends string>(
  parse: (text: string) => T,
): z.ZodCodec<z.ZodString, z.ZodType<T>> {
  return z.codec(z.string().max(MAX_TEXT), z.custom<T>(), {
    decode: (text, context) => {
      try {
        return parse(text);
      } catch {
        context.issues.push({ code: 'custom', message: 'not in its form', input: text });
        return z.NEVER;
      }
    },
    encode: (value) => value,
  });
}

function octets(pattern: RegExp): z.ZodCodec<z.ZodString, z.ZodType<Uint8Array>> {
  return z.codec(z.string().regex(pattern, 'not hex of its length'), z.custom<Uint8Array>(), {
    decode: fromHex,
    encode: toHex,
  });
}

/** Epoch ms, written as RFC 3339 (DateTime of TS 29.571). */
const instant = z.codec(z.string().max(MAX_TEXT), z.number(), {
  decode: (text, context) => {
    const epochMs = parseInstant(text);
    if (epochMs !== undefined) return epochMs;
    context.issues.push({ code: 'custom', message: 'not a date-time of RFC 3339', input: text });
    return z.NEVER;
  },
  encode: formatInstant,
});

const text = z.string().max(MAX_TEXT);
const impi = parsed(parseImpi);
const gpi = octets(/^(?:[0-9a-fA-F]{2}){1,255}$/);
const key = octets(/^[0-9a-fA-F]{64}$/);
const nafId = z.object({
  nafFqdn: parsed(parseFqdn),
  uaSecProtId: parsed(parseUaSecurityProtocolId),
});
const gsIds = z.array(z.int().min(0).max(0xffff_ffff)).min(1).max(64).optional();

const keyMaterial = {
  /** Ks_NAF, or Ks_ext_NAF in GBA_U. */
  meKeyMaterial: key,
  /** Ks_int_NAF. */
  uiccKeyMaterial: key.optional(),
  keyExpiryTime: instant.optional(),
  bootstrappingInfoCreationTime: instant.optional(),
  gbaType: text.optional(),
  impi: impi.optional(),
};

export const bootstrappingInfoRequest = z.object({
  btId: text,
  nafId,
  gbaUAware: z.boolean().default(false),
  gsIds,
});
export type BootstrappingInfoRequestBody = z.output<typeof bootstrappingInfoRequest>;
export const bootstrappingInfoResponse = z.object(keyMaterial);

export const pushInfoRequest = z
  .object({
    ueId: text,
    ueIdType: text,
    uiccAppLabel: text,
    nafId,
    /** Of TS 29.309 any text; profile gpi-1 seals 12 octets. */
    ptId: parsed((id) => parsePTid(id).pTid),
    uiccOrMe: z.enum(['GBA_ME', 'GBA_U']),
    requestedLifeTime: instant,
    privateIdRequest: z.boolean().default(false),
    gbaUAware: z.boolean().default(false),
    gsIds,
    auts: octets(/^[0-9a-fA-F]{28}$/).optional(),
    rand: octets(/^[0-9a-fA-F]{32}$/).optional(),
    securityFeaturesRequest: z.array(text).min(1).max(8).optional(),
    /** Ours: with GBA_ME, take GBA_U when the card can. Others ignore it, as TS 29.501 wants. */
    uiccWhenPossible: z.boolean().optional(),
  })
  .refine(({ auts, rand }) => (auts === undefined) === (rand === undefined), {
    path: ['auts'],
    error: 'auts and rand go together',
  });
export type PushInfoRequestBody = z.output<typeof pushInfoRequest>;
export const pushInfoResponse = z.object({ ...keyMaterial, gbaPushInfo: gpi });

/** A member that is wrong, named by a JSON Pointer; its value is never quoted. */
export interface InvalidParam {
  readonly param: string;
  readonly reason: string;
}

/** ProblemDetails (TS 29.571, RFC 9457). */
export interface ProblemDetails {
  readonly status: number;
  readonly title: string;
  readonly cause: string;
  readonly detail?: string | undefined;
  readonly invalidParams?: readonly InvalidParam[] | undefined;
}

/** The octets of a body. */
export function encodeNbsp<S extends z.ZodType>(schema: S, value: z.output<S>): Uint8Array {
  return utf8Bytes(JSON.stringify(z.encode(schema, value)));
}

/** The value, or a problem with status 400 that says what is wrong with which member. */
export function decodeNbsp<S extends z.ZodType>(
  schema: S,
  octets: Uint8Array,
): { readonly value: z.output<S> } | { readonly problem: ProblemDetails } {
  const json = jsonIn(octets);
  if (json === undefined) return { problem: problemOf('INVALID_MSG_FORMAT') };
  const checked = schema.safeParse(json.value);
  if (checked.success) return { value: checked.data };
  const { issues } = checked.error;
  const invalidParams = issues.slice(0, MAX_FAULTS).map(({ path, message }) => ({
    param: path.map((part) => `/${String(part)}`).join('') || '/',
    reason: message,
  }));
  const missing = issues.some(({ path }) => memberAt(json.value, path) === undefined);
  const cause = missing ? 'MANDATORY_IE_MISSING' : 'MANDATORY_IE_INCORRECT';
  return { problem: { ...problemOf(cause), invalidParams } };
}

/** What a peer says about its refusal, fit for one line; undefined when it is no ProblemDetails. */
export function decodeProblem(octets: Uint8Array): { cause: string; detail: string } | undefined {
  const checked = problem.safeParse(jsonIn(octets)?.value);
  if (!checked.success) return undefined;
  const { cause, detail, title } = checked.data;
  return { cause: oneLine(cause ?? ''), detail: oneLine(detail ?? title ?? '') };
}

/** Every cause that this BSF gives, with its status and title. */
export const CAUSES = {
  INVALID_MSG_FORMAT: [400, 'The body is not JSON'],
  MANDATORY_IE_MISSING: [400, 'A mandatory member is missing'],
  MANDATORY_IE_INCORRECT: [400, 'A member is not in its form'],
  UNAUTHENTICATED: [401, 'The token is missing or not known'],
  NOT_AUTHORIZED: [403, 'This NAF may not have that'],
  AUTS_INVALID: [403, 'The AUTS is not from that SIM'],
  IDENTITY_UNKNOWN: [404, 'No such subscriber'],
  TRANSACTION_IDENTIFIER_INVALID: [404, 'No such bootstrapping session'],
  RESOURCE_URI_STRUCTURE_NOT_FOUND: [404, 'No such resource'],
  METHOD_NOT_ALLOWED: [405, 'Only POST'],
  CONTENT_TOO_LARGE: [413, 'The body is too long'],
  UNSUPPORTED_MEDIA_TYPE: [415, 'The body must be application/json'],
  NF_CONGESTION_RISK: [429, 'Too many vectors for this subscriber'],
  SYSTEM_FAILURE: [500, 'The BSF failed'],
  NF_CONGESTION: [503, 'Not now'],
} as const satisfies Record<string, readonly [status: number, title: string]>;
export type NbspCause = keyof typeof CAUSES;

export function problemOf(cause: NbspCause, detail?: string): ProblemDetails {
  const [status, title] = CAUSES[cause];
  return { status, title, cause, ...(detail !== undefined && { detail }) };
}

/** Our error for a cause, and the cause for our error: the same at both ends. */
export const CAUSE_OF_ERROR: { readonly [code in GbaErrorCode]?: NbspCause } = {
  ERR_BSF_UNKNOWN_SUBSCRIBER: 'IDENTITY_UNKNOWN',
  ERR_BSF_DENIED: 'NOT_AUTHORIZED',
  ERR_AKA_MAC_FAILURE: 'AUTS_INVALID',
  ERR_BSF_UNKNOWN_TRANSACTION: 'TRANSACTION_IDENTIFIER_INVALID',
  ERR_BSF_BUSY: 'NF_CONGESTION_RISK',
  ERR_GPI_MALFORMED: 'MANDATORY_IE_INCORRECT',
};

const problem = z.object({
  cause: z.string().optional(),
  title: z.string().optional(),
  detail: z.string().optional(),
});

/** Undefined unless the octets are JSON in UTF-8; JSON's own `null` is a value. */
function jsonIn(octets: Uint8Array): { readonly value: unknown } | undefined {
  const text = utf8Text(octets);
  if (text === undefined) return undefined;
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function memberAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, part) =>
      typeof at === 'object' && at !== null
        ? (at as Record<PropertyKey, unknown>)[part]
        : undefined,
    value,
  );
}

/** A stranger's text: control characters could steer a terminal, length could bury a line. */
function oneLine(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_TEXT);
}

const MAX_FAULTS = 16;
