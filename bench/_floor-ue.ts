/** The far end of the floor. */
import { connect } from 'node:tls';
import { ANSWER, FRAME_OCTETS, FLOOR_KEY, TLS13 } from './_floor.ts';

const socket = connect({
  ...TLS13,
  host: '127.0.0.1',
  port: Number(process.argv[2]),
  pskCallback: () => ({ psk: FLOOR_KEY, identity: 'floor' }),
  checkServerIdentity: () => undefined,
});
socket.setNoDelay(true);
let octets = 0;
socket.on('data', (chunk: Buffer) => {
  octets += chunk.length;
  const frames = Math.floor(octets / FRAME_OCTETS);
  octets -= frames * FRAME_OCTETS;
  const batch = Buffer.allocUnsafe(frames * ANSWER.length);
  for (let i = 0; i < frames; i++) batch.set(ANSWER, i * ANSWER.length);
  if (frames > 0) socket.write(batch);
});
socket.on('error', () => undefined);
