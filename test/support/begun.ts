/** Normal GBA in one process: a BSF with Ub, a UE that bootstraps, and a NAF that hears of sessions at once. */
import type { ExecutionContext } from 'ava';
import { CODE } from '../../src/codec/coap.ts';
import { FORGET, pushRequest } from '../../src/codec/push.ts';
import { parseBTid, uaIdOf, type BTid } from '../../src/ids.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { subscribe, type EventTable } from '../../src/lib/events.ts';
import type { TlsBinding } from '../../src/lib/suites.ts';
import type { Channel } from '../../src/net/channel.ts';
import { listenPsk } from '../../src/net/psk-server.ts';
import type { Bsf } from '../../src/ports.ts';
import { announce } from '../../src/sa/association.ts';
import { SaRegistry } from '../../src/sa/registry.ts';
import { ask, channelOver } from './channel.ts';
import { makeEntry } from './entry.ts';
import { impi as fallback, nafFqdn } from './ladder.ts';
import { policy } from './tls.ts';

export interface ToldNaf {
  readonly port: number;
  /** B-TIDs of registered layers that are open, oldest first. */
  readonly layers: readonly BTid[];
  /** PSK identities that were asked for. */
  readonly asked: readonly string[];
  /** Forgets every key; and learns no new one while it is told so. */
  forget(learn?: boolean): void;
  /** Pushes over the youngest layer; resolves with the code of the answer. */
  push(): Promise<number>;
  /** Tells the UE of the youngest layer to forget its key. */
  revoke(): void;
}

/**
 * It knows the key of a session as soon as the UE has bootstrapped: what asking the BSF inside the
 * handshake comes to, with the question put first. Tests that have one are serial.
 */
export async function openToldNaf(
  t: ExecutionContext,
  bsf: Pick<Bsf, 'bootstrapInfo'>,
  binding: TlsBinding = { version: '1.3' },
): Promise<ToldNaf> {
  const registry = new SaRegistry({ clock: systemClock });
  const open = new Map<BTid, Channel>();
  const asked: string[] = [];
  let [learns, seq] = [true, 0];
  const stop = subscribe('gba:ub:bootstrapped', ({ bTid }) => {
    if (!learns) return;
    void bsf
      .bootstrapInfo({ bTid, nafFqdn, uaId: uaIdOf(binding) })
      .then(({ ksNaf, ksIntNaf, expiresAt, impi = fallback }) => {
        const terms = { bTid: parseBTid(bTid).bTid, impi, nafFqdn, binding, expiresAt };
        registry.add(announce(terms, ksNaf, ksIntNaf));
      })
      // A session of another BSF.
      .catch(() => undefined);
  });
  const server = await listenPsk({
    host: '127.0.0.1',
    port: 0,
    policy,
    clock: systemClock,
    versions: [binding.version],
    find: (identity) => {
      asked.push(identity);
      return registry.find(identity);
    },
    onLayer: ({ socket, sa: { bTid } }) => {
      const channel = channelOver(socket, {
        onRequest: (_request, respond) => {
          respond({ code: CODE.CHANGED });
          open.set(bTid, channel);
        },
      });
      void channel.closed.then(() => {
        if (open.get(bTid) === channel) open.delete(bTid);
      });
    },
  });
  const youngest = (): Channel => {
    const channel = [...open.values()].at(-1);
    if (channel === undefined) throw new Error('no layer is open');
    return channel;
  };
  t.teardown(async () => {
    stop();
    registry.closeAll('revoked');
    for (const channel of open.values()) void channel.close();
    await server.close();
  });
  return {
    port: server.address.port,
    get layers() {
      return [...open.keys()];
    },
    asked,
    forget(learn = true) {
      learns = learn;
      registry.closeAll('revoked');
      for (const channel of open.values()) void channel.close();
    },
    async push() {
      seq += 1;
      const request = pushRequest(makeEntry([], { seq }), 60);
      const answer = await ask(youngest(), { ...request, code: CODE.PUT });
      if (answer instanceof Error) throw answer;
      return answer.code;
    },
    revoke() {
      youngest().request(FORGET, () => undefined);
    },
  };
}

/** What was published under that name from now on. */
export function events<N extends keyof EventTable>(
  t: ExecutionContext,
  name: N,
): readonly EventTable[N][] {
  const seen: EventTable[N][] = [];
  t.teardown(subscribe(name, (message) => seen.push(message)));
  return seen;
}
