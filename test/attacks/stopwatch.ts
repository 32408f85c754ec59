/** How long a NAF takes from a client's first octet to its alert, as whoever asks can measure (RFC 8446 6.2). */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type { TlsVersion } from '../../src/lib/suites.ts';
import { RECORD, recordsOf } from '../support/tls-records.ts';
import { uint, vector } from './key-schedule.ts';
import { rawClientHello } from './raw-client.ts';

export interface Refusal {
  /** The description in the alert; undefined when the NAF hung up without one, or did not refuse. */
  readonly alert: number | undefined;
  /** From the ClientHello to the alert, microseconds. */
  readonly us: number;
}

/** One attempt under this identity with a key that is not the NAF's. Resolves when the connection is over. */
export async function timeRefusal(
  port: number,
  version: TlsVersion,
  identity: string,
): Promise<Refusal> {
  // Everything that this end can make before it is made before.
  const flights = version === '1.3' ? [tls13Hello(identity)] : tls12Flights(identity);
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve));
  const refusal = await race(socket, flights);
  socket.destroy();
  await new Promise((resolve) => (socket.closed ? resolve(0) : socket.once('close', resolve)));
  return refusal;
}

function race(socket: Socket, flights: readonly Buffer[]): Promise<Refusal> {
  let [sent, heard] = [0, Buffer.alloc(0)];
  const startedAt = process.hrtime.bigint();
  const send = (): void => void socket.write(flights[sent++] ?? Buffer.alloc(0));
  const elapsed = (): number => Number(process.hrtime.bigint() - startedAt) / 1_000;
  send();
  return new Promise((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      heard = Buffer.concat([heard, chunk]);
      const records = recordsOf([heard]);
      const alert = records.find(({ type }) => type === RECORD.alert);
      if (alert !== undefined) resolve({ alert: alert.body[1], us: elapsed() });
      else if (sent < flights.length && endsHello(records.at(-1)?.body)) send();
    });
    socket.once('close', () => {
      resolve({ alert: undefined, us: elapsed() });
    });
  });
}

/** True when ServerHelloDone is the end of what the server has said. */
function endsHello(body: Buffer | undefined): boolean {
  return body?.subarray(-4).equals(Buffer.of(14, 0, 0, 0)) === true;
}

function tls13Hello(identity: string): Buffer {
  return rawClientHello({ psks: [{ identity, key: randomBytes(32) }] });
}

/**
 * TLS_PSK_WITH_AES_128_GCM_SHA256: a hello, then ClientKeyExchange with the identity, ChangeCipherSpec,
 * and for Finished octets that no key can have made (RFC 5246 7.4.9, RFC 4279 2).
 */
function tls12Flights(identity: string): Buffer[] {
  const hello = Buffer.concat([
    Buffer.of(3, 3),
    randomBytes(32),
    vector(1),
    vector(2, uint(2, 0x00a8)),
    vector(1, Buffer.of(0)),
    // extended_master_secret (RFC 7627).
    vector(2, uint(2, 23), vector(2)),
  ]);
  const exchange = vector(2, Buffer.from(identity));
  return [
    record(22, message(1, hello)),
    Buffer.concat([
      record(22, message(16, exchange)),
      record(20, Buffer.of(1)),
      record(22, randomBytes(8 + 16 + 16)),
    ]),
  ];
}

function message(type: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.of(type), vector(3, body)]);
}

function record(type: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.of(type, 3, 3), vector(2, body)]);
}
