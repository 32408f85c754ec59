/** The near side of `program.ts`, in a Node process: each order has a function, whose result is the answer. */

export type Orders = Readonly<Record<string, (...numbers: number[]) => unknown>>;

/** What the process was started with. */
export function about<T>(): T {
  return JSON.parse(process.argv[2] ?? '{}') as T;
}

/** From now on orders are taken; the process ends with its parent. */
export function takeOrders(orders: Orders): void {
  process.on('message', ([command, ...numbers]: [string, ...number[]]) => {
    void answer(orders[command], numbers);
  });
  process.once('disconnect', () => process.exit());
  process.send?.({});
}

async function answer(order: Orders[string] | undefined, numbers: number[]): Promise<void> {
  try {
    process.send?.((await order?.(...numbers)) ?? {});
  } catch (error) {
    process.send?.({ failed: error instanceof Error ? error.stack : String(error) });
  }
}
