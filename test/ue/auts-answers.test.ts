import test from 'ava';
import { AUTS_MESSAGE_OCTETS } from '../../src/codec/auts.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { createAutsAnswers } from '../../src/ue/auts-answers.ts';
import { defaultConnectPolicy } from '../../src/ue/connect-policy.ts';
import { impi } from '../support/ladder.ts';
import { manualClock } from '../support/manual-clock.ts';

/** What a UE whose policy names no host sends back to each of these triggers. */
async function answersTo(...triggers: { readonly rand: number; readonly proved: boolean }[]) {
  const answers = createAutsAnswers({
    store: openMemoryStore(),
    impi,
    clock: manualClock(),
    policy: defaultConnectPolicy,
  });
  const sent: number[] = [];
  for (const [n, { rand, proved }] of triggers.entries()) {
    await answers.give(new Uint8Array(14).fill(n), {
      digest: `${n}`,
      sessionId: 1,
      rand: new Uint8Array(16).fill(rand),
      from: { host: '192.0.2.1', port: 5684 },
      proved,
      reply: (octets) => sent.push(octets.length === AUTS_MESSAGE_OCTETS ? (octets[32] ?? -1) : -1),
    });
  }
  return sent;
}

test('AUTS goes to an address that policy does not know only if a NAF has proved itself there', async (t) => {
  t.deepEqual(await answersTo({ rand: 1, proved: false }), []);
  t.deepEqual(await answersTo({ rand: 1, proved: true }), [0]);
});

test('a NAF that has proved itself gets one AUTS for one RAND, and three an hour, like anybody', async (t) => {
  const again = { rand: 1, proved: true };
  t.deepEqual(await answersTo(again, again), [0, 0]);
  const many = [1, 2, 3, 4, 5].map((rand) => ({ rand, proved: true }));
  t.deepEqual(await answersTo(...many), [0, 1, 2]);
});
