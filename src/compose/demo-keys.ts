/** Published keys serve on loopback only: beyond it anybody could read and forge what is pushed. */
import { isLoopback } from '../codec/address.ts';
import { ConfigError } from '../errors.ts';

/** @throws ConfigError ERR_CONFIG_DEMO, whose message ends with `advice`. */
export function requireLoopback(hosts: Iterable<{ readonly host: string }>, advice: string): void {
  for (const { host } of hosts) {
    if (isLoopback(host)) continue;
    const rule = `the demo keys are published, so they serve on loopback only, not at ${host}`;
    throw new ConfigError('ERR_CONFIG_DEMO', `${rule}: ${advice}`);
  }
}
