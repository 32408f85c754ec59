import test from 'ava';
import fc from 'fast-check';
import {
  decodeModemPdu,
  digitsOf,
  encodeSubmit,
  modemPdu,
  SMS_DATA_OCTETS,
  SMS_PART_DATA_OCTETS,
  type SmsSubmit,
} from '../../src/codec/sms.ts';
import { CodecError } from '../../src/errors.ts';
import { parseMsisdn } from '../../src/ids.ts';
import { concat, fromHex, toHex } from '../../src/lib/bytes.ts';
import vectors from '../vectors/sms.json' with { type: 'json' };

const msisdns = fc.stringMatching(/^\+[1-9]\d{6,14}$/).map(parseMsisdn);
const octet = fc.integer({ min: 0, max: 255 });
const port = fc.integer({ min: 0, max: 65_535 });
const submits: fc.Arbitrary<SmsSubmit> = fc.record(
  {
    to: msisdns,
    ports: fc.record({ destination: port, originator: port }),
    part: fc
      .tuple(octet, fc.integer({ min: 1, max: 255 }), octet)
      .map(([reference, total, n]) => ({ reference, total, number: (n % total) + 1 })),
    validSeconds: fc.integer({ min: 0, max: 10_000_000 }),
    data: fc.uint8Array({ maxLength: SMS_PART_DATA_OCTETS }),
  },
  { requiredKeys: ['to', 'ports', 'data'] },
);

const submit: SmsSubmit = {
  to: parseMsisdn('+491701234567'),
  ports: { destination: 2948, originator: 9200 },
  data: fromHex('0706'),
};

for (const { source, hex, data, ...frame } of vectors.pdus) {
  test(`reads the PDU of ${source}`, (t) => {
    t.deepEqual(decodeModemPdu(fromHex(hex)), { ...frame, data: fromHex(data) } as never);
  });
}

test('an SMS-SUBMIT is written octet for octet as TS 23.040 9.2.2.2 lays it out', (t) => {
  const { length, pdu } = modemPdu(encodeSubmit({ ...submit, validSeconds: 3600 }));
  const header = '0605040b8423f0';
  t.is(pdu, `00${'51'}${'00'}0c91947110325476${'00'}${'04'}${'0b'}${'09'}${header}0706`);
  t.is(length, pdu.length / 2 - 1);
});

test('what is written is read again, with the service centre in front or without it', (t) => {
  fc.assert(
    fc.property(submits, (sms) => {
      const tpdu = encodeSubmit(sms);
      const read = decodeModemPdu(tpdu);
      t.deepEqual(read, {
        type: 'submit',
        address: sms.to,
        alphabet: 'octets',
        ports: sms.ports,
        ...(sms.part && { part: sms.part }),
        data: sms.data,
      });
      t.deepEqual(decodeModemPdu(fromHex(modemPdu(tpdu).pdu)), read);
      t.deepEqual(decodeModemPdu(concat(fromHex('07911326040000f0'), tpdu)), read);
    }),
  );
});

test('every truncation of a PDU is malformed, and so is one octet more', (t) => {
  fc.assert(
    fc.property(submits, (sms) => {
      const pdu = fromHex(modemPdu(encodeSubmit(sms)).pdu);
      for (let end = 0; end < pdu.length; end += 1) {
        const error = t.throws(() => decodeModemPdu(pdu.subarray(0, end)), {
          instanceOf: CodecError,
        });
        t.is(error?.code, 'ERR_SMS_MALFORMED');
      }
      t.throws(() => decodeModemPdu(concat(pdu, Uint8Array.of(0))), { instanceOf: CodecError });
    }),
    { numRuns: 20 },
  );
});

test('any octets give a value or a CodecError', (t) => {
  const changed = fc
    .tuple(submits, fc.array(fc.tuple(octet, octet), { maxLength: 4 }))
    .map(([sms, changes]) => {
      const pdu = fromHex(modemPdu(encodeSubmit(sms)).pdu);
      for (const [at, value] of changes) pdu[at % pdu.length] = value;
      return pdu;
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), changed), (pdu) => {
      try {
        t.true(decodeModemPdu(pdu).data.length <= 140);
      } catch (error) {
        t.true(error instanceof CodecError, String(error));
      }
    }),
    { numRuns: 2_000 },
  );
});

