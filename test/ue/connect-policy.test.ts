import test from 'ava';
import { parseFqdn } from '../../src/ids.ts';
import type { Lookup } from '../../src/net/network.ts';
import {
  defaultConnectPolicy,
  demoConnectPolicy,
  parseConnectPolicy,
  resolveConnect,
} from '../../src/ue/connect-policy.ts';

const naf = parseFqdn('naf.example');
const denied = { code: 'ERR_GPI_POLICY' };

/** A DNS of its own; it records what it was asked. */
function dns(records: Record<string, readonly string[]>): Lookup & { readonly asked: string[] } {
  const asked: string[] = [];
  const lookup: Lookup = (name) => {
    asked.push(name);
    const found = records[name];
    return found ? Promise.resolve(found) : Promise.reject(new Error('ENOTFOUND'));
  };
  return Object.assign(lookup, { asked });
}

const records = dns({
  'naf.example': ['192.0.2.1', '2001:DB8::1'],
  'relay.example': ['192.0.2.9', '203.0.113.9'],
  'rebound.example': ['127.0.0.1', '203.0.113.9'],
  'inside.example': ['127.0.0.1'],
});

test('by default a NAF is dialled at its own addresses and port 5684 alone', async (t) => {
  t.deepEqual(await resolveConnect(defaultConnectPolicy, naf, undefined, records), [
    { host: '192.0.2.1', port: 5684 },
    { host: '2001:db8::1', port: 5684 },
  ]);
  const own = { host: '2001:db8::1', port: 5684 };
  t.deepEqual(await resolveConnect(defaultConnectPolicy, naf, own, records), [own]);
});

for (const connect of [
  { host: '203.0.113.9', port: 5684 },
  { host: '127.0.0.1', port: 5684 },
  { host: '192.0.2.1', port: 22 },
  { host: 'relay.example', port: 5684 },
  { host: 'naf.example', port: 443 },
]) {
  test(`by default ${connect.host} port ${connect.port} is refused`, async (t) => {
    const asked = resolveConnect(defaultConnectPolicy, naf, connect, records);
    await t.throwsAsync(asked, denied);
  });
}

test('the demo policy allows loopback at any port and nothing else', async (t) => {
  const at = (host: string): Promise<unknown> =>
    resolveConnect(demoConnectPolicy, naf, { host, port: 1234 }, records);
  t.deepEqual(await at('127.0.0.1'), [{ host: '127.0.0.1', port: 1234 }]);
  t.deepEqual(await at('127.9.9.9'), [{ host: '127.9.9.9', port: 1234 }]);
  t.deepEqual(await at('::1'), [{ host: '::1', port: 1234 }]);
  for (const host of ['128.0.0.1', '0.0.0.0', '::', '10.0.0.1', '::ffff:10.0.0.1']) {
    await t.throwsAsync(at(host), denied, host);
  }
  await t.throwsAsync(resolveConnect(demoConnectPolicy, naf, undefined, records), denied);
});

test('of a name that resolves to several addresses only the allowed ones are dialled', async (t) => {
  const connect = { host: 'rebound.example', port: 1 };
  const dialled = await resolveConnect(demoConnectPolicy, naf, connect, records);
  t.deepEqual(dialled, [{ host: '127.0.0.1', port: 1 }]);
  const policy = parseConnectPolicy({ '*': ['203.0.113.0/24:*'] });
  const inside = { host: 'inside.example', port: 1 };
  await t.throwsAsync(resolveConnect(policy, naf, inside, records), denied);
});

test('the entries of a listed NAF replace those of the star', async (t) => {
  const policy = parseConnectPolicy({ '*': ['0.0.0.0/0:*'], 'NAF.example': ['192.0.2.0/24:5684'] });
  const elsewhere = { host: '203.0.113.9', port: 5684 };
  await t.throwsAsync(resolveConnect(policy, naf, elsewhere, records), denied);
  const other = parseFqdn('other.example');
  t.deepEqual(await resolveConnect(policy, other, elsewhere, records), [elsewhere]);
});

test('a NAF with no entries cannot be dialled', async (t) => {
  const policy = parseConnectPolicy({ 'naf.example': [] });
  await t.throwsAsync(resolveConnect(policy, naf, undefined, records), denied);
});

test('an entry that is a name allows the addresses of that name', async (t) => {
  const policy = parseConnectPolicy({ '*': ['relay.example:5684'] });
  const at = (host: string): Promise<unknown> =>
    resolveConnect(policy, naf, { host, port: 5684 }, records);
  t.deepEqual(await at('203.0.113.9'), [{ host: '203.0.113.9', port: 5684 }]);
  t.is(((await at('relay.example')) as unknown[]).length, 2);
  await t.throwsAsync(at('192.0.2.1'), denied);
});

test('a network that allows the address needs no DNS', async (t) => {
  const lookup = dns({});
  const policy = parseConnectPolicy({ '*': ['dns:5684', '[2001:db8::/32]:5684'] });
  const inside = { host: '2001:db8::7', port: 5684 };
  t.deepEqual(await resolveConnect(policy, naf, inside, lookup), [inside]);
  t.deepEqual(lookup.asked, []);
  const outside = resolveConnect(policy, naf, { host: '2001:db9::7', port: 5684 }, lookup);
  await t.throwsAsync(outside, { code: 'ERR_UPA_ADDRESS' });
  t.deepEqual(lookup.asked, ['naf.example']);
});

test('a port that no entry has is refused without asking the DNS', async (t) => {
  const lookup = dns({});
  const victim = { host: 'victim.example', port: 53 };
  await t.throwsAsync(resolveConnect(defaultConnectPolicy, naf, victim, lookup), denied);
  t.deepEqual(lookup.asked, []);
});

test('a name that cannot be resolved now may be later', async (t) => {
  const error = await t.throwsAsync(resolveConnect(defaultConnectPolicy, naf, undefined, dns({})));
  t.like(error, { code: 'ERR_UPA_ADDRESS', retryable: true });
});

for (const value of [
  null,
  [],
  'dns:5684',
  { '*': 'dns:5684' },
  { '*': [5684] },
  { '*': ['dns'] },
  { '*': ['dns:0'] },
  { '*': ['dns:65536'] },
  { '*': ['10.0.0.0/33:*'] },
  { '*': ['10.0.0:*'] },
  { '*': ['::1:*'] },
  { '*': ['[::1]'] },
  { '*': ['[naf.example]:1'] },
  { '*': ['na_f:1'] },
  { 'na f': ['dns:5684'] },
]) {
  test(`${JSON.stringify(value)} is no connect policy`, (t) => {
    t.throws(() => parseConnectPolicy(value), { code: 'ERR_CONFIG_ADDRESS' });
  });
}
