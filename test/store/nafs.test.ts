import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ConfigError } from '../../src/errors.ts';
import { readNafSecret } from '../../src/store/naf-secret.ts';
import { mayServe, readNafs } from '../../src/store/nafs.ts';
import { temporaryFolder, writeKeyFile } from '../support/command.ts';

const token = 'c2VjcmV0LXRva2VuLW9mLWEtTkFG';
const key = 'cd'.repeat(32);
const psk = { identity: 'meters.example.org', key };
const unproved = { name: 'alerts', fqdns: ['naf.example.org'] };
const least = { ...unproved, token };

function file(t: ExecutionContext, value: unknown, mode = 0o600): string {
  return writeKeyFile(join(temporaryFolder(t), 'nafs.json'), value, mode);
}

test('a NAF of which little is said may have everything for its names, but learns no IMPI', (t) => {
  const [naf] = readNafs(file(t, { nafs: [least] }));
  t.deepEqual(naf, {
    name: 'alerts',
    proof: { token },
    fqdns: ['naf.example.org' as never],
    operations: ['push-info', 'bootstrapping-info'],
    gba: ['GBA_ME', 'GBA_U'],
    mayLearnImpi: false,
    vectors: { burst: 16, perSecond: 1 },
  });
});

test('what is said narrows it', (t) => {
  const terms = {
    ...unproved,
    uaIds: ['0100000007'],
    operations: ['push-info'],
    gba: ['GBA_ME'],
    subscribers: ['one@example.org', '*@ims.mnc001.mcc001.3gppnetwork.org'],
    mayLearnImpi: true,
    vectors: { burst: 2, perSecond: 0.5 },
  };
  const [naf] = readNafs(file(t, { nafs: [{ ...terms, psk }] }));
  t.like(naf, terms as never);
  t.deepEqual(naf?.proof, { identity: psk.identity, key: new Uint8Array(32).fill(0xcd) });
  const serves = (impi: string) => naf !== undefined && mayServe(naf, impi);
  t.true(serves('one@example.org') && serves('x@ims.mnc001.mcc001.3gppnetwork.org'));
  t.false(serves('two@example.org') || serves('x@mnc001.mcc001.3gppnetwork.org'));
});

test('a member that is wrong is named, and no secret is quoted', (t) => {
  const broken: [object, RegExp][] = [
    [{ token: 'sesame' }, /nafs\[0\]\.token: expected 22 to 255/],
    [{ token: `${token} sesame` }, /nafs\[0\]\.token/],
    [{ token: undefined }, /either "token" or "psk"/],
    [{ psk }, /either "token" or "psk"/],
    [{ token: undefined, psk: { ...psk, key: 'sesame' } }, /psk\.key: expected 64 hex digits/],
    [{ token: undefined, psk: { ...psk, identity: 'a b' } }, /psk\.identity: expected 4 to 128/],
    [{ name: 'two words' }, /name: expected 1 to 64/],
    [{ fqdns: [] }, /fqdns/],
    [{ fqdns: ['no name'] }, /fqdns\[0\]: expected a host name/],
    [{ uaIds: ['1'] }, /uaIds\[0\]: expected 10 hex digits/],
    [{ subscribers: ['*'] }, /subscribers\[0\]: expected an IMPI or \*@domain/],
    [{ operations: ['all'] }, /operations\[0\]/],
    [{ vectors: { burst: 0, perSecond: 1 } }, /vectors\.burst: expected 1 to 10000/],
    [{ may: 'everything' }, /may/],
  ];
  for (const [change, fault] of broken) {
    const nafs = file(t, { nafs: [{ ...least, ...change }] });
    const error = t.throws(() => readNafs(nafs), { instanceOf: ConfigError });
    t.is(error?.code, 'ERR_CONFIG_FILE');
    t.regex(error?.message ?? '', fault);
    t.notRegex(error?.message ?? '', new RegExp(`sesame|${key}|${token}`));
  }
});

test('two NAFs of one name, token or identity are a mistake', (t) => {
  const other = { ...least, name: 'other', token: `${token}x` };
  t.is(readNafs(file(t, { nafs: [least, other] })).length, 2);
  const far = { ...unproved, psk };
  for (const [one, two, member] of [
    [least, { ...other, name: 'alerts' }, 'name'],
    [least, { ...other, token }, 'token'],
    [far, { ...far, name: 'other' }, 'psk'],
  ] as const) {
    const wrong = new RegExp(`nafs\\[1\\]\\.${member}: an earlier NAF has this ${member}`);
    t.throws(() => readNafs(file(t, { nafs: [one, two] })), { message: wrong });
  }
});

test('a NAFs file that others can read is refused', (t) => {
  const open = file(t, { nafs: [least] }, 0o644);
  t.throws(() => readNafs(open), { code: 'ERR_CONFIG_MODE', message: /chmod 600/ });
});

function secret(t: ExecutionContext, text: string, mode = 0o600): string {
  const path = join(temporaryFolder(t), 'secret');
  writeFileSync(path, text, { mode });
  return path;
}

test('the secret of a NAF is a token or IDENTITY:KEY on one line', (t) => {
  for (const end of ['', '\n', '\r\n']) {
    t.deepEqual(readNafSecret(secret(t, token + end), 'token'), { token });
    const line = `urn:meters:1:${key}${end}`;
    t.deepEqual(readNafSecret(secret(t, line), 'psk'), {
      identity: 'urn:meters:1',
      key: new Uint8Array(32).fill(0xcd),
    });
  }
});

test('a secret that is none, or of the other kind, is told and not quoted', (t) => {
  const broken: [string, 'token' | 'psk', RegExp][] = [
    ['', 'token', /the token of this NAF/],
    ['sesame', 'token', /22 to 255/],
    [`${token}\n\n`, 'token', /22 to 255/],
    [`meters.example.org:${key}`, 'token', /IDENTITY:KEY is for https:/],
    [token, 'psk', /expected IDENTITY:KEY/],
    [`me:${key}`, 'psk', /of IDENTITY 4 to 128/],
    [`meters.example.org:${key}sesame`, 'psk', /of KEY 64 hex digits/],
  ];
  for (const [text, kind, fault] of broken) {
    const path = secret(t, text);
    const error = t.throws(() => readNafSecret(path, kind), { instanceOf: ConfigError });
    t.regex(error?.message ?? '', fault);
    t.notRegex(error?.message ?? '', new RegExp(`sesame|${key}|${token}`));
  }
  const open = secret(t, token, 0o640);
  t.throws(() => readNafSecret(open, 'token'), { code: 'ERR_CONFIG_MODE' });
});
