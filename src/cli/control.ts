/** The control socket of `naf-push serve`: whoever may open it may push, end layers and revoke. */
import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { z } from 'zod';
import { ChannelError, ConfigError, CodecError, GbaError, reasonOf } from '../errors.ts';
import { parseBTid, type Impi } from '../ids.ts';
import type { PushServer } from '../naf/push-server.ts';
import type { LiveSa } from '../sa/association.ts';
import { pushBurst } from './burst.ts';
import {
  associationsAnswer,
  burstAnswer,
  controlRequest,
  errorAnswer,
  viewOf,
  type ControlRequest,
  type SaView,
} from './control-messages.ts';
import type { CommandIo } from './io.ts';
import { impiOf, parseUe, stateFolder } from './options.ts';

/** The folder of a NAF that lives on, and its socket in it. */
export function nafFolder(state: string | undefined, env: CommandIo['env']): string {
  return join(stateFolder(state, env), 'naf');
}

/** Whoever calls it holds the folder's lock, so a socket that is there is of nobody. @throws ConfigError. */
export async function listenControl(
  folder: string,
  naf: PushServer,
): Promise<{ readonly path: string; close(): Promise<void> }> {
  const path = join(folder, 'control');
  rmSync(path, { force: true });
  const open = new Set<Socket>();
  const answer = answering(naf);
  // Half open: whoever asks may end its side before it has the answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.on('error', () => undefined);
    void readLine(socket)
      .then(answer)
      .then((value) => {
        socket.end(`${JSON.stringify(value)}\n`);
      });
  });
  try {
    server.listen(path);
    await once(server, 'listening');
    chmodSync(path, 0o600);
  } catch (cause) {
    const why = `cannot listen at ${path}: ${reasonOf(cause)}`;
    throw new ConfigError('ERR_CONFIG_ADDRESS', why, { cause });
  }
  return {
    path,
    async close() {
      server.close();
      for (const socket of open) socket.destroy();
      await once(server, 'close');
    },
  };
}

type Asked<O extends ControlRequest['op']> = Omit<Extract<ControlRequest, { op: O }>, 'op'>;

/**
 * The associations that it was about, of the NAF that serves with this folder. @throws ConfigError
 * ERR_CONFIG_ADDRESS when none does, CodecError when it refuses, ChannelError ERR_CHANNEL_CLOSED when it ends first.
 */
export async function askControl(
  folder: string,
  asked: ControlRequest & { readonly op: 'ls' | 'revoke' | 'park' },
): Promise<readonly SaView[]> {
  const { associations } = await ask(folder, asked, associationsAnswer);
  return associations;
}

/** Has that NAF push. @throws as `askControl`; `signal.reason` when it is aborted, which ends nothing over there. */
export function askForBurst(
  folder: string,
  order: Asked<'push'>,
  signal?: AbortSignal,
): Promise<z.output<typeof burstAnswer>> {
  return ask(folder, { op: 'push', ...order }, burstAnswer, signal);
}

async function ask<A extends z.ZodType>(
  folder: string,
  asked: ControlRequest,
  schema: A,
  signal?: AbortSignal,
): Promise<z.output<A>> {
  const path = join(folder, 'control');
  signal?.throwIfAborted();
  const socket = connect(path);
  socket.on('error', () => undefined);
  const onAbort = (): void => void socket.destroy();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await once(socket, 'connect', { ...(signal && { signal }) });
    socket.write(`${JSON.stringify(asked)}\n`);
  } catch (cause) {
    signal?.throwIfAborted();
    const why = `no naf-push serve listens at ${path}: start it, or name its --state`;
    throw new ConfigError('ERR_CONFIG_ADDRESS', why, { cause });
  }
  try {
    const line = await readLine(socket);
    signal?.throwIfAborted();
    if (line === '') {
      const why = `the NAF at ${path} ended before it had answered`;
      throw new ChannelError('ERR_CHANNEL_CLOSED', why);
    }
    const got: unknown = JSON.parse(line);
    const refused = errorAnswer.safeParse(got);
    if (refused.success) throw new CodecError('ERR_ID_MALFORMED', refused.data.error);
    return schema.parse(got);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    socket.destroy();
  }
}

/** What that NAF says to a line; bursts are bounded in size, and in how many there are at once. */
function answering(naf: PushServer): (line: string) => Promise<object> {
  let bursts = 0;
  const push = async ({ ue, payloadBase64, ttl, ...order }: Asked<'push'>): Promise<object> => {
    if (bursts >= MOST_BURSTS) return { error: `${bursts} bursts of pushes are under way already` };
    const impis = namedBy(ue);
    const impi = impis.find((one) => naf.associations(one).length > 0) ?? impis[0];
    const payload = Buffer.from(payloadBase64, 'base64');
    bursts += 1;
    try {
      return await pushBurst(naf, impi, { ...order, payload, ttlSeconds: ttl });
    } finally {
      bursts -= 1;
    }
  };
  return async (line) => {
    try {
      const asked = controlRequest.parse(JSON.parse(line));
      if (asked.op === 'push') return await push(asked);
      const found = matching(naf, asked.which);
      const associations = found.map(viewOf);
      if (asked.op === 'revoke') for (const { bTid } of found) naf.revoke(bTid);
      if (asked.op === 'park') await Promise.all(found.map(({ bTid }) => naf.park(bTid)));
      return { associations };
    } catch (error) {
      const told = error instanceof GbaError || error instanceof RangeError;
      return { error: told ? error.message : REQUESTS };
    }
  };
}

/** All, those of a UE, or the one that a B-TID names. */
function matching(naf: PushServer, which: string | undefined): readonly LiveSa[] {
  if (which === undefined) return naf.associations();
  if (/^[^@]{24}@/.test(which) && which.slice(22, 24) === '==') {
    const { bTid } = parseBTid(which);
    return naf.associations().filter((sa) => sa.bTid === bTid);
  }
  return namedBy(which).flatMap((impi) => naf.associations(impi));
}

/** Whose IMPI it may be, the likeliest first: an IMSI does not say how long its MNC is. */
function namedBy(name: string): readonly [Impi, ...Impi[]] {
  const ue = parseUe(name);
  return 'impi' in ue ? [ue.impi] : [impiOf(ue, 2), impiOf(ue, 3)];
}

/** What comes before the first newline or the end; a longer line than any of ours is cut. */
async function readLine(socket: Socket): Promise<string> {
  let text = '';
  try {
    for await (const chunk of socket.iterator({
      destroyOnReturn: false,
    }) as AsyncIterable<Buffer>) {
      text += chunk.toString('utf8');
      const end = text.indexOf('\n');
      if (end >= 0) return text.slice(0, end);
      if (text.length > MAX_LINE) break;
    }
  } catch {
    // It went away.
  }
  return text;
}

/** An answer lists every association of a NAF; a hundred thousand of them are some 30 MB. */
const MAX_LINE = 64 * 1_048_576;
const MOST_BURSTS = 4;
const REQUESTS =
  'expected {"op":"ls"|"revoke"|"park","which":"B-TID or UE"} or ' +
  '{"op":"push","ue","payloadBase64","count","window","withinMs","ttl"}';
