import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { ConfigError } from '../../src/errors.ts';
import { loadTlsPolicy, packageFile } from '../../src/store/policy.ts';

const own = JSON.parse(readFileSync(packageFile('certs-none/policy.json'), 'utf8')) as object;

function policyFile(t: ExecutionContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'gba-push-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'policy.json');
  writeFileSync(file, text);
  return file;
}

test('the package’s own policy loads from wherever the code runs', (t) => {
  t.deepEqual(loadTlsPolicy(), own as never);
  t.deepEqual(loadTlsPolicy().suites13, ['TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256']);
});

test('a policy is named by a path or by a URL', (t) => {
  const file = policyFile(t, JSON.stringify({ ...own, handshakeTimeoutMs: 2_000 }));
  t.is(loadTlsPolicy(file).handshakeTimeoutMs, 2_000);
  t.is(loadTlsPolicy(pathToFileURL(file)).handshakeTimeoutMs, 2_000);
});

test('what a policy does not say is as in the package’s own', (t) => {
  const groups = ['X25519MLKEM768', 'X25519'];
  const file = policyFile(t, JSON.stringify({ groups }));
  t.deepEqual(loadTlsPolicy(file), { ...loadTlsPolicy(), groups });
  for (const text of ['[]', 'null', '7']) {
    t.throws(() => loadTlsPolicy(policyFile(t, text)), { instanceOf: ConfigError });
  }
});

const bad: [string, object, RegExp][] = [
  [
    'a SHA-384 suite',
    { suites13: ['TLS_AES_256_GCM_SHA384'] },
    /suites13.*SHA-256|SHA-256.*suites13/s,
  ],
  ['a TLS 1.2 suite among those of 1.3', { suites13: ['PSK-AES128-GCM-SHA256'] }, /suites13/],
  ['a suite with certificates', { suites12: ['ECDHE-RSA-AES128-GCM-SHA256'] }, /suites12/],
  ['no suite at all', { suites13: [] }, /suites13/],
  ['a 1024-bit group', { minDhBits: 1024 }, /minDhBits/],
  ['an unknown group', { groups: ['sect163k1'] }, /groups/],
  ['an unknown member', { sessionTickets: true }, /sessionTickets/],
  ['a handshake without end', { handshakeTimeoutMs: 1e9 }, /handshakeTimeoutMs/],
  [
    'a default lifetime over the longest',
    { keyLifetime: { defaultSeconds: 20, maxSeconds: 10 } },
    /defaultSeconds/,
  ],
];

for (const [what, change, names] of bad) {
  test(`a policy with ${what} is refused by file and member`, (t) => {
    const file = policyFile(t, JSON.stringify({ ...own, ...change }));
    const error = t.throws(() => loadTlsPolicy(file), { instanceOf: ConfigError });
    t.is(error.code, 'ERR_CONFIG_FILE');
    t.true(error.message.includes(file));
    t.regex(error.message, names);
  });
}

test('a policy is refused in one line, with all that is wrong with it', (t) => {
  const file = policyFile(t, JSON.stringify({ ...own, groups: ['X448'], suits: [] }));
  const error = t.throws(() => loadTlsPolicy(file));
  t.is(
    error?.message,
    `${file}: groups[0]: Invalid option: expected one of "X25519"|"P-256"|"X25519MLKEM768"; Unrecognized key: "suits"`,
  );
});

test('a policy that is absent or no JSON is refused by file', (t) => {
  for (const file of [policyFile(t, '{'), '/nowhere/policy.json']) {
    const error = t.throws(() => loadTlsPolicy(file), { instanceOf: ConfigError });
    t.true(error.message.includes(file));
  }
});