test('140 octets of user data are the most that is written or read', (t) => {
  const full = encodeSubmit({ ...submit, data: new Uint8Array(SMS_DATA_OCTETS) });
  t.is(decodeModemPdu(full).data.length, 133);
  t.throws(() => encodeSubmit({ ...submit, data: new Uint8Array(SMS_DATA_OCTETS + 1) }), {
    instanceOf: RangeError,
  });
  const long = concat(full, Uint8Array.of(0));
  const at = 1 + 1 + 8 + 2;
  long[at] = 141;
  t.throws(() => decodeModemPdu(long), { message: /at most 140 octets/ });
});

test('numbers that do not fit their octet are refused, not cut', (t) => {
  for (const part of [
    { reference: 256, total: 2, number: 1 },
    { reference: 1, total: 256, number: 1 },
    { reference: 1, total: 2, number: 3 },
    { reference: 1, total: 2, number: 0 },
  ]) {
    t.throws(() => encodeSubmit({ ...submit, part }), { instanceOf: RangeError });
  }
  t.throws(() => encodeSubmit({ ...submit, ports: { destination: 65_536, originator: 0 } }), {
    instanceOf: RangeError,
  });
});

/** An SMS-DELIVER from +15125551234 with this data coding scheme and these user data. */
const deliver = (userData: string, { dcs = '04', first = '44' } = {}): Uint8Array => {
  const length = toHex(Uint8Array.of(userData.length / 2));
  return fromHex(`00${first}0b915121551532f400${dcs}62113280907000${length}${userData}`);
};

test('an SMS-DELIVER with a header gives ports and part; reference numbers have 8 or 16 bits', (t) => {
  const read = decodeModemPdu(deliver('0b0003f0020105040b84c002aabb'));
  t.deepEqual(read, {
    type: 'deliver',
    address: '+15125551234',
    alphabet: 'octets',
    ports: { destination: 2948, originator: 49_154 },
    part: { reference: 0xf0, total: 2, number: 1 },
    data: fromHex('aabb'),
  });
  const wide = decodeModemPdu(deliver('0c08041234020205040b8423f0aa'));
  t.deepEqual(wide.part, { reference: 0x1234, total: 2, number: 2 });
});

test('elements that are unknown, of a wrong size or without sense are passed over; the last of two counts', (t) => {
  const read = (header: string) => {
    const { ports, part } = decodeModemPdu(deliver(`${header}aa`));
    return { ports: ports?.destination, part: part?.number };
  };
  const none = { ports: undefined, part: undefined };
  t.deepEqual(read('00'), none);
  t.deepEqual(read('047002aabb'), none);
  t.deepEqual(read('0405020b84'), none);
  t.deepEqual(read('050003010001'), none);
  t.deepEqual(read('050003010200'), none);
  t.deepEqual(read('050003010203'), none);
  t.deepEqual(read('0a00030102010003010202'), { ...none, part: 2 });
  t.deepEqual(read('0c05040b8423f005040bff23f0'), { ...none, ports: 0x0bff });
});

test('a header longer than its user data is malformed', (t) => {
  for (const userData of ['0305aabb', '0405ff0000', '']) {
    t.throws(() => decodeModemPdu(deliver(userData)), { instanceOf: CodecError }, userData);
  }
  const short = deliver('03700100');
  short[short.length - 5] = 3;
  t.throws(() => decodeModemPdu(short), { instanceOf: CodecError, message: /UDHL is longer/ });
});

