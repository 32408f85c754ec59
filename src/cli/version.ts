/** The version that the package says of itself. */
import { readFileSync } from 'node:fs';
import { packageFile } from '../store/policy.ts';

export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}
