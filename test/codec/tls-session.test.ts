import test from 'ava';
import fc from 'fast-check';
import { tls12SessionId } from '../../src/codec/tls-session.ts';
import { fromHex, toHex } from '../../src/lib/bytes.ts';

/** What `openssl s_client -tls1_2 -psk 00..00 -sess_out` wrote (OpenSSL 3.0), and the id that it shows. */
const WRITTEN = fromHex(
  '30818002010102020303040200a80420b9e5a22ffa73a296a399a3ff7c05cf8da68e8597ca4c0fa689271498a10d680c' +
    '043043ba999fc0a5ef2cb6d89fe5a78363b8fe4521bb00c3257ae8d24bbdc94608225408244e6e25d848256a80d6db28' +
    '7153a10602046b07052fa20402021c20a4020400a803040178ad03020101b303020100',
);
const ID = 'b9e5a22ffa73a296a399a3ff7c05cf8da68e8597ca4c0fa689271498a10d680c';

test('the session id of TLS 1.2 is read out of a session', (t) => {
  t.is(tls12SessionId(WRITTEN), ID);
});

test('a session of TLS 1.3, one without an id, and one that is cut short give none', (t) => {
  const other = (from: string, to: string): Uint8Array => fromHex(toHex(WRITTEN).replace(from, to));
  t.is(tls12SessionId(other('02020303', '02020304')), undefined);
  t.is(tls12SessionId(other('308180020101', '308180020102')), undefined);
  t.is(tls12SessionId(fromHex('300d02010102020303040200a80400')), undefined);
  for (let end = 0; end < WRITTEN.length; end += 1) {
    t.is(tls12SessionId(WRITTEN.subarray(0, end)), undefined, `${end} octets`);
  }
});

test('any octets give an id in hex or nothing', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (octets) => {
      const id = tls12SessionId(octets);
      return id === undefined || /^(?:[0-9a-f]{2}){1,32}$/.test(id);
    }),
  );
  fc.assert(
    fc.property(fc.nat(WRITTEN.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bent = Uint8Array.from(WRITTEN);
      bent[at] = (bent[at] ?? 0) ^ flip;
      const id = tls12SessionId(bent);
      return id === undefined || /^(?:[0-9a-f]{2}){1,32}$/.test(id);
    }),
  );
  t.pass();
});
