/** One SIM as a file describes it: its names, the secrets of its algorithm, what its card can do. */
import { z } from 'zod';
import type { AkaCredentials } from '../aka/credentials.ts';
import { deriveOpc } from '../aka/milenage.ts';
import { deriveTopc } from '../aka/tuak.ts';
import { parseTriggerAddress, type TriggerAddress } from '../codec/address.ts';
import { impiFromImsi, parseImsi, parseMsisdn, type Impi, type Imsi, type Msisdn } from '../ids.ts';
import { fromHex, isHex } from '../lib/bytes.ts';
import type { GbaType } from '../ports.ts';

/** What a SIM knows of itself. */
export type UsimCredentials = AkaCredentials & {
  readonly imsi: Imsi;
  /** From the IMSI (TS 23.003 13.3). */
  readonly impi: Impi;
  /** What its card can do. Default GBA_ME. */
  readonly uiccType?: GbaType;
};

/** What the network knows of a SIM. */
export type SubscriberRecord = UsimCredentials & {
  /** 2 octets. */
  readonly amf: Uint8Array;
  /** Where to send triggers to when nobody says otherwise. */
  readonly trigger?: TriggerAddress;
  /** For triggers by SMS. */
  readonly msisdn?: Msisdn;
};

function hex(...octets: readonly number[]): z.ZodType<Uint8Array> {
  const error = `expected ${octets.map((n) => n * 2).join(' or ')} hex digits`;
  return z
    .string({ error })
    .refine((text) => octets.some((n) => isHex(text, n)), { error })
    .transform(fromHex);
}

const IMSI_RULE = { error: 'expected 6 to 15 digits in quotes' };
const TRIGGER_RULE = 'expected udp://host:port or tcp://host:port';
const MSISDN_RULE = { error: 'expected + and 7 to 15 digits in quotes' };
const ALGORITHM_RULE = { error: 'expected "milenage" or "tuak"' };
const ITERATIONS_RULE = { error: 'expected 1 to 255' };

/** The members that both files have. */
export const simMembers = z.strictObject({
  imsi: z.string(IMSI_RULE).regex(/^\d{6,15}$/, IMSI_RULE),
  mncDigits: z.literal([2, 3], { error: 'expected 2 or 3' }).default(2),
  algorithm: z.enum(['milenage', 'tuak'], ALGORITHM_RULE).default('milenage'),
  k: hex(16, 32),
  opc: hex(16).optional(),
  op: hex(16).optional(),
  topc: hex(32).optional(),
  top: hex(32).optional(),
  iterations: z.int(ITERATIONS_RULE).min(1, ITERATIONS_RULE).max(255, ITERATIONS_RULE).optional(),
  resBits: z.literal([32, 64, 128], { error: 'expected 32, 64 or 128' }).optional(),
  gbaU: z.boolean({ error: 'expected true or false' }).default(false),
  msisdn: z
    .string(MSISDN_RULE)
    .regex(/^\+[1-9]\d{6,14}$/, MSISDN_RULE)
    .transform(parseMsisdn)
    .optional(),
  amf: hex(2).default(Uint8Array.of(0x80, 0x00)),
  trigger: z
    .string({ error: TRIGGER_RULE })
    .transform((text, context) => {
      try {
        const address = parseTriggerAddress(text);
        if (address.port > 0) return address;
      } catch {
        // The issue below says what is expected; the error here would say it again.
      }
      context.addIssue({ code: 'custom', message: TRIGGER_RULE });
      return z.NEVER;
    })
    .optional(),
});
export type SimMembers = z.output<typeof simMembers>;

/** Adds an issue to `context` for members that do not go together. */
export function credentialsOf(sim: SimMembers, context: z.RefinementCtx): UsimCredentials {
  const imsi = parseImsi(sim.imsi);
  const names = { imsi, impi: impiFromImsi(imsi, sim.mncDigits) };
  const uiccType = sim.gbaU ? ('GBA_U' as const) : ('GBA_ME' as const);
  const aka = sim.algorithm === 'tuak' ? tuakOf(sim) : milenageOf(sim);
  if (typeof aka !== 'string') return { ...names, uiccType, ...aka };
  const [path = ''] = /(?<=")\w+(?=")/.exec(aka) ?? [];
  context.addIssue({ code: 'custom', path: [path], message: aka });
  return z.NEVER;
}

/** A sentence about a member, in quotes, when they do not make the secrets of a Milenage SIM. */
function milenageOf({ k, opc, op, ...sim }: SimMembers): AkaCredentials | string {
  const foreign = (['topc', 'top', 'iterations', 'resBits'] as const).find((name) => sim[name]);
  if (foreign !== undefined) return `"${foreign}" is for "algorithm": "tuak"`;
  if (k.length !== 16) return '"k" of Milenage: expected 32 hex digits';
  const constant = op === undefined ? opc : opc === undefined ? deriveOpc(k, op) : undefined;
  if (constant === undefined) return 'give either "opc" or "op"';
  return { algorithm: 'milenage', k, opc: constant };
}

/** The same for TUAK. */
function tuakOf({ k, topc, top, iterations = 1, resBits = 64, ...sim }: SimMembers) {
  const foreign = (['opc', 'op'] as const).find((name) => sim[name]);
  if (foreign !== undefined) return `"${foreign}" is for Milenage; TUAK has "topc" or "top"`;
  const constant =
    top === undefined ? topc : topc === undefined ? deriveTopc(k, top, iterations) : undefined;
  if (constant === undefined) return 'give either "topc" or "top"';
  return { algorithm: 'tuak' as const, k, topc: constant, iterations, resBits };
}
