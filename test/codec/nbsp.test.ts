import test from 'ava';
import fc from 'fast-check';
import {
  bootstrappingInfoRequest,
  bootstrappingInfoResponse,
  CAUSES,
  decodeNbsp,
  decodeProblem,
  encodeNbsp,
  problemOf,
  pushInfoRequest,
  pushInfoResponse,
  type NbspCause,
} from '../../src/codec/nbsp.ts';
import { pTidOf, uaIdOf } from '../../src/ids.ts';
import { utf8Bytes, view } from '../../src/lib/bytes.ts';
import { fqdns, impi, octets } from '../support/gpi.ts';

const nafIds = fc.record({
  nafFqdn: fqdns(),
  uaSecProtId: fc.constant(uaIdOf({ version: '1.3' })),
});
const instants = fc.integer({ min: 0, max: 253_402_300_799_999 });
const optional = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
const material = {
  meKeyMaterial: octets(32),
  uiccKeyMaterial: optional(octets(32)),
  keyExpiryTime: optional(instants),
  bootstrappingInfoCreationTime: optional(instants),
  gbaType: optional(fc.constant('3G_GBA')),
  impi: optional(fc.constant(impi)),
};
const resyncs = fc.option(fc.record({ auts: octets(14), rand: octets(16) }), { nil: {} });
const requests = fc.record({
  ueId: fc.string({ maxLength: 255 }),
  ueIdType: fc.constantFrom('PRIVATE', 'PUBLIC', 'OTHER'),
  uiccAppLabel: fc.string({ maxLength: 40 }),
  nafId: nafIds,
  ptId: octets(12).map(pTidOf),
  uiccOrMe: fc.constantFrom('GBA_ME' as const, 'GBA_U' as const),
  requestedLifeTime: instants,
  privateIdRequest: fc.boolean(),
  gbaUAware: fc.boolean(),
  uiccWhenPossible: optional(fc.boolean()),
});

/** Members that are absent do not count as different from members that are undefined. */
function defined(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined));
}

test('each body comes back as it was', (t) => {
  fc.assert(
    fc.property(requests, resyncs, (asked, resync) => {
      const value = { ...asked, ...resync };
      const read = decodeNbsp(pushInfoRequest, encodeNbsp(pushInfoRequest, value));
      t.deepEqual('value' in read && defined(read.value), defined(value));
    }),
  );
  const answers = fc.record({ ...material, gbaPushInfo: octets(99) });
  fc.assert(
    fc.property(answers, (value) => {
      const read = decodeNbsp(pushInfoResponse, encodeNbsp(pushInfoResponse, value));
      t.deepEqual('value' in read && defined(read.value), defined(value));
    }),
  );
  fc.assert(
    fc.property(fc.record(material), (value) => {
      const body = encodeNbsp(bootstrappingInfoResponse, value);
      const read = decodeNbsp(bootstrappingInfoResponse, body);
      t.deepEqual('value' in read && defined(read.value), defined(value));
    }),
  );
});

const asked = {
  ueId: impi,
  ueIdType: 'PRIVATE',
  uiccAppLabel: 'USIM',
  nafId: { nafFqdn: 'naf.example.org', uaSecProtId: '0100000007' },
  ptId: 'AAECAwQFBgcICQoL',
  uiccOrMe: 'GBA_ME',
  requestedLifeTime: '2026-11-23T10:00:00Z',
};

test('a request in the words of TS 29.309 is read, with upper-case hex and members of later releases', (t) => {
  const body = {
    ...asked,
    auts: 'AB'.repeat(14),
    rand: 'CD'.repeat(16),
    gsIds: [1],
    later: { x: [] },
  };
  const read = decodeNbsp(pushInfoRequest, utf8Bytes(JSON.stringify(body)));
  t.like(read, {
    value: {
      ueId: impi,
      requestedLifeTime: Date.UTC(2026, 10, 23, 10),
      auts: new Uint8Array(14).fill(0xab),
      privateIdRequest: false,
      gbaUAware: false,
    },
  });
});

