/** `naf-push aka`: what a SIM, an HSS and a NAF compute for one RAND, to compare with lab equipment. */
import { Option, type Command } from 'commander';
import { deriveKsIntNaf, deriveKsNaf, ksOf } from '../aka/kdf.ts';
import type { AkaAlgorithm } from '../aka/algorithm.ts';
import { createMilenage, deriveOpc } from '../aka/milenage.ts';
import { createTuak, deriveTopc, type TuakSizes } from '../aka/tuak.ts';
import { buildAuts, buildVector } from '../aka/vector.ts';
import { reasonOf } from '../errors.ts';
import {
  bsfFqdnFromImpi,
  bTidOf,
  nafIdOf,
  parseFqdn,
  parseImpi,
  parseUaSecurityProtocolId,
} from '../ids.ts';
import { fromHex, isHex, toHex } from '../lib/bytes.ts';
import { readSecretFile, requirePrivate } from '../store/secret-file.ts';
import { EXIT, writeJson, type CommandIo } from './io.ts';
import { wholeNumber } from './options.ts';
import { CommandFailure, subcommand } from './run.ts';

interface AkaOptions {
  readonly algorithm: 'milenage' | 'tuak';
  readonly k: string;
  readonly opc?: string;
  readonly op?: string;
  readonly topc?: string;
  readonly top?: string;
  readonly macBits?: string;
  readonly resBits?: string;
  readonly ckBits?: string;
  readonly ikBits?: string;
  readonly iterations?: number;
  readonly rand: string;
  readonly sqn: string;
  readonly amf: string;
  readonly impi?: string;
  readonly nafFqdn?: string;
  readonly uaId?: string;
  readonly bsf?: string;
  readonly json?: true;
}

/** Adds `aka` to the program; its results go to `io.stdout`, in lower-case hex. */
export function addAkaCommand(program: Command, io: CommandIo): void {
  const command = subcommand(program, 'aka')
    .description('compute AKA values and GBA keys for one RAND')
    .addOption(
      new Option('--algorithm <name>', 'AKA algorithm')
        .choices(['milenage', 'tuak'])
        .default('milenage'),
    )
    .requiredOption('--k <hex|@file>', 'subscriber key, 16 octets; with TUAK also 32')
    .option('--opc <hex|@file>', 'operator constant OPc, 16 octets')
    .option('--op <hex|@file>', 'operator code OP, 16 octets, instead of --opc')
    .option('--topc <hex|@file>', 'TUAK: operator constant TOPc, 32 octets')
    .option('--top <hex|@file>', 'TUAK: operator code TOP, 32 octets, instead of --topc')
    .addOption(new Option('--mac-bits <n>', 'TUAK (default: 64)').choices(['64', '128', '256']))
    .addOption(
      new Option('--res-bits <n>', 'TUAK (default: 64)').choices(['32', '64', '128', '256']),
    )
    .addOption(new Option('--ck-bits <n>', 'TUAK (default: 128)').choices(['128', '256']))
    .addOption(new Option('--ik-bits <n>', 'TUAK (default: 128)').choices(['128', '256']))
    .option('--iterations <n>', 'TUAK: runs of the permutation (default: 1)', wholeNumber(1, 255))
    .requiredOption('--rand <hex>', 'challenge, 16 octets')
    .requiredOption('--sqn <hex>', 'sequence number, 6 octets; also SQN_MS in AUTS')
    .requiredOption('--amf <hex>', 'authentication management field, 2 octets')
    .option('--impi <impi>', 'for the NAF keys: the subscriber')
    .option('--naf-fqdn <fqdn>', 'for the NAF keys: the name of the NAF')
    .option(
      '--ua-id <hex>',
      'for the NAF keys: Ua security protocol id, 5 octets; 0100000007 is TLS 1.3',
    )
    .option('--bsf <fqdn>', 'name of the BSF in the B-TID (default: from the IMPI, TS 23.003 16.2)')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP);
  command.action((options: AkaOptions) => {
    warnOfArgv(options, io);
    const values = compute(options);
    if (options.json) writeJson(io.stdout, values);
    else for (const [name, value] of Object.entries(values)) io.stdout.write(row(name, value));
  });
}

function compute(options: AkaOptions): Record<string, string> {
  const algorithm = algorithmOf(options);
  const rand = octets('--rand', options.rand, 16);
  const sqn = octets('--sqn', options.sqn, 6);
  const amf = octets('--amf', options.amf, 2);
  const { res, ck, ik, ak } = algorithm.f2345(rand);
  const macA = algorithm.f1(rand, sqn, amf);
  const macS = algorithm.f1star(rand, sqn, amf);
  const akStar = algorithm.f5star(rand);
  const hasTokens = macA.length === 8;
  return {
    ...hexOf({
      ...(hasTokens && { autn: buildVector(algorithm, { rand, sqn, amf }).autn }),
      ...{ res, ck, ik, ak, macA, macS, akStar },
      ...(hasTokens && { auts: buildAuts(algorithm, rand, sqn) }),
    }),
    ...nafKeys(options, { ck, ik, rand }),
  };
}

