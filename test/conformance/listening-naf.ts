/** A listener of the NAF as a TLS client of any version sees it, with a gate before TLS or without. */
import type { ExecutionContext } from 'ava';
import { CODE } from '../../src/codec/coap.ts';
import { pskIdentityOf } from '../../src/ids.ts';
import type { TlsVersion } from '../../src/lib/suites.ts';
import type { Channel } from '../../src/net/channel.ts';
import type { LiveSa } from '../../src/sa/association.ts';
import { channelOver } from '../support/channel.ts';
import { startNaf, type Naf } from '../support/tls.ts';
import type { Alert } from './tls13-changes.ts';
import { TYPE, type Heard } from './tls13-wire.ts';

/** Where the key is: elsewhere, so that a gate asks for it, or at hand. */
export const PLACES = [
  ['before TLS a gate that asks elsewhere', true],
  ['no gate', false],
] as const;

export interface ListeningNaf extends Pick<Naf, 'refusals'> {
  /** The channels over the layers, in their order. */
  readonly channels: readonly Channel[];
  /** For one more client; behind the gate the key has to be asked for anew. */
  expect(): { readonly port: number; readonly identity: string; readonly key: Uint8Array };
}

/** It lets in whoever has the key of `sa`. */
export async function listenAs(
  t: ExecutionContext,
  sa: LiveSa,
  { versions, gated }: { readonly versions: readonly TlsVersion[]; readonly gated: boolean },
): Promise<ListeningNaf> {
  const identity = pskIdentityOf(sa.bTid);
  const channels: Channel[] = [];
  const naf = await startNaf(t, gated ? [] : [sa], {
    versions,
    onLayer: ({ socket }) => {
      const onRequest = (): void => t.fail('nobody asked for anything');
      channels.push(channelOver(socket, { onRequest }));
    },
    ...(gated && {
      lookup: async () => {
        await new Promise(setImmediate);
        naf.known.set(identity, sa);
      },
    }),
  });
  return {
    channels,
    refusals: naf.refusals,
    expect: () => {
      if (gated) naf.known.clear();
      return { port: naf.port, identity, key: sa.key };
    },
  };
}

interface Wire {
  say(type: number, body: Uint8Array): void;
  hear(): Promise<Heard>;
}

const CSM_AND_PING = Buffer.of(0, CODE.CSM, 1, CODE.PING, 7);
const PONG = Buffer.of(1, CODE.PONG, 7).toString('latin1');

/** The layer carries octets both ways. */
export async function pings(t: ExecutionContext, wire: Wire, name: string): Promise<void> {
  wire.say(TYPE.applicationData, CSM_AND_PING);
  let heard = '';
  while (!heard.endsWith(PONG)) {
    const next = await wire.hear();
    if (next.kind !== 'data') return t.fail(`${name}: ${JSON.stringify(next)}`);
    heard += next.octets.toString('latin1');
  }
  t.pass();
}

/** The alert, and the end of the connection by the NAF. */
export async function hearsAlert(
  t: ExecutionContext,
  wire: Wire,
  alert: Alert,
  name: string,
): Promise<void> {
  const heard = await wire.hear();
  const told = heard.kind === 'alert' ? heard.alert : -1;
  t.true([alert].flat().includes(told), `${name}: ${heard.kind} ${told}`);
  t.deepEqual(await wire.hear(), { kind: 'closed' }, name);
}
