/** Programs that nobody here wrote: a test that needs one is skipped by name, or fails where CI wants it. */
import { spawnSync } from 'node:child_process';
import anyTest, { type TestFn } from 'ava';

/** The test function for a peer; `why` names what is missing, for the title of the skip. */
export function testWith(
  peer: string,
  usable: () => boolean = () => isThere(peer),
): TestFn['serial'] {
  if (usable()) return anyTest.serial;
  const title = (name: string): string => `${name} (${peer} cannot be used here)`;
  const skip = ((name: string) => {
    if (process.env['GBA_PUSH_REQUIRE_PEERS'] === '1') {
      anyTest(title(name), (t) => {
        t.fail(`${peer} is missing: apt-get install ${peer}`);
      });
    } else {
      anyTest.skip(title(name), (t) => {
        t.pass();
      });
    }
  }) as TestFn['serial'];
  return skip;
}

export function isThere(command: string): boolean {
  return spawnSync(command, ['--version']).error === undefined;
}
