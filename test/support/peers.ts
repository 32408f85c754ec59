/** Programs that nobody here wrote: a test that needs one is skipped by name, or fails where CI wants it. */
import { spawnSync } from 'node:child_process';
import test, { type ExecutionContext } from 'ava';

/** The test function for a peer; `why` names what is missing, for the title of the skip. */
export function testWith(peer: string, usable = (): boolean => isThere(peer)): SerialTest {
  if (usable()) return test.serial;
  return (name) => {
    const title = `${name} (${peer} cannot be used here)`;
    if (process.env['GBA_PUSH_REQUIRE_PEERS'] === '1') {
      test(title, (t) => {
        t.fail(`install ${peer}, and run as root where it captures`);
      });
    } else {
      test.skip(title, (t) => {
        t.pass();
      });
    }
  };
}

export type SerialTest = (title: string, implementation: (t: ExecutionContext) => unknown) => void;

export function isThere(command: string): boolean {
  return spawnSync(command, ['--version']).error === undefined;
}
