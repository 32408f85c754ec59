/** Tells on stderr what happens: every event for `-v`, else only what a user must know without asking. */
import { eventNames, subscribe, type EventName, type EventTable } from '../lib/events.ts';
import { printable, writeJson, type CommandIo } from './io.ts';

export interface NarrationOptions {
  /** The name that lines begin with. */
  readonly command: 'naf-push' | 'ue-listen';
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
  readonly verbose?: boolean | undefined;
}

/** What is told unless `quiet`, as sentences. */
const SENTENCES: { readonly [N in EventName]?: (message: EventTable[N]) => string } = {
  'gba:trigger:refused': ({ from, reason, code }) =>
    `refused a trigger from ${from}: ${reason} (${code})`,
  'gba:trigger:unreachable': ({ to }) => `nothing listens for triggers at ${to}`,
  'gba:trigger:failed': ({ reason }) => `the trigger was not sent: ${reason}`,
  'gba:wake:failed': ({ impi, wakes }) =>
    `${wakes === 1 ? 'one wake' : `${wakes} wakes`} had no effect on ${impi}: it is off or out of reach, ` +
    'or it has lost its state; it gets a new key',
  'gba:bsf:disconnected': ({ to, reason }) => `no connection to the BSF at ${to}: ${reason}`,
  'gba:ub:refused': ({ from, reason, code }) =>
    `refused a UE at ${from} over Ub: ${reason} (${code})`,
  'gba:nbsp:refused': ({ naf, from, reason, cause }) =>
    `refused ${naf} at ${from}: ${reason} (${cause})`,
  'gba:bootstrap:succeeded': ({ bsf, nafFqdn, lifetimeMs }) =>
    `bootstrapped at ${bsf}: a key for ${nafFqdn}, for ${Math.round(lifetimeMs / 1_000)} s`,
  'gba:bootstrap:failed': ({ bsf, nafFqdn, reason, code, afterMs }) =>
    `no key for ${nafFqdn} from ${bsf}: ${reason} (${code}); again in ${(afterMs / 1_000).toFixed(1)} s`,
  'gba:tls:refused': ({ remote, reason, code }) =>
    `no secure layer with ${remote}: ${reason} (${code})`,
  'gba:push:postponed': ({ impi }) => `${impi} says "not now": pushes wait until it takes them`,
  'gba:push:failed': ({ id, reason }) => `push ${id} must wait: ${reason}`,
};

/** What is whose business, when both ends are in one process. */
const TOLD: Readonly<Record<NarrationOptions['command'], readonly EventName[]>> = {
  'naf-push': [
    'gba:bsf:disconnected',
    'gba:ub:refused',
    'gba:nbsp:refused',
    'gba:trigger:unreachable',
    'gba:trigger:failed',
    'gba:wake:failed',
    'gba:tls:refused',
    'gba:push:postponed',
  ],
  'ue-listen': [
    'gba:bootstrap:succeeded',
    'gba:bootstrap:failed',
    'gba:trigger:refused',
    'gba:tls:refused',
    'gba:push:failed',
  ],
};

/** A sentence that differs in nothing but a peer's address is told once in this time. */
const REPEAT_MS = 1_000;
/** And one that differs in nothing. */
const REPEAT_SAME_MS = 60_000;

/** Writes events as they come, as JSON lines when `json`; the returned function ends it. */
export function narrate(io: CommandIo, options: NarrationOptions): () => void {
  const endings = eventNames.flatMap((name) => {
    if (options.verbose === true) return tellAll(name, io, options);
    if (options.quiet === true || !TOLD[options.command].includes(name)) return [];
    return tellSentence(name, io, options);
  });
  return () => {
    for (const end of endings) end();
  };
}

function tellAll(name: EventName, io: CommandIo, { json }: NarrationOptions): () => void {
  return subscribe(name, (message) => {
    const at = performance.timeOrigin + performance.now();
    if (json === true) return writeEvent(io, name, at, message);
    const time = new Date(at).toISOString().slice(11, 23);
    io.stderr.write(`${time}  ${name.slice(4).replace(':', ' ')}  ${describe(message)}\n`);
  });
}

function tellSentence<N extends EventName>(
  name: N,
  io: CommandIo,
  { command, json }: NarrationOptions,
): () => void {
  const lastOf = new Map<string, { readonly sentence: string; readonly at: number }>();
  return subscribe(name, (message) => {
    const code = 'code' in message ? message.code : '';
    // A NAF sends one GPI several times: dropping the copies is no news.
    if (code === 'ERR_UPA_DUPLICATE') return;
    const at = performance.now();
    const sentence = SENTENCES[name]?.(message) ?? name;
    const last = lastOf.get(code);
    const pauseMs = last?.sentence === sentence ? REPEAT_SAME_MS : REPEAT_MS;
    if (last !== undefined && at - last.at < pauseMs) return;
    lastOf.set(code, { sentence, at });
    if (json === true) return writeEvent(io, name, performance.timeOrigin + at, message);
    io.stderr.write(`${command}: ${printable(sentence)}\n`);
  });
}

function writeEvent(io: CommandIo, event: EventName, at: number, message: object): void {
  // The machine's own clock since it started: the same for every process on it.
  const uptimeMs = Number(process.hrtime.bigint()) / 1e6;
  writeJson(io.stderr, { event, at, uptimeMs, ...message });
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
