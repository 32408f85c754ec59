/** The NAF's listener understands what a TLS 1.3 client may do, and ends what it must not, before and behind the gate. */
import anyTest, { type ExecutionContext } from 'ava';
import { makeSa, until } from '../support/tls.ts';
import { hearsAlert, listenAs, pings, PLACES, type ListeningNaf } from './listening-naf.ts';
import { handshake, type Handshake } from './tls13-client.ts';
import type { Change } from './tls13-changes.ts';
import { rightHandshakes, rightTalk } from './naf-tls13-right.ts';
import { wrongHandshakes, wrongTalk } from './naf-tls13-wrong.ts';

const test = anyTest.serial;
const sa = makeSa();

interface Listener extends ListeningNaf {
  readonly shakeHands: (change?: Change) => Promise<Handshake>;
}

for (const [where, gated] of PLACES) {
  test(`what a TLS 1.3 handshake may be opens a layer; ${where}`, async (t) => {
    const { shakeHands } = await listen(t, gated);
    for (const [name, change] of Object.entries(rightHandshakes)) {
      const { wire, isDone, wasRetried } = await shakeHands(change);
      t.true(isDone, name);
      t.is(wasRetried, change.hasShare === false, name);
      await pings(t, wire, name);
    }
  });

  test(`what may be said over a TLS 1.3 layer leaves it open; ${where}`, async (t) => {
    const { shakeHands } = await listen(t, gated);
    for (const [name, say] of Object.entries(rightTalk)) {
      const { wire } = await shakeHands();
      say(wire);
      await pings(t, wire, name);
    }
  });

  test(`what no TLS 1.3 handshake may be is told by its alert and opens no layer; ${where}`, async (t) => {
    const { shakeHands, channels, refusals } = await listen(t, gated);
    for (const [name, [alert, change]] of Object.entries(wrongHandshakes)) {
      const { wire } = await shakeHands(change);
      await hearsAlert(t, wire, alert, name);
      await until(() => refusals.length > 0);
    }
    t.is(channels.length, 0);
    t.is(refusals.length, Object.keys(wrongHandshakes).length);
    await pings(t, (await shakeHands()).wire, 'a good one afterwards');
  });

  test(`what must not be said over a TLS 1.3 layer is told by its alert and ends it; ${where}`, async (t) => {
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
  const naf = await listenAs(t, sa, { versions: ['1.3'], gated });
  return { ...naf, shakeHands: (change) => handshake(t, { ...naf.expect(), ...change }) };
}
