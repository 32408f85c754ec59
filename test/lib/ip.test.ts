import { isIPv4, isIPv6 } from 'node:net';
import test from 'ava';
import fc from 'fast-check';
import { toHex } from '../../src/lib/bytes.ts';
import { ipOctets, ipText, isNumericName, mappedIpv4 } from '../../src/lib/ip.ts';

test('an address goes to octets and back to its canonical text', (t) => {
  const texts = ['0.0.0.0', '255.255.255.255', '::', '::1', '2001:db8::1:0:0:1', 'fe80::1:2:3:4'];
  for (const text of texts) {
    const octets = ipOctets(text);
    t.is(octets && ipText(octets), text);
  }
  t.is(toHex(ipOctets('2001:DB8:0:0::1') ?? new Uint8Array(0)), '20010db8000000000000000000000001');
});

test('any 4 or 16 octets come back from their text', (t) => {
  const octets = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc.uint8Array({ minLength: 16, maxLength: 16, max: 1 }),
  );
  fc.assert(
    fc.property(octets, (address) => {
      t.deepEqual(ipOctets(ipText(address)), address);
    }),
  );
  t.pass();
});

test('what the runtime takes for an address is one here, and nothing else is', (t) => {
  const text = fc.oneof(
    fc.stringMatching(/^[0-9.]{0,16}$/),
    fc.stringMatching(/^[0-9a-f:.]{0,20}$/),
    fc.ipV4(),
    fc.ipV6(),
    fc.string(),
  );
  fc.assert(
    fc.property(text, (address) => {
      const expected = isIPv4(address) || (isIPv6(address) && !address.includes('%'));
      t.is(ipOctets(address) !== undefined, expected, address);
    }),
    { numRuns: 2_000 },
  );
  t.is(ipOctets('fe80::1%eth0'), undefined);
  t.is(ipOctets('1.2.3.4.'), undefined);
  t.is(ipOctets('1::2]/x#['), undefined);
});

test('an IPv4-mapped address shows its IPv4 address', (t) => {
  const inner = (text: string): string | undefined => {
    const octets = mappedIpv4(ipOctets(text) ?? new Uint8Array(0));
    return octets && ipText(octets);
  };
  t.is(inner('::ffff:127.0.0.1'), '127.0.0.1');
  t.is(inner('::127.0.0.1'), undefined);
  t.is(inner('127.0.0.1'), undefined);
});

test('a name whose last label is a number is numeric', (t) => {
  for (const name of ['127.1', '1', '0x7f000001', 'a.0x', 'naf.10']) t.true(isNumericName(name));
  for (const name of ['naf', 'naf.example', '10.example', 'n0x1', '1a'])
    t.false(isNumericName(name));
});
