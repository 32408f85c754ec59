/** The clients of bench/gate.ts, in a process of their own: so many handshakes, so many at once. */
import { connect } from 'node:tls';
import { AT_ONCE, gateIdentity, GATE_KEY, GATE_SERVER_NAME, TLS, type GateRun } from './gate.ts';

function handshake({ port, version }: GateRun, n: number): Promise<void> {
  return new Promise((resolve) => {
    const identity = gateIdentity(n);
    const socket = connect({
      ...TLS[version],
      host: '127.0.0.1',
      port,
      servername: GATE_SERVER_NAME,
      pskCallback: () => ({ psk: GATE_KEY, identity }),
      checkServerIdentity: () => undefined,
    });
    // The server counts. In TLS 1.2 it speaks last, and the end may be read along with its Finished: Node calls that an error.
    socket.on('error', () => undefined);
    socket.once('close', resolve);
    socket.resume();
  });
}

process.on('message', (run: GateRun) => {
  let next = run.first;
  const worker = async (): Promise<void> => {
    while (next < run.first + run.count) await handshake(run, next++);
  };
  void Promise.all(Array.from({ length: AT_ONCE }, worker)).then(() => {
    process.send?.('done');
  });
});
