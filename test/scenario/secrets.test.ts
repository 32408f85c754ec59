import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { deriveKsNaf, ksOf } from '../../src/aka/kdf.ts';
import { createMilenage } from '../../src/aka/milenage.ts';
import { nafIdOf, parseBTid, parseFqdn, parseImpi, uaIdOf } from '../../src/ids.ts';
import { fromHex, toHex, view } from '../../src/lib/bytes.ts';
import { call, jsonLines, startUe, temporaryFolder } from '../support/command.ts';

const K = '465b5ce8b199b49faa5f0a2ee238a6bc';
const OPC = 'cd63cb71954a9f4e48a5994e37a02baf';

/** The secrets of one association, derived once more from the SIM's. */
function secretsOf(btid: string, impi: string, nafFqdn: string): Uint8Array[] {
  const { rand } = parseBTid(btid);
  const { ck, ik } = createMilenage({ k: fromHex(K), opc: fromHex(OPC) }).f2345(rand);
  const ks = ksOf(ck, ik);
  const nafId = nafIdOf(parseFqdn(nafFqdn), uaIdOf({ version: '1.3' }));
  const ksNaf = deriveKsNaf({ ks, rand, impi: parseImpi(impi), nafId });
  return [fromHex(K), fromHex(OPC), ck, ik, ks, ksNaf];
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((file) => statSync(file).isFile());
}

for (const json of [[], ['--json']]) {
  test.serial(`no key is in any output or file of a verbose run ${json.join('')}`, async (t) => {
    const state = temporaryFolder(t);
    const { ue, trigger } = await startUe(t, call, ['--state', state, '-v', '-C', '2']);
    const where = ['--trigger', trigger, '--state', state];
    const naf = call(t, 'naf-push', ['send', '001010000000001', '-l', '-v', ...where, ...json], {
      input: 'one\ntwo\n',
    });
    t.is(await naf.ended, 0);
    t.is(await ue.ended, 0);

    const { btid, nafFqdn } = jsonLines(ue.stdout)[1] ?? {};
    const impi = jsonLines(ue.stdout)[0]?.['impi'];
    const secrets = secretsOf(String(btid), String(impi), String(nafFqdn));
    t.is(secrets.length, 6);
    const files = filesIn(state).map((file) => readFileSync(file));
    t.true(files.length >= 3);
    const everything = [naf.stdout, naf.stderr, ue.stdout, ue.stderr];
    t.true(everything.join('').includes(String(btid)), 'this run said what it did');
    for (const secret of secrets) {
      for (const text of everything) {
        t.false(text.toLowerCase().includes(toHex(secret)));
        t.false(text.includes(view(secret).toString('base64').replace(/=+$/, '')));
      }
      t.false(files.some((octets) => octets.includes(view(secret))));
    }
    t.true(filesIn(state).every((file) => (statSync(file).mode & 0o077) === 0));
  });
}

test.serial(
  'with the dangerous flag the key is shown, and it is the one that the SIM derives',
  async (t) => {
    const naf = call(t, 'naf-push', [
      ...['sa', 'announce', '001010000000001', '--dangerously-show-key', '--json'],
      ...['--state', temporaryFolder(t)],
    ]);
    await naf.says(/\{.*\n/);
    const { ksNaf, btid, impi, nafFqdn } = jsonLines(naf.stdout)[0] ?? {};
    const secrets = secretsOf(String(btid), String(impi), String(nafFqdn));
    t.is(ksNaf, toHex(secrets.at(-1) ?? new Uint8Array()));
    naf.interrupt();
    t.is(await naf.ended, 130);
  },
);
