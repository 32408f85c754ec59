/** `naf-push inspect`: octets of a capture as fields, with the clause that each one comes from. */
import { Argument, type Command } from 'commander';
import { createAlgorithm } from '../aka/credentials.ts';
import { inspectCoap } from '../inspect/coap.ts';
import { inspectEnvelope } from '../inspect/envelope.ts';
import { inspectGpi } from '../inspect/gpi.ts';
import type { Field, Inspection } from '../inspect/sheet.ts';
import type { InspectingSim } from '../inspect/sim.ts';
import { smsInspector } from '../inspect/sms.ts';
import { inspectWake } from '../inspect/wake.ts';
import { fromHex, isHex, octetCount, view } from '../lib/bytes.ts';
import { readUsim } from '../store/subscribers.ts';
import { EXIT, printable, writeJson, type CommandIo, whenAborted } from './io.ts';
import { path } from './options.ts';
import { lines } from './payloads.ts';
import { CommandFailure, subcommand } from './run.ts';

const KINDS = ['gpi', 'envelope', 'wake', 'sms', 'coap'] as const;
type Kind = (typeof KINDS)[number];

interface InspectOptions {
  readonly usim?: string;
  readonly json?: true;
}

/** Adds `inspect` to the program; all that it finds goes to `io.stdout`. */
export function addInspectCommand(program: Command, io: CommandIo): void {
  subcommand(program, 'inspect')
    .description('show captured octets field by field')
    .addArgument(new Argument('<what>', 'what the octets are').choices(KINDS))
    .argument('<hex...>', 'octets in hex, or - for lines of hex on stdin')
    .option('--usim <file>', 'check and open a GPI with the keys of this SIM', path)
    .option('--json', 'print one JSON object per field')
    .addHelpText('after', HELP)
    .action(async (what: Kind, hex: string[], options: InspectOptions) => {
      await inspectAll(what, hex, options, io);
    });
}

async function inspectAll(
  what: Kind,
  hex: readonly string[],
  { usim, json }: InspectOptions,
  io: CommandIo,
): Promise<void> {
  const inspect = inspectorOf(what, usim === undefined ? undefined : readSim(usim));
  let input = 0;
  let [faulty, forged] = [false, false];
  for await (const octets of inputs(hex, io)) {
    input += 1;
    for (const inspection of inspect(octets)) {
      if (json) writeObjects(io, inspection, input);
      else io.stdout.write(sheetOf(inspection, input));
      faulty ||= inspection.fault !== undefined;
      forged ||= inspection.authentic === false;
    }
  }
  if (faulty) throw new CommandFailure(EXIT.error);
  if (forged) throw new CommandFailure(EXIT.authentication);
}

function inspectorOf(
  what: Kind,
  sim: InspectingSim | undefined,
): (octets: Uint8Array) => Inspection[] {
  switch (what) {
    case 'gpi':
      return (octets) => [inspectGpi(octets, sim)];
    case 'envelope':
      return (octets) => [inspectEnvelope(octets, sim)];
    case 'wake':
      return (octets) => [inspectWake(octets)];
    case 'sms':
      return smsInspector(sim);
    case 'coap':
      return (octets) => [inspectCoap(octets)];
  }
}

function readSim(file: string): InspectingSim {
  const { credentials } = readUsim(file);
  return { impi: credentials.impi, algorithm: createAlgorithm(credentials) };
}

/** The arguments in order, and in the place of a `-` the lines of stdin that are not empty. */
async function* inputs(hex: readonly string[], io: CommandIo): AsyncGenerator<Uint8Array> {
  for (const [i, text] of hex.entries()) {
    if (text !== '-') {
      yield octetsOf(text, `input ${i + 1}`);
      continue;
    }
    let number = 0;
    void whenAborted(io.signal).then(() => io.stdin.destroy());
    for await (const line of lines(io.stdin)) {
      number += 1;
      const shown = view(line).toString('latin1');
      if (shown.trim() !== '') yield octetsOf(shown, `line ${number} of stdin`);
    }
  }
}

function octetsOf(text: string, place: string): Uint8Array {
  const digits = text.replace(/\s+/g, '');
  if (isHex(digits)) return fromHex(digits);
  throw new CommandFailure(EXIT.usage, `${place}: expected an even number of hex digits`);
}

function writeObjects(io: CommandIo, { fields, fault, joined }: Inspection, input: number): void {
  const place = { input, ...(joined && { joined }) };
  for (const field of fields) writeJson(io.stdout, { ...place, ...field });
  if (fault) writeJson(io.stdout, { ...place, offset: fault.offset, fault: fault.reason });
}

/** All rows of one inspection, under a heading for each layer. */
function sheetOf({ octets, fields, fault, joined }: Inspection, input: number): string {
  const what = joined ? 'its parts joined' : `input ${input}`;
  const rows = fields.flatMap((field, i) => [
    ...(field.layer === fields[i - 1]?.layer ? [] : [field.layer]),
    ...rowsOf(field),
  ]);
  const last =
    fault && `!! octet ${fault.offset} (${hexOf(fault.offset)}): ${printable(fault.reason)}`;
  return [`${what}: ${octetCount(octets)}`, ...rows, ...(last ? [last] : []), '', ''].join('\n');
}

/** Offset, length, hex, name, value and clause; hex goes on in rows of its own. */
function rowsOf({ offset, octets, hex, name, value, clause }: Field): string[] {
  const [first = '', ...more] = hex.match(/.{1,32}/g) ?? [];
  const place = `${String(offset).padStart(6)} ${String(octets).padStart(4)}`;
  const words = `${name.padEnd(24)} ${printable(value)}`.trimEnd();
  const source = clause === '' ? '' : `  (${clause})`;
  return [
    `${place}  ${first.padEnd(32)}  ${words}${source}`,
    ...more.map((part) => `${' '.repeat(place.length)}  ${part}`),
  ];
}

function hexOf(offset: number): string {
  return `0x${offset.toString(16).padStart(2, '0')}`;
}

const HELP = `
Columns: offset and length in octets, hex, name, value, and where that field is specified.
Of wake: what calls a UE that holds a key; its MAC takes a key that only the two ends have.
Of sms: PDUs as AT+CMGL shows and AT+CMGS takes them; parts are joined over all inputs.
Of coap: the octets of the stream inside TLS, which begin with a message.

Without --usim what is sealed stays encrypted, and no MAC is checked. With it, SQN is not judged and
nothing is stored. No key is printed. Exit code 1: a fault, in the line that begins with !!;
4: AUTN or a MAC does not hold.

Examples:
    $ naf-push inspect envelope - --usim usim.json < captured.hex
    $ naf-push inspect coap 30e1220480 --json`;
