/** The files that hold SIM keys: an HSS's subscribers, and the one USIM of a device. */
import { z } from 'zod';
import { ConfigError } from '../errors.ts';
import type { Imsi } from '../ids.ts';
import { parseJson, readSecretFile, requirePrivate } from './secret-file.ts';
import {
  credentialsOf,
  simMembers,
  type SimMembers,
  type SubscriberRecord,
  type UsimCredentials,
} from './sim-members.ts';

export type { SubscriberRecord, UsimCredentials };

/** What a subscribers file says. */
export interface SubscribersFile {
  /** The keys are published: use them on loopback only. */
  readonly demo: boolean;
  readonly subscribers: readonly SubscriberRecord[];
}

/** What a USIM file says. */
export interface UsimFile {
  /** The key is published: use it on loopback only. */
  readonly demo: boolean;
  readonly credentials: UsimCredentials;
}

/**
 * Reads `{ "demo"?, "source"?, "subscribers": [{ "imsi", "mncDigits"?, "algorithm"?, "k", "opc" | "op" |
 * "topc" | "top", "iterations"?, "resBits"?, "gbaU"?, "amf"?, "trigger"?, "msisdn"? }] }`. Unless it says `"demo": true`, only its owner may be able to read it.
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

function recordOf(sim: SimMembers, context: z.RefinementCtx): SubscriberRecord {
  const { amf, trigger, msisdn } = sim;
  const credentials = credentialsOf(sim, context);
  return { ...credentials, amf, ...(trigger && { trigger }), ...(msisdn && { msisdn }) };
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
  .transform((file, context) => ({
    demo: file.demo,
    credentials: credentialsOf(file, context),
  }));
