/** Dials a server that has a trusted certificate and no key of ours, with one guard after another removed. */
import { once } from 'node:events';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { reasonOf } from '../../src/errors.ts';
import { pskIdentityOf } from '../../src/ids.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { dialPsk } from '../../src/net/psk-client.ts';
import { channelErrorOf, handshakeFault } from '../../src/net/tls-faults.ts';
import { clientTlsOptions } from '../../src/net/tls.ts';
import { makeSa, nafFqdn, policy, TLS13 } from './tls.ts';

const port = Number(process.argv[2]);
const host = '127.0.0.1';
const sa = makeSa();
const identity = pskIdentityOf(sa.bTid);
const guarded = clientTlsOptions(policy, {
  binding: TLS13,
  serverName: nafFqdn,
  identity,
  key: sa.key,
});
const { ca, ...trusting } = guarded;
const accepting = { checkServerIdentity: () => undefined };

const outcome = {
  naive: await attempt({
    servername: nafFqdn,
    pskCallback: () => ({ psk: sa.key, identity }),
    ...accepting,
  }),
  ours: await dialPsk({ host, port, sa, policy, clock: systemClock }).then(
    () => 'accepted',
    (error: unknown) => channelErrorOf(error).code,
  ),
  withoutRootsGuard: await attempt(trusting),
  withoutRefusal: await attempt({ ...guarded, ...accepting }),
  withoutEither: await attempt({ ...trusting, ...accepting }),
  withoutEitherButProof: await attempt(
    { ...trusting, ...accepting },
    (socket) => handshakeFault(socket, TLS13, policy)?.code,
  ),
};
process.stdout.write(JSON.stringify(Array.isArray(ca) ? outcome : 'the options name roots'));

async function attempt(
  options: ConnectionOptions,
  proof: (socket: TLSSocket) => string | undefined = () => undefined,
): Promise<string> {
  const socket = connect({ host, port, ...options });
  try {
    await once(socket, 'secureConnect');
    return proof(socket) ?? 'accepted';
  } catch (error) {
    return error instanceof Error ? channelErrorOf(error).code : reasonOf(error);
  } finally {
    socket.destroy();
  }
}
