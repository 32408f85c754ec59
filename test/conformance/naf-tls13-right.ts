/** What a TLS 1.3 client may do (RFC 8446, RFC 8701), each as a change to a plain handshake or as talk after one. */
import {
  having,
  groups,
  protocols,
  unknown,
  inRecordsOf,
  keyUpdate,
  EMPTY,
  NOTHING,
  X25519,
  type Change,
  type Say,
} from './tls13-changes.ts';
import { changeCipherSpec } from './tls13-client.ts';
import { EXTENSION, inClear, message, MESSAGE, TYPE, uint, vector } from './tls13-wire.ts';

export const rightHandshakes: Readonly<Record<string, Change>> = {
  'as it is': {},
  'no legacy_session_id, and no ChangeCipherSpec': {
    sessionId: EMPTY,
    beforeFinished: () => undefined,
  },
  'a legacy_session_id of one octet': { sessionId: Buffer.of(1) },
  'an age that is not 0': { age: 0xffff_fffe },
  'two ChangeCipherSpec': {
    beforeFinished: (wire) => {
      changeCipherSpec(wire);
      changeCipherSpec(wire);
    },
  },
  'unknown suites before ours': { suites: [0x0a0a, 0x13ff, 0x00ff, 0x5600, 0x1302, 0x1301] },
  'unknown groups, versions, modes, protocols and extensions': {
    extensions: having(
      [0x0a0a, EMPTY],
      groups(0x2a2a, 0xfe01, X25519),
      [EXTENSION.versions, vector(1, uint(2, 0x7a7a), uint(2, 0x0304), uint(2, 0x0303))],
      [EXTENSION.pskModes, vector(1, Buffer.of(0x2a, 0, 1))],
      protocols('\x3a\x3a', 'coap'),
      [0x4a4a, Buffer.of(0)],
    ),
  },
  'a share of an unknown group before ours': {
    extensions: (usual) =>
      having(groups(0x3a3a, X25519))(
        usual.map(([type, content]) =>
          type === EXTENSION.keyShare
            ? [type, vector(2, uint(2, 0x3a3a), vector(2, Buffer.of(0)), content.subarray(2))]
            : [type, content],
        ),
      ),
  },
  'the extensions in another order': { extensions: (usual) => usual.toReversed() },
  'fifty extensions that nobody knows': {
    extensions: (usual) => [...usual.slice(0, 3), ...unknown(50), ...usual.slice(3)],
  },
  'no server_name and no ALPN': {
    extensions: (usual) =>
      usual.filter(([type]) => type !== EXTENSION.serverName && type !== EXTENSION.alpn),
  },
  'signature algorithms beside the key': {
    extensions: having([EXTENSION.signatures, vector(2, uint(2, 0x0403), uint(2, 0x0804))]),
  },
  'records of one octet': { send: inRecordsOf(1) },
  'records of 50 octets': { send: inRecordsOf(50) },
  'a hello in a record of TLS 1.2': {
    send: (wire, hello) => {
      wire.raw(inClear(TYPE.handshake, hello, 0x0303));
    },
  },
  'no share at first': { hasShare: false },
  'no share at first, and unknown groups before ours': {
    hasShare: false,
    extensions: having(groups(0x2a2a, X25519)),
  },
  'Finished in pieces': {
    sendFinished: (wire, mac) => {
      const whole = message(MESSAGE.finished, mac);
      for (const part of [whole.subarray(0, 1), whole.subarray(1, 5), whole.subarray(5)]) {
        wire.say(TYPE.handshake, part);
      }
    },
  },
  'Finished in a padded record': {
    sendFinished: (wire, mac) => {
      wire.say(TYPE.handshake, message(MESSAGE.finished, mac), 500);
    },
  },
};

export const rightTalk: Readonly<Record<string, Say>> = {
  'records without content': (wire) => {
    for (let i = 0; i < 20; i += 1) wire.say(TYPE.applicationData, EMPTY);
  },
  'padded records, with content and without': (wire) => {
    wire.say(TYPE.applicationData, EMPTY, 1);
    wire.say(TYPE.applicationData, EMPTY, 16_384);
    wire.say(TYPE.applicationData, NOTHING, 16_382);
  },
  'a record of 16,384 octets': (wire) => {
    wire.say(TYPE.applicationData, Buffer.alloc(16_384));
  },
  'records of one octet': (wire) => {
    for (let i = 0; i < 10; i += 1) wire.say(TYPE.applicationData, Buffer.of(0));
  },
  'a KeyUpdate that asks for none': (wire) => {
    keyUpdate(wire, 0);
  },
  'a KeyUpdate that asks for one': (wire) => {
    keyUpdate(wire, 1);
  },
  'twenty KeyUpdates with data between them': (wire) => {
    for (let i = 0; i < 20; i += 1) {
      keyUpdate(wire, i % 2);
      wire.say(TYPE.applicationData, NOTHING);
    }
  },
  'a KeyUpdate in pieces': (wire) => {
    wire.say(TYPE.handshake, Buffer.of(MESSAGE.keyUpdate, 0));
    wire.say(TYPE.handshake, Buffer.of(0, 1, 0));
    wire.rekey('out');
  },
  'user_canceled, a warning': (wire) => {
    wire.say(TYPE.alert, Buffer.of(1, 90));
  },
};
