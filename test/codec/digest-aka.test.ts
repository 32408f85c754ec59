import { readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import {
  digestOf,
  formatAuthenticationInfo,
  formatAuthorization,
  formatChallenge,
  formatNonce,
  parseAuthenticationInfo,
  parseAuthorization,
  parseChallenge,
  parseNonce,
} from '../../src/codec/digest-aka.ts';
import { CodecError } from '../../src/errors.ts';
import { EMPTY, fromHex, utf8Bytes } from '../../src/lib/bytes.ts';

type Field =
  | 'username'
  | 'realm'
  | 'rand'
  | 'autn'
  | 'nonce'
  | 'nc'
  | 'cnonce'
  | 'uri'
  | 'res'
  | 'response'
  | 'responseWithAuts'
  | 'body'
  | 'rspauth';
const vector = JSON.parse(
  readFileSync(new URL('../vectors/digest-aka.json', import.meta.url), 'utf8'),
) as Record<Field, string>;
const malformed = { instanceOf: CodecError, code: 'ERR_UB_MALFORMED' };

test('the digests of request, resynchronisation and answer are those of another implementation', (t) => {
  const get = { ...vector, method: 'GET', body: EMPTY };
  t.is(digestOf({ ...get, password: fromHex(vector.res) }), vector.response);
  t.is(digestOf({ ...get, password: EMPTY }), vector.responseWithAuts);
  const answer = { ...vector, method: '', body: utf8Bytes(vector.body) };
  t.is(digestOf({ ...answer, password: fromHex(vector.res) }), vector.rspauth);
});

test('everything that is digested changes the digest', (t) => {
  const input = { ...vector, method: 'GET', body: EMPTY, password: fromHex(vector.res) };
  const changes = [
    { username: 'other' },
    { realm: 'other' },
    { nonce: 'other' },
    { nc: '00000002' },
    { cnonce: 'other' },
    { method: 'POST' },
    { uri: '/other' },
    { body: utf8Bytes('x') },
    { password: EMPTY },
  ];
  const digests = changes.map((change) => digestOf({ ...input, ...change }));
  t.is(new Set([vector.response, ...digests]).size, changes.length + 1);
});

test('a nonce holds RAND and AUTN, and may hold more', (t) => {
  const [rand, autn] = [fromHex(vector.rand), fromHex(vector.autn)];
  t.is(formatNonce(rand, autn), vector.nonce);
  t.deepEqual(parseNonce(vector.nonce), { rand, autn });
  const longer = Buffer.concat([rand, autn, Buffer.from('server data')]).toString('base64');
  t.deepEqual(parseNonce(longer), { rand, autn });
  for (const bad of [
    '',
    'AAAA',
    vector.nonce.slice(1),
    `${vector.nonce} `,
    vector.nonce.replace('=', ''),
  ]) {
    t.throws(() => parseNonce(bad), malformed, bad);
  }
});

const words = fc.stringMatching(/^[\x20-\x7e]{1,80}$/);
const hex = (digits: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`));
const proof = fc.record({ nc: hex(8), cnonce: words });

test('credentials come back as they were, whatever is in them', (t) => {
  const credentials = fc.record({
    username: words,
    realm: words,
    nonce: words,
    uri: words,
    response: hex(32),
    proof: fc.option(proof, { nil: undefined }),
    auts: fc.option(fc.uint8Array({ minLength: 14, maxLength: 14 }), { nil: undefined }),
    opaque: fc.option(words, { nil: undefined }),
  });
  fc.assert(
    fc.property(credentials, (value) => {
      t.deepEqual(parseAuthorization(formatAuthorization(value)), value);
    }),
  );
});

test('challenges and proofs of the server come back as they were', (t) => {
  const challenge = fc.record({
    realm: words,
    nonce: words,
    opaque: fc.option(words, { nil: undefined }),
    stale: fc.boolean(),
  });
  fc.assert(
    fc.property(challenge, (value) => {
      t.deepEqual(parseChallenge(formatChallenge(value)), value);
    }),
  );
  const info = fc.record({ nc: hex(8), cnonce: words, rspauth: hex(32) });
  fc.assert(
    fc.property(info, (value) => {
      t.deepEqual(parseAuthenticationInfo(formatAuthenticationInfo(value)), value);
    }),
  );
});

test('a header in another order, spacing, case and quoting says the same', (t) => {
  const value =
    'DIGEST QOP="auth-int,auth" ,algorithm="akav1-md5",  Nonce = "bm9uY2U=" , , realm="a \\"b\\"",stale=TRUE';
  t.deepEqual(parseChallenge(value), {
    realm: 'a "b"',
    nonce: 'bm9uY2U=',
    opaque: undefined,
    stale: true,
  });
});

test('another scheme, algorithm or quality of protection is refused', (t) => {
  for (const value of [
    undefined,
    '',
    'Basic realm="a"',
    'Digest',
    'Digest realm="a", nonce="b", qop="auth-int"',
    'Digest realm="a", nonce="b", qop="auth-int", algorithm=MD5',
    'Digest realm="a", nonce="b", qop="auth-int", algorithm=AKAv2-MD5',
    'Digest realm="a", nonce="b", qop="auth", algorithm=AKAv1-MD5',
    'Digest nonce="b", qop="auth-int", algorithm=AKAv1-MD5',
  ]) {
    t.throws(() => parseChallenge(value), malformed, value);
  }
});

test('credentials that break a rule are refused', (t) => {
  const good = formatAuthorization({
    ...vector,
    response: vector.response,
    proof: { nc: vector.nc, cnonce: vector.cnonce },
  });
  t.notThrows(() => parseAuthorization(good));
  for (const bad of [
    good.replace('username', 'user'),
    good.replace('AKAv1-MD5', 'MD5'),
    good.replace('qop=auth-int', 'qop=auth'),
    good.replace('nc=00000001', 'nc=1'),
    good.replace(vector.response, vector.response.slice(1)),
    `${good}, auts="AAAA"`,
    `${good}, realm="twice"`,
    `${good}, x`,
    `${good}, x="open`,
    `${good}\u0000`,
    `${good}\r\nX: y`,
    `${good}, x="${'a'.repeat(4_096)}"`,
  ]) {
    t.throws(() => parseAuthorization(bad), malformed, bad);
  }
});

test('any text parses or throws a CodecError, in a moment', (t) => {
  const pieces = fc.array(
    fc.oneof(fc.string(), fc.constantFrom('Digest ', 'qop=', '"', '\\', ',', '=', 'nc=', ' ')),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(pieces, (parts) => {
      for (const parse of [
        parseChallenge,
        parseAuthorization,
        parseAuthenticationInfo,
        parseNonce,
      ]) {
        try {
          parse(parts.join(''));
        } catch (error) {
          t.true(error instanceof CodecError);
        }
      }
    }),
    { numRuns: 300 },
  );
  for (const bad of [
    `Digest a="${'\\'.repeat(4_000)}`,
    `Digest ${', '.repeat(2_000)}`,
    `Digest ${'a '.repeat(2_000)}`,
  ]) {
    t.throws(() => parseAuthorization(bad), malformed);
  }
});
