/** Listening on a socket file that its owner alone can open. */
import { once } from 'node:events';
import { lstatSync, rmSync } from 'node:fs';
import { connect, type Server } from 'node:net';

/**
 * The file is 0600 from its first moment. One that a dead process left is taken away; one that is served,
 * or that is no socket, stays, and the error of the system is thrown.
 */
export async function listenOnFile(server: Server, path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true && !(await isServed(path))) {
    rmSync(path, { force: true });
  }
  const before = process.umask(0o177);
  try {
    server.listen({ path });
  } finally {
    process.umask(before);
  }
  await once(server, 'listening');
}

async function isServed(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
