/** Gives TLS options to code that takes none, by a `node:tls` that adds them. */
import { syncBuiltinESMExports } from 'node:module';
import tls, { type ConnectionOptions, type TlsOptions } from 'node:tls';

/**
 * Runs `action` while `createServer` or `connect` of `node:tls` adds these options to those that it
 * is called with first. No other test may run meanwhile.
 */
export async function smuggle<T>(
  name: 'createServer' | 'connect',
  options: TlsOptions | ConnectionOptions,
  action: () => Promise<T>,
): Promise<T> {
  const genuine = tls[name] as (first: object, ...rest: unknown[]) => unknown;
  replace(name, (first: object, ...rest: unknown[]) => genuine({ ...first, ...options }, ...rest));
  try {
    return await action();
  } finally {
    replace(name, genuine);
  }
}

function replace(name: string, value: unknown): void {
  Object.assign(tls, { [name]: value });
  syncBuiltinESMExports();
}
