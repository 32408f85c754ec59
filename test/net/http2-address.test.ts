import test from 'ava';
import { ConfigError } from '../../src/errors.ts';
import { formatHttp2Address, parseHttp2Address } from '../../src/net/http2-address.ts';

test('addresses are read and written', (t) => {
  const pairs = [
    ['https://bsf.example.org:8443', 'https://bsf.example.org:8443'],
    ['192.0.2.1:8443', 'https://192.0.2.1:8443'],
    ['https://[2001:DB8::1]:0/', 'https://[2001:db8::1]:0'],
    ['http://127.0.0.1:80', 'http://127.0.0.1:80'],
    ['http://[::1]:80', 'http://[::1]:80'],
    ['http://localhost:80', 'http://localhost:80'],
    ['unix:/run/bsf.sock', 'unix:/run/bsf.sock'],
    ['unix:///run/bsf.sock', 'unix:/run/bsf.sock'],
    ['unix:bsf.sock', 'unix:bsf.sock'],
  ] as const;
  for (const [text, written] of pairs) t.is(formatHttp2Address(parseHttp2Address(text)), written);
});

test('clear text beyond this machine is refused', (t) => {
  for (const host of ['192.0.2.1', '0.0.0.0', '[::]', 'bsf.example.org', '127.0.0.1.example.org']) {
    const error = t.throws(() => parseHttp2Address(`http://${host}:80`), {
      instanceOf: ConfigError,
    });
    t.regex(error?.message ?? '', /clear text/, host);
  }
});

test('what is no address is refused', (t) => {
  for (const text of [
    '',
    'https://',
    'https://a',
    'ftp://a:1',
    'https://a:1/path',
    'https://u@a:1',
    'unix:',
    'unix:a\0b',
    `unix:/${'a'.repeat(107)}`,
  ]) {
    t.throws(() => parseHttp2Address(text), { code: 'ERR_CONFIG_ADDRESS' }, text);
  }
});