test('what is missing and what is wrong is named, and its value is not', (t) => {
  const wrong: [object, NbspCause, string][] = [
    [{ ptId: undefined }, 'MANDATORY_IE_MISSING', '/ptId'],
    [{ nafId: { nafFqdn: 'naf.example.org' } }, 'MANDATORY_IE_MISSING', '/nafId/uaSecProtId'],
    [
      { nafId: { ...asked.nafId, nafFqdn: 'secret value' } },
      'MANDATORY_IE_INCORRECT',
      '/nafId/nafFqdn',
    ],
    [{ uiccOrMe: 'SECRET' }, 'MANDATORY_IE_INCORRECT', '/uiccOrMe'],
    [{ requestedLifeTime: 'secret' }, 'MANDATORY_IE_INCORRECT', '/requestedLifeTime'],
    [{ requestedLifeTime: 5 }, 'MANDATORY_IE_INCORRECT', '/requestedLifeTime'],
    [{ ptId: 'secret' }, 'MANDATORY_IE_INCORRECT', '/ptId'],
    [{ auts: 'secret' }, 'MANDATORY_IE_INCORRECT', '/auts'],
    [{ rand: '00'.repeat(16) }, 'MANDATORY_IE_MISSING', '/auts'],
    [{ gsIds: [] }, 'MANDATORY_IE_INCORRECT', '/gsIds'],
    [{ ueId: 'secret'.repeat(50) }, 'MANDATORY_IE_INCORRECT', '/ueId'],
  ];
  for (const [change, cause, param] of wrong) {
    const body = utf8Bytes(JSON.stringify({ ...asked, ...change }));
    const read = decodeNbsp(pushInfoRequest, body);
    t.like(read, { problem: { status: 400, cause, invalidParams: [{ param }] } });
    t.notRegex(JSON.stringify(read), /secret/i);
  }
});

test('any octets are a value or a problem with status 400', (t) => {
  const hostile = [
    'null',
    '[]',
    '"text"',
    '1e999',
    '{"__proto__":{"btId":"x"}}',
    '['.repeat(8_000),
    `${'['.repeat(8_000)}${']'.repeat(8_000)}`,
    `${'{"nafId":'.repeat(1_500)}1${'}'.repeat(1_500)}`,
    '\ufeff{}',
  ].map((text) => utf8Bytes(text));
  const any = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map(utf8Bytes),
    fc.constantFrom(...hostile),
  );
  fc.assert(
    fc.property(any, (body) => {
      for (const schema of [pushInfoRequest, bootstrappingInfoRequest, pushInfoResponse]) {
        const read = decodeNbsp(schema, body);
        t.is('problem' in read && read.problem.status, 400);
      }
      decodeProblem(body);
    }),
  );
  for (const body of hostile) t.true('problem' in decodeNbsp(bootstrappingInfoRequest, body));
});

test('a problem of a stranger fits on one line', (t) => {
  const detail = `a\u001b[2Jb\nc${'x'.repeat(999)}`;
  const told = decodeProblem(utf8Bytes(JSON.stringify({ detail, cause: 'C\r\n' })));
  t.is(told?.cause, 'C??');
  t.is(told?.detail.slice(0, 9), 'a?[2Jb?cx');
  t.is(told?.detail.length, 255);
  t.is(decodeProblem(utf8Bytes('no JSON')), undefined);
});

test('every cause has a status that TS 29.309 lists, or HTTP itself', (t) => {
  const listed = [400, 401, 403, 404, 405, 413, 415, 429, 500, 503];
  for (const cause of Object.keys(CAUSES) as NbspCause[]) {
    t.true(listed.includes(problemOf(cause).status), cause);
    t.deepEqual(decodeProblem(view(utf8Bytes(JSON.stringify(problemOf(cause, 'why'))))), {
      cause,
      detail: 'why',
    });
  }
});
