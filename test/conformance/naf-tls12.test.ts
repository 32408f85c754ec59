/** The NAF's listener understands what a TLS 1.2 client may do, and ends what it must not, before and behind the gate. */
import anyTest, { type ExecutionContext } from 'ava';
import { CODE } from '../../src/codec/coap.ts';
import { pskIdentityOf } from '../../src/ids.ts';
import type { Channel } from '../../src/net/channel.ts';
import { channelOver } from '../support/channel.ts';
import { makeSa, startNaf } from '../support/tls.ts';
import {
  rightHandshakes,
  rightTalk,
  wrongHandshakes,
  wrongTalk,
  type Change,
} from './naf-tls12-rows.ts';
import { handshake, type Handshake, type Tls12Wire } from './tls12-client.ts';
import type { Alert } from './tls13-changes.ts';
import { TYPE } from './tls13-wire.ts';

const test = anyTest.serial;
const sa = makeSa({ binding: { version: '1.2', suite: 'PSK-AES128-GCM-SHA256' } });
const identity = pskIdentityOf(sa.bTid);
const CSM_AND_PING = Buffer.of(0, CODE.CSM, 1, CODE.PING, 7);

interface Listener {
  /** The channels over the layers, in their order. */
  readonly channels: readonly Channel[];
  readonly shakeHands: (change?: Change) => Promise<Handshake>;
}

for (const [where, gated] of [
  ['before TLS a gate that asks elsewhere', true],
  ['no gate', false],
] as const) {
  test(`what a TLS 1.2 handshake may be opens a layer; ${where}`, async (t) => {
    const { shakeHands } = await listen(t, gated);
    for (const [name, change] of Object.entries(rightHandshakes)) {
      const { wire, isDone } = await shakeHands(change);
      t.true(isDone, name);
      await pings(t, wire, name);
    }
  });

  test(`what may be said over a TLS 1.2 layer leaves it open; ${where}`, async (t) => {
    const { shakeHands } = await listen(t, gated);
    for (const [name, say] of Object.entries(rightTalk)) {
      const { wire } = await shakeHands();
      say(wire);
      await pings(t, wire, name);
    }
  });

  // Behind the gate a failure is told late, at one time for all: so all at once.
  test(`what no TLS 1.2 handshake may be is told by its alert and opens no layer; ${where}`, async (t) => {
    const { shakeHands, channels } = await listen(t, gated);
    await Promise.all(
      Object.entries(wrongHandshakes).map(async ([name, [alert, change]]) => {
        const { wire, isDone } = await shakeHands(change);
        t.false(isDone, name);
        await hearsAlert(t, wire, alert, name);
      }),
    );
    t.is(channels.length, 0);
    await pings(t, (await shakeHands()).wire, 'a good one afterwards');
  });

  test(`what must not be said over a TLS 1.2 layer is told by its alert and ends it; ${where}`, async (t) => {
    const { shakeHands, channels } = await listen(t, gated);
    for (const [name, [alert, say]] of Object.entries(wrongTalk)) {
      const { wire } = await shakeHands();
      await pings(t, wire, name);
      say(wire);
      await hearsAlert(t, wire, alert, name);
      t.is((await channels.at(-1)?.closed)?.reason, 'lost', name);
    }
  });
}

async function listen(t: ExecutionContext, gated: boolean): Promise<Listener> {
  const channels: Channel[] = [];
  const naf = await startNaf(t, gated ? [] : [sa], {
    versions: ['1.3', '1.2'],
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
    shakeHands: (change) => {
      if (gated) naf.known.clear();
      return handshake(t, { port: naf.port, identity, key: sa.key, ...change });
    },
  };
}

/** The layer carries octets both ways. */
async function pings(t: ExecutionContext, wire: Tls12Wire, name: string): Promise<void> {
  wire.say(TYPE.applicationData, CSM_AND_PING);
  for (;;) {
    const next = await wire.hear();
    if (next.kind !== 'data') return t.fail(`${name}: ${JSON.stringify(next)}`);
    if (next.octets.at(-1) === 7) break;
  }
  t.pass();
}

/** The alert, and the end of the connection by the NAF. */
async function hearsAlert(
  t: ExecutionContext,
  wire: Tls12Wire,
  alert: Alert,
  name: string,
): Promise<void> {
  const heard = await wire.hear();
  const told = heard.kind === 'alert' ? heard.alert : -1;
  t.true([alert].flat().includes(told), `${name}: ${heard.kind} ${told}`);
  t.deepEqual(await wire.hear(), { kind: 'closed' }, name);
}
