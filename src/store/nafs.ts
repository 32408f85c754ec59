/** The file of NAFs that a BSF serves: how each proves itself, and what it may have (TS 29.109 6.2.2.2). */
import { z } from 'zod';
import { ConfigError } from '../errors.ts';
import {
  parseFqdn,
  parseImpi,
  parseUaSecurityProtocolId,
  type Fqdn,
  type UaSecurityProtocolId,
} from '../ids.ts';
import { fromHex, isHex } from '../lib/bytes.ts';
import type { GbaType } from '../ports.ts';
import { parseJson, readSecretFile, requirePrivate } from './secret-file.ts';

/** What a NAF may ask of a BSF. */
export type NafOperation = 'push-info' | 'bootstrapping-info';

/** A NAF as its BSF knows it. */
export interface NafRecord {
  /** For events and people. */
  readonly name: string;
  readonly proof: NafProof;
  /** The names in whose NAF_Id it may ask for keys. */
  readonly fqdns: readonly Fqdn[];
  /** Undefined: all. */
  readonly uaIds?: readonly UaSecurityProtocolId[] | undefined;
  readonly operations: readonly NafOperation[];
  readonly gba: readonly GbaType[];
  /** IMPIs, or `*@domain`; undefined: all subscribers. */
  readonly subscribers?: readonly string[] | undefined;
  /** False: answers do not say whose a B-TID is. */
  readonly mayLearnImpi: boolean;
  /** Vectors for one subscriber. */
  readonly vectors: { readonly burst: number; readonly perSecond: number };
}

/** A bearer token in clear text, or a pre-shared key of TLS 1.3. */
export type NafProof =
  { readonly token: string } | { readonly identity: string; readonly key: Uint8Array };

/**
 * Reads `{ "nafs": [{ "name", "token" | "psk": { "identity", "key" }, "fqdns", "uaIds"?, "operations"?,
 * "gba"?, "subscribers"?, "mayLearnImpi"?, "vectors"? }] }`, which only its owner may be able to read.
 * @throws ConfigError ERR_CONFIG_FILE, which names the file and member but never a value; ERR_CONFIG_MODE.
 */
export function readNafs(file: string): readonly NafRecord[] {
  const content = readSecretFile(file);
  requirePrivate(file, content);
  const checked = nafsSchema.safeParse(parseJson(file, content.text));
  if (checked.success) return checked.data.nafs;
  const faults = checked.error.issues.map(({ path, message }) =>
    [file, ...(path.length > 0 ? [z.core.toDotPath(path)] : []), message].join(': '),
  );
  throw new ConfigError('ERR_CONFIG_FILE', faults.join('; '));
}

/** True when the record lets the NAF have keys of that subscriber. */
export function mayServe({ subscribers }: NafRecord, impi: string): boolean {
  const domain = `*${impi.slice(impi.indexOf('@'))}`;
  return subscribers?.some((one) => one === impi || one === domain) ?? true;
}

/** Text that a parser takes; the value is the parser's own. */
function parsed<T>(parse: (text: string) => T, rule: string): z.ZodType<T> {
  return z.string({ error: rule }).transform((text, context) => {
    try {
      return parse(text);
    } catch {
      context.addIssue({ code: 'custom', message: rule });
      return z.NEVER;
    }
  });
}

function matching(pattern: RegExp, rule: string): z.ZodString {
  return z.string({ error: `expected ${rule}` }).regex(pattern, `expected ${rule}`);
}

function parseGroup(text: string): string {
  return text.startsWith('*@') ? `*@${parseFqdn(text.slice(2))}` : parseImpi(text);
}

export const TOKEN = /^[\w.~+/=-]{22,255}$/;
export const TOKEN_RULE = '22 to 255 of A-Z a-z 0-9 - . _ ~ + / =, unpredictable';
export const IDENTITY = /^[\x21-\x7e]{4,128}$/;
export const IDENTITY_RULE = '4 to 128 printable characters of ASCII';
export const KEY_RULE = '64 hex digits';
const FQDN_RULE = 'expected a host name';
const UA_RULE = 'expected 10 hex digits';
const GROUP_RULE = 'expected an IMPI or *@domain';
const BURST_RULE = { error: 'expected 1 to 10000' };

const psk = z.strictObject({
  identity: matching(IDENTITY, IDENTITY_RULE),
  key: z
    .string({ error: `expected ${KEY_RULE}` })
    .refine((text) => isHex(text, 32), `expected ${KEY_RULE}`)
    .transform(fromHex),
});

const nafSchema = z
  .strictObject({
    name: z.string().regex(/^[\w.-]{1,64}$/, 'expected 1 to 64 of A-Z a-z 0-9 _ . -'),
    token: matching(TOKEN, TOKEN_RULE).optional(),
    psk: psk.optional(),
    fqdns: z.array(parsed(parseFqdn, FQDN_RULE)).nonempty(),
    uaIds: z.array(parsed(parseUaSecurityProtocolId, UA_RULE)).nonempty().optional(),
    operations: z
      .array(z.enum(['push-info', 'bootstrapping-info']))
      .nonempty()
      .default(['push-info', 'bootstrapping-info']),
    gba: z
      .array(z.enum(['GBA_ME', 'GBA_U']))
      .nonempty()
      .default(['GBA_ME', 'GBA_U']),
    subscribers: z.array(parsed(parseGroup, GROUP_RULE)).optional(),
    mayLearnImpi: z.boolean().default(false),
    vectors: z
      .strictObject({
        burst: z.int(BURST_RULE).min(1, BURST_RULE).max(10_000, BURST_RULE),
        perSecond: z.number().positive().max(10_000),
      })
      .default({ burst: 16, perSecond: 1 }),
  })
  .transform(({ token, psk, ...terms }, context): NafRecord => {
    if (token !== undefined && psk === undefined) return { ...terms, proof: { token } };
    if (psk !== undefined && token === undefined) return { ...terms, proof: psk };
    context.addIssue({ code: 'custom', message: 'give either "token" or "psk"' });
    return z.NEVER;
  });

function refuseTwins(nafs: readonly NafRecord[], context: z.RefinementCtx): readonly NafRecord[] {
  const seen = new Set<string>();
  nafs.forEach(({ name, proof }, index) => {
    const proved = 'token' in proof ? `token ${proof.token}` : `identity ${proof.identity}`;
    for (const [member, mark] of [
      ['name', `name ${name}`],
      ['token' in proof ? 'token' : 'psk', proved],
    ] as const) {
      const message = `an earlier NAF has this ${member}`;
      if (seen.has(mark)) context.addIssue({ code: 'custom', path: [index, member], message });
      seen.add(mark);
    }
  });
  return nafs;
}

const nafsSchema = z.strictObject({ nafs: z.array(nafSchema).transform(refuseTwins) });
