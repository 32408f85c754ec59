/** Connections that nothing but our own address tells apart: one peer's port, two addresses of the NAF. */
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import anyTest, { type ExecutionContext } from 'ava';
import { pskIdentityOf } from '../../src/ids.ts';
import { clientTlsOptions } from '../../src/net/tls.ts';
import type { LiveSa } from '../../src/sa/association.ts';
import { makeSa, policy, startNaf, until } from '../support/tls.ts';

const test = anyTest.serial;

async function open(
  t: ExecutionContext,
  port: number,
  host: string,
  localPort = 0,
): Promise<Socket> {
  const raw = connectTcp({ host, port, localAddress: '127.0.0.1', localPort });
  t.teardown(() => raw.destroy());
  await once(raw, 'connect');
  return raw;
}

function begin(raw: Socket, sa: LiveSa, key = sa.key): TLSSocket {
  const { binding, bTid, nafFqdn } = sa;
  const identity = pskIdentityOf(bTid);
  const tls = clientTlsOptions(policy, { binding, identity, key, serverName: nafFqdn });
  const socket = connect({ ...tls, socket: raw });
  socket.on('error', () => undefined);
  return socket;
}

for (const order of [
  [0, 1],
  [1, 0],
]) {
  test(`two handshakes from one port to two addresses are two, number ${String(order[0])} first`, async (t) => {
    const sas = [makeSa(), makeSa()] as const;
    const naf = await startNaf(t, sas, { host: '0.0.0.0' });
    const first = await open(t, naf.port, '127.0.0.1');
    const second = await open(t, naf.port, '127.0.0.2', first.localPort);
    await until(() => naf.server.pendingHandshakes === 2);
    for (const i of order) {
      const [raw, sa] = i === 0 ? [first, sas[0]] : [second, sas[1]];
      const { length } = naf.layers;
      begin(raw, sa);
      t.is((await naf.layer(length)).sa, sa);
      t.is(naf.server.pendingHandshakes, 1 - length);
    }
    t.is(naf.layers[0]?.remote, naf.layers[1]?.remote);
    t.deepEqual(naf.refusals, []);
  });
}

test('of two from one port the one with another key is refused, and the other is not', async (t) => {
  const sa = makeSa();
  const naf = await startNaf(t, [sa], { host: '0.0.0.0' });
  const first = await open(t, naf.port, '127.0.0.1');
  const second = await open(t, naf.port, '127.0.0.2', first.localPort);
  await until(() => naf.server.pendingHandshakes === 2);
  begin(second, sa, new Uint8Array(32));
  await until(() => naf.refusals.length === 1);
  t.is(naf.refusals[0]?.code, 'ERR_CHANNEL_REFUSED');
  const third = await open(t, naf.port, '127.0.0.3', first.localPort);
  await until(() => naf.server.pendingHandshakes === 2);
  third.destroy();
  await until(() => naf.server.pendingHandshakes === 1);
  begin(first, sa);
  await naf.layer();
  t.is(naf.server.pendingHandshakes, 0);
});
