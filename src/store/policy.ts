/** The TLS policy file, and where the package's own files are. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { ConfigError, reasonOf } from '../errors.ts';
import { SUITES, isTls12Suite, type SuiteName, type TlsPolicy } from '../lib/suites.ts';

/**
 * Reads and checks a TLS policy; without `file`, the package's own `certs-none/policy.json`. What a file
 * does not say is as in that one.
 * @throws ConfigError ERR_CONFIG_FILE that names the file, the member and what is wrong with it.
 */
export function loadTlsPolicy(file?: URL | string): TlsPolicy {
  const own = packageFile('certs-none/policy.json');
  const name = file instanceof URL ? file.href : (file ?? own);
  const json = readJson(file ?? own, name);
  const said = file === undefined ? json : filledIn(json, readJson(own, own));
  const checked = policySchema.safeParse(said);
  if (checked.success) return checked.data;
  const faults = checked.error.issues.map(({ path, message }) =>
    path.length > 0 ? `${z.core.toDotPath(path)}: ${message}` : message,
  );
  throw new ConfigError('ERR_CONFIG_FILE', `${name}: ${faults.join('; ')}`);
}

/** The absolute path of a file of this package, from its sources as from its build. */
export function packageFile(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.resolve('gba-push/package.json')));
}

/** What is no object stays as it is, for the check to say so. */
function filledIn(json: unknown, own: unknown): unknown {
  const isObject = typeof json === 'object' && json !== null && !Array.isArray(json);
  return isObject ? { ...(own as object), ...json } : json;
}

function readJson(file: URL | string, name: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    const reason = `cannot read the TLS policy ${name}: ${reasonOf(cause)}`;
    throw new ConfigError('ERR_CONFIG_FILE', reason, { cause });
  }
}

const suiteNames = Object.keys(SUITES) as SuiteName[];
const WEEK_SECONDS = 604_800;

const policySchema: z.ZodType<TlsPolicy> = z
  .strictObject({
    suites13: suitesOf(suiteNames.filter((name) => !isTls12Suite(name))),
    suites12: suitesOf(suiteNames.filter(isTls12Suite)),
    groups: z.array(z.enum(['X25519', 'P-256', 'X25519MLKEM768'])).nonempty(),
    minDhBits: z.literal([2048, 3072, 4096]),
    handshakeTimeoutMs: z.int().min(100).max(60_000),
    keyLifetime: z.strictObject({
      defaultSeconds: z.int().min(1).max(WEEK_SECONDS),
      maxSeconds: z.int().min(1).max(WEEK_SECONDS),
    }),
    requireServerName: z.boolean(),
  })
  .refine(({ keyLifetime }) => keyLifetime.defaultSeconds <= keyLifetime.maxSeconds, {
    path: ['keyLifetime', 'defaultSeconds'],
    error: 'must not be more than maxSeconds',
  });

function suitesOf<N extends SuiteName>(names: readonly N[]): z.ZodType<readonly N[]> {
  const error = `a SHA-256 suite that takes an external pre-shared key: ${names.join(', ')}`;
  return z.array(z.enum(names, { error })).nonempty();
}
