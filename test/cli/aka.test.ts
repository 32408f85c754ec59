import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import test from 'ava';
import { Command } from 'commander';
import { addAkaCommand } from '../../src/cli/aka.ts';
import { bindOutput, run } from '../../src/cli/run.ts';
import gba from '../vectors/gba-keys.json' with { type: 'json' };
import milenage from '../vectors/milenage.json' with { type: 'json' };
import tuak from '../vectors/tuak.json' with { type: 'json' };

const root = mkdtempSync(join(tmpdir(), 'gba-push-aka-'));
test.after.always(() => {
  rmSync(root, { recursive: true, force: true });
});

async function aka(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const io = {
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    env: {},
  };
  const program = bindOutput(new Command('naf-push'), io);
  addAkaCommand(program, io);
  const code = await run(program, ['aka', ...argv], io);
  const text = (stream: PassThrough): string => String(stream.read() ?? '');
  return { code, out: text(io.stdout), err: text(io.stderr) };
}

const K = '465b5ce8b199b49faa5f0a2ee238a6bc';
const OPC = 'cd63cb71954a9f4e48a5994e37a02baf';
const numbers = ['--rand', gba.rand, '--sqn', 'ff9bb4d0b607', '--amf', 'b9b9'];
const challenge = ['--k', K, '--opc', OPC, ...numbers];
const naf = ['--impi', gba.impi, '--naf-fqdn', gba.nafFqdn, '--ua-id'];

for (const set of milenage.sets) {
  test(`--json gives the published values of ${set.source}, from --opc as from --op`, async (t) => {
    const rest = ['--rand', set.rand, '--sqn', set.sqn, '--amf', set.amf, '--json'];
    const { code, out, err } = await aka('--k', set.k, '--opc', set.opc, ...rest);
    t.is(code, 0);
    t.regex(err, /^[^\n]*other users[^\n]*\n$/);
    const values = JSON.parse(out) as Record<string, string>;
    t.deepEqual(
      { ...values, autn: values['autn']?.slice(12), auts: values['auts']?.length },
      {
        autn: set.amf + set.f1,
        res: set.f2,
        ck: set.f3,
        ik: set.f4,
        ak: set.f5,
        macA: set.f1,
        macS: set.f1star,
        akStar: set.f5star,
        auts: 28,
      },
    );
    const fromOp = await aka('--k', set.k, '--op', set.op, ...rest);
    t.is(fromOp.out, out);
  });
}

for (const { use, uaId, nafId, ksNaf, ksIntNaf } of gba.keys) {
  test(`with IMPI, NAF and Ua id it also gives the keys for ${use}`, async (t) => {
    const { code, out } = await aka(...challenge, ...naf, uaId, '--json');
    t.is(code, 0);
    const { ks, btid, autn, ...values } = JSON.parse(out) as Record<string, string>;
    t.is(ks, gba.ks);
    t.is(btid, gba.bTid);
    t.is(autn, gba.autn);
    t.is(values['nafId'], nafId);
    t.is(values['ksNaf'], ksNaf);
    t.is(values['ksExtNaf'], ksNaf);
    t.is(values['ksIntNaf'], ksIntNaf);
  });
}

test('auts is made with AMF 0000, macS with the AMF given', async (t) => {
  const [set] = milenage.auts;
  if (set === undefined) return t.fail('the vector file has no AUTS');
  const args = ['--k', set.k, '--opc', set.opc, '--rand', set.rand, '--sqn', set.sqnMs, '--json'];
  const other = JSON.parse((await aka(...args, '--amf', '8000')).out) as Record<string, string>;
  t.is(other['auts'], set.auts);
  t.not(other['macS'], set.macS);
  const zero = JSON.parse((await aka(...args, '--amf', '0000')).out) as Record<string, string>;
  t.is(zero['macS'], set.macS);
});

test('--bsf names the BSF of the B-TID', async (t) => {
  const { out } = await aka(
    ...challenge,
    ...naf,
    '0100000007',
    '--bsf',
    'BSF.example.org',
    '--json',
  );
  t.is((JSON.parse(out) as { btid: string }).btid, 'I1U8vpY3qJ0hiuZNrke/NQ==@bsf.example.org');
});

test('without --json each value has a line', async (t) => {
  const { out } = await aka(...challenge, ...naf, '0100000007');
  const lines = out.trimEnd().split('\n');
  t.is(lines[0], `autn      ${gba.autn}`);
  t.true(lines.includes(`btid      ${gba.bTid}`));
  t.is(lines.length, 15);
});

test('capital hex is taken, and lower-case hex is printed', async (t) => {
  const upper = challenge.map((word) => (word.startsWith('--') ? word : word.toUpperCase()));
  t.is((await aka(...upper, '--json')).out, (await aka(...challenge, '--json')).out);
});

test('keys in 0600 files are read without a warning; files that others can read are refused', async (t) => {
  const [k, opc, open] = ['k', 'opc', 'open'].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(k, `${K}\n`, { mode: 0o600 });
  writeFileSync(opc, OPC, { mode: 0o600 });
  writeFileSync(open, K, { mode: 0o644 });
  const fromFiles = await aka('--k', `@${k}`, '--opc', `@${opc}`, ...numbers, '--json');
  t.is(fromFiles.code, 0);
  t.is(fromFiles.err, '');
  t.is(fromFiles.out, (await aka(...challenge, '--json')).out);

  const exposed = await aka('--k', `@${open}`, '--opc', `@${opc}`, ...numbers);
  t.is(exposed.code, 1);
  t.regex(exposed.err, /chmod 600/);
  t.is(exposed.out, '');
  const missing = await aka('--k', `@${k}.not`, '--opc', `@${opc}`, ...numbers);
  t.is(missing.code, 1);
  t.regex(missing.err, /k\.not: ENOENT/);
});

