/** A part of a benchmark in a process of its own, asked by its parent: one order, one answer, any number at once. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface Child {
  /** @throws Error with what went wrong over there, or when the process ends first. */
  ask<T>(op: string, order?: object): Promise<T>;
  /** Tells it to end, and waits for that. */
  end(): Promise<void>;
}

interface Order {
  readonly id: number;
  readonly op: string;
  readonly order: object;
}

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** Starts a script of the benchmarks, e.g. `ways/modes-ue.ts`; `namespace`: in that network namespace (ip-netns(8)). */
export function startChild(file: string, namespace?: string): Child {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  const own = [process.execPath, ...process.execArgv];
  const inside = { execPath: 'ip', execArgv: ['netns', 'exec', namespace ?? '', ...own] };
  const child = fork(path, namespace === undefined ? {} : inside);
  const waiting = new Map<number, (answer: Answer) => void>();
  let last = 0;
  child.on('message', ({ id, ...answer }: Answer) => {
    waiting.get(id)?.({ id, ...answer });
    waiting.delete(id);
  });
  const exited = once(child, 'exit').then(() => {
    for (const [id, settle] of waiting) settle({ id, error: `${file} has ended` });
  });
  return {
    async ask<T>(op: string, order: object = {}): Promise<T> {
      last += 1;
      const id = last;
      const answered = new Promise<Answer>((resolve) => waiting.set(id, resolve));
      child.send({ id, op, order } satisfies Order);
      const { value, error } = await answered;
      if (error !== undefined) throw new Error(`${file}, ${op}: ${error}`);
      return value as T;
    },
    async end() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

/** In the child: what it does for each order; `close` runs when the parent has told it to end, or is gone. */
export function serveOrders(
  handlers: Readonly<Record<string, (order: never) => unknown>>,
  close: () => Promise<void>,
): void {
  process.on('message', ({ id, op, order }: Order) => {
    const answer = (rest: Omit<Answer, 'id'>): void => {
      if (process.connected) process.send?.({ id, ...rest });
    };
    Promise.resolve()
      .then(() => handlers[op]?.(order as never))
      .then(
        (value) => {
          answer({ value });
        },
        (error: unknown) => {
          answer({ error: error instanceof Error ? error.message : String(error) });
        },
      );
  });
  process.once('disconnect', () => {
    setTimeout(() => process.exit(), LONGEST_END_MS);
    void close().finally(() => process.exit());
  });
  // The parent decides: Ctrl-C reaches the whole group.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
}

const LONGEST_END_MS = 3_000;
