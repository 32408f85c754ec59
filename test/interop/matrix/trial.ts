/**
 * One cell of the matrix for real: a BSF seals a GPI, a USIM opens it, and each end of TLS has the key that
 * it got that way. A push goes through; with one octet of the peer's key changed no layer opens.
 */
import { randomBytes, randomInt } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { ExecutionContext } from 'ava';
import { COAPS_TCP_PORT, formatEndpoint } from '../../../src/codec/address.ts';
import { CODE } from '../../../src/codec/coap.ts';
import { OPTION, SIGNAL_OPTION } from '../../../src/codec/coap-option.ts';
import {
  pskIdentityOf,
  subscribe,
  type Endpoint,
  type EventTable,
  type LiveSa,
  type Receipt,
} from '../../../src/index.ts';
import { EMPTY, toHex } from '../../../src/lib/bytes.ts';
import { dialPsk } from '../../../src/net/psk-client.ts';
import { rawPeer } from '../../support/channel.ts';
import { temporaryFolder } from '../../support/command.ts';
import { freePort } from '../../support/ports.ts';
import { carry, until } from '../../support/tls.ts';
import { impi, openedByUsim, openNaf, openUe, type Parties } from './parties.ts';
import type { Call } from './peer.ts';
import { openPipe, openPlain, type Launch, type Pipe } from './pipe.ts';
import { startWire, type Agreed, type Wire } from './wire.ts';

/** What a run came to. */
export interface Outcome {
  /** What the peer said, and at last how it ended when it ended by itself. */
  readonly said: string;
  /** Our error code when no layer opened by it. */
  readonly refused: string | undefined;
  /** The version and suite of our end, when a push went through. */
  readonly secured: EventTable['gba:tls:secured'] | undefined;
  /** What an observer saw. */
  readonly agreed: Agreed;
  /** Of the association. */
  readonly identity: string;
  /** What the peer must have said, when a push went through. */
  readonly tells: readonly RegExp[];
}

export interface Run extends Parties {
  /** One octet of the key that the peer gets is another one. */
  readonly wrongKey?: boolean;
  /** What to wait for when no layer opens: words of the peer, or its end. */
  readonly awaits?: RegExp;
}

/** Runs the cell once; never rejects because the peer cannot do it. */
export function run(t: ExecutionContext, given: Run): Promise<Outcome> {
  return given.cell.role === 'client' ? runClient(t, given) : runServer(t, given);
}

/** What the peer says with itself at both ends; undefined when it is only one of them. */
export async function runAlone(
  t: ExecutionContext,
  { peer, cell, awaits }: Run,
): Promise<string | undefined> {
  if (peer.client === undefined || peer.server === undefined) return undefined;
  const folder = temporaryFolder(t);
  const [client, server] = [peer.client, peer.server];
  const call = { ...cell, identity: 'nobody@bsf.example.org', key: toHex(randomBytes(32)), folder };
  const plain = await openPlain(t);
  const port = peer.anyPort === false ? await freePort() : 0;
  const launch = server({ ...call, port, plain: plain.port });
  const far = openPipe(t, launch);
  const listens = await far.says(launch.listening ?? LISTENING);
  if (listens === undefined) return far.said();
  const near = openPipe(t, client({ ...call, port: Number(listens[1]), plain: 0 }));
  if (awaits) await Promise.any([near, far].map((end) => sayOrFail(end, awaits))).catch(no);
  return [near, far].map((end) => end.said()).join('\n');
}

async function sayOrFail(end: Pipe, words: RegExp): Promise<void> {
  if ((await end.says(words)) === undefined) throw new Error('it does not say so');
}