test('the data coding scheme tells octets from text (TS 23.038 4)', (t) => {
  const alphabets = (...codes: readonly number[]) =>
    codes.map((dcs) => {
      const pdu = deliver('', { first: '04', dcs: toHex(Uint8Array.of(dcs)) });
      return decodeModemPdu(pdu).alphabet;
    });
  t.deepEqual(
    new Set(alphabets(0x04, 0x14, 0x15, 0x16, 0x17, 0x44, 0xf4, 0xf5, 0xf6, 0xf7)),
    new Set(['octets']),
  );
  t.deepEqual(new Set(alphabets(0x08, 0x18, 0x48, 0xe0, 0xe8)), new Set(['ucs2']));
  t.deepEqual(
    new Set(alphabets(0x00, 0x11, 0x0c, 0x84, 0x88, 0xb4, 0xc8, 0xd4, 0xf0, 0xf3)),
    new Set(['gsm7']),
  );
});

test('the validity period is rounded up to what TP-VP can say (TS 23.040 9.2.3.12.1)', (t) => {
  const [minute, hour, day] = [60, 3_600, 86_400];
  const value = (validSeconds: number): number | undefined =>
    encodeSubmit({ ...submit, validSeconds })[12];
  const said: readonly (readonly [number, number])[] = [
    [0, 0],
    [5 * minute, 0],
    [5 * minute + 1, 1],
    [12 * hour, 143],
    [12 * hour + 1, 144],
    [12.5 * hour, 144],
    [day, 167],
    [day + 1, 168],
    [2 * day, 168],
    [30 * day, 196],
    [30 * day + 1, 197],
    [5 * 7 * day, 197],
    [63 * 7 * day, 255],
    [1_000 * 7 * day, 255],
  ];
  for (const [seconds, expected] of said) t.is(value(seconds), expected, `${seconds} s`);
});

test('an address is a number, with + when it is international, or the text of a sender', (t) => {
  const from = (address: string) =>
    decodeModemPdu(fromHex(`0004${address}0004621132809070000100`)).address;
  t.is(from('0b915121551532f4'), '+15125551234');
  t.is(from('0a812121551532'), '1212555123');
  t.is(from('05811032f4'), '01234');
  t.is(from('0891a1b3f4ff'), '+1*3#4');
  t.is(from('00d0'), '');
  t.throws(() => from(`1591${'11'.repeat(11)}`), { message: /at most 20 digits/ });
  t.is(digitsOf(fromHex('2143f5')), '12345');
});

test('an alphanumeric sender is read as 7-bit characters, and what is not plain ASCII becomes ?', (t) => {
  const pack = (text: string): string => {
    const bits = Array.from(text, (c) => c.charCodeAt(0).toString(2).padStart(7, '0')).reverse();
    const padded = bits.join('').padStart(Math.ceil((text.length * 7) / 8) * 8, '0');
    const found = (padded.match(/.{8}/g) ?? []).map((octet) => parseInt(octet, 2)).reverse();
    return toHex(Uint8Array.from(found));
  };
  const from = (text: string): string => {
    const semiOctets = toHex(Uint8Array.of(Math.ceil((text.length * 7) / 4)));
    return decodeModemPdu(fromHex(`0004${semiOctets}d0${pack(text)}0004621132809070000100`))
      .address;
  };
  t.is(from('GBA Push 01'), 'GBA Push 01');
  t.is(from('a\u0000b\u001b$@'), 'a?b???');
});

test('a service centre is read over, whatever its length; other message types are refused', (t) => {
  const tpdu = '040b915121551532f400046211328090700001aa';
  for (const centre of ['00', '0191', '07911326040000f0', `0b91${'11'.repeat(10)}`]) {
    t.deepEqual(decodeModemPdu(fromHex(centre + tpdu)).data, fromHex('aa'));
  }
  for (const first of ['02', '03', '42', '43']) {
    t.throws(() => decodeModemPdu(fromHex(`00${first}${tpdu.slice(2)}`)), {
      instanceOf: CodecError,
      message: /TP-MTI/,
    });
  }
});

test('octets are copied: a PDU that is overwritten leaves what was read alone', (t) => {
  const pdu = deliver('0605040b8423f0aabb');
  const { data } = decodeModemPdu(pdu);
  pdu.fill(0);
  t.deepEqual(data, fromHex('aabb'));
});
