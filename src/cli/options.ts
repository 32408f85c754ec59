/** Options that the commands share, and how their texts become values; a bad one is a usage error. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import { reasonOf } from '../errors.ts';
import { impiFromImsi, parseFqdn, parseImpi, parseImsi, type Impi, type Imsi } from '../ids.ts';
import {
  isTls12Suite,
  type SuiteName,
  type TlsBinding,
  type TlsPolicy,
  type TlsVersion,
} from '../lib/suites.ts';
import {
  parseEndpoint,
  parseTriggerAddress,
  type Endpoint,
  type TriggerAddress,
} from '../codec/address.ts';
import type { Resumption } from '../sa/sessions.ts';
import { parseCommand } from '../exec/program.ts';
import type { CommandIo } from './io.ts';
import { nearest } from './suggest.ts';

/** The words of `naf-push`, for whoever mistypes one: the default command takes it for a UE. */
const COMMANDS = ['send', 'serve', 'bsf', 'sa', 'aka', 'inspect', 'bench', 'demo', 'help'];

/** Turns a parser that throws into one whose error commander reports as a usage error. */
export function argument<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      const reason = reasonOf(error);
      const sentence = `${reason.charAt(0).toUpperCase()}${reason.slice(1)}`;
      throw new InvalidArgumentError(/[.?]$/.test(sentence) ? sentence : `${sentence}.`);
    }
  };
}

/** A whole number from `least` to `most`, or of any size. */
export function wholeNumber(
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): (text: string) => number {
  const range = `from ${least} ${most === Number.MAX_SAFE_INTEGER ? 'up' : `to ${most}`}`;
  return argument((text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) {
      throw new RangeError(`expected a whole number ${range}`);
    }
    return value;
  });
}

/** Seconds with or without a fraction, above 0. */
export const seconds = argument((text) => {
  const value = Number(text);
  if (!/^(?:\d+(?:\.\d*)?|\.\d+)$/.test(text) || !(value > 0)) {
    throw new RangeError('expected seconds above 0, as 15 or 0.5');
  }
  return value;
});

/** The name of a file or folder. */
export const path = argument((text) => {
  if (text === '') throw new RangeError('expected a path');
  return text;
});

/** An option whose second value would replace the first in silence: it is refused. */
export function once<T>(
  parse: (text: string) => T,
  advice: string,
): (text: string, earlier?: T) => T {
  return (text, earlier) => {
    if (earlier !== undefined) throw new InvalidArgumentError(`Given twice: ${advice}.`);
    return parse(text);
  };
}

export const endpoint = argument(parseEndpoint);
export const triggerAddress = argument(parseTriggerAddress);
/** The same of something elsewhere: port 0 is only for what listens. */
export const farEndpoint = argument((text) => requirePort(parseEndpoint(text)));
export const farTriggerAddress = argument((text) => requirePort(parseTriggerAddress(text)));
export const fqdn = argument(parseFqdn);

/** The words of `exec:PROGRAM ARGUMENT ...`, a port that is a program. */
export type ProgramWords = readonly string[];

/** Undefined for a text that does not begin with `exec:`. */
export function programIn(text: string): ProgramWords | undefined {
  return text.startsWith('exec:') ? parseCommand(text.slice('exec:'.length)) : undefined;
}

export const program = argument((text): ProgramWords => {
  const words = programIn(text);
  if (words === undefined)
    throw new RangeError('expected exec:PROGRAM, with arguments after spaces');
  return words;
});

/** How a NAF brings triggers to UEs: to an address, or by a program. */
export type Carrier = TriggerAddress | ProgramWords;
export const carrier = argument(
  (text): Carrier => programIn(text) ?? requirePort(parseTriggerAddress(text)),
);

/** How triggers come to a UE: several addresses, or lines on stdin; each use of the option adds one. */
export type Inlet = TriggerAddress | 'stdin';
const inlet = argument((text): Inlet => (text === 'stdin:' ? 'stdin' : parseTriggerAddress(text)));
export const inlets = (text: string, earlier: readonly Inlet[] | undefined): readonly Inlet[] => [
  ...(earlier ?? []),
  inlet(text),
];

/** `<ue>`: an IMSI, or an IMPI. What it is in full is the subscriber file's to say. */
export type UeName = { readonly imsi: Imsi } | { readonly impi: Impi };

