/** What a TLS 1.3 server may do to our UE, how it may refuse, and what no server may say over a layer (RFC 8446). */
import { EMPTY, flipped, NOTHING, recordOf, saying, unknown, X25519 } from './tls13-changes.ts';
import {
  encodeExtensions,
  EXTENSION,
  inClear,
  message,
  MESSAGE,
  TYPE,
  uint,
  vector,
  type Tls13Wire,
} from './tls13-wire.ts';
import { certificateRequest, type Code, type ServerChange } from './ue-tls13-wrong.ts';

export const rightServers: Readonly<Record<string, ServerChange>> = {
  'as it is': {},
  'EncryptedExtensions with server_name and groups': {
    encrypted: (usual) => [
      [EXTENSION.serverName, EMPTY],
      [EXTENSION.groups, vector(2, uint(2, 0x18), uint(2, X25519))],
      ...usual,
    ],
  },
  'a padded Finished': {
    sendFinished: (wire, mac) => {
      wire.say(TYPE.handshake, message(MESSAGE.finished, mac), 900);
    },
  },
  'tickets, with early data and unknown extensions': {
    then: (wire) => {
      for (let i = 0; i < 50; i += 1) wire.say(TYPE.handshake, ticket(i % 2 === 0 ? 0 : 604_800));
    },
  },
  'twenty KeyUpdates with data between them': {
    then: (wire) => {
      for (let i = 0; i < 20; i += 1) {
        wire.say(TYPE.handshake, message(MESSAGE.keyUpdate, Buffer.of(i % 2)));
        wire.rekey('out');
        wire.say(TYPE.applicationData, NOTHING, i);
      }
    },
  },
  'records without content': {
    then: (wire) => {
      for (let i = 0; i < 30; i += 1) wire.say(TYPE.applicationData, EMPTY, i);
    },
  },
  'user_canceled, a warning': { then: recordOf(TYPE.alert, 1, 90) },
};

/** Fatal alerts in place of a ServerHello, by how the dial fails. */
export const alerts: Readonly<Record<Code, readonly number[]>> = {
  PROTOCOL: [
    ...[10, 21, 22, 30, 41, 42, 43, 44, 45, 46, 48, 50, 60, 86, 100, 109, 110, 111, 112, 113],
    ...[114, 116],
  ],
  REFUSED: [20, 40, 47, 49, 51, 115],
  POLICY: [70, 71, 120],
  CLOSED: [80, 90],
};

/** What ends a layer that was open. */
export const wrongTalk: Readonly<Record<string, (wire: Tls13Wire) => void>> = {
  'a HelloRequest': saying(0, 0),
  'a question for a certificate': (wire) => {
    wire.say(TYPE.handshake, message(MESSAGE.certificateRequest, certificateRequest()));
  },
  'a ticket of 16 MiB': recordOf(TYPE.handshake, MESSAGE.newSessionTicket, 0xff, 0xff, 0xff, 0, 0),
  'a ticket that is cut': saying(MESSAGE.newSessionTicket, 5),
  'another Finished': saying(MESSAGE.finished, 32),
  'a fatal alert': recordOf(TYPE.alert, 2, 80),
  close_notify: recordOf(TYPE.alert, 1, 0),
  'a record with one bit changed': (wire) => {
    wire.raw(flipped(wire.record(TYPE.applicationData, NOTHING)));
  },
  'data in clear': (wire) => {
    wire.raw(inClear(TYPE.applicationData, Buffer.alloc(64)));
  },
};

function ticket(lifetimeSeconds: number): Buffer {
  const extensions = [[EXTENSION.earlyData, uint(4, 0xffff_ffff)] as const, ...unknown(3)];
  const body = [
    ...[uint(4, lifetimeSeconds), uint(4, 1), vector(1, Buffer.of(1))],
    ...[vector(2, Buffer.alloc(64, 7)), vector(2, encodeExtensions(extensions))],
  ];
  return message(MESSAGE.newSessionTicket, Buffer.concat(body));
}
