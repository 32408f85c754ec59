import test from 'ava';
import fc from 'fast-check';
import { TokenTable } from '../../src/net/token-table.ts';

test('what waits comes back under its own token, once, whatever the order; all that is left is the oldest first', (t) => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.constant('ask' as const) },
    { weight: 2, arbitrary: fc.nat(40) },
    { weight: 1, arbitrary: fc.constant('oldest' as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const table = new TokenTable<number>();
      const model = new Map<string, number>();
      steps.forEach((action, n) => {
        if (action === 'ask') {
          const token = table.reserve().toString();
          t.false(model.has(token), 'a token that is in use');
          table.hold(n);
          model.set(token, n);
        } else if (action === 'oldest') {
          const [first] = model;
          t.is(table.takeOldest(), first?.[1]);
          if (first) model.delete(first[0]);
        } else {
          const [token, waiting] = [...model][action] ?? [];
          if (token === undefined) return;
          const octets = Uint8Array.from(token.split(','), Number);
          t.is(table.take(octets), waiting);
          t.is(table.take(octets), undefined);
          model.delete(token);
        }
        t.is(table.size, model.size);
      });
      t.deepEqual([...table.takeAll()], [...model.values()]);
      t.is(table.size, 0);
    }),
  );
});

test('a request that has no answer for long does not stop those that come after it', (t) => {
  const table = new TokenTable<string>();
  const first = Uint8Array.from(table.reserve());
  table.hold('first');
  for (let n = 0; n < 10_000; n += 1) {
    const token = Uint8Array.from(table.reserve());
    table.hold(`${n}`);
    t.is(table.take(token), `${n}`);
  }
  t.is(table.take(first), 'first');
});

test('after a burst is answered, tokens go on and late answers take nothing', (t) => {
  const table = new TokenTable<number>();
  const tokens = Array.from({ length: 1_000 }, (_, n) => {
    const token = Uint8Array.from(table.reserve());
    table.hold(n);
    return token;
  });
  for (const [n, token] of tokens.entries()) t.is(table.take(token), n);
  const next = Uint8Array.from(table.reserve());
  table.hold(1_000);
  for (const token of tokens) t.is(table.take(token), undefined);
  t.is(table.take(next), 1_000);
});

test('a token of another length, or one that was never given, takes nothing', (t) => {
  const table = new TokenTable<string>();
  t.is(table.take(new Uint8Array(4)), undefined);
  const token = Uint8Array.from(table.reserve());
  table.hold('it');
  t.is(table.take(token.subarray(1)), undefined);
  t.is(table.take(new Uint8Array(0)), undefined);
  t.is(table.take(Uint8Array.of(...token.subarray(0, 3), 9)), undefined);
  t.is(table.take(Uint8Array.of(0xff, ...token, 0xff), 1, 5), 'it');
});
