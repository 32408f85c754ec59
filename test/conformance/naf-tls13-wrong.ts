/** What no TLS 1.3 client may do, and the alert for it (RFC 8446). */
import {
  having,
  groups,
  share,
  protocols,
  unknown,
  finishedOf,
  flipped,
  saying,
  data,
  recordOf,
  inClearOf,
  EMPTY,
  NOTHING,
  type Alert,
  type Change,
  type Say,
} from './tls13-changes.ts';
import { EXTENSION, inClear, message, MESSAGE, TYPE, vector } from './tls13-wire.ts';

export const wrongHandshakes: Readonly<Record<string, readonly [Alert, Change]>> = {
  'an extension twice': [47, { extensions: (usual) => [...usual, ...usual.slice(-1)] }],
  'an extension behind pre_shared_key': [47, { behind: unknown(1) }],
  'a share of 31 octets': [47, { extensions: having(share(Buffer.alloc(31, 9))) }],
  'a share of zeros': [47, { extensions: having(share(Buffer.alloc(32))) }],
  'a share of a group that it does not offer': [47, { extensions: having(groups(0x17)) }],
  'no version': [[50, 70], { extensions: having([EXTENSION.versions, vector(1)]) }],
  'no group': [50, { extensions: having([EXTENSION.groups, vector(2)]) }],
  'an empty list of protocols': [50, { extensions: having(protocols()) }],
  'a protocol without a name': [50, { extensions: having(protocols('')) }],
  'other protocols alone': [120, { extensions: having(protocols('http/1.1')) }],
  'an extension that is longer than the hello': [
    50,
    {
      extensions: having([0x7000, Buffer.alloc(20)]),
      send: (wire, hello) => {
        hello.writeUInt16BE(0xffff, hello.indexOf('70000014', 0, 'hex') + 2);
        wire.raw(inClear(TYPE.handshake, hello, 0x0301));
      },
    },
  ],
  'a hello with an octet behind it': [
    10,
    {
      send: (wire, hello) => {
        wire.raw(inClear(TYPE.handshake, Buffer.concat([hello, Buffer.of(0)]), 0x0301));
      },
    },
  ],
  'a record of 16,385 octets in clear': [
    22,
    {
      send: (wire) => {
        wire.raw(inClear(TYPE.handshake, Buffer.alloc(16_385)));
      },
    },
  ],
  'ChangeCipherSpec before all else': [
    10,
    {
      send: (wire, hello) => {
        wire.raw(inClear(TYPE.changeCipherSpec, Buffer.of(1)), inClear(TYPE.handshake, hello));
      },
    },
  ],
  'a second hello without the share that was asked for': [
    47,
    { hasShare: false, again: having([EXTENSION.keyShare, vector(2)]) },
  ],
  'a Finished with one bit changed': [51, { sendFinished: finishedOf(flipped) }],
  'a Finished that is one octet short': [
    50,
    { sendFinished: finishedOf((mac) => mac.subarray(1)) },
  ],
  'a Finished with the next message in its record': [
    10,
    {
      sendFinished: (wire, mac) => {
        const next = message(MESSAGE.keyUpdate, Buffer.of(0));
        wire.say(TYPE.handshake, Buffer.concat([message(MESSAGE.finished, mac), next]));
      },
    },
  ],
  'data before Finished': [
    10,
    {
      beforeFinished: (wire) => {
        wire.say(TYPE.applicationData, NOTHING);
      },
    },
  ],
  'data in place of Finished': [
    10,
    {
      sendFinished: (wire) => {
        wire.say(TYPE.applicationData, NOTHING);
      },
    },
  ],
  'a certificate before Finished': [10, { beforeFinished: saying(MESSAGE.certificate, 4) }],
  'a KeyUpdate before Finished': [10, { beforeFinished: saying(MESSAGE.keyUpdate, 1) }],
  'a ChangeCipherSpec of 2': [[10, 47], { beforeFinished: inClearOf(TYPE.changeCipherSpec, 2) }],
  'a ChangeCipherSpec of two octets': [
    [10, 47],
    { beforeFinished: inClearOf(TYPE.changeCipherSpec, 1, 1) },
  ],
};

export const wrongTalk: Readonly<Record<string, readonly [Alert, Say]>> = {
  'a record of 16,385 octets': [22, data(Buffer.alloc(16_385))],
  'a record that is longer than any': [
    22,
    inClearOf(TYPE.applicationData, ...Array<number>(16_641).fill(0)),
  ],
  'a record with one bit changed': [
    20,
    (wire) => {
      wire.raw(flipped(wire.record(TYPE.applicationData, NOTHING)));
    },
  ],
  'a record shorter than its tag': [20, inClearOf(TYPE.applicationData, 1, 2, 3, 4, 5, 6, 7, 8)],
  'data in clear': [20, inClearOf(TYPE.applicationData, ...Array<number>(64).fill(0))],
  'a handshake message in clear': [10, inClearOf(TYPE.handshake, MESSAGE.keyUpdate, 0, 0, 1, 0)],
  'ChangeCipherSpec in clear': [10, inClearOf(TYPE.changeCipherSpec, 1)],
  'ChangeCipherSpec, protected': [10, recordOf(TYPE.changeCipherSpec, 1)],
  'a record of a type that there is not': [10, recordOf(99, 1)],
  'a record of zeros alone': [
    10,
    (wire) => {
      wire.say(0, EMPTY, 40);
    },
  ],
  'a handshake record without content': [10, recordOf(TYPE.handshake)],
  'a KeyUpdate that asks for 2': [47, saying(MESSAGE.keyUpdate, 1, 2)],
  'a KeyUpdate without content': [50, saying(MESSAGE.keyUpdate, 0)],
  'a KeyUpdate of two octets': [[50, 47], saying(MESSAGE.keyUpdate, 2)],
  'two KeyUpdates in one record': [
    10,
    recordOf(TYPE.handshake, MESSAGE.keyUpdate, 0, 0, 1, 0, MESSAGE.keyUpdate, 0, 0, 1, 0),
  ],
  'data within a message': [
    10,
    (wire) => {
      wire.say(TYPE.handshake, Buffer.of(MESSAGE.keyUpdate));
      wire.say(TYPE.applicationData, NOTHING);
    },
  ],
  'an alert without content': [10, recordOf(TYPE.alert)],
  'an alert of one octet': [[50, 10], recordOf(TYPE.alert, 2)],
  'an alert of three octets': [[50, 10], recordOf(TYPE.alert, 1, 90, 1)],
  'another ClientHello': [
    10,
    (wire) => {
      wire.say(TYPE.handshake, wire.transcript[0] ?? EMPTY);
    },
  ],
  'another Finished': [10, saying(MESSAGE.finished, 32)],
  'a NewSessionTicket': [10, saying(MESSAGE.newSessionTicket, 40)],
  'a certificate': [10, saying(MESSAGE.certificate, 4)],
};