/** The peer has the key of the UE, and dials our NAF. */
async function runClient(t: ExecutionContext, given: Run): Promise<Outcome> {
  const naf = await openNaf(t, given);
  const wire = await startWire(t);
  wire.target = naf.address.port;
  const sa = await openedByUsim(t, given, naf);
  const heard = hear(t, (remote) => remote === `127.0.0.1:${wire.from}`);
  const launch = given.peer.client?.(callOf(t, given, sa, { port: wire.port, plain: 0 }));
  if (launch === undefined) throw new TypeError(`${given.peer.name} is no client`);
  const pipe = openPipe(t, launch);
  const take = given.peer.speech.client === 'coap' ? takePrinted : takeNotified;
  const done = heard.secured.then(() => take(pipe.stream, () => naf.push(impi, PAYLOAD, ONCE)));
  const works = await Promise.race([done, heard.refused.then(no), pipe.ended.then(no)]);
  return outcomeOf({ given, sa, pipe, heard, works, wire, launch });
}

/** The peer has the key of the NAF, and our UE dials it. */
async function runServer(t: ExecutionContext, given: Run): Promise<Outcome> {
  const { peer } = given;
  const wire = await startWire(t, peer.alpn === false ? coapsAddress() : {});
  const naf = await openNaf(t, given, wire);
  const { envelope, sa } = await naf.announce(impi);
  const { speech } = peer;
  const plain = speech.server === 'relay' ? await openPlain(t) : undefined;
  const port = peer.anyPort === false ? await freePort() : 0;
  const launch = peer.server?.(callOf(t, given, sa, { port, plain: plain?.port ?? 0 }));
  if (launch === undefined) throw new TypeError(`${peer.name} is no server`);
  const pipe = openPipe(t, launch);
  const heard = hear(t, (remote) => remote === formatEndpoint(wire));
  const listens = await pipe.says(launch.listening ?? LISTENING);
  let works = false;
  if (listens) {
    wire.target = Number(listens[1]);
    const stream = plain?.connection ?? Promise.resolve(pipe.stream);
    const done =
      speech.server === 'echo'
        ? echoed(t, given, envelope)
        : pushThrough(t, given, envelope, stream);
    works = await Promise.race([done, heard.refused.then(no), pipe.ended.then(no)]);
  }
  return outcomeOf({ given, sa, pipe, heard, works, wire, launch });
}

/** The test is the CoAP client behind the peer: it observes, and confirms what came (RFC 8323 5.4). */
async function takeNotified(stream: Duplex, push: () => Promise<Receipt>): Promise<boolean> {
  const far = rawPeer(stream);
  far.say({ code: CODE.CSM }, OBSERVE);
  const receipt = push();
  await far.hear(CODE.PING);
  far.say({ code: CODE.PONG, options: [{ number: SIGNAL_OPTION.PING_CUSTODY, value: EMPTY }] });
  const came = far.heard.some(({ payload }) => PAYLOAD.equals(payload));
  return came && (await receipt).state === 'taken';
}

/** The peer is the CoAP client. */
async function takePrinted(stream: Duplex, push: () => Promise<Receipt>): Promise<boolean> {
  let printed = '';
  stream.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const { state } = await push();
  await until(() => printed.includes(PAYLOAD.toString()));
  return state === 'taken';
}

/** The UE's dial alone: a line goes out and comes back. */
function echoed(t: ExecutionContext, given: Run, envelope: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    const dial: typeof dialPsk = async (options) => {
      const secured = await dialPsk(options);
      const back = await carry(secured.socket, secured.socket, `${PAYLOAD.toString()}\n`);
      resolve(back === `${PAYLOAD.toString()}\n`);
      return secured;
    };
    void openUe(t, given, dial, () => undefined).receive(envelope, '127.0.0.1');
  });
}

