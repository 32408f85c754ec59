/** Tells on stderr what happens, for `-v`, and the few things a user must know without asking. */
import { eventNames, subscribe, type EventName } from '../lib/events.ts';
import { printable, writeJson, type CommandIo } from './io.ts';

/** `quiet` nothing, `normal` refusals and unreachable peers, `verbose` every event. */
export type Loudness = 'quiet' | 'normal' | 'verbose';

const ALWAYS: ReadonlySet<EventName> = new Set([
  'gba:trigger:refused',
  'gba:trigger:unreachable',
  'gba:tls:refused',
  'gba:push:failed',
]);

/** In `normal`, events that differ in nothing but a peer's address are told once in this time. */
const REPEAT_MS = 1_000;

/** Writes events as they come, as JSON lines when `json`; the returned function ends it. */
export function narrate(io: CommandIo, options: { json: boolean; loudness: Loudness }): () => void {
  const verbose = options.loudness === 'verbose';
  const names = eventNames.filter(
    (name) => verbose || (options.loudness === 'normal' && ALWAYS.has(name)),
  );
  const toldAt = new Map<string, number>();
  const endings = names.map((name) =>
    subscribe(name, (message) => {
      const now = performance.now();
      if (!verbose) {
        const code = 'code' in message ? message.code : '';
        // A NAF sends one GPI several times: dropping the copies is no news.
        if (code === 'ERR_UPA_DUPLICATE') return;
        const kind = `${name} ${code}`;
        if (now - (toldAt.get(kind) ?? -Infinity) < REPEAT_MS) return;
        toldAt.set(kind, now);
      }
      const at = performance.timeOrigin + now;
      if (options.json) {
        // The machine's own clock since it started: the same for every process on it.
        const uptimeMs = Number(process.hrtime.bigint()) / 1e6;
        return writeJson(io.stderr, { event: name, at, uptimeMs, ...message });
      }
      const time = verbose ? `${new Date(at).toISOString().slice(11, 23)}  ` : '';
      io.stderr.write(`${time}${name.slice(4).replace(':', ' ')}  ${describe(message)}\n`);
    }),
  );
  return () => {
    for (const end of endings) end();
  };
}

function describe(message: object): string {
  return Object.entries(message)
    .map(([key, value]: [string, unknown]) => {
      const text =
        typeof value === 'number' ? String(Math.round(value * 100) / 100) : String(value);
      return `${key}=${printable(/\s/.test(text) ? JSON.stringify(text) : text)}`;
    })
    .join(' ');
}
