import { BlockList } from 'node:net';
import test from 'ava';
import fc from 'fast-check';
import { ipText } from '../../src/lib/ip.ts';
import { parseNetwork } from '../../src/net/network.ts';

const octets = (count: number) =>
  fc.oneof(
    fc.uint8Array({ minLength: count, maxLength: count }),
    fc.uint8Array({ minLength: count, maxLength: count, max: 1 }),
  );
const v4 = octets(4).map(ipText);
const v6 = octets(16).map(ipText);
const mapped = v4.map((address) => `::ffff:${address}`);
const address = fc.oneof(v4, v6, mapped);
const familyOf = (text: string) => (text.includes(':') ? 'ipv6' : 'ipv4');

test('a network holds the addresses that the runtime finds in it, mapped ones too', (t) => {
  let inside = 0;
  fc.assert(
    fc.property(address, address, fc.nat(128), fc.boolean(), (base, other, bits, near) => {
      const prefix = Math.min(bits, familyOf(base) === 'ipv4' ? 32 : 128);
      const list = new BlockList();
      list.addSubnet(base, prefix, familyOf(base));
      const candidate = near ? base : other;
      const found = parseNetwork(`${base}/${prefix}`).contains(candidate);
      t.is(found, list.check(candidate, familyOf(candidate)), `${candidate} in ${base}/${prefix}`);
      inside += Number(found);
    }),
    { numRuns: 5_000 },
  );
  t.true(inside > 1_000);
});

test('the edges of a network', (t) => {
  const network = parseNetwork('10.1.2.128/25');
  const contains = (address: string) => network.contains(address);
  t.true(contains('10.1.2.128'));
  t.true(contains('10.1.2.255'));
  t.true(contains('::ffff:10.1.2.200'));
  t.false(contains('10.1.2.127'));
  t.false(contains('10.1.3.0'));
  t.false(contains('naf.example'));
  t.true(parseNetwork('0.0.0.0/0').contains('255.0.0.1'));
  t.false(parseNetwork('0.0.0.0/0').contains('::1'));
  t.true(parseNetwork('192.0.2.7').contains('192.0.2.7'));
  t.false(parseNetwork('192.0.2.7').contains('192.0.2.6'));
});
