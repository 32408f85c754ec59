import test from 'ava';
import fc from 'fast-check';
import { ConfigError } from '../../src/errors.ts';
import { ipText } from '../../src/lib/ip.ts';
import {
  formatEndpoint,
  formatTriggerAddress,
  isLoopback,
  parseEndpoint,
  parseTriggerAddress,
} from '../../src/codec/address.ts';
import { sourceOf } from '../../src/lib/ip.ts';
import { parseNetwork } from '../../src/net/network.ts';
import { fqdns } from '../support/gpi.ts';

test('an endpoint is a host and a port', (t) => {
  t.deepEqual(parseEndpoint('127.0.0.1:2948'), { host: '127.0.0.1', port: 2948 });
  t.deepEqual(parseEndpoint('[::1]:0'), { host: '::1', port: 0 });
  t.deepEqual(parseEndpoint('[2001:DB8:0:0::1]:5684'), { host: '2001:db8::1', port: 5684 });
  t.deepEqual(parseEndpoint('NAF.example:65535'), { host: 'naf.example', port: 65_535 });
});

test('a trigger address may say udp or tcp and nothing else', (t) => {
  const expected = { transport: 'udp', host: '127.0.0.1', port: 2948 } as const;
  t.deepEqual(parseTriggerAddress('udp://127.0.0.1:2948'), expected);
  t.deepEqual(parseTriggerAddress('127.0.0.1:2948'), expected);
  t.is(formatTriggerAddress({ transport: 'udp', host: '::1', port: 1 }), 'udp://[::1]:1');
  t.is(parseTriggerAddress('tcp://127.0.0.1:2948').transport, 'tcp');
  t.throws(() => parseTriggerAddress('exec://127.0.0.1:2948'), { code: 'ERR_CONFIG_ADDRESS' });
});

for (const text of [
  '',
  ':1',
  'host',
  'host:',
  'host:65536',
  'host:-1',
  'host:1e3',
  '::1:80',
  '[::1]',
  '[::1%lo]:80',
  '[127.0.0.1]:80',
  '127.1:80',
  '1.2.3.4.5:80',
  '256.0.0.1:80',
  'a b:80',
  'user@host:80',
  'host:80/path',
  'host:80\n',
]) {
  test(`${JSON.stringify(text)} is no endpoint`, (t) => {
    const error = t.throws(() => parseEndpoint(text), { instanceOf: ConfigError });
    t.is(error?.code, 'ERR_CONFIG_ADDRESS');
  });
}

test('an error says what forms there are, and when it is the port', (t) => {
  const said = (parse: () => unknown): string | undefined => t.throws(parse)?.message;
  t.is(
    said(() => parseTriggerAddress('nowhere')),
    'expected udp://host:port or tcp://host:port, not "nowhere"',
  );
  t.is(
    said(() => parseEndpoint('[::1]:65536')),
    'expected host:port or [IPv6]:port with a port up to 65535, not "[::1]:65536"',
  );
});

test('whatever is formatted parses to the same', (t) => {
  const host = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }).map(ipText),
    fc.uint8Array({ minLength: 16, maxLength: 16 }).map(ipText),
    fqdns().filter((name) => !/(?:^|\.)(?:\d+|0x[0-9a-f]*)$/.test(name)),
  );
  fc.assert(
    fc.property(host, fc.integer({ min: 0, max: 65_535 }), (host, port) => {
      t.deepEqual(parseEndpoint(formatEndpoint({ host, port })), { host, port });
    }),
  );
  t.pass();
});

test('any text is an endpoint or a ConfigError', (t) => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        t.truthy(parseTriggerAddress(text).host);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
      }
    }),
  );
  t.pass();
});

test('loopback is 127.0.0.0/8, ::1 and localhost', (t) => {
  for (const host of ['127.0.0.1', '127.255.0.9', '::1', '::ffff:127.0.0.1', 'localhost']) {
    t.true(isLoopback(host), host);
  }
  for (const host of ['128.0.0.1', '0.0.0.0', '::', '::2', '10.0.0.1', 'localhost.example']) {
    t.false(isLoopback(host), host);
  }
});

test('a network holds the addresses under its prefix', (t) => {
  const v4 = parseNetwork('192.0.2.128/25');
  t.true(v4.contains('192.0.2.129'));
  t.false(v4.contains('192.0.2.127'));
  t.false(v4.contains('2001:db8::1'));
  t.false(v4.contains('naf.example'));
  const v6 = parseNetwork('2001:db8::/32');
  t.true(v6.contains('2001:db8:ffff::1'));
  t.false(v6.contains('2001:db9::'));
  t.true(parseNetwork('192.0.2.1').contains('192.0.2.1'));
  t.false(parseNetwork('192.0.2.1').contains('192.0.2.2'));
});

test('a network that is none is refused', (t) => {
  for (const text of ['', '192.0.2.0/33', '192.0.2.0/', '::/129', 'naf.example/8', '192.0.2/24']) {
    t.throws(() => parseNetwork(text), { code: 'ERR_CONFIG_ADDRESS' }, text);
  }
});

test('a source is an IPv4 address or an IPv6 /64', (t) => {
  t.is(sourceOf('192.0.2.1'), '192.0.2.1');
  t.is(sourceOf('::ffff:192.0.2.1'), '192.0.2.1');
  t.is(sourceOf('2001:db8:1:2:3:4:5:6'), sourceOf('2001:db8:1:2::'));
  t.not(sourceOf('2001:db8:1:2::'), sourceOf('2001:db8:1:3::'));
});
