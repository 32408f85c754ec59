/**
 * What TS 29.309 (V18.1.0, Annex A) and TS 29.571 demand of each body of Nbsp_GBA, stated anew as JSON
 * Schema: mandatory members, patterns, open enumerations. A validator of others reads it, so that neither
 * our codec nor our types have a say.
 */
import { Ajv, type ValidateFunction } from 'ajv';
import type { NbspOperation } from '../../src/codec/nbsp.ts';

const text = { type: 'string' };
const hex = (octets: number) => ({ type: 'string', pattern: `^[A-Fa-f0-9]{${octets * 2}}$` });
const instant = { type: 'string', format: 'date-time' };
/** Every enumeration there may grow: a value that is not listed is still in order. */
const open = (...listed: string[]) => ({ anyOf: [{ type: 'string', enum: listed }, text] });
const some = (items: object) => ({ type: 'array', items, minItems: 1 });
const uint32 = { type: 'integer', minimum: 0, maximum: 4_294_967_295 };
const object = (required: readonly string[], properties: object) => ({
  type: 'object',
  required,
  properties,
});

const fqdn = {
  type: 'string',
  minLength: 4,
  maxLength: 253,
  pattern: '^([0-9A-Za-z]([-0-9A-Za-z]{0,61}[0-9A-Za-z])?\\.)+[A-Za-z]{2,63}\\.?$',
};
const nafId = object(['nafFqdn', 'uaSecProtId'], { nafFqdn: fqdn, uaSecProtId: hex(5) });
const gsIds = some(uint32);
const secFeature = open('GPL_U');

const uss = object(['gsId', 'gsType', 'ueIds'], {
  gsId: uint32,
  gsType: uint32,
  ueIds: some(object(['ueId'], { ueId: text })),
  nafGroup: text,
  flags: some(object(['flag'], { flag: uint32 })),
  keyChoice: open('ME_BASED_KEY', 'UICC_BASED_KEY', 'ME_UICC_BASED_KEYS'),
});
const keys = {
  meKeyMaterial: hex(32),
  uiccKeyMaterial: hex(32),
  keyExpiryTime: instant,
  bootstrappingInfoCreationTime: instant,
  ussList: some(object(['uss'], { uss })),
  gbaType: open('3G_GBA', '2G_GBA', 'GBA_DIGEST'),
  impi: text,
};

const bodies = {
  'bootstrapping-info-retrieval': {
    request: object(['btId', 'nafId'], {
      btId: text,
      nafId,
      gbaUAware: { type: 'boolean' },
      gsIds,
    }),
    response: object(['meKeyMaterial'], keys),
  },
  'push-info-retrieval': {
    request: object(
      ['ueId', 'ueIdType', 'uiccAppLabel', 'nafId', 'ptId', 'uiccOrMe', 'requestedLifeTime'],
      {
        ueId: text,
        ueIdType: open('PUBLIC', 'PRIVATE'),
        uiccAppLabel: text,
        nafId,
        ptId: text,
        uiccOrMe: open('GBA_ME', 'GBA_U'),
        requestedLifeTime: instant,
        privateIdRequest: { type: 'boolean' },
        gbaUAware: { type: 'boolean' },
        gsIds,
        auts: hex(14),
        rand: hex(16),
        securityFeaturesRequest: some(secFeature),
      },
    ),
    response: object(['meKeyMaterial', 'gbaPushInfo'], {
      ...keys,
      gbaPushInfo: { type: 'string', pattern: '^([A-Fa-f0-9]{2})+$' },
      securityFeaturesResponse: { type: 'array', items: secFeature },
    }),
  },
} satisfies Record<NbspOperation, { request: object; response: object }>;

/** ProblemDetails of TS 29.571 5.2.4.1, as far as a BSF without features of TS 29.500 6.6 uses it. */
const problem = object([], {
  type: { type: 'string', format: 'uri-reference' },
  title: text,
  status: { type: 'integer' },
  detail: text,
  instance: { type: 'string', format: 'uri-reference' },
  cause: text,
  invalidParams: some(object(['param'], { param: text, reason: text })),
});

/** The status codes that both operations list; any other is of HTTP itself (`default`). */
const LISTED = [200, 307, 308, 400, 401, 403, 404, 411, 413, 415, 429, 500, 501, 503];
const OF_HTTP = [405];

const ajv = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true });
ajv.addFormat(
  'date-time',
  (value) =>
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value) &&
    !Number.isNaN(Date.parse(value)),
);
ajv.addFormat('uri-reference', (value) => URL.canParse(value, 'http://base.example'));
const isProblem = ajv.compile(problem);
const compiled = Object.fromEntries(
  Object.entries(bodies).map(([operation, { request, response }]) => [
    operation,
    { request: ajv.compile(request), response: ajv.compile(response) },
  ]),
);

export interface NbspReply {
  readonly status: number;
  readonly type: string;
  readonly json: unknown;
}

/** What is wrong with an answer to `path` by the published interface; none when all is well. */
export function faultsOfReply(path: string, { status, type, json }: NbspReply): string[] {
  if (![...LISTED, ...OF_HTTP].includes(status)) return [`status ${status} is not listed`];
  if (status !== 200) {
    const wrongType = type === 'application/problem+json' ? [] : [`a problem as ${type}`];
    const inBody = (json as { status?: unknown }).status;
    const wrongStatus = inBody === status ? [] : [`status ${String(inBody)} in a ${status}`];
    return [...wrongType, ...wrongStatus, ...faultsBy(isProblem, json)];
  }
  const wrongType = type === 'application/json' ? [] : [`an answer as ${type}`];
  const validate = compiled[operationOf(path)]?.response;
  return validate ? [...wrongType, ...faultsBy(validate, json)] : [`a 200 at ${path}`];
}

/** What is wrong with a request. */
export function faultsOfRequest(path: string, json: unknown): string[] {
  const validate = compiled[operationOf(path)]?.request;
  return validate ? faultsBy(validate, json) : [`a request to ${path}`];
}

function operationOf(path: string): string {
  return /^\/nbsp-gba\/v1\/([a-z-]+)$/.exec(path)?.[1] ?? '';
}

function faultsBy(validate: ValidateFunction, json: unknown): string[] {
  if (validate(json)) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message = '' }) => `${instancePath} ${message}`,
  );
}
