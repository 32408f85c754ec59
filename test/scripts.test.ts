/** The scripts of `npm run` say what they are for, and do nothing when an argument makes no sense. */
import { spawnSync } from 'node:child_process';
import test from 'ava';
import { packageFile } from '../src/store/policy.ts';

const scripts = {
  bench: 'bench/main.ts',
  interop: 'test/interop/main.ts',
  storm: 'test/storm/main.ts',
};

function call(script: string, ...args: string[]) {
  const argv = ['--import=ts-blank-space/register', packageFile(script), ...args];
  return spawnSync(process.execPath, argv, {
    cwd: packageFile('.'),
    encoding: 'utf8',
    timeout: 60_000,
  });
}

for (const [name, script] of Object.entries(scripts)) {
  test(`npm run ${name} says what it is for`, (t) => {
    const { status, stdout, stderr } = call(script, '--help');
    t.is(status, 0, stderr);
    t.is(stderr, '');
    t.regex(stdout, new RegExp(`^npm run ${name} `));
    t.regex(stdout, /Exit codes?:? /);
  });

  test(`npm run ${name} does nothing for an option that it has not`, (t) => {
    const { status, stdout, stderr } = call(script, '--no-such-option');
    t.is(status, 2, stderr);
    t.is(stdout, '');
    t.regex(stderr, /Unknown option '--no-such-option'/);
    t.notRegex(stderr, /\n {4}at /);
  });
}

test('a storm of no rounds is none', (t) => {
  for (const rounds of ['0', 'many', '1.5', '']) {
    const { status, stderr } = call(scripts.storm, `--rounds=${rounds}`);
    t.is(status, 2);
    t.regex(stderr, /^--rounds is a whole number from 1 up, not /);
  }
});