/** The whole UE: it takes the trigger in, dials, registers and hands the push to its handler. */
async function pushThrough(
  t: ExecutionContext,
  given: Run,
  envelope: Uint8Array,
  stream: Promise<Duplex>,
): Promise<boolean> {
  const handled = new Promise<Uint8Array>((resolve) => {
    const ue = openUe(t, given, dialPsk, ({ payload }) => {
      resolve(Buffer.from(payload));
    });
    void ue.receive(envelope, '127.0.0.1');
  });
  const far = rawPeer(await stream);
  const { token } = await far.hear(CODE.POST);
  far.say({ code: CODE.CSM }, { code: CODE.CHANGED, token }, PUT);
  await far.hear(CODE.CREATED);
  return PAYLOAD.equals(await handled);
}

function callOf(
  t: ExecutionContext,
  { cell, wrongKey = false }: Run,
  { bTid, key }: LiveSa,
  ports: Pick<Call, 'port' | 'plain'>,
): Call {
  const octets = Uint8Array.from(key);
  const at = randomInt(octets.length);
  // No octet becomes a NUL.
  if (wrongKey) octets[at] = (octets[at] ?? 0) === 0x20 ? 0x21 : (octets[at] ?? 0) ^ 0x20;
  const folder = temporaryFolder(t);
  return { ...cell, identity: pskIdentityOf(bTid), key: toHex(octets), folder, ...ports };
}

/** What our end tells of the handshake with this remote end. */
function hear(t: ExecutionContext, isRemote: (remote: string) => boolean) {
  let [secured, refused]: [Outcome['secured'], Outcome['refused']] = [undefined, undefined];
  const first = <N extends 'gba:tls:secured' | 'gba:tls:refused'>(
    name: N,
  ): Promise<EventTable[N]> =>
    new Promise((resolve) => {
      const stop = subscribe(name, (event) => {
        if (isRemote(event.remote)) resolve(event);
      });
      t.teardown(stop);
    });
  return {
    secured: first('gba:tls:secured').then((event) => (secured = event)),
    refused: first('gba:tls:refused').then(({ code }) => (refused = code)),
    get was() {
      return { secured, refused };
    },
  };
}

interface Ended {
  readonly given: Run;
  readonly sa: LiveSa;
  readonly pipe: Pipe;
  readonly heard: ReturnType<typeof hear>;
  readonly works: boolean;
  readonly wire: Wire;
  readonly launch: Launch;
}

async function outcomeOf({ given, sa, pipe, heard, works, wire, launch }: Ended): Promise<Outcome> {
  // What connected at all is refused in the end if it was not let in, if only because it hangs up.
  if (!works && wire.sent.toServer.length > 0) await Promise.race([heard.refused, heard.secured]);
  if (given.awaits) await pipe.says(given.awaits);
  await pipe.kill();
  return {
    said: pipe.said(),
    refused: works ? undefined : (heard.was.refused ?? 'the peer gave up'),
    secured: works ? heard.was.secured : undefined,
    agreed: wire.agreed(),
    identity: pskIdentityOf(sa.bTid),
    tells: launch.tells,
  };
}

/** An address of this machine that nobody else uses, with the port where no ALPN is asked for. */
function coapsAddress(): Endpoint {
  const octets = Array.from({ length: 3 }, () => randomInt(1, 255));
  return { host: `127.${octets.join('.')}`, port: COAPS_TCP_PORT };
}

const LISTENING = /^listening: (\d+)$/m;
const no = (): false => false;
const PAYLOAD = Buffer.from('pushed through a stack that nobody here wrote');
const ONCE = { ttlSeconds: 60 };
const token = Uint8Array.of(7);
const path = (...segments: string[]) =>
  segments.map((segment) => ({ number: OPTION.URI_PATH, value: Buffer.from(segment) }));
const OBSERVE = {
  code: CODE.GET,
  token,
  options: [{ number: OPTION.OBSERVE, value: EMPTY }, ...path('push')],
};
const query = (text: string) => ({ number: OPTION.URI_QUERY, value: Buffer.from(text) });
const PUT = {
  code: CODE.PUT,
  token,
  options: [...path('push', 'from-a-peer'), query('u=2'), query('ttl=60'), query('seq=1')],
  payload: PAYLOAD,
};
