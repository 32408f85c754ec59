/** What a NAF that has proved itself can make of `POST /gpi`, honest or not. */
import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { createBsf } from '../../src/bsf/bsf.ts';
import { AUTS_MESSAGE_OCTETS } from '../../src/codec/auts.ts';
import { CODE, formatCode } from '../../src/codec/coap.ts';
import { emptyOption, OPTION, pathOptions, uintOption } from '../../src/codec/coap-option.ts';
import { offerRequest } from '../../src/codec/gpi-offer.ts';
import { bare } from '../../src/codec/push.ts';
import { parseFqdn, type Fqdn } from '../../src/ids.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { subscribe } from '../../src/lib/events.ts';
import { announceTo } from '../../src/naf/announcer.ts';
import type { Channel } from '../../src/net/channel.ts';
import { listenPsk } from '../../src/net/psk-server.ts';
import { SaRegistry } from '../../src/sa/registry.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { ask, channelOver } from '../support/channel.ts';
import { gate, impi, nafFqdn, openUe } from '../support/ladder.ts';
import { createSim } from '../support/sim.ts';
import { policy, until } from '../support/tls.ts';

/** With another MAC. */
function flipped(envelope: Uint8Array): Uint8Array {
  return Uint8Array.from(envelope, (octet, at) => (at === envelope.length - 1 ? octet ^ 1 : octet));
}

/** A UE with a layer open to a NAF that does nothing by itself. */
async function openLayer(t: ExecutionContext, options: Parameters<typeof openUe>[3] = {}) {
  const sim = createSim(impi);
  const registry = new SaRegistry({ clock: systemClock });
  const channels: Channel[] = [];
  const server = await listenPsk({
    host: '127.0.0.1',
    port: 0,
    policy,
    clock: systemClock,
    find: (identity) => registry.find(identity),
    onLayer: ({ socket }) => {
      const onRequest: Parameters<typeof channelOver>[1] = {
        onRequest: (_request, respond) => {
          respond(bare(CODE.CHANGED));
        },
      };
      channels.push(channelOver(socket, onRequest));
    },
  });
  const envelope = async (naf: Fqdn = nafFqdn): Promise<Uint8Array> => {
    const announcement = await announceTo(impi, {
      bsf: createBsf({ hss: sim.hss, clock: systemClock, policy: policy.keyLifetime }),
      registry,
      clock: systemClock,
      nafFqdn: naf,
      binding: { version: '1.3' },
      lifetimeSeconds: 60,
      connect: () => server.address,
    });
    return announcement.envelope;
  };
  const ue = await openUe(t, sim, () => undefined, options);
  t.teardown(async () => {
    registry.closeAll('revoked');
    await Promise.all(channels.map((channel) => channel.close()));
    await server.close();
  });
  const codes: string[] = [];
  t.teardown(subscribe('gba:trigger:refused', ({ code }) => codes.push(code)));
  await ue.receive(await envelope(), '127.0.0.1');
  await until(() => channels.length === 1);
  const [channel] = channels;
  if (channel === undefined) throw new Error('a layer is open');
  await channel.ready;
  /** Over the newest layer: an older one is over. */
  const offer = async (octets: Uint8Array): Promise<string> => {
    const answer = await ask(channels.at(-1) ?? channel, offerRequest(octets));
    return answer instanceof Error ? answer.message : formatCode(answer.code);
  };
  return { sim, ue, channel, channels, envelope, offer, codes };
}

test.serial(
  'a genuine offer is accepted and dialled, a copy of it is accepted and does nothing',
  async (t) => {
    const { offer, envelope, channels, sim } = await openLayer(t);
    const octets = await envelope();
    t.is(await offer(octets), '2.04');
    await until(() => channels.length === 2);
    t.is(await offer(octets), '2.04');
    t.is(sim.usim.runs, 2);
    t.is(channels.length, 2);
  },
);

