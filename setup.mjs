/** Makes a fresh clone ready: dependencies from the lock file, and (--build) the compiled commands. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('.', import.meta.url));
const at = (...parts) => join(root, ...parts);

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const leastMinor = { 20: 19, 22: 20, 24: 12 };
if (!(major >= 25 || (leastMinor[major] !== undefined && minor >= leastMinor[major]))) {
  fail(`Node ${process.versions.node} is too old: use Node 20.19, 22.20 or 24.12, or later.`);
}

const lock = createHash('sha256')
  .update(readFileSync(at('package-lock.json')))
  .digest('hex');
const stamp = at('node_modules', '.setup-stamp');
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
  console.error('set-up: installing the dependencies of package-lock.json');
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
  writeFileSync(stamp, lock);
}

if (process.argv.includes('--build') && isStale()) {
  console.error('set-up: compiling src and bin into dist');
  rmSync(at('dist'), { recursive: true, force: true });
  run(process.execPath, [at('node_modules', 'typescript', 'bin', 'tsc'), '-p', root]);
  writeFileSync(at('dist', '.built'), lock);
}

/** True when a source, the configuration or the lock file is newer than the last complete build. */
function isStale() {
  const built = at('dist', '.built');
  if (!existsSync(built) || readFileSync(built, 'utf8') !== lock) return true;
  const builtAt = statSync(built).mtimeMs;
  const sources = ['src', 'bin'].flatMap((folder) =>
    readdirSync(at(folder), { recursive: true, withFileTypes: true }).map((entry) =>
      join(entry.parentPath ?? entry.path, entry.name),
    ),
  );
  return [at('tsconfig.json'), ...sources].some((file) => statSync(file).mtimeMs > builtAt);
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', process.stderr, process.stderr],
  });
  if (status !== 0)
    fail(`set-up failed: ${command} ${args[0]}: ${error?.message ?? `exit ${status}`}`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
