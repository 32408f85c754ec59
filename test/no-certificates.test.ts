import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { connect, createServer, type TlsOptions } from 'node:tls';
import { promisify } from 'node:util';
import anyTest, { type ExecutionContext } from 'ava';
import { packageFile } from '../src/store/policy.ts';
import { certificateIn, certificateOptionsIn, filesUnder } from './support/certificates.ts';
import { testWith } from './support/peers.ts';
import { dial, every12Binding, makeSa, startNaf, startRelay, TLS13 } from './support/tls.ts';
import { handshakeMessagesOf, serverExtensionsOf } from './support/tls-records.ts';

const test = anyTest.serial;
const withOpenssl = testWith('openssl');
const root = packageFile('.');

/** Handshake messages that exist for certificates only (RFC 5246 7.4). */
const CERTIFICATE_MESSAGES = { certificate: 11, certificateRequest: 13, certificateVerify: 15 };
const EXTENDED_MASTER_SECRET = 23;

test('no file of the project is or holds a certificate or a private key', (t) => {
  const files = filesUnder(root);
  t.true(files.includes(join(root, 'certs-none', 'policy.json')));
  const found = files.flatMap((file) => {
    const why = certificateIn(file);
    return why === undefined ? [] : [`${relative(root, file)}: ${why}`];
  });
  t.deepEqual(found, []);
});

withOpenssl('the search finds certificates and keys in every form', (t) => {
  const { folder, cert, key } = makeCertificate(t);
  const inner = join(folder, 'a', 'b');
  mkdirSync(inner, { recursive: true });
  const der = (pem: string): Buffer =>
    Buffer.from(readFileSync(pem, 'latin1').replace(/-----.*-----|\s/g, ''), 'base64');
  const planted: [string, string | Buffer][] = [
    ['cert.txt', readFileSync(cert)],
    ['key.ts', `const text = \`${readFileSync(key, 'latin1')}\`;`],
    ['cert.bin', der(cert)],
    ['key.bin', der(key)],
    ['list.json', JSON.stringify({ x5c: der(cert).toString('base64') })],
    ['empty.p12', ''],
    ['empty.PEM', ''],
  ];
  for (const [name, content] of planted) writeFileSync(join(inner, name), content);
  writeFileSync(
    join(inner, 'harmless.json'),
    JSON.stringify({ key: randomBytes(64).toString('hex') }),
  );
  rmSync(cert);
  rmSync(key);
  const found = filesUnder(folder).filter((file) => certificateIn(file) !== undefined);
  t.deepEqual(
    found.map((file) => relative(inner, file)).sort(),
    planted.map(([name]) => name).sort(),
  );
});

test('no TLS call of the project is given a certificate, a private key or a trusted root', (t) => {
  const files = ['src', 'bin'].map((name) => join(root, name)).filter((name) => existsSync(name));
  const sources = new Map(
    files
      .flatMap(filesUnder)
      .filter((file) => file.endsWith('.ts'))
      .map((file) => [relative(root, file), readFileSync(file, 'utf8')]),
  );
  t.true(sources.has(join('src', 'net', 'psk-server.ts')));
  t.deepEqual(certificateOptionsIn(sources), []);
});

const planted: [string, string][] = [
  ['a direct option', `import tls from 'node:tls'; tls.connect({ port: 1, key: k });`],
  ['a quoted name', `import { connect } from 'node:tls'; connect(1, 'host', { 'cert': c });`],
  ['another local name', `import { connect as dial } from 'tls'; dial({ pfx });`],
  ['a namespace', `import * as tls from 'node:tls'; tls.createServer({ ca: [root] });`],
  ['a socket', `import { TLSSocket } from 'node:tls'; new TLSSocket(s, { cert: c });`],
  ['HTTP/2', `import http2 from 'node:http2'; http2.createSecureServer({ ca: roots });`],
  ['a context', `server.addContext('host', { cert });`],
  ['a variable', `import { connect } from 'node:tls'; const o = { key: k }; connect({ ...o });`],
  [
    'a function',
    `import { connect } from 'node:tls'; connect({ ...outer() });
     function outer() { return { ...inner(), ca: [] }; } function inner() { return { key: 1 }; }`,
  ],
  ['a condition', `import { connect } from 'node:tls'; connect({ ...(x ? { key: k } : {}) });`],
];

for (const [where, text] of planted) {
  test(`the search finds a certificate option in ${where}`, (t) => {
    t.is(certificateOptionsIn(new Map([['planted.ts', text]])).length, 1);
  });
}

