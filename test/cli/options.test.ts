import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { bindingFrom, seconds, stateFolder, wholeNumber } from '../../src/cli/options.ts';
import { call, temporaryFolder } from '../support/command.ts';
import { policy } from '../support/tls.ts';

test('the state folder is that of the flag, of the variable, of XDG, or below the home folder', (t) => {
  const env = { GBA_PUSH_STATE: '/own', XDG_STATE_HOME: '/xdg', HOME: '/home/me' };
  t.is(stateFolder('/flag', env), '/flag');
  t.is(stateFolder(undefined, env), '/own');
  t.is(stateFolder(undefined, { ...env, GBA_PUSH_STATE: '' }), '/xdg/gba-push');
  const home = { GBA_PUSH_STATE: '', XDG_STATE_HOME: '', HOME: '/home/me' };
  t.is(stateFolder(undefined, home), '/home/me/.local/state/gba-push');
});

test('the commands take GBA_PUSH_STATE from the environment that they are given', async (t) => {
  for (const [name, ...args] of [
    ['naf-push', 'send', '001010000000001', '-m', 'x', '--ttl', '1'],
    ['ue-listen', '-W', '0.1', '--trigger', 'udp://127.0.0.1:0'],
  ] as const) {
    const state = join(temporaryFolder(t), 'own');
    await call(t, name, args, { env: { GBA_PUSH_STATE: state } }).ended;
    t.true(readdirSync(state).length > 0, name);
  }
});

test('without a version any suite of the policy is found, with one only its own', (t) => {
  t.deepEqual(bindingFrom(undefined, undefined, policy).binding, { version: '1.3' });
  for (const suite of policy.suites12) {
    t.deepEqual(bindingFrom(undefined, suite, policy).binding, { version: '1.2', suite });
    t.deepEqual(bindingFrom('1.2', suite, policy).binding, { version: '1.2', suite });
    t.throws(() => bindingFrom('1.3', suite, policy), { instanceOf: RangeError });
  }
  for (const suite of policy.suites13) {
    const { binding, only } = bindingFrom(undefined, suite, policy);
    t.deepEqual([binding, only.suites13], [{ version: '1.3' }, [suite]]);
    t.throws(() => bindingFrom('1.2', suite, policy), { instanceOf: RangeError });
  }
  const [suite] = policy.suites12;
  t.deepEqual(bindingFrom('1.2', undefined, policy).binding, { version: '1.2', suite });
});

test('numbers are decimal, whole where they must be, and within their range', (t) => {
  t.deepEqual(['15', '0.5', '.5', '5.'].map(seconds), [15, 0.5, 0.5, 5]);
  for (const text of ['', '.', '0', '0.0', '-1', '+1', '1s', '1e3', 'Infinity', '0x1', ' 1']) {
    t.throws(() => seconds(text), { message: /Expected seconds above 0, as 15 or 0\.5/ }, text);
  }
  const port = wholeNumber(1, 65_535);
  t.deepEqual(['1', '65535'].map(port), [1, 65_535]);
  for (const text of ['', '0', '65536', '-1', '1.5', '1e3', '0x1', '9'.repeat(400)]) {
    t.throws(() => port(text), { message: /Expected a whole number from 1 to 65535\./ }, text);
  }
  t.throws(() => wholeNumber(1)('0'), { message: /Expected a whole number from 1 up\./ });
  t.throws(() => wholeNumber(1)('99999999999999999999'), { message: /from 1 up/ });
});