function algorithmOf(options: AkaOptions): AkaAlgorithm {
  const tuak = options.algorithm === 'tuak';
  const foreign = (tuak ? MILENAGE_ONLY : TUAK_ONLY).find((name) => options[name] !== undefined);
  if (foreign !== undefined) {
    const flag = foreign.replace(/[A-Z]/, (letter) => `-${letter.toLowerCase()}`);
    throw new CommandFailure(
      EXIT.usage,
      `--${flag} does not go with --algorithm ${options.algorithm}`,
    );
  }
  if (!tuak) {
    const k = secret('--k', options.k, 16);
    const opc = either(options, 'opc', 'op', 16, (op) => deriveOpc(k, op));
    return createMilenage({ k, opc });
  }
  const k = secret('--k', options.k, 16, 32);
  const { iterations = 1, macBits = 64, resBits = 64, ckBits = 128, ikBits = 128 } = options;
  const topc = either(options, 'topc', 'top', 32, (top) => deriveTopc(k, top, iterations));
  const bits = [macBits, resBits, ckBits, ikBits].map(Number);
  const [mac, res, ck, ik] = bits;
  return createTuak({ k, topc, iterations, sizes: { mac, res, ck, ik } as TuakSizes });
}

/** Nothing when nothing of IMPI, NAF name and Ua id is given; CK and IK must be those of GBA: 128 bits. */
function nafKeys(
  { impi, nafFqdn, uaId, bsf }: AkaOptions,
  { ck, ik, rand }: { ck: Uint8Array; ik: Uint8Array; rand: Uint8Array },
): Record<string, string> {
  if (impi === undefined || nafFqdn === undefined || uaId === undefined) {
    const missing = [
      ...(impi === undefined ? ['--impi'] : []),
      ...(nafFqdn === undefined ? ['--naf-fqdn'] : []),
      ...(uaId === undefined ? ['--ua-id'] : []),
    ];
    if (missing.length === 3 && bsf === undefined) return {};
    throw new CommandFailure(EXIT.usage, `NAF keys also need ${missing.join(' and ')}`);
  }
  if (ck.length + ik.length !== 32) {
    throw new CommandFailure(EXIT.usage, 'NAF keys need CK and IK of 128 bits');
  }
  const parsed = {
    impi: named('--impi', () => parseImpi(impi)),
    nafFqdn: named('--naf-fqdn', () => parseFqdn(nafFqdn)),
    uaId: named('--ua-id', () => parseUaSecurityProtocolId(uaId)),
  };
  const bsfFqdn =
    bsf === undefined
      ? named('--impi', () => bsfFqdnFromImpi(parsed.impi))
      : named('--bsf', () => parseFqdn(bsf));
  const nafId = nafIdOf(parsed.nafFqdn, parsed.uaId);
  const ks = ksOf(ck, ik);
  const input = { ks, rand, impi: parsed.impi, nafId };
  const ksNaf = deriveKsNaf(input);
  return {
    ks: toHex(ks),
    btid: bTidOf(rand, bsfFqdn),
    ...hexOf({ nafId, ksNaf, ksExtNaf: ksNaf, ksIntNaf: deriveKsIntNaf(input) }),
  };
}

/** The operator constant as it is given, or derived from the operator's code. */
function either(
  options: AkaOptions,
  constant: 'opc' | 'topc',
  code: 'op' | 'top',
  length: number,
  derive: (code: Uint8Array) => Uint8Array,
): Uint8Array {
  const { [constant]: given, [code]: origin } = options;
  if (given !== undefined && origin === undefined) return secret(`--${constant}`, given, length);
  if (origin !== undefined && given === undefined) {
    return derive(secret(`--${code}`, origin, length));
  }
  throw new CommandFailure(EXIT.usage, `give either --${constant} or --${code}`);
}

function warnOfArgv({ k, op, opc, top, topc }: AkaOptions, io: CommandIo): void {
  const secrets = [k, op, opc, top, topc];
  if (secrets.every((value) => value === undefined || value.startsWith('@'))) return;
  io.stderr.write(
    'naf-push: other users of this machine can read keys on the command line; @FILE keeps them off it\n',
  );
}

/** Octets in hex, or `@FILE` with the hex in it. */
function secret(option: string, value: string, ...lengths: readonly number[]): Uint8Array {
  if (!value.startsWith('@')) return octets(option, value, ...lengths);
  const file = value.slice(1);
  const content = readSecretFile(file);
  requirePrivate(file, content);
  return octets(`${option} (in ${file})`, content.text.trim(), ...lengths);
}

/** The value itself stays out of the message: it may be a key with a slip in it. */
function octets(option: string, text: string, ...lengths: readonly number[]): Uint8Array {
  if (lengths.some((length) => isHex(text, length))) return fromHex(text);
  const wanted = lengths.map((length) => length * 2).join(' or ');
  const found = /[^0-9a-f]/i.test(text) ? 'something else' : `${text.length}`;
  throw new CommandFailure(EXIT.usage, `${option}: expected ${wanted} hex digits, not ${found}`);
}

function named<T>(option: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new CommandFailure(EXIT.usage, `${option}: ${reasonOf(error)}`);
  }
}

function hexOf(values: Record<string, Uint8Array>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, toHex(value)]));
}

function row(name: string, value: string): string {
  return `${name.padEnd(10)}${value}\n`;
}

const MILENAGE_ONLY = ['opc', 'op'] as const;
const TUAK_ONLY = ['topc', 'top', 'macBits', 'resBits', 'ckBits', 'ikBits', 'iterations'] as const;

const HELP = `
NAF keys (ks, btid, nafId, ksNaf, ksExtNaf, ksIntNaf) with --impi, --naf-fqdn and --ua-id together.
autn and auts only when the MAC has 64 bits (TUAK may have more).
macS is f1* with the AMF given; auts is always made with AMF 0000 (TS 33.102 6.3.3).
ksExtNaf and ksIntNaf are those of GBA_U (TS 33.220 Annex B).`;
