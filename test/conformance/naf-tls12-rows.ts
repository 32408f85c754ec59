/** What a TLS 1.2 client may do, and what none may (RFC 5246, RFC 4279), each as a change to a plain handshake or as talk after one. */
import { flipped, having, protocols, type Alert } from './tls13-changes.ts';
import { HANDSHAKE, type ClientOptions, type Flight, type Tls12Wire } from './tls12-client.ts';
import { inClear, message, TYPE, uint, vector } from './tls13-wire.ts';

export type Change = Omit<Partial<ClientOptions>, 'port' | 'identity' | 'key'>;
type Say = (wire: Tls12Wire) => void;
type SendFlight = NonNullable<Change['sendFlight']>;

const EMPTY = Buffer.alloc(0);
const SUITE = 0x00a8;
/** user_canceled. */
const WARNING = inClear(TYPE.alert, Buffer.of(1, 90));

export const rightHandshakes: Readonly<Record<string, Change>> = {
  'as it is': {},
  'one octet at a time': {
    send: (wire, hello) => void inCrumbs(wire, inClear(TYPE.handshake, hello, 0x0301)),
    sendFlight: (wire, keyExchange, flight) => void inCrumbs(wire, usual(keyExchange, flight)),
  },
  'records of one octet': {
    send: (wire, hello) => {
      wire.raw(...inRecords(hello));
    },
    sendFlight: (wire, keyExchange, { changeCipherSpec, finished }) => {
      wire.raw(...inRecords(keyExchange), changeCipherSpec, finished());
    },
  },
  'unknown suites, groups and extensions': {
    suites: [0x0a0a, 0xc02f, 0x00ff, SUITE],
    extensions: having([0x0a0a, EMPTY], [10, vector(2, uint(2, 0x2a2a))], [0x4a4a, Buffer.of(0)]),
  },
  'a question for a ticket, a status and encrypt-then-MAC': {
    extensions: having([35, EMPTY], [5, Buffer.of(1, 0, 0, 0, 0)], [22, EMPTY]),
  },
  'no server_name and no ALPN': {
    extensions: (all) => all.filter(([type]) => type !== 0 && type !== 16),
  },
  'compression that is offered': { compression: [1, 0] },
  'warnings before ClientKeyExchange': {
    sendFlight: (wire, keyExchange, flight) => {
      wire.raw(WARNING, WARNING, usual(keyExchange, flight));
    },
  },
  'a warning behind ClientKeyExchange': {
    sendFlight: (wire, keyExchange, { changeCipherSpec, finished }) => {
      wire.raw(inClear(TYPE.handshake, keyExchange), WARNING, changeCipherSpec, finished());
    },
  },
};

export const wrongHandshakes: Readonly<Record<string, readonly [Alert, Change]>> = {
  'an extension twice': [47, { extensions: (all) => [...all, ...all.slice(0, 1)] }],
  'compression alone': [[47, 50], { compression: [1] }],
  'other protocols alone': [120, { extensions: having(protocols('h2')) }],
  'renegotiation_info of a first time that there was not': [
    40,
    { extensions: having([0xff01, vector(1, Buffer.of(1))]) },
  ],
  'ChangeCipherSpec before ClientKeyExchange': [
    10,
    {
      sendFlight: (wire, keyExchange, { changeCipherSpec, finished }) => {
        wire.raw(changeCipherSpec, inClear(TYPE.handshake, keyExchange), finished());
      },
    },
  ],
  'no ChangeCipherSpec': [10, { sendFlight: sendAll((_, { finished }) => [finished()]) }],
  'a ChangeCipherSpec of 2': [
    [47, 10],
    {
      sendFlight: sendAll((_, { finished }) => [
        inClear(TYPE.changeCipherSpec, Buffer.of(2)),
        finished(),
      ]),
    },
  ],
  'a certificate first': [
    10,
    {
      sendFlight: (wire, keyExchange, flight) => {
        const certificate = message(HANDSHAKE.certificate, vector(3));
        wire.raw(inClear(TYPE.handshake, certificate), usual(keyExchange, flight));
      },
    },
  ],
  'another ClientHello': [
    10,
    {
      sendFlight: (wire) => {
        wire.raw(inClear(TYPE.handshake, wire.transcript[0] ?? EMPTY));
      },
    },
  ],
  'ClientKeyExchange twice': [
    10,
    {
      sendFlight: (wire, keyExchange) => {
        wire.raw(inClear(TYPE.handshake, keyExchange), inClear(TYPE.handshake, keyExchange));
      },
    },
  ],
  'ClientKeyExchange twice in a record': [
    10,
    {
      sendFlight: (wire, keyExchange) => {
        wire.raw(inClear(TYPE.handshake, Buffer.concat([keyExchange, keyExchange])));
      },
    },
  ],
  'ClientKeyExchange without content': [50, { sendFlight: keyExchangeOf(() => EMPTY) }],
  'an identity longer than its message': [
    50,
    { sendFlight: keyExchangeOf((whole) => whole.subarray(0, -1)) },
  ],
  'an octet behind the identity': [
    50,
    { sendFlight: keyExchangeOf((whole) => Buffer.concat([whole, Buffer.of(0)])) },
  ],
  'an identity of 300 octets': [
    50,
    { sendFlight: keyExchangeOf(() => vector(2, Buffer.alloc(300, 0x61))) },
  ],
  'no identity': [20, { sendFlight: keyExchangeOf(() => vector(2)) }],
  'a Finished with one bit changed': [51, { sendFlight: finishedOf(flipped) }],
  'a Finished that is one octet short': [50, { sendFlight: finishedOf((mac) => mac.subarray(1)) }],
};

