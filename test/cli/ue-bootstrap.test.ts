/** `ue-listen --bootstrap`, mostly as a process of its own, with a BSF and a NAF in this one. */
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { toHex } from '../../src/lib/bytes.ts';
import { openFileStore } from '../../src/store/file-store.ts';
import { createUsim } from '../../src/ue/usim.ts';
import { openToldNaf } from '../support/begun.ts';
import { gbaUCapable, makeBsf, meOnly, serveUb } from '../support/bsf.ts';
import {
  call,
  jsonLines,
  startProcess,
  temporaryFolder,
  writeKeyFile,
} from '../support/command.ts';
import { nafFqdn } from '../support/ladder.ts';
import { until } from '../support/tls.ts';

/** A BSF, a NAF that it tells of sessions, and the arguments for a UE that is to find both. */
async function openWorld(t: ExecutionContext) {
  const bench = makeBsf(t);
  const bsf = await serveUb(t, bench.ub);
  const naf = await openToldNaf(t, bench.bsf);
  const state = temporaryFolder(t);
  const at = ['--trigger', 'udp://127.0.0.1:0', '--state', state];
  const where = ['--bootstrap', bsf.origin, '--naf', nafFqdn];
  const args = [...at, ...where, '--connect', `127.0.0.1:${naf.port}`];
  return { ...bench, bsf, naf, state, args, at };
}

/** A USIM of TS 35.208 test set 1, as are all of the BSF's. */
function usimFile(t: ExecutionContext, members: object): string {
  const keys = { k: toHex(meOnly.k), opc: 'cd63cb71954a9f4e48a5994e37a02baf' };
  return writeKeyFile(join(temporaryFolder(t), 'usim.json'), { ...keys, ...members });
}

test.serial('a device bootstraps by itself, and what is pushed finds its layer open', async (t) => {
  const { naf, args, bsf, vectors } = await openWorld(t);
  const ue = startProcess(t, 'ue-listen', [...args, '-C', '2']);
  await ue.says(/waits for triggers at/);
  const told = await ue.says(/ue-listen: bootstrapped at .*\n/);
  t.is(told, `ue-listen: bootstrapped at ${bsf.origin}: a key for ${nafFqdn}, for 3600 s\n`);
  await until(() => naf.layers.length === 1);
  await naf.push();
  await naf.push();
  t.is(await ue.ended, 0);
  t.is(ue.stdout, 'text 1\ntext 2\n');
  t.is(vectors.length, 1);
});

test.serial('a restart dials under the key on disk; --json has the events', async (t) => {
  const { naf, args, vectors } = await openWorld(t);
  for (const life of [1, 2]) {
    const ue = startProcess(t, 'ue-listen', [...args, '--json', '-C', '1']);
    await ue.says(/"listening"/);
    await until(() => naf.layers.length === 1);
    const [btid] = naf.layers;
    await naf.push();
    t.is(await ue.ended, 0);
    t.like(jsonLines(ue.stdout)[1], { event: 'push', btid, payload: `text ${life}` });
    const begun = jsonLines(ue.stderr).filter(({ event }) => event === 'gba:bootstrap:succeeded');
    t.is(begun.length, life === 1 ? 1 : 0);
    if (life === 1) t.like(begun[0], { bTid: btid, nafFqdn });
    await until(() => naf.layers.length === 0);
  }
  t.is(vectors.length, 1);
});

test.serial('in GBA_U the key of the card opens the layer, if that is asked for', async (t) => {
  const { naf, args } = await openWorld(t);
  const usim = usimFile(t, { imsi: gbaUCapable.imsi, gbaU: true });
  const ue = startProcess(t, 'ue-listen', [
    ...[...args, '--usim', usim, '--gba-u-key', 'internal', '-C', '1'],
  ]);
  await ue.says(/bootstrapped at/);
  await until(() => naf.layers.length === 1);
  await naf.push();
  t.is(await ue.ended, 0);
  t.true(naf.asked.every((identity) => identity.startsWith('3GPP-bootstrapping-uicc;')));
});

