import test from 'ava';
import fc from 'fast-check';
import { CODE } from '../../src/codec/coap.ts';
import { KeptToken } from '../../src/net/kept-token.ts';
import { overTheWire } from '../support/coap.ts';

test('a token of any length comes back as it was, whatever is kept beside it', (t) => {
  const tokens = fc.array(fc.uint8Array({ maxLength: 8 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(tokens, (all) => {
      const kept = all.map((token) => new KeptToken(overTheWire({ code: CODE.GET, token })));
      for (const [i, token] of all.entries()) t.deepEqual([...(kept[i]?.octets ?? [])], [...token]);
    }),
  );
});
