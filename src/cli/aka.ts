/** `naf-push aka`: what a SIM, an HSS and a NAF compute for one RAND, to compare with lab equipment. */
import { Option, type Command } from 'commander';
import { deriveKsIntNaf, deriveKsNaf, ksOf } from '../aka/kdf.ts';
import { createMilenage, deriveOpc } from '../aka/milenage.ts';
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
import { CommandFailure, subcommand } from './run.ts';

interface AkaOptions {
  readonly k: string;
  readonly opc?: string;
  readonly op?: string;
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
      new Option('--algorithm <name>', 'AKA algorithm').choices(['milenage']).default('milenage'),
    )
    .requiredOption('--k <hex|@file>', 'subscriber key, 16 octets')
    .option('--opc <hex|@file>', 'operator constant OPc, 16 octets')
    .option('--op <hex|@file>', 'operator code OP, 16 octets, instead of --opc')
    .requiredOption('--rand <hex>', 'challenge, 16 octets')
    .requiredOption('--sqn <hex>', 'sequence number, 6 octets; also SQN_MS in AUTS')
    .requiredOption('--amf <hex>', 'authentication management field, 2 octets')
    .option('--impi <impi>', 'with --naf-fqdn and --ua-id: derive NAF keys')
    .option('--naf-fqdn <fqdn>', 'name of the NAF')
    .option('--ua-id <hex>', 'Ua security protocol id, 5 octets; 0100000007 is TLS 1.3')
    .option('--bsf <fqdn>', 'name of the BSF in the B-TID (default: from the IMPI, TS 23.003 16.2)')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP);
  for (const flag of TUAK_FLAGS) command.addOption(new Option(flag).hideHelp());
  command.action((options: AkaOptions) => {
    refuseTuakFlags(command);
    warnOfArgv(options, io);
    const values = compute(options, io);
    if (options.json) writeJson(io.stdout, values);
    else for (const [name, value] of Object.entries(values)) io.stdout.write(row(name, value));
  });
}

function compute(options: AkaOptions, io: CommandIo): Record<string, string> {
  const k = secret('--k', options.k);
  const algorithm = createMilenage({ k, opc: opcOf(k, options) });
  const rand = octets('--rand', options.rand, 16);
  const sqn = octets('--sqn', options.sqn, 6);
  const amf = octets('--amf', options.amf, 2);
  const { ak } = algorithm.f2345(rand);
  const { autn, xres, ck, ik } = buildVector(algorithm, { rand, sqn, amf });
  return {
    ...hexOf({
      autn,
      res: xres,
      ck,
      ik,
      ak,
      macA: algorithm.f1(rand, sqn, amf),
      macS: algorithm.f1star(rand, sqn, amf),
      akStar: algorithm.f5star(rand),
      auts: buildAuts(algorithm, rand, sqn),
    }),
    ...nafKeys(options, ksOf(ck, ik), rand, io),
  };
}

/** Nothing unless IMPI, NAF name and Ua id are all given. */
function nafKeys(
  options: AkaOptions,
  ks: Uint8Array,
  rand: Uint8Array,
  io: CommandIo,
): Record<string, string> {
  const { impi, nafFqdn, uaId, bsf } = options;
  if (impi === undefined || nafFqdn === undefined || uaId === undefined) {
    const asked = [impi, nafFqdn, uaId, bsf].some((value) => value !== undefined);
    if (asked) io.stderr.write('naf-push: NAF keys need --impi, --naf-fqdn and --ua-id together\n');
    return {};
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
  const input = { ks, rand, impi: parsed.impi, nafId };
  const ksNaf = deriveKsNaf(input);
  return {
    ks: toHex(ks),
    btid: bTidOf(rand, bsfFqdn),
    ...hexOf({ nafId, ksNaf, ksExtNaf: ksNaf, ksIntNaf: deriveKsIntNaf(input) }),
  };
}

function opcOf(k: Uint8Array, { op, opc }: AkaOptions): Uint8Array {
  if (opc !== undefined && op === undefined) return secret('--opc', opc);
  if (op !== undefined && opc === undefined) return deriveOpc(k, secret('--op', op));
  throw new CommandFailure(EXIT.usage, 'give either --opc or --op');
}

function refuseTuakFlags(command: Command): void {
  const given = command.options.find(
    (option) =>
      TUAK_FLAGS.includes(option.flags) &&
      command.getOptionValue(option.attributeName()) !== undefined,
  );
  if (given === undefined) return;
  throw new CommandFailure(
    EXIT.usage,
    `${given.flags}: TUAK is not built in yet, only Milenage is`,
  );
}

function warnOfArgv({ k, op, opc }: AkaOptions, io: CommandIo): void {
  if ([k, op, opc].every((value) => value === undefined || value.startsWith('@'))) return;
  io.stderr.write(
    'naf-push: other users of this machine can read keys on the command line; @FILE keeps them off it\n',
  );
}

/** 16 octets in hex, or `@FILE` with the hex in it. */
function secret(option: string, value: string): Uint8Array {
  if (!value.startsWith('@')) return octets(option, value, 16);
  const file = value.slice(1);
  const content = readSecretFile(file);
  requirePrivate(file, content);
  return octets(`${option} (in ${file})`, content.text.trim(), 16);
}

/** The value itself stays out of the message: it may be a key with a slip in it. */
function octets(option: string, text: string, length: number): Uint8Array {
  if (isHex(text, length)) return fromHex(text);
  const found = /[^0-9a-f]/i.test(text) ? 'something else' : `${text.length}`;
  throw new CommandFailure(
    EXIT.usage,
    `${option}: expected ${length * 2} hex digits, not ${found}`,
  );
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

const TUAK_FLAGS = [
  '--topc <hex>',
  '--top <hex>',
  '--mac-bits <n>',
  '--res-bits <n>',
  '--ck-bits <n>',
  '--ik-bits <n>',
  '--iterations <n>',
];

const HELP = `
macS is f1* with the AMF given; auts is always made with AMF 0000 (TS 33.102 6.3.3).
ksExtNaf and ksIntNaf are those of GBA_U (TS 33.220 Annex B).`;
