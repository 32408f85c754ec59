import { constants } from 'node:crypto';
import { createServer } from 'node:tls';
import { createPskGate } from 'gba-push/async-psk';

const keys = new Map([['device-1', Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')]]);
const lookup = ({ identity }) => new Promise((found) => setTimeout(found, 80, keys.get(identity)));
const gate = createPskGate({ lookup });
const ciphers = 'TLS_AES_128_GCM_SHA256:ECDHE-PSK-CHACHA20-POLY1305:PSK-AES128-GCM-SHA256';
const secureOptions = constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION;
const server = createServer({ ciphers, secureOptions, pskCallback: gate.pskCallback });
gate.attach(server).on('secureConnection', (socket) => {
  const identity = gate.identityOf(socket);
  if (typeof identity === 'string') socket.end(`hello ${identity}\n`);
  else socket.destroy();
});
server.listen(8443, '127.0.0.1');
