/** Takes the lock of the folder in argv, says so or why not, and holds it until it is killed. */
import { lockFolder } from '../../src/store/folder-lock.ts';

const folder = process.argv[2] ?? '';
try {
  lockFolder(folder);
  process.stdout.write('held\n');
} catch (error) {
  process.stdout.write(`${(error as Error).message}\n`);
}
setInterval(() => undefined, 60_000);
