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

/** Writes events as they come, as JSON lines when `json`; the returned function ends it. */
export function narrate(io: CommandIo, options: { json: boolean; loudness: Loudness }): () => void {
  const names = eventNames.filter(
    (name) => options.loudness === 'verbose' || (options.loudness === 'normal' && ALWAYS.has(name)),
  );
  const said = new Set<string>();
  const endings = names.map((name) =>
    subscribe(name, (message) => {
      const at = performance.timeOrigin + performance.now();
      if (options.json) {
        // The machine's own clock since it started: the same for every process on it.
        const uptimeMs = Number(process.hrtime.bigint()) / 1e6;
        return writeJson(io.stderr, { event: name, at, uptimeMs, ...message });
      }
      const text = `${name.slice(4).replace(':', ' ')}  ${describe(message)}`;
      if (options.loudness === 'normal' && said.has(text)) return;
      said.add(text);
      const time =
        options.loudness === 'verbose' ? `${new Date(at).toISOString().slice(11, 23)}  ` : '';
      io.stderr.write(`${time}${text}\n`);
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
      return `${key}=${/\s/.test(text) ? JSON.stringify(text) : printable(text)}`;
    })
    .join(' ');
}
