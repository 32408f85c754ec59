/** Options that the commands share, and how their texts become values; a bad one is a usage error. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import { reasonOf } from '../errors.ts';
import { impiFromImsi, parseFqdn, parseImpi, parseImsi, type Impi, type Imsi } from '../ids.ts';
import { isTls12Suite, type TlsBinding, type TlsPolicy, type TlsVersion } from '../lib/suites.ts';
import { parseEndpoint, parseTriggerAddress } from '../codec/address.ts';
import type { CommandIo } from './io.ts';
import { nearest } from './suggest.ts';

/** The words of `naf-push`, for whoever mistypes one: the default command takes it for a UE. */
const COMMANDS = ['send', 'sa', 'aka', 'demo', 'help'];

/** Where demo UEs and `ue-listen` without options meet: the WAP push port of TS 24.109 J. */
export const DEFAULT_TRIGGER = parseTriggerAddress('udp://127.0.0.1:2948');

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

/** A whole number from `least` to `most`. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return argument((text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) {
      throw new RangeError(`expected a whole number from ${least} to ${most}`);
    }
    return value;
  });
}

/** Seconds with or without a fraction, above 0. */
export const seconds = argument((text) => {
  const value = Number(text);
  if (!/^\d+(?:\.\d+)?$/.test(text) || !(value > 0))
    throw new RangeError('expected seconds above 0');
  return value;
});

export const endpoint = argument(parseEndpoint);
export const triggerAddress = argument(parseTriggerAddress);
export const fqdn = argument(parseFqdn);

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
    'where sequence numbers and handled ids are kept (default: $XDG_STATE_HOME/gba-push)',
  ).env('GBA_PUSH_STATE');

export const keylogOption = (): Option =>
  new Option(
    '--keylog <file>',
    'append TLS secrets for Wireshark to a 0600 file; whoever reads it reads every push',
  );

export const allowDemoOption = (): Option =>
  new Option(
    '--dangerously-allow-demo-keys',
    'use the published demo keys beyond loopback: anybody can then read and forge pushes',
  );

/** `$XDG_STATE_HOME/gba-push`, or what the standard says for when it is not set. */
export function stateFolder(option: string | undefined, env: CommandIo['env']): string {
  if (option !== undefined) return option;
  const home = env['HOME'] ?? homedir();
  return join(env['XDG_STATE_HOME'] ?? join(home, '.local', 'state'), 'gba-push');
}

/** What new associations are bound to, and the policy narrowed to the suite that was asked for. */
export interface Binding {
  readonly binding: TlsBinding;
  readonly only: TlsPolicy;
}

/** What `--tls` and `--suite` mean. @throws RangeError when they do not fit together or to the policy. */
export function bindingFrom(
  version: TlsVersion | undefined,
  suite: string | undefined,
  policy: TlsPolicy,
): Binding {
  const implied = suite !== undefined && isTls12Suite(suite) ? '1.2' : '1.3';
  const allowed = (version ?? implied) === '1.2' ? policy.suites12 : policy.suites13;
  const name = allowed.find((one) => suite === undefined || one === suite);
  if (name === undefined) {
    const asked = suite ?? 'any suite';
    throw new RangeError(
      `the policy for TLS ${version ?? implied} has ${allowed.join(', ')}, not ${asked}`,
    );
  }
  if (isTls12Suite(name)) return { binding: { version: '1.2', suite: name }, only: policy };
  const suites13 =
    suite === undefined ? policy.suites13 : policy.suites13.filter((one) => one === name);
  return { binding: { version: '1.3' }, only: { ...policy, suites13 } };
}
