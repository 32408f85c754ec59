/** The UE of bench/handshake.ts, in a process of its own: dials, and waits until the NAF ends each layer. */
import { systemClock, type SaTerms, type TlsPolicy } from '../../src/index.ts';
import { fromHex } from '../../src/lib/bytes.ts';
import { dialPsk } from '../../src/net/psk-client.ts';
import { announce } from '../../src/sa/association.ts';
import { SaSessions } from '../../src/sa/sessions.ts';

export interface Order {
  readonly port: number;
  readonly count: number;
  readonly terms: SaTerms;
  /** Hex. */
  readonly key: string;
  readonly policy: TlsPolicy;
  /** It keeps sessions and offers them. */
  readonly resumes: boolean;
}

const sessions = new SaSessions(1);

process.on('message', (order: Order) => {
  void dialAll(order).then((resumed) => process.send?.({ resumed }));
});

/** Resolves with how many handshakes were resumed. */
async function dialAll({ port, count, terms, key, policy, resumes }: Order): Promise<number> {
  const sa = announce(terms, fromHex(key));
  let resumed = 0;
  for (let i = 0; i < count; i += 1) {
    const { socket, ...layer } = await dialPsk({
      ...{ host: '127.0.0.1', port, sa, policy, clock: systemClock },
      ...(resumes && { sessions }),
    });
    if (layer.resumed) resumed += 1;
    await new Promise((resolve) => socket.resume().once('close', resolve));
  }
  return resumed;
}
