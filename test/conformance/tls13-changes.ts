/** Changes to a plain TLS 1.3 handshake, and what a client may say in it. */
import type { ClientOptions } from './tls13-client.ts';
import {
  EXTENSION,
  inClear,
  message,
  MESSAGE,
  TYPE,
  uint,
  vector,
  type Extension,
  type Tls13Wire,
} from './tls13-wire.ts';

export type Change = Omit<Partial<ClientOptions>, 'port' | 'identity' | 'key'>;
/** The alert of the standard, and what OpenSSL says instead, before 3.5 or still. */
export type Alert = number | readonly [standard: number, openssl: number];
export type Say = (wire: Tls13Wire) => void;

export const EMPTY = Buffer.alloc(0);
/** CoAP's Empty message, which says nothing. */
export const NOTHING = Buffer.of(0, 0);
export const X25519 = 0x1d;

/** With these in place of the usual ones of their types, or added. */
export function having(...given: readonly Extension[]) {
  return (usual: readonly Extension[]): readonly Extension[] => [
    ...usual.filter(([type]) => given.every(([other]) => other !== type)),
    ...given,
  ];
}

export function groups(...codes: readonly number[]): Extension {
  return [EXTENSION.groups, vector(2, ...codes.map((code) => uint(2, code)))];
}

export function share(point: Buffer): Extension {
  return [EXTENSION.keyShare, vector(2, uint(2, X25519), vector(2, point))];
}

export function protocols(...names: readonly string[]): Extension {
  const list = names.map((name) => vector(1, Buffer.from(name, 'latin1')));
  return [EXTENSION.alpn, vector(2, ...list)];
}

export function unknown(count: number): Extension[] {
  return Array.from({ length: count }, (_, i) => [0x7000 + i, EMPTY]);
}

export function inRecordsOf(octets: number): NonNullable<Change['send']> {
  return (wire, hello) => {
    for (let at = 0; at < hello.length; at += octets) {
      wire.raw(inClear(TYPE.handshake, hello.subarray(at, at + octets), 0x0301));
    }
  };
}

export function finishedOf(change: (mac: Buffer) => Buffer): NonNullable<Change['sendFinished']> {
  return (wire, mac) => {
    wire.say(TYPE.handshake, message(MESSAGE.finished, change(mac)));
  };
}

export function flipped(octets: Buffer): Buffer {
  const at = octets.length - 1;
  octets[at] = (octets[at] ?? 0) ^ 1;
  return octets;
}

export function keyUpdate(wire: Tls13Wire, asks: number): void {
  wire.say(TYPE.handshake, message(MESSAGE.keyUpdate, Buffer.of(asks)));
  wire.rekey('out');
}

/** A protected message of so many octets of one value. */
export function saying(type: number, octets: number, value = 0): Say {
  return (wire) => {
    wire.say(TYPE.handshake, message(type, Buffer.alloc(octets, value)));
  };
}

export function data(octets: Buffer): Say {
  return (wire) => {
    wire.say(TYPE.applicationData, octets);
  };
}

export function recordOf(type: number, ...octets: readonly number[]): Say {
  return (wire) => {
    wire.say(type, Buffer.from(octets));
  };
}

export function inClearOf(type: number, ...octets: readonly number[]): Say {
  return (wire) => {
    wire.raw(inClear(type, Buffer.from(octets)));
  };
}