export const rightTalk: Readonly<Record<string, Say>> = {
  'records without content': (wire) => {
    for (let i = 0; i < 20; i += 1) wire.say(TYPE.applicationData, EMPTY);
  },
  'a record of 16,384 octets': (wire) => {
    wire.say(TYPE.applicationData, Buffer.alloc(16_384));
  },
  'user_canceled, a warning': (wire) => {
    wire.say(TYPE.alert, Buffer.of(1, 90));
  },
};

export const wrongTalk: Readonly<Record<string, readonly [Alert, Say]>> = {
  'a record of 16,385 octets': [22, talk(TYPE.applicationData, Buffer.alloc(16_385))],
  'a record with one bit changed': [
    20,
    (wire) => {
      wire.raw(flipped(wire.record(TYPE.applicationData, Buffer.of(0, 0))));
    },
  ],
  'a record twice': [
    20,
    (wire) => {
      const record = wire.record(TYPE.applicationData, Buffer.of(0, 0));
      wire.raw(record, record);
    },
  ],
  'data in clear': [
    [20, 80],
    (wire) => {
      wire.raw(inClear(TYPE.applicationData, Buffer.of(0, 0)));
    },
  ],
  'a heartbeat': [10, talk(24, Buffer.of(1, 0, 16))],
  'another ChangeCipherSpec': [10, talk(TYPE.changeCipherSpec, Buffer.of(1))],
  'another Finished': [10, talk(TYPE.handshake, message(HANDSHAKE.finished, Buffer.alloc(12)))],
  'a KeyUpdate': [10, talk(TYPE.handshake, message(24, Buffer.of(0)))],
  'an alert without content': [10, talk(TYPE.alert, EMPTY)],
};

function usual(keyExchange: Buffer, { changeCipherSpec, finished }: Flight): Buffer {
  return Buffer.concat([inClear(TYPE.handshake, keyExchange), changeCipherSpec, finished()]);
}

/** ClientKeyExchange, and then these. */
function sendAll(rest: (wire: Tls12Wire, flight: Flight) => Buffer[]): SendFlight {
  return (wire, keyExchange, flight) => {
    wire.raw(inClear(TYPE.handshake, keyExchange), ...rest(wire, flight));
  };
}

function finishedOf(change: (mac: Buffer) => Buffer): SendFlight {
  return sendAll((_, { changeCipherSpec, finished }) => [changeCipherSpec, finished(change)]);
}

/** Its content is another. */
function keyExchangeOf(change: (content: Buffer) => Buffer): SendFlight {
  return (wire, keyExchange, { changeCipherSpec, finished }) => {
    const changed = message(HANDSHAKE.clientKeyExchange, change(keyExchange.subarray(4)));
    wire.raw(inClear(TYPE.handshake, changed), changeCipherSpec, finished());
  };
}

function talk(type: number, body: Buffer): Say {
  return (wire) => {
    wire.say(type, body);
  };
}

function inRecords(octets: Buffer): Buffer[] {
  return Array.from(octets, (octet) => inClear(TYPE.handshake, Buffer.of(octet)));
}

async function inCrumbs(wire: Tls12Wire, octets: Buffer): Promise<void> {
  for (const octet of octets) {
    wire.raw(Buffer.of(octet));
    await new Promise(setImmediate);
  }
}
