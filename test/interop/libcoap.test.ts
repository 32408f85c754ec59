/** libcoap's own clients, which know nothing of this project, observe `/push` and take what is pushed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { formatEndpoint } from '../../src/codec/address.ts';
import { pskIdentityOf, type Announcement, type PushServer } from '../../src/index.ts';
import { toHex } from '../../src/lib/bytes.ts';
import { impi, nafFqdn, openNaf } from '../support/ladder.ts';
import { isThere, testWith } from '../support/peers.ts';
import { createSim } from '../support/sim.ts';
import { policy } from '../support/tls.ts';
import { compiledAlone } from './matrix/compiled.ts';

const clients = ['coap-client-openssl', 'coap-client-gnutls'] as const;

/** libcoap 4.3.1 offers TLS 1.2 only; without forward secrecy it would choose a suite of its own liking. */
const suites = ['ECDHE-PSK-CHACHA20-POLY1305', 'PSK-AES128-GCM-SHA256'] as const;

interface Run {
  /** Each payload with a line feed after it. */
  readonly printed: string;
  readonly talk: string;
  readonly code: number | null;
}

/** The key is text on libcoap's command line: the shell makes it of octal escapes, which it reads from stdin. */
const WITH_KEY = 'read -r key; exec "$@" -k "$(printf "$key")"';

/** Runs a client under a new association of the NAF. */
async function run(client: string, naf: PushServer, ...options: string[]): Promise<Run> {
  const { sa } = await announceForText(naf);
  const address = `coaps+tcp://${formatEndpoint(naf.address)}/push`;
  const command = [client, '-w', ...options, '-u', pskIdentityOf(sa.bTid), address];
  const child = spawn('sh', ['-c', WITH_KEY, 'sh', ...command], {
    env: { ...process.env, LC_ALL: 'C' },
  });
  const octal = Array.from(sa.key, (octet) => `\\${octet.toString(8).padStart(3, '0')}`);
  child.stdin.end(`${octal.join('')}\n`);
  const [printed, talk]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (chunk: Buffer) => printed.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => talk.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { printed: Buffer.concat(printed).toString(), talk: Buffer.concat(talk).toString(), code };
}

/** A key that survives as text: libcoap stops at NUL, the shell drops line feeds at the end. */
async function announceForText(naf: PushServer): Promise<Announcement> {
  for (;;) {
    const announcement = await naf.announce(impi);
    const { key } = announcement.sa;
    if (!key.includes(0) && key.at(-1) !== 0x0a) return announcement;
  }
}

for (const client of clients) {
  const test = testWith('libcoap3-bin', () => isThere(client));

  for (const suite of suites) {
    test(`${client} takes every push, in order, over ${suite}`, async (t) => {
      const naf = await openNaf(t, createSim(impi), {
        bootstrap: false,
        binding: { version: '1.2', suite },
        policy: { ...policy, suites12: [suite] },
      });
      const observing = run(client, naf, '-s', '2');
      const texts = ['one', 'zwei – 2', 'x'.repeat(3_000), ...Array.from('abcdefghij')];
      const receipts = await Promise.all(
        texts.map((text) => naf.push(impi, Buffer.from(text), { ttlSeconds: 10 })),
      );
      const last = await naf.push(impi, Buffer.from('last'), { ttlSeconds: 10 });
      const { printed, code } = await observing;
      t.deepEqual(printed.trim().split('\n'), [...texts, 'last']);
      t.is(code, 0);
      for (const receipt of receipts) t.like(receipt, { state: 'taken', attempts: 1 });
      t.like(last, { state: 'taken', attempts: 1, via: 'reuse' });
      t.is(naf.fullHandshakes, 1);
      t.like(await naf.push(impi, Buffer.from('nobody is there'), { ttlSeconds: 0 }), {
        state: 'dead',
        reason: 'expired',
      });
    });
  }

  test(`${client} that forgets to observe is told so, and gets no push`, async (t) => {
    const [suite] = suites;
    const naf = await openNaf(t, createSim(impi), {
      bootstrap: false,
      binding: { version: '1.2', suite },
    });
    const waits = naf.push(impi, Buffer.from('not for you'), { ttlSeconds: 1 });
    const { printed, talk } = await run(client, naf);
    t.regex(talk, /4\.05 GET \/push needs Observe/);
    t.is(printed.trim(), '');
    t.like(await waits, { state: 'dead', reason: 'expired', attempts: 0 });
  });

  test(`${client} reads what is longer than the blocks that it asks for, and then what came after it`, async (t) => {
    const [suite] = suites;
    const naf = await openNaf(t, createSim(impi), {
      bootstrap: false,
      binding: { version: '1.2', suite },
      policy: { ...policy, suites12: [suite] },
    });
    const observing = run(client, naf, '-s', '2', '-b', '64');
    const texts = ['short', letters(64), letters(65), letters(20_000), 'after it'];
    const receipts = await Promise.all(
      texts.map((text) => naf.push(impi, Buffer.from(text), { ttlSeconds: 10 })),
    );
    for (const receipt of receipts) t.like(receipt, { state: 'taken', attempts: 1 });
    const { printed, talk, code } = await observing;
    t.log(talk.slice(0, 300));
    t.is(printed.replaceAll('\n', ''), texts.join(''));
    t.is(code, 0);
  });
}

for (const library of ['openssl', 'gnutls'] as const) {
  const program = compiledAlone('libcoap-ue.c', `-lcoap-3-${library}`);
  const test = testWith('libcoap3-dev', () => program !== undefined);

  for (const most of [1_152, 5_000]) {
    test(`a UE on libcoap and ${library} puts together what comes in blocks, of messages of ${most} octets`, async (t) => {
      const [suite] = suites;
      const naf = await openNaf(t, createSim(impi), {
        bootstrap: false,
        binding: { version: '1.2', suite },
        policy: { ...policy, suites12: [suite] },
      });
      const { sa } = await naf.announce(impi);
      const { host, port } = naf.address;
      const payloads = [letters(10), letters(1_024), letters(most), letters(200_001), letters(3)];
      const child = spawn(program?.[0] ?? '', [
        ...[host, String(port), pskIdentityOf(sa.bTid), nafFqdn],
        ...[String(most), String(payloads.length)],
      ]);
      t.teardown(() => child.kill('SIGKILL'));
      child.stdin.end(`${toHex(sa.key)}\n`);
      let said = '';
      let talk = '';
      child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (talk += chunk.toString()));
      const closed = once(child, 'close');
      const receipts = await Promise.all(
        payloads.map((text) => naf.push(impi, Buffer.from(text), { ttlSeconds: 10 })),
      );
      for (const receipt of receipts) t.like(receipt, { state: 'acked', attempts: 1 });
      const [code] = (await closed) as [number | null];
      t.is(code, 0, talk);
      t.deepEqual(
        said.trim().split('\n'),
        payloads.map((text) => `${text.length} ${fnv(text)}`),
      );
    });
  }
}

/** As the UE in C does it. */
function fnv(text: string): string {
  let sum = 0x811c9dc5;
  for (const octet of Buffer.from(text)) sum = Math.imul(sum ^ octet, 0x01000193) >>> 0;
  return sum.toString(16).padStart(8, '0');
}

/** No two blocks of it are alike. */
function letters(count: number): string {
  return Array.from({ length: count }, (_, i) => ((i * i) % 36).toString(36)).join('');
}
