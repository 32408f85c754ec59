/** Our NAF as the target of an attack. */
import { PassThrough } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { ExecutionContext } from 'ava';
import { narrate } from '../../src/cli/narrate.ts';
import { pskIdentityOf } from '../../src/ids.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Announced, LiveSa } from '../../src/sa/association.ts';
import { SaRegistry } from '../../src/sa/registry.ts';
import { SaSessions, type Resumption } from '../../src/sa/sessions.ts';
import { makeSa, startNaf } from '../support/tls.ts';
import { pushTo, type Target } from './target.ts';

/** Our listener with a registry behind it, and what `naf-push -v` would show of it. */
export async function startOurs(
  t: ExecutionContext,
  sas: readonly LiveSa[],
  resumption: Resumption = 'off',
): Promise<Target> {
  const sessions = resumption === 'sa-bound' && { sessions: new SaSessions(2) };
  const registry = new SaRegistry({ clock: systemClock, ...sessions });
  // The registry wipes the keys that it owns; the players of the scene keep theirs.
  for (const sa of sas) registry.add(makeSa({ ...sa }, Uint8Array.from(sa.key)) as Announced);
  const stderr = new PassThrough({ encoding: 'utf8' });
  let log = '';
  stderr.on('data', (text: string) => {
    log += text;
  });
  const lookups: string[] = [];
  const stop = narrate(
    { stdin: new PassThrough(), stdout: new PassThrough(), stderr, env: {} },
    { command: 'naf-push', verbose: true },
  );
  t.teardown(() => {
    stop();
    registry.closeAll('revoked');
  });
  const newest = new Map<string, TLSSocket>();
  const naf = await startNaf(t, [], {
    ...sessions,
    find: (identity) => {
      lookups.push(identity);
      return registry.find(identity);
    },
    onLayer: ({ socket, sa }) => {
      newest.set(sa.bTid, socket);
      socket.write(pushTo(pskIdentityOf(sa.bTid)));
    },
  });
  return {
    port: naf.port,
    lookups,
    log: () => log,
    revoke: ({ bTid }) => {
      registry.close(bTid, 'revoked');
    },
    push: ({ bTid }) => {
      newest.get(bTid)?.write('another push');
    },
  };
}