test.serial(
  'an offer for another NAF, a forged one and octets that are none are refused and harm nothing',
  async (t) => {
    const { offer, envelope, channels, codes } = await openLayer(t);
    const other = await envelope(parseFqdn('other.mnc001.mcc001.pub.3gppnetwork.org'));
    t.is(await offer(other), '4.00');
    t.is(await offer(flipped(await envelope())), '4.00');
    t.is(await offer(randomBytes(99)), '4.00');
    t.is(await offer(new Uint8Array(60_000)), '4.00');
    t.deepEqual(codes, ['ERR_GPI_POLICY', 'ERR_UPA_MAC', 'ERR_UPA_MALFORMED', 'ERR_UPA_MALFORMED']);
    t.is(await offer(await envelope()), '2.04');
    await until(() => channels.length === 2);
  },
);

test.serial('another media type, a deeper path and another method make no offer', async (t) => {
  const { channel, sim } = await openLayer(t);
  const format = uintOption(OPTION.CONTENT_FORMAT, 42);
  for (const [content, code] of [
    [{ code: CODE.POST, options: [...pathOptions('gpi'), format] }, '4.00'],
    [{ code: CODE.POST, options: pathOptions('gpi', 'x') }, '4.04'],
    [{ code: CODE.GET, options: pathOptions('gpi') }, '4.04'],
    [{ code: 5, options: pathOptions('gpi') }, '4.05'],
    [{ code: CODE.DELETE, options: [emptyOption(1), ...pathOptions('.push')] }, '4.02'],
  ] as const) {
    const answer = await ask(channel, content);
    t.is(answer instanceof Error ? answer.message : formatCode(answer.code), code);
  }
  t.is(sim.usim.runs, 1);
});

test.serial('one offer is judged at a time, and a NAF that floods has its own limit', async (t) => {
  const sim = createSim(impi);
  const [asked, go] = [gate(), gate()];
  let runs = 0;
  const { offer, envelope, codes, channels } = await openLayer(t, {
    usim: {
      impi,
      authenticate: async (rand: Uint8Array, autn: Uint8Array) => {
        runs += 1;
        if (runs === 2) {
          asked.open();
          await go.passed;
        }
        return sim.usim.authenticate(rand, autn);
      },
    },
  });
  const first = offer(await envelope());
  await asked.passed;
  t.is(await offer(await envelope()), '5.03');
  t.is(runs, 2);
  go.open();
  t.is(await first, '2.04');
  await until(() => channels.length === 2);
  await channels[1]?.ready;
  const answers: string[] = [];
  for (let n = 0; n < 40; n += 1) {
    answers.push(await offer(flipped(await envelope())));
  }
  t.true(answers.includes('5.03'));
  t.true(codes.includes('ERR_UPA_BUSY'));
  t.true(runs < 40, `the SIM was troubled ${runs} times`);
});

test.serial('the SIM finds SQN out of step: AUTS is the answer, also to a copy', async (t) => {
  const { channel, envelope, sim } = await openLayer(t, {
    autsStore: openMemoryStore(),
  });
  const octets = await envelope();
  // Somebody else has used that vector.
  const { rand, autn } = sim.hss.vectors.at(-1) ?? {
    rand: new Uint8Array(),
    autn: new Uint8Array(),
  };
  (await sim.usim.authenticate(rand, autn)).wipe();
  for (let n = 0; n < 2; n += 1) {
    const answer = await ask(channel, offerRequest(octets));
    if (answer instanceof Error) throw answer;
    t.is(formatCode(answer.code), '4.09');
    t.is(answer.payload.length, AUTS_MESSAGE_OCTETS, 'also for a copy');
  }
});

test.serial('a UE that gives no AUTS refuses', async (t) => {
  const { offer, envelope, sim } = await openLayer(t);
  const octets = await envelope();
  const { rand, autn } = sim.hss.vectors.at(-1) ?? {
    rand: new Uint8Array(),
    autn: new Uint8Array(),
  };
  (await sim.usim.authenticate(rand, autn)).wipe();
  t.is(await offer(octets), '4.00');
});
