/** The clients of bench/gate.ts, in a process of their own: so many handshakes, so many at once. */
import { connect } from 'node:tls';
import { GATE_IDENTITY, GATE_KEY, TLS, type GateRun } from './_gate.ts';

function handshake({ port, version }: GateRun): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...TLS[version],
      host: '127.0.0.1',
      port,
      pskCallback: () => ({ psk: GATE_KEY, identity: GATE_IDENTITY }),
      checkServerIdentity: () => undefined,
    });
    socket.once('error', reject);
    socket.once('close', resolve);
    socket.resume();
  });
}

process.on('message', (run: GateRun) => {
  let left = run.count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await handshake(run);
  };
  void Promise.all(Array.from({ length: run.atOnce }, worker)).then(() => {
    process.send?.('done');
  });
});