test('the search leaves options alone that are none', (t) => {
  const text = `import { connect } from 'node:tls';
    const sa = { key: k };
    other({ key: k });
    connect({ ca: [], servername: 'naf', pskCallback: () => ({ psk: sa.key, key: 1 }) });`;
  t.deepEqual(certificateOptionsIn(new Map([['clean.ts', text]])), []);
});

for (const binding of every12Binding) {
  const suite = 'suite' in binding ? binding.suite : '';
  test(`a TLS 1.2 handshake with ${suite} has no certificate message, and an extended master secret`, async (t) => {
    const sa = makeSa({ binding });
    const naf = await startNaf(t, [sa]);
    const relay = await startRelay(t, naf.port);
    await dial(t, relay.port, sa);
    const client = handshakeMessagesOf(relay.sent.toServer);
    const server = handshakeMessagesOf(relay.sent.toClient);
    t.deepEqual(
      client.map(({ type }) => type),
      [1, 16],
    );
    t.deepEqual(
      server.map(({ type }) => type),
      [2, 12, 14],
    );
    const hello = server[0]?.body ?? Buffer.alloc(0);
    t.true(serverExtensionsOf(hello).includes(EXTENDED_MASTER_SECRET));
  });
}

withOpenssl('the recording shows the certificate of a server that has one', async (t) => {
  const { cert, key } = makeCertificate(t);
  const port = await startHostile(t, {
    cert: readFileSync(cert),
    key: readFileSync(key),
    maxVersion: 'TLSv1.2',
    requestCert: true,
    rejectUnauthorized: false,
  });
  const relay = await startRelay(t, port);
  const socket = connect({ host: '127.0.0.1', port: relay.port, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  socket.destroy();
  const types = handshakeMessagesOf(relay.sent.toClient).map(({ type }) => type);
  t.true(types.includes(CERTIFICATE_MESSAGES.certificate));
  t.true(types.includes(CERTIFICATE_MESSAGES.certificateRequest));
});

withOpenssl('a hostile server with a trusted certificate is refused', async (t) => {
  const { cert, key } = makeCertificate(t);
  const port = await startHostile(t, {
    cert: readFileSync(cert),
    key: readFileSync(key),
    minVersion: 'TLSv1.3',
  });
  const outcome = await dialTrusting(cert, port);
  t.deepEqual(outcome, {
    naive: 'accepted',
    ours: 'ERR_CHANNEL_CERTIFICATE',
    withoutRootsGuard: 'ERR_CHANNEL_CERTIFICATE',
    withoutRefusal: 'ERR_CHANNEL_CERTIFICATE',
    withoutEither: 'accepted',
    withoutEitherButProof: 'ERR_CHANNEL_CERTIFICATE',
  });
});

test('a UE that has no key is refused, whatever certificate it could show', async (t) => {
  const sa = makeSa({ binding: TLS13 });
  const naf = await startNaf(t, [sa]);
  const socket = connect({ host: '127.0.0.1', port: naf.port, rejectUnauthorized: false });
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  t.regex(error.code ?? '', /ALERT_HANDSHAKE_FAILURE/);
  t.deepEqual(naf.layers, []);
});

/** A self-signed certificate for the NAF's name, and its key, in a folder of its own. */
function makeCertificate(t: ExecutionContext): { folder: string; cert: string; key: string } {
  const folder = mkdtempSync(join(tmpdir(), 'gba-push-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  const [cert, key] = [join(folder, 'cert'), join(folder, 'key')];
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-subj', '/CN=naf.example.org', '-addext', 'subjectAltName=DNS:naf.example.org'],
    ...['-days', '2', '-keyout', key, '-out', cert],
  ]);
  t.is(made.status, 0, made.stderr.toString());
  return { folder, cert, key };
}

async function startHostile(t: ExecutionContext, options: TlsOptions): Promise<number> {
  const server = createServer({ ALPNProtocols: ['coap'], ...options }).listen(0, '127.0.0.1');
  server.on('tlsClientError', () => undefined);
  server.on('secureConnection', (socket) => socket.on('error', () => undefined).resume());
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Runs `support/dial-hostile.ts` in a process that trusts this certificate. */
async function dialTrusting(cert: string, port: number): Promise<unknown> {
  const script = join(root, 'test', 'support', 'dial-hostile.ts');
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: cert };
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import=ts-blank-space/register', script, String(port)],
    { env, cwd: root },
  );
  return JSON.parse(stdout) as unknown;
}
