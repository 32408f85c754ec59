/** HTTP/2 octet by octet (RFC 9113), for peers that no library would be. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { ExecutionContext } from 'ava';
import { concat, utf8Bytes } from '../../src/lib/bytes.ts';

export const FRAME = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  continuation: 9,
} as const;
export const FLAG = { endStream: 0x01, ack: 0x01, endHeaders: 0x04 } as const;

/** One frame: length, type, flags, stream, payload (RFC 9113 4.1). */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return concat(head, payload);
}

/** Field lines as literals that are neither indexed nor compressed (RFC 7541 6.2.2). */
export function fields(lines: Readonly<Record<string, string>>): Uint8Array {
  const text = (octets: Uint8Array): Uint8Array[] => [lengthOf(octets.length), octets];
  return concat(
    ...Object.entries(lines).flatMap(([name, value]) => [
      Uint8Array.of(0),
      ...text(utf8Bytes(name)),
      ...text(utf8Bytes(value)),
    ]),
  );
}

/** An integer with a prefix of 7 bits (RFC 7541 5.1). */
function lengthOf(value: number): Uint8Array {
  if (value < 127) return Uint8Array.of(value);
  const octets = [127];
  for (value -= 127; value >= 128; value = Math.floor(value / 128))
    octets.push((value % 128) + 128);
  return Uint8Array.of(...octets, value);
}

export interface RawHttp2 {
  readonly socket: Socket;
  /** Sends octets, as far as the other end still takes them. */
  readonly send: (...frames: readonly Uint8Array[]) => void;
  /** Whole frames that came so far. */
  readonly received: readonly {
    readonly type: number;
    readonly stream: number;
    readonly payload: Buffer;
  }[];
  /** Resolves when the other end has closed the connection. */
  readonly ended: Promise<void>;
}

/** A connection that has sent preface and SETTINGS, destroyed at the end of the test. */
export async function rawHttp2(
  t: ExecutionContext,
  at: { readonly host: string; readonly port: number },
): Promise<RawHttp2> {
  const socket = connect(at.port, at.host);
  await once(socket, 'connect');
  t.teardown(() => {
    socket.destroy();
  });
  const received: { type: number; stream: number; payload: Buffer }[] = [];
  let rest = Buffer.alloc(0);
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3);
      const payload = rest.subarray(9, end);
      received.push({ type: rest.readUInt8(3), stream: rest.readUInt32BE(5), payload });
      rest = rest.subarray(end);
    }
  });
  const ended = new Promise<void>((resolve) => {
    socket.once('close', () => {
      resolve();
    });
  });
  const send = (...frames: readonly Uint8Array[]): void => {
    if (socket.writable) socket.write(concat(...frames));
  };
  send(utf8Bytes('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(FRAME.settings, 0, 0));
  return { socket, send, received, ended };
}
