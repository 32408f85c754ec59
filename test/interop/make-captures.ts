/**
 * Makes the captures of docs/captures again, from real traffic on loopback, and the tables of its README:
 * `node --import=ts-blank-space/register test/interop/make-captures.ts [NAME ...]`. Needs tshark and the right to capture.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  createBsf,
  createHss,
  createTriggerSender,
  createUsim,
  demoConnectPolicy,
  listenForPushes,
  listenPushServer,
  loadTlsPolicy,
  openMemoryHandledLog,
  openMemoryStore,
  parseFqdn,
  readSubscribers,
  readUsim,
  systemClock,
  type Clock,
  type PushServer,
  type PushServerOptions,
  type SaRecord,
  type TriggerAddress,
  type Usim,
} from '../../src/index.ts';
import { packageFile } from '../../src/store/policy.ts';
import { manualClock } from '../support/manual-clock.ts';
import { memorySaStore } from '../support/sa-store.ts';
import { tshark } from '../support/tshark.ts';

const policy = loadTlsPolicy();
const { subscribers } = readSubscribers(packageFile('certs-none/demo-subscribers.json'));
const { credentials } = readUsim(packageFile('certs-none/demo-usim.json'));
const { impi } = credentials;
const UE = { host: '127.0.0.1', port: 2948 };
/** An address of its own tells its packets from those of everybody else here. */
const NAF = { host: '127.0.0.2', port: 5684 };
const CONTENT_FORMAT_TEXT = 0;
/** Section header and interface description. */
const BLOCKS_IN_FRONT = [0x0a0d0d0a, 1];
const README = packageFile('docs/captures/README.md');

/** What a frame is, by the first filter that shows it; the numbers are those of docs/ladder.svg. */
const STEPS: readonly (readonly [filter: string, comment: string])[] = [
  ['gba_push.gpi and not gba_push.first_in', 'Step 3: the trigger'],
  ['gba_push.gpi and gba_push.first_in', 'Step 3: the same trigger again'],
  ['gba_push.wake.hint and not gba_push.first_in', 'Step 3, with the old key: the NAF calls'],
  ['gba_push.wake.hint and gba_push.first_in', 'Step 3: the same wake again'],
  ['gba_push.auts', 'AUTS instead of step 5: SQN is out of step'],
  ['tls.handshake.type == 1', 'Step 5: ClientHello, PSK identity B-TID'],
  ['tls.handshake.type == 2', 'Step 6: ServerHello to Finished'],
  ['coap.code == 225', 'Step 6: CSM'],
  ['coap.code == 2', 'Step 6: the UE takes pushes'],
  ['coap.code == 68', 'Step 6: the NAF knows'],
  ['coap.code == 3', 'Step 7: a push'],
  ['coap.code == 65', 'Step 9: handled, after step 8'],
  ['tcp.flags.reset == 1', 'The layer is cut, the key stays'],
  ['coap.code == 4', 'The end: the NAF is done with the key'],
  ['coap.code == 66', 'The end: the UE has forgotten the key'],
  ['coap.code == 228', 'The end: Release'],
];

const accepted = new Set<Socket>();
subscribe('net.server.socket', (message) => {
  accepted.add((message as { readonly socket: Socket }).socket);
});

await capture('ladder', async (keylog) => {
  const ue = await openUe('udp');
  const naf = await openNaf(ue.address, keylog);
  await push(naf, 'first push: the key comes out of the SIM');
  await push(naf, 'second push: over the open layer');
  for (const socket of accepted) socket.resetAndDestroy();
  await push(naf, 'third push: the UE has dialled again');
  await naf.drain();
  await ue.close();
});

await capture('resync', async (keylog) => {
  for (const transport of ['udp', 'tcp'] as const) {
    const ue = await openUe(transport, await usedSim());
    const naf = await openNaf(ue.address, keylog);
    await push(naf, `SQN is in step again, by ${transport}`);
    await naf.drain();
    await ue.close();
  }
});

await capture('wake', async (keylog) => {
  // Its clock stands still, so that it does not dial by itself.
  const ue = await openUe('udp', newSim(), manualClock(Date.now()));
  const records = new Map<string, SaRecord>();
  const first = await openNaf(ue.address, keylog, { saStore: memorySaStore(records) });
  await push(first, 'first push: the key comes out of the SIM');
  await first.close();
  const elsewhere = { host: NAF.host, port: NAF.port + 1 };
  const settings = { listen: elsewhere, saStore: memorySaStore(records) };
  const second = await openNaf(ue.address, keylog, settings);
  await push(second, 'second push: the UE was called, to another port');
  await second.close();
  await ue.close();
});

