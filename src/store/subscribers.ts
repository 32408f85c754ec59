/** The files that hold SIM keys: an HSS's subscribers, and the one USIM of a device. */
import { z } from 'zod';
import { deriveOpc } from '../aka/milenage.ts';
import { ConfigError } from '../errors.ts';
import { impiFromImsi, parseImsi, type Impi, type Imsi } from '../ids.ts';
import { fromHex, isHex } from '../lib/bytes.ts';
import { parseTriggerAddress, type TriggerAddress } from '../codec/address.ts';
import { readSecretFile, requirePrivate } from './secret-file.ts';

/** What a SIM knows of itself. */
export interface UsimCredentials {
  readonly imsi: Imsi;
  /** From the IMSI (TS 23.003 13.3). */
  readonly impi: Impi;
  readonly algorithm: 'milenage';
  /** 16 octets. */
  readonly k: Uint8Array;
  /** 16 octets. */
  readonly opc: Uint8Array;
}

/** What the network knows of a SIM. */
export interface SubscriberRecord extends UsimCredentials {
  /** 2 octets. */
  readonly amf: Uint8Array;
  /** Where to send triggers to when nobody says otherwise. */
  readonly trigger?: TriggerAddress;
}

export interface SubscribersFile {
  /** The keys are published: use them on loopback only. */
  readonly demo: boolean;
  readonly subscribers: readonly SubscriberRecord[];
}

export interface UsimFile {
  /** The key is published: use it on loopback only. */
  readonly demo: boolean;
  readonly credentials: UsimCredentials;
}

/**
 * Reads `{ "demo"?, "source"?, "subscribers": [{ "imsi", "mncDigits"?, "k", "opc" | "op", "amf"?,
 * "algorithm"?, "trigger"? }] }`. Unless it says `"demo": true`, only its owner may be able to read it.
 * @throws ConfigError ERR_CONFIG_FILE, which names the file and member but never a value;
 *   ERR_CONFIG_MODE.
 */
export function readSubscribers(file: string): SubscribersFile {
  return readKeys(file, subscribersSchema);
}

/** Reads one such record, with "demo" and "source" beside its members. @throws as `readSubscribers`. */
export function readUsim(file: string): UsimFile {
  return readKeys(file, usimSchema);
}

function readKeys<T>(file: string, schema: z.ZodType<T>): T {
  const content = readSecretFile(file);
  const json = parseJson(file, content.text);
  if (!demoSchema.safeParse(json).success) requirePrivate(file, content);
  const checked = schema.safeParse(json);
  if (checked.success) return checked.data;
  const faults = checked.error.issues.map(({ path, message }) =>
    [file, ...(path.length > 0 ? [z.core.toDotPath(path)] : []), message].join(': '),
  );
  throw new ConfigError('ERR_CONFIG_FILE', faults.join('; '));
}

/** What JSON.parse says of a fault quotes the text around it, so it is not passed on. */
function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ConfigError(
      'ERR_CONFIG_FILE',
      `${file} is not JSON: run jq empty ${file} to see where`,
    );
  }
}

function recordOf(sim: SimMembers, context: z.RefinementCtx): SubscriberRecord {
  const { k, op, amf, algorithm, trigger } = sim;
  const imsi = parseImsi(sim.imsi);
  const opc = op === undefined ? sim.opc : deriveOpc(k, op);
  if (opc === undefined || (op !== undefined && sim.opc !== undefined)) {
    context.addIssue({ code: 'custom', path: ['opc'], message: 'give either "opc" or "op"' });
    return z.NEVER;
  }
  const impi = impiFromImsi(imsi, sim.mncDigits);
  return { imsi, impi, algorithm, k, opc, amf, ...(trigger && { trigger }) };
}

function refuseTwins(records: readonly SubscriberRecord[], context: z.RefinementCtx): void {
  const seen = new Set<Imsi>();
  records.forEach(({ imsi }, index) => {
    if (seen.has(imsi)) {
      const message = 'an earlier subscriber has this IMSI';
      context.addIssue({ code: 'custom', path: [index, 'imsi'], message });
    }
    seen.add(imsi);
  });
}

function hex(octets: number): z.ZodType<Uint8Array> {
  const error = `expected ${octets * 2} hex digits`;
  return z
    .string({ error })
    .refine((text) => isHex(text, octets), { error })
    .transform(fromHex);
}

const IMSI_RULE = { error: 'expected 6 to 15 digits in quotes' };
const TRIGGER_RULE = 'expected udp://host:port';

const simMembers = z.strictObject({
  imsi: z.string(IMSI_RULE).regex(/^\d{6,15}$/, IMSI_RULE),
  mncDigits: z.literal([2, 3], { error: 'expected 2 or 3' }).default(2),
  k: hex(16),
  opc: hex(16).optional(),
  op: hex(16).optional(),
  amf: hex(2).default(Uint8Array.of(0x80, 0x00)),
  algorithm: z.literal('milenage', { error: 'expected "milenage"' }).default('milenage'),
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
type SimMembers = z.output<typeof simMembers>;

const fileMembers = {
  demo: z.boolean({ error: 'expected true or false' }).default(false),
  /** Where published keys come from, for whoever reads the file. */
  source: z.string().optional(),
};
const demoSchema = z.looseObject({ demo: z.literal(true) });

const subscribersSchema: z.ZodType<SubscribersFile> = z.strictObject({
  ...fileMembers,
  subscribers: z.array(simMembers.transform(recordOf)).superRefine(refuseTwins),
});

const usimSchema: z.ZodType<UsimFile> = simMembers
  .extend(fileMembers)
  .transform((file, context) => {
    const { imsi, impi, algorithm, k, opc } = recordOf(file, context);
    return { demo: file.demo, credentials: { imsi, impi, algorithm, k, opc } };
  });
