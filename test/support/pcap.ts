/** Captures made of octets: classic pcap with bare IPv4 packets from 192.0.2.1 to 192.0.2.2. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { concat, EMPTY, uintBytes } from '../../src/lib/bytes.ts';
import { temporaryFolder } from './command.ts';

/** The name of a capture file of these packets, gone at the end of the test. */
export function writePcap(t: ExecutionContext, packets: readonly Uint8Array[]): string {
  const file = join(temporaryFolder(t), 'made.pcap');
  writeFileSync(file, pcapOf(packets));
  return file;
}

/** Packets a millisecond apart. */
function pcapOf(packets: readonly Uint8Array[]): Uint8Array {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(LINKTYPE_IPV4, 20);
  const records = packets.flatMap((packet, i) => {
    const record = Buffer.alloc(16);
    record.writeUInt32LE(Math.floor(i / 1_000), 0);
    record.writeUInt32LE((i % 1_000) * 1_000, 4);
    record.writeUInt32LE(packet.length, 8);
    record.writeUInt32LE(packet.length, 12);
    return [record, packet];
  });
  return concat(header, ...records);
}

/** A datagram from port 40000. */
export function udpPacket(payload: Uint8Array, port = 2948): Uint8Array {
  const length = uintBytes(8 + payload.length, 2);
  return ipPacket(
    17,
    concat(uintBytes(40_000, 2), uintBytes(port, 2), length, NO_CHECKSUM, payload),
  );
}

/** A whole connection from `from` to port 2948, one segment for each chunk, ended by its sender. */
export function tcpPackets(from: number, chunks: readonly Uint8Array[]): Uint8Array[] {
  let sequence = 0;
  const segment = (flags: number, payload: Uint8Array): Uint8Array => {
    const numbers = concat(uintBytes(sequence, 4), uintBytes(0, 4));
    const rest = concat(Uint8Array.of(0x50, flags), uintBytes(65_535, 2), NO_CHECKSUM, NO_URGENT);
    sequence += payload.length + (flags & (SYN | FIN) ? 1 : 0);
    return ipPacket(6, concat(uintBytes(from, 2), uintBytes(2948, 2), numbers, rest, payload));
  };
  return [
    segment(SYN, EMPTY),
    ...chunks.map((chunk) => segment(ACK | PSH, chunk)),
    segment(ACK | FIN, EMPTY),
  ];
}

function ipPacket(protocol: number, payload: Uint8Array): Uint8Array {
  const [from, to] = [Uint8Array.of(192, 0, 2, 1), Uint8Array.of(192, 0, 2, 2)];
  const head = concat(Uint8Array.of(0x45, 0), uintBytes(20 + payload.length, 2), uintBytes(0, 4));
  return concat(head, Uint8Array.of(64, protocol), NO_CHECKSUM, from, to, payload);
}

const LINKTYPE_IPV4 = 228;
const NO_CHECKSUM = new Uint8Array(2);
const NO_URGENT = new Uint8Array(2);
const [FIN, SYN, PSH, ACK] = [0x01, 0x02, 0x08, 0x10];
