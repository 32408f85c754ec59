/** tshark with the dissector of this project. */
import { spawnSync } from 'node:child_process';
import { packageFile } from '../../src/store/policy.ts';

/** What tshark prints with our dissector, and numbers instead of names. @throws Error when it fails. */
export function tshark(...options: readonly string[]): string {
  const script = `lua_script:${packageFile('docs/wireshark/gba-push.lua')}`;
  const { status, stdout, stderr } = spawnSync('tshark', ['-n', '-X', script, ...options], {
    encoding: 'utf8',
    maxBuffer: 64 * 1_024 * 1_024,
  });
  if (status !== 0 || /Lua/.test(stderr)) throw new Error(`tshark: ${stderr}`);
  return stdout;
}

/** A row for each frame that `options` let through: the values of these fields, repeated ones joined by `,`. */
export function fieldsOf(
  file: string,
  fields: readonly string[],
  ...options: readonly string[]
): string[][] {
  const columns = fields.flatMap((field) => ['-e', field]);
  const text = tshark('-r', file, '-T', 'fields', ...columns, ...options);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t'));
}