test.serial(
  'another K, an unknown SIM, no BSF: one clear line each, and -W ends with 3',
  async (t) => {
    const { args, at } = await openWorld(t);
    const otherK = usimFile(t, { imsi: meOnly.imsi, k: '00'.repeat(16) });
    const unknown = usimFile(t, { imsi: '001010000000009' });
    const mistakes: [string[], RegExp][] = [
      [
        ['--usim', otherK, ...args],
        /no key for naf\.\S+ from http:\S+: the challenge .*compare K and OPc.* \(ERR_AKA_MAC_FAILURE\); again in [3-6]\d\.\d s\n/,
      ],
      [
        ['--usim', unknown, ...args],
        /: the BSF does not know this SIM, or refuses it \(403\) \(ERR_BSF_DENIED\); again in [3-6]\d\.\d s\n/,
      ],
      [
        [...at, '--bootstrap', 'http://127.0.0.1:9', '--connect', '127.0.0.1:9'],
        /no key for naf\.mnc001\.\S+ from http:\S+: no bootstrapping with the BSF: connect ECONNREFUSED \S+ \(ERR_BSF_UNREACHABLE\); again in \d\.\d s\n/,
      ],
    ];
    for (const [words, line] of mistakes) {
      const ue = call(t, 'ue-listen', [...words, '-W', '1']);
      t.is(await ue.ended, 3, ue.stderr);
      t.regex(ue.stderr, line);
    }
  },
);

test.serial('a SIM ahead of its HSS resynchronises over Ub, unless it gives no AUTS', async (t) => {
  const { args, naf, state, vectors } = await openWorld(t);
  const ahead = makeBsf(t);
  const store = await openFileStore({ folder: join(state, `ue-${meOnly.imsi}`), name: 'usim' });
  const card = createUsim({ credentials: meOnly, store });
  for (let n = 0; n < 40; n += 1) {
    const { rand, autn } = await ahead.hss.vector(meOnly.impi, 'ub');
    (await card.authenticate(rand, autn)).wipe();
  }
  await store.close();
  const silent = call(t, 'ue-listen', [...args, '--no-auts', '-W', '1']);
  t.is(await silent.ended, 3);
  t.regex(
    silent.stderr,
    /: the SIM has seen this or a later .* \(ERR_AKA_SYNC_FAILURE\); again in/,
  );
  const before = vectors.length;
  const ue = startProcess(t, 'ue-listen', [...args, '-C', '1']);
  await ue.says(/bootstrapped at/);
  await until(() => naf.layers.length === 1);
  await naf.push();
  t.is(await ue.ended, 0);
  t.is(vectors.length, before + 2, 'one that was out of step, and one that was not');
});

test('options that make no sense are usage errors, and the demo SIM stays on loopback', async (t) => {
  const state = ['--state', temporaryFolder(t), '--trigger', 'udp://127.0.0.1:0'];
  const wrong: [string[], number, RegExp][] = [
    [['--naf', nafFqdn], 2, /--naf goes with --bootstrap http:\/\/host:port/],
    [['--connect', '127.0.0.1:5684'], 2, /--connect goes with --bootstrap/],
    [['--bsf-name', 'bsf.example.org'], 2, /--bsf-name goes with --bootstrap/],
    [['--bootstrap', 'https://127.0.0.1:1'], 2, /Expected http:\/\/host:port of a BSF/],
    [
      ['--bootstrap', 'http://127.0.0.1:1', '--connect', '127.0.0.1:0'],
      2,
      /Port 0 is for listening/,
    ],
    [['--bootstrap', 'http://192.0.2.1'], 1, /loopback only, not at 192\.0\.2\.1.*ERR_CONFIG_DEMO/],
  ];
  for (const [words, code, line] of wrong) {
    const ue = call(t, 'ue-listen', [...state, ...words]);
    t.is(await ue.ended, code, ue.stderr);
    t.regex(ue.stderr, line);
  }
});