/** Records what `play` does on loopback, as docs/captures/`name`.pcapng with TLS secrets and comments in it. */
async function capture(
  name: string,
  play: (keylog: (line: Buffer) => void) => Promise<void>,
): Promise<void> {
  const wanted = process.argv.slice(2);
  if (wanted.length > 0 && !wanted.includes(name)) return;
  const folder = mkdtempSync(join(tmpdir(), 'gba-push-capture-'));
  const [raw, keys] = [join(folder, 'raw.pcap'), join(folder, 'tls.keys')];
  try {
    const dumpcap = await startCapture(`port ${UE.port} or host ${NAF.host}`, raw);
    const secrets: Buffer[] = [];
    await play((line) => secrets.push(line));
    await sleep(500);
    dumpcap.kill('SIGINT');
    await once(dumpcap, 'close');
    writeFileSync(keys, Buffer.concat(secrets));
    const steps = stepsOf(raw, keys);
    const comments = steps.flatMap(([frame, text]) => ['-a', `${frame}:${text}`]);
    const made = packageFile(`docs/captures/${name}.pcapng`);
    execFileSync('editcap', ['--inject-secrets', `tls,${keys}`, ...comments, raw, made]);
    writeFileSync(made, interfaceFirst(readFileSync(made)));
    const table = steps.map(([frame, text]) => `| ${frame} | ${text} |\n`).join('');
    const section = new RegExp(`(### ${name}\\.pcapng\n\n.*\n.*\n)(?:\\|.*\n)+`);
    const text = readFileSync(README, 'utf8').replace(section, `$1${table}`);
    writeFileSync(README, text);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Puts the interface of a pcapng before its secrets, without which editcap 4.0 cannot edit it again. */
function interfaceFirst(pcapng: Buffer): Buffer {
  const blocks: { readonly rank: number; readonly octets: Buffer }[] = [];
  for (let at = 0; at < pcapng.length;) {
    const rank = BLOCKS_IN_FRONT.indexOf(pcapng.readUInt32LE(at));
    const octets = pcapng.subarray(at, at + pcapng.readUInt32LE(at + 4));
    blocks.push({ rank: rank < 0 ? BLOCKS_IN_FRONT.length : rank, octets });
    at += octets.length;
  }
  return Buffer.concat(blocks.sort((a, b) => a.rank - b.rank).map(({ octets }) => octets));
}

/** Resolves when dumpcap has begun. It writes classic pcap, which says nothing of the machine. */
async function startCapture(filter: string, file: string): Promise<ChildProcess> {
  const options = ['-q', '-P', '-i', 'lo', '-f', filter, '-w', file];
  const dumpcap = spawn('dumpcap', options, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  for await (const chunk of dumpcap.stderr) {
    said += String(chunk);
    if (!said.includes('File:')) continue;
    await sleep(500);
    return dumpcap;
  }
  throw new Error(`dumpcap does not capture: ${said}`);
}

/** Frame numbers with what they hold, in order. */
function stepsOf(file: string, keys: string): [frame: number, what: string][] {
  const found = new Map<number, string[]>();
  for (const [filter, what] of STEPS) {
    const options = ['-o', `tls.keylog_file:${keys}`, '-r', file, '-Y', filter];
    const output = ['-T', 'fields', '-e', 'frame.number'];
    for (const line of tshark(...options, ...output)
      .split('\n')
      .filter(Boolean)) {
      found.set(Number(line), [...(found.get(Number(line)) ?? []), what]);
    }
  }
  return [...found]
    .map(([n, what]) => [n, what.join('; ')] as [number, string])
    .sort(([a], [b]) => a - b);
}

function openUe(
  transport: TriggerAddress['transport'],
  usim: Usim = newSim(),
  clock: Clock = systemClock,
) {
  return listenForPushes({
    usim,
    clock,
    listen: { transport, ...UE },
    policy,
    connectPolicy: demoConnectPolicy,
    handler: () => undefined,
    handledLog: openMemoryHandledLog(),
    autsStore: openMemoryStore(),
    // The NAF writes the same lines; this gives each message a record of its own.
    dangerouslyLogKeys: () => undefined,
  });
}

function openNaf(
  trigger: TriggerAddress,
  dangerouslyLogKeys: (line: Buffer) => void,
  more: Partial<PushServerOptions> = {},
): Promise<PushServer> {
  return listenPushServer({
    bsf: createBsf({ hss: newHss(), clock: systemClock, policy: policy.keyLifetime }),
    triggers: createTriggerSender({ clock: systemClock }),
    policy,
    nafFqdn: parseFqdn('naf.mnc001.mcc001.pub.3gppnetwork.org'),
    listen: NAF,
    triggerAddress: () => trigger,
    dangerouslyLogKeys,
    ...more,
  });
}

async function push(naf: PushServer, text: string): Promise<void> {
  const { state, via } = await naf.push(impi, Buffer.from(text), {
    contentFormat: CONTENT_FORMAT_TEXT,
    ttlSeconds: 20,
  });
  if (state !== 'acked') throw new Error(`"${text}" is ${state}, via ${via ?? 'nothing'}`);
}

function newHss() {
  return createHss({ subscribers, store: openMemoryStore() });
}

function newSim(): Usim {
  return createUsim({ credentials, store: openMemoryStore() });
}

/** A SIM that has seen vectors of an HSS which knows nothing of them any more. */
async function usedSim(): Promise<Usim> {
  const [usim, hss] = [newSim(), newHss()];
  for (let n = 0; n < 40; n += 1) {
    const { rand, autn } = await hss.vector(impi, 'push');
    (await usim.authenticate(rand, autn)).wipe();
  }
  return usim;
}
