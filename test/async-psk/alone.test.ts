/** The gate as others use it: by its own door, with nothing of GBA behind it, as the README shows. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { connect, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import ts from 'typescript';
import { testWith } from '../support/peers.ts';
import { both, failureOf, heard } from './gated.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const example = read('docs/examples/async-psk.mjs');
const key = '000102030405060708090a0b0c0d0e0f';
const withOpenssl = testWith('openssl');

interface Manifest {
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>>;
}

test('its own door leads to it, with types', (t) => {
  const { exports } = JSON.parse(read('package.json')) as Manifest;
  t.deepEqual(exports['./async-psk'], {
    types: './dist/src/async-psk/index.d.ts',
    default: './dist/src/async-psk/index.js',
  });
});

test('it runs without GBA: it reaches nothing but errors and lib', (t) => {
  const reached = new Set<string>();
  const packages = new Set<string>();
  const follow = (file: string): void => {
    if (reached.has(file)) return;
    reached.add(file);
    const { outputText } = ts.transpileModule(read(file), {
      compilerOptions: { module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
    });
    for (const { fileName } of ts.preProcessFile(outputText).importedFiles) {
      if (fileName.startsWith('.')) follow(relative(root, resolve(root, dirname(file), fileName)));
      else packages.add(fileName);
    }
  };
  follow('src/async-psk/index.ts');
  const others = [...reached].filter((file) => !file.startsWith('src/async-psk/'));
  t.deepEqual(
    others.filter((file) => !file.startsWith('src/lib/') && file !== 'src/errors.ts'),
    [],
  );
  t.deepEqual(
    [...packages].filter((name) => !name.startsWith('node:')),
    [],
  );
});

test('the README shows the example as it is', (t) => {
  t.true(read('README.md').includes(`\`\`\`js\n${example}\`\`\``));
});

/** The example in a process of its own, on the sources and a port of its own, which it gives. */
async function runExample(t: ExecutionContext): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'gba-push-'));
  const program = join(folder, 'async-psk.mjs');
  const door = new URL('../../src/async-psk/index.ts', import.meta.url).href;
  const text = example.replace('gba-push/async-psk', door).replace('8443', '0');
  const told = "server.on('listening', () => console.log(server.address().port));\n";
  writeFileSync(program, text + told);
  const server = spawn(process.execPath, ['--import=ts-blank-space/register', program], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(async () => {
    server.kill();
    await once(server, 'exit');
    rmSync(folder, { recursive: true });
  });
  const [port] = (await once(createInterface(server.stdout), 'line')) as [string];
  return Number(port);
}

for (const version of both) {
  test(`the example greets a client of Node.js over TLS ${version}, and nobody with another key`, async (t) => {
    const port = await runExample(t);
    const dial = (psk: Buffer): TLSSocket =>
      connect({
        ...{ host: '127.0.0.1', port, ciphers: 'TLS_AES_128_GCM_SHA256:PSK-AES128-GCM-SHA256' },
        ...{ minVersion: `TLSv${version}`, maxVersion: `TLSv${version}` },
        checkServerIdentity: () => undefined,
        pskCallback: () => ({ identity: 'device-1', psk }),
      });
    const client = dial(Buffer.from(key, 'hex'));
    t.is((await heard(client)).toString(), 'hello device-1\n');
    const stranger = dial(Buffer.alloc(16));
    stranger.on('error', () => undefined);
    t.not(await failureOf(stranger), 'secured');
  });

  withOpenssl(`the example greets openssl s_client over TLS ${version}`, async (t) => {
    const port = await runExample(t);
    const client = spawn('openssl', [
      ...['s_client', '-quiet', '-connect', `127.0.0.1:${port}`],
      ...['-psk_identity', 'device-1', '-psk', key],
      ...(version === '1.3' ? ['-tls1_3'] : ['-tls1_2', '-cipher', 'PSK']),
    ]);
    t.teardown(() => client.kill());
    const [line] = (await once(createInterface(client.stdout), 'line')) as [string];
    t.is(line, 'hello device-1');
  });
}
