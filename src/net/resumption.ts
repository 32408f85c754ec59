/** TLS 1.2 resumption at the NAF, out of sessions that associations own (RFC 5246 7.3, RFC 6066 3). */
import type { Socket } from 'node:net';
import type { Server, TLSSocket } from 'node:tls';
import { decodeClientHello } from '../async-psk/hello.ts';
import { MESSAGE, MessageReader, type HandshakeMessage } from '../async-psk/records.ts';
import { tls12SessionId } from '../codec/tls-session.ts';
import { ChannelError, CodecError, SaError } from '../errors.ts';
import { toHex, view, wipe } from '../lib/bytes.ts';
import type { SaSession, SaSessions } from '../sa/sessions.ts';
import type { Handshake } from './handshakes.ts';

/** What a resumed handshake rests on: the session that it took up, and whom its own hello names. */
export interface Resumed extends Pick<SaSession, 'bTid' | 'identity' | 'key'> {
  readonly serverName: string | undefined;
}

export interface SaBoundOptions {
  readonly sessions: SaSessions;
  /** True while the key that made the session is the one that its identity stands for. */
  readonly isLive: (session: SaSession) => boolean;
}

/** One listener's. TLS asks it for sessions; what TLS made of them is checked again afterwards. */
export class SaBoundResumption {
  readonly #sessions: SaSessions;
  readonly #isLive: SaBoundOptions['isLive'];
  /** Whom each hello names; absent for one that cannot be read, which resumes nothing. */
  readonly #names = new WeakMap<Handshake, { readonly serverName: string | undefined }>();

  constructor({ sessions, isLive }: SaBoundOptions) {
    this.#sessions = sessions;
    this.#isLive = isLive;
  }

  attach(server: Server): void {
    server.on('resumeSession', (id, answer) => {
      const session = this.#sessions.find(toHex(id));
      answer(null, session !== undefined && this.#isLive(session) ? view(session.octets) : null);
    });
  }

  /**
   * Reads the hello of a connection before TLS does: in a resumed handshake OpenSSL neither tells nor
   * compares the server name. Then `pass` gives TLS the connection, paused, as if nothing had been read.
   */
  readHello(raw: Socket, handshake: Handshake, pass: () => void): void {
    const reader = new MessageReader();
    const receive = (chunk: Buffer): void => {
      const message = reader.push(chunk);
      if (message === 'partial' && reader.stream.length <= MAX_HELLO_OCTETS) return;
      const name = nameIn(message);
      if (name !== undefined) this.#names.set(handshake, name);
      raw.off('data', receive);
      raw.pause();
      raw.unshift(view(reader.stream));
      pass();
    };
    raw.on('data', receive);
  }

  /** After a full handshake under this key: what it leaves is the association's. */
  keep(owner: Pick<SaSession, 'bTid' | 'identity' | 'key'>, socket: TLSSocket): void {
    const left = sessionOf(socket);
    if (left) this.#sessions.keep({ ...owner, ...left });
  }

  /**
   * The session that a complete handshake took up. Undefined when it took up none, an error when its
   * association ended meanwhile or its hello could not be read.
   */
  resumedBy(socket: TLSSocket, handshake: Handshake): Resumed | SaError | ChannelError | undefined {
    if (socket.getProtocol() !== 'TLSv1.2' || !socket.isSessionReused()) return undefined;
    const used = sessionOf(socket);
    const session = this.#sessions.find(used?.id ?? '');
    if (used) wipe(used.octets);
    const name = this.#names.get(handshake);
    if (session === undefined) {
      return new SaError('ERR_SA_UNKNOWN', 'the association of the resumed session is over');
    }
    if (name === undefined) {
      return new ChannelError('ERR_CHANNEL_PROTOCOL', 'the resuming hello cannot be read');
    }
    const { bTid, identity, key } = session;
    return { bTid, identity, key, serverName: name.serverName };
  }
}

/** The TLS 1.2 session of this socket. The caller owns the octets and wipes them. */
function sessionOf(socket: TLSSocket): Pick<SaSession, 'id' | 'octets'> | undefined {
  const octets = socket.getSession();
  if (octets === undefined) return undefined;
  const id = tls12SessionId(octets);
  return id === undefined ? undefined : { id, octets };
}

function nameIn(
  message: HandshakeMessage | 'partial' | 'none',
): { serverName: string | undefined } | undefined {
  if (typeof message === 'string' || message.type !== MESSAGE.clientHello) return undefined;
  try {
    return { serverName: decodeClientHello(message.octets).serverName };
  } catch (error) {
    if (error instanceof CodecError) return undefined;
    throw error;
  }
}

const MAX_HELLO_OCTETS = 16_384;
