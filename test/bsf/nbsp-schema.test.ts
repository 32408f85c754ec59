import test from 'ava';
import { faultsOfReply, faultsOfRequest } from '../support/nbsp-schema.ts';
import { BOOTSTRAPPING, PUSH, pushBody } from '../support/nbsp.ts';

const good = {
  meKeyMaterial: '0f'.repeat(32),
  gbaPushInfo: '11AA',
  keyExpiryTime: '2026-01-01T00:00:00.000Z',
  gbaType: 'a type of later',
};
const answer = { status: 200, type: 'application/json' };

test('an answer in order has no fault, also with a value that no release lists yet', (t) => {
  t.deepEqual(faultsOfReply(PUSH, { ...answer, json: good }), []);
  t.deepEqual(faultsOfReply(BOOTSTRAPPING, { ...answer, json: good }), []);
  t.deepEqual(faultsOfRequest(PUSH, pushBody), []);
});

test('an answer that breaks the published interface is named', (t) => {
  const { meKeyMaterial, ...keyless } = good;
  const broken: [string, string, object][] = [
    [PUSH, 'must have required property', keyless],
    [PUSH, 'must have required property', { meKeyMaterial }],
    [PUSH, '/meKeyMaterial must match pattern', { ...good, meKeyMaterial: '00' }],
    [PUSH, '/gbaPushInfo must match pattern', { ...good, gbaPushInfo: '0' }],
    [PUSH, '/keyExpiryTime must match format', { ...good, keyExpiryTime: 'tomorrow' }],
    [BOOTSTRAPPING, '/impi must be string', { ...good, impi: null }],
  ];
  for (const [path, fault, json] of broken) {
    t.regex(faultsOfReply(path, { ...answer, json }).join('; '), new RegExp(fault));
  }
  t.deepEqual(faultsOfReply('/elsewhere', { ...answer, json: good }), ['a 200 at /elsewhere']);
  t.deepEqual(faultsOfReply(PUSH, { ...answer, status: 418, json: {} }), [
    'status 418 is not listed',
  ]);
});

test('a problem must be one, with its own media type and its own status', (t) => {
  const problem = { status: 404, type: 'application/problem+json' };
  t.deepEqual(faultsOfReply(PUSH, { ...problem, json: { status: 404, cause: 'X' } }), []);
  const broken: [string, object, object][] = [
    ['a problem as text/plain', { type: 'text/plain' }, { status: 404 }],
    ['status 400 in a 404', {}, { status: 400 }],
    ['status undefined in a 404', {}, {}],
    ['/cause must be string', {}, { status: 404, cause: 1 }],
    ['/invalidParams must NOT have fewer', {}, { status: 404, invalidParams: [] }],
    ['/invalidParams/0 must have required', {}, { status: 404, invalidParams: [{}] }],
  ];
  for (const [fault, change, json] of broken) {
    t.regex(faultsOfReply(PUSH, { ...problem, ...change, json }).join('; '), new RegExp(fault));
  }
});

test('a request without a mandatory member is named', (t) => {
  for (const member of Object.keys(pushBody)) {
    const rest = Object.fromEntries(Object.entries(pushBody).filter(([name]) => name !== member));
    t.regex(faultsOfRequest(PUSH, rest).join('; '), new RegExp(`required property '${member}'`));
  }
});