export function parseUe(text: string): UeName {
  if (/^\d+$/.test(text)) return { imsi: parseImsi(text) };
  if (text.includes('@')) return { impi: parseImpi(text) };
  const command = nearest(text, COMMANDS);
  const hint = command === undefined ? '' : `; did you mean the command ${command}?`;
  throw new RangeError(`a UE is an IMSI (6 to 15 digits) or an IMPI (user@domain)${hint}`);
}

/** The IMPI of a name, with a subscriber's own MNC length when it is known. */
export function impiOf(ue: UeName, mncDigits: 2 | 3 = 2): Impi {
  return 'impi' in ue ? ue.impi : impiFromImsi(ue.imsi, mncDigits);
}

export const stateOption = (): Option =>
  new Option(
    '--state <folder>',
    'where sequence numbers and handled ids are kept (default: $GBA_PUSH_STATE, else ' +
      '$XDG_STATE_HOME/gba-push)',
  ).argParser(path);

export const keylogOption = (): Option =>
  new Option(
    '--keylog <file>',
    'append TLS secrets for Wireshark to a 0600 file; whoever reads it reads every push',
  ).argParser(path);

export const resumptionOption = (): Option =>
  new Option(
    '--resumption <how>',
    'sa-bound: after a lost layer a shorter TLS 1.2 handshake, out of a session in memory that ends with ' +
      'its association; the other end must do the same',
  )
    .choices(['off', 'sa-bound'])
    .default('off');

export const tlsPolicyOption = (): Option =>
  new Option(
    '--tls-policy <file>',
    'JSON: suites, groups and the rest of TLS; what it does not say is as in certs-none/policy.json',
  ).argParser(path);

/** What to tell whoever asks for resumption where it changes nothing. */
export function resumptionNotice(
  resumption: Resumption | undefined,
  versions: readonly TlsVersion[],
): string | undefined {
  if (resumption !== 'sa-bound' || versions.includes('1.2')) return undefined;
  return (
    '--resumption sa-bound changes nothing in TLS 1.3, where it would save no round trip: ' +
    'it is for TLS 1.2 (--tls)'
  );
}

export const allowDemoOption = (): Option =>
  new Option(
    '--dangerously-allow-demo-keys',
    'use the published demo keys beyond loopback: anybody can then read and forge pushes',
  );

/**
 * `--state`, `$GBA_PUSH_STATE`, `$XDG_STATE_HOME/gba-push`, or what the XDG standard says for when that
 * is not set. An empty variable is one that is not set.
 */
export function stateFolder(option: string | undefined, env: CommandIo['env']): string {
  const named = option ?? env['GBA_PUSH_STATE'];
  if (named) return named;
  const home = env['HOME'] || homedir();
  return join(env['XDG_STATE_HOME'] || join(home, '.local', 'state'), 'gba-push');
}

/** What new associations are bound to, and the policy narrowed to the suite that was asked for. */
export interface Binding {
  readonly binding: TlsBinding;
  readonly only: TlsPolicy;
}

/**
 * What `--tls` and `--suite` mean. @throws RangeError when they do not fit together or to the policy; it
 * lists what would.
 */
export function bindingFrom(
  version: TlsVersion | undefined,
  suite: string | undefined,
  policy: TlsPolicy,
): Binding {
  const versions: readonly TlsVersion[] = version === undefined ? ['1.3', '1.2'] : [version];
  const allowed = versions.flatMap((one) => suitesOf(policy, one));
  const wanted = suite ?? allowed[0] ?? '';
  const name = allowed.find((one) => one === wanted);
  if (name === undefined) {
    const lists = versions.map((one) => `TLS ${one} has ${suitesOf(policy, one).join(', ')}`);
    const meant = nearest(wanted.toUpperCase(), allowed);
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
    throw new RangeError(`the policy has no suite ${wanted}: ${lists.join('; ')}${hint}`);
  }
  if (isTls12Suite(name)) return { binding: { version: '1.2', suite: name }, only: policy };
  const suites13 =
    suite === undefined ? policy.suites13 : policy.suites13.filter((one) => one === name);
  return { binding: { version: '1.3' }, only: { ...policy, suites13 } };
}

function suitesOf({ suites12, suites13 }: TlsPolicy, version: TlsVersion): readonly SuiteName[] {
  return version === '1.2' ? suites12 : suites13;
}

function requirePort<A extends Endpoint>(address: A): A {
  if (address.port === 0) throw new RangeError('port 0 is for listening; say which port it is');
  return address;
}
