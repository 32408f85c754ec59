/** The control socket of `naf-push serve`: one JSON line in, one out; whoever may open it may revoke. */
import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError, CodecError, reasonOf } from '../errors.ts';
import { parseBTid, type BTid, type Impi } from '../ids.ts';
import type { PushServer } from '../naf/push-server.ts';
import type { LiveSa } from '../sa/association.ts';
import type { CommandIo } from './io.ts';
import { impiOf, parseUe, stateFolder } from './options.ts';

/** What is told of an association: nothing of its keys. */
export interface SaView {
  readonly btid: string;
  /** Absent in one that the UE began. */
  readonly ptid?: string | undefined;
  readonly ue: string;
  readonly nafFqdn: string;
  readonly tls: string;
  readonly state: string;
  /** Epoch ms. */
  readonly expiresAt: number;
}

const request = z.object({ op: z.enum(['ls', 'revoke']), which: z.string().optional() });
const answer = z.union([
  z.object({ error: z.string() }),
  z.object({
    associations: z.array(
      z.object({
        btid: z.string(),
        ptid: z.string().optional(),
        ue: z.string(),
        nafFqdn: z.string(),
        tls: z.string(),
        state: z.string(),
        expiresAt: z.number(),
      }),
    ),
  }),
]);

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
  // Half open: whoever asks may end its side before it has the answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.on('error', () => undefined);
    void readLine(socket).then((line) => {
      socket.end(`${JSON.stringify(answerTo(line, naf))}\n`);
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

/** Asks the NAF that serves with this folder. @throws ConfigError ERR_CONFIG_ADDRESS when none does. */
export async function askControl(
  folder: string,
  asked: z.input<typeof request>,
): Promise<readonly SaView[]> {
  const path = join(folder, 'control');
  const socket = connect(path);
  try {
    await once(socket, 'connect');
  } catch (cause) {
    const why = `no naf-push serve listens at ${path}: start it, or name its --state`;
    throw new ConfigError('ERR_CONFIG_ADDRESS', why, { cause });
  }
  socket.write(`${JSON.stringify(asked)}\n`);
  const got = answer.parse(JSON.parse(await readLine(socket)));
  socket.destroy();
  if ('error' in got) throw new CodecError('ERR_ID_MALFORMED', got.error);
  return got.associations;
}

function answerTo(line: string, naf: PushServer): z.input<typeof answer> {
  try {
    const { op, which } = request.parse(JSON.parse(line));
    const associations = matching(naf, which).map(viewOf);
    if (op === 'revoke') for (const { btid } of associations) naf.revoke(btid as BTid);
    return { associations };
  } catch (error) {
    const reason = error instanceof CodecError || error instanceof RangeError;
    return {
      error: reason ? error.message : 'expected {"op":"ls"|"revoke","which":"B-TID or UE"}',
    };
  }
}

/** All, those of a UE, or the one that a B-TID names. */
function matching(naf: PushServer, which: string | undefined): readonly LiveSa[] {
  if (which === undefined) return naf.associations();
  if (/^[^@]{24}@/.test(which) && which.slice(22, 24) === '==') {
    const { bTid } = parseBTid(which);
    return naf.associations().filter((sa) => sa.bTid === bTid);
  }
  const ue = parseUe(which);
  const impis: readonly Impi[] = 'impi' in ue ? [ue.impi] : [impiOf(ue, 2), impiOf(ue, 3)];
  return impis.flatMap((impi) => naf.associations(impi));
}

function viewOf({ bTid, pTid, impi, nafFqdn, binding, state, expiresAt }: LiveSa): SaView {
  const tls = binding.version === '1.2' ? `1.2 ${binding.suite}` : '1.3';
  return { btid: bTid, ...(pTid && { ptid: pTid }), ue: impi, nafFqdn, tls, state, expiresAt };
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
