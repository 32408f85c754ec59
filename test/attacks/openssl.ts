/** The attacker's `openssl`: a TLS 1.2 client that does what ours never does, and a maker of certificates. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { pskIdentityOf } from '../../src/ids.ts';
import { toHex } from '../../src/lib/bytes.ts';
import type { LiveSa } from '../../src/sa/association.ts';
import { nafFqdn } from '../support/tls.ts';

export interface OpensslClient {
  /** All that it has printed so far. */
  readonly said: () => string;
  readonly type: (text: string) => void;
  /** Resolves when the text has come, with true, or the client has ended without it, with false. */
  readonly says: (text: RegExp) => Promise<boolean>;
  readonly end: () => void;
}

/** `openssl s_client` with the association's identity, key and TLS 1.2 suite, ended with the test. */
export function openTls12(
  t: ExecutionContext,
  port: number,
  { bTid, key, binding }: LiveSa,
  ...more: readonly string[]
): OpensslClient {
  const suite = binding.version === '1.2' ? binding.suite : '';
  return runOpenssl(t, [
    's_client',
    ...['-connect', `127.0.0.1:${port}`, '-tls1_2', '-cipher', `${suite}:@SECLEVEL=0`],
    ...['-psk', toHex(key), '-psk_identity', pskIdentityOf(bTid)],
    ...more,
  ]);
}

export function runOpenssl(t: ExecutionContext, args: readonly string[]): OpensslClient {
  const child = spawn('openssl', args);
  const ended = new Promise<void>((resolve) =>
    child.once('close', () => {
      resolve();
    }),
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      child.emit('said');
    });
  }
  child.stdin.on('error', () => undefined);
  t.teardown(() => child.kill('SIGKILL'));
  return {
    said: () => said,
    type: (text) => {
      child.stdin.write(text);
    },
    says: async (text) => {
      const heard = new Promise<void>((resolve) => {
        child.on('said', () => {
          if (text.test(said)) resolve();
        });
      });
      if (!text.test(said)) await Promise.race([heard, ended]);
      return text.test(said);
    },
    end: () => {
      child.kill('SIGKILL');
    },
  };
}

/** A folder of its own, gone with the test. */
export function temporaryFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'gba-push-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

/** A self-signed certificate for this name and its private key, PEM, as options of a TLS server. */
export function makeCertificate(
  t: ExecutionContext,
  name: string = nafFqdn,
): { cert: string; key: string } {
  const folder = temporaryFolder(t);
  const [cert, key] = [join(folder, 'cert'), join(folder, 'key')];
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`],
    ...['-days', '2', '-keyout', key, '-out', cert],
  ]);
  t.is(made.status, 0, made.stderr.toString());
  return { cert: readFileSync(cert, 'latin1'), key: readFileSync(key, 'latin1') };
}