const wrong: [string, string[], RegExp][] = [
  [
    'a short K',
    ['--k', K.slice(1), '--opc', OPC, ...numbers],
    /--k: expected 32 hex digits, not 31/,
  ],
  [
    'a K with a slip',
    ['--k', `${K.slice(1)}g`, '--opc', OPC, ...numbers],
    /--k: expected 32 hex digits/,
  ],
  [
    'a long OPc',
    ['--k', K, '--opc', `${OPC}00`, ...numbers],
    /--opc: expected 32 hex digits, not 34/,
  ],
  ['a wrong RAND', [...challenge, '--rand', '00'], /--rand: expected 32 hex digits, not 2/],
  ['a wrong SQN', [...challenge, '--sqn', '1'], /--sqn: expected 12 hex digits, not 1/],
  ['a wrong AMF', [...challenge, '--amf', ''], /--amf: expected 4 hex digits, not 0/],
  ['OP and OPc', [...challenge, '--op', OPC], /give either --opc or --op/],
  ['neither OP nor OPc', ['--k', K, ...numbers], /give either --opc or --op/],
  ['no RAND', ['--k', K, '--opc', OPC], /required option '--rand <hex>' not specified/],
  [
    'an IMPI without a NAF',
    [...challenge, '--impi', gba.impi, '--json'],
    /NAF keys also need --naf-fqdn and --ua-id\n/,
  ],
  [
    'a NAF without an IMPI',
    [...challenge, '--naf-fqdn', gba.nafFqdn, '--ua-id', '0100000007'],
    /NAF keys also need --impi\n/,
  ],
  [
    'a BSF alone',
    [...challenge, '--bsf', 'bsf.example.org'],
    /NAF keys also need --impi and --naf-fqdn and --ua-id\n/,
  ],
  [
    'a wrong IMPI',
    [...challenge, ...naf, '0100000007', '--impi', 'me'],
    /--impi: an IMPI is user@domain/,
  ],
  [
    'a wrong FQDN',
    [...challenge, ...naf, '0100000007', '--naf-fqdn', 'a_b'],
    /--naf-fqdn: an FQDN is/,
  ],
  ['a wrong Ua id', [...challenge, ...naf, '01'], /--ua-id: .* 10 hex digits/],
  ['a wrong BSF', [...challenge, ...naf, '0100000007', '--bsf', '-'], /--bsf: an FQDN is/],
  [
    'another algorithm',
    [...challenge, '--algorithm', 'comp128'],
    /Allowed choices are milenage, tuak/,
  ],
  [
    'TUAK with OPc',
    [...challenge, '--algorithm', 'tuak'],
    /--opc does not go with --algorithm tuak/,
  ],
  [
    'Milenage with TOPc',
    [...challenge, '--topc', K],
    /--topc does not go with --algorithm milenage/,
  ],
  ['Milenage with a size', [...challenge, '--mac-bits', '64'], /--mac-bits does not go with/],
];
for (const [what, argv, message] of wrong) {
  test(`${what} is a usage error that shows no key`, async (t) => {
    const { code, out, err } = await aka(...argv);
    t.is(code, 2);
    t.is(out, '');
    t.regex(err, message);
    t.false(err.includes(K.slice(1, 9)));
    t.false(err.includes(OPC.slice(0, 8)));
  });
}

for (const set of tuak.sets) {
  test(`--algorithm tuak --json gives the published values of ${set.source}`, async (t) => {
    const { mac, res, ck, ik, iterations } = set;
    const sizes = Object.entries({ mac, res, ck, ik }).flatMap(([n, bits]) => [
      `--${n}-bits`,
      `${bits}`,
    ]);
    const common = ['--algorithm', 'tuak', '--k', set.k, '--rand', set.rand, '--sqn', set.sqn];
    for (const operator of [
      ['--topc', set.topc],
      ['--top', set.top],
    ]) {
      const argv = [
        ...common,
        '--amf',
        set.amf,
        ...operator,
        ...sizes,
        '--iterations',
        `${iterations}`,
      ];
      const { code, out } = await aka(...argv, '--json');
      t.is(code, 0);
      const values = JSON.parse(out) as Record<string, string>;
      const { res: f2, ck: f3, ik: f4, ak: f5, macA: f1, macS: f1star, akStar: f5star } = values;
      t.like(set, { f1, f1star, f2, f3, f4, f5, f5star } as Partial<typeof set>);
      t.is('autn' in values, mac === 64);
      t.is('auts' in values, mac === 64);
    }
  });
}

test('TUAK keys of 256 bits give no NAF keys, and the command says so', async (t) => {
  const [, , set] = tuak.sets;
  if (set === undefined) return t.fail();
  const argv = ['--algorithm', 'tuak', '--k', set.k, '--topc', set.topc, '--rand', set.rand];
  const sizes = ['--sqn', set.sqn, '--amf', set.amf, '--ik-bits', '256'];
  const { code, err } = await aka(...argv, ...sizes, ...naf, '0100000007');
  t.is(code, 2);
  t.regex(err, /NAF keys need CK and IK of 128 bits/);
});
