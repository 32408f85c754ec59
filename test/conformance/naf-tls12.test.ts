/** The NAF's listener understands what a TLS 1.2 client may do, and ends what it must not, before and behind the gate. */
import anyTest, { type ExecutionContext } from 'ava';
import { makeSa } from '../support/tls.ts';
import { hearsAlert, listenAs, pings, PLACES, type ListeningNaf } from './listening-naf.ts';
import {
  rightHandshakes,
  rightTalk,
  wrongHandshakes,
  wrongTalk,
  type Change,
} from './naf-tls12-rows.ts';
import { handshake, type Handshake } from './tls12-client.ts';

const test = anyTest.serial;
const sa = makeSa({ binding: { version: '1.2', suite: 'PSK-AES128-GCM-SHA256' } });

interface Listener extends ListeningNaf {
  readonly shakeHands: (change?: Change) => Promise<Handshake>;
}

for (const [where, gated] of PLACES) {
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
  const naf = await listenAs(t, sa, { versions: ['1.3', '1.2'], gated });
  return { ...naf, shakeHands: (change) => handshake(t, { ...naf.expect(), ...change }) };
}
