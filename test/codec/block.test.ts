import test from 'ava';
import fc from 'fast-check';
import {
  BERT,
  blockAt,
  blockOption,
  isWhole,
  offsetOf,
  readBlock,
  unitOf,
  type Block,
} from '../../src/codec/block.ts';
import { OPTION } from '../../src/codec/coap-option.ts';
import { fromHex, toHex } from '../../src/lib/bytes.ts';

const blocks: fc.Arbitrary<Block> = fc.record({
  number: fc.nat({ max: 0xf_ffff }),
  more: fc.boolean(),
  exponent: fc.nat({ max: BERT }),
});

test('a block option survives the wire, in at most three octets', (t) => {
  fc.assert(
    fc.property(blocks, (block) => {
      const option = blockOption(OPTION.BLOCK1, block);
      t.true(option.value.length <= 3);
      t.deepEqual(readBlock(option), block);
    }),
  );
});

test('the value is number, more and exponent, in this order (RFC 7959 2.2)', (t) => {
  const cases: [hex: string, block: Block, offset: number][] = [
    ['', { number: 0, more: false, exponent: 0 }, 0],
    ['0e', { number: 0, more: true, exponent: 6 }, 0],
    ['16', { number: 1, more: false, exponent: 6 }, 1_024],
    ['0101', { number: 16, more: false, exponent: 1 }, 512],
    ['1f', { number: 1, more: true, exponent: BERT }, 1_024],
    ['ffffff', { number: 0xf_ffff, more: true, exponent: BERT }, 1_073_740_800],
  ];
  for (const [hex, block, offset] of cases) {
    t.deepEqual(readBlock({ number: OPTION.BLOCK2, value: fromHex(hex) }), block);
    t.is(toHex(blockOption(OPTION.BLOCK2, block).value), hex);
    t.is(offsetOf(block), offset);
  }
});

test('what has no place in three octets is refused', (t) => {
  const longer = { number: OPTION.BLOCK1, value: fromHex('01000000') };
  t.throws(() => readBlock(longer), { code: 'ERR_COAP_MALFORMED' });
  const block = { number: 0x10_0000, more: false, exponent: 0 };
  t.throws(() => blockOption(OPTION.BLOCK1, block), { instanceOf: RangeError });
});

test('sizes are 16 to 1,024 octets, and BERT counts by 1,024', (t) => {
  const units = [16, 32, 64, 128, 256, 512, 1_024, 1_024];
  t.deepEqual(
    units.map((_, exponent) => unitOf(exponent)),
    units,
  );
});

test('all blocks but the last are whole', (t) => {
  const is = (more: boolean, exponent: number, octets: number): boolean =>
    isWhole({ number: 0, more, exponent }, octets);
  t.deepEqual(
    [16, 15, 17, 0].map((octets) => is(true, 0, octets)),
    [true, false, false, false],
  );
  t.deepEqual(
    [16, 15, 17, 0].map((octets) => is(false, 0, octets)),
    [true, true, false, true],
  );
  t.deepEqual(
    [1_024, 4_096, 0, 4_095].map((octets) => is(true, BERT, octets)),
    [true, true, false, false],
  );
  t.true(is(false, BERT, 4_095));
});

test('a body cut into blocks is the body again, each block where it says', (t) => {
  const bodies = fc.uint8Array({ minLength: 1, maxLength: 5_000 });
  const exponents = fc.nat({ max: BERT });
  fc.assert(
    fc.property(bodies, exponents, fc.integer({ min: 0, max: 4_096 }), (body, exponent, most) => {
      const parts: Uint8Array[] = [];
      let offset = 0;
      for (let more = true; more;) {
        const { block, payload } = blockAt(body, offset, { exponent, most });
        t.is(offsetOf(block), offset);
        t.true(isWhole(block, payload.length));
        if (exponent === BERT) t.true(payload.length <= Math.max(most, 1_024));
        parts.push(payload);
        offset += payload.length;
        more = block.more;
      }
      t.deepEqual(Buffer.concat(parts), Buffer.from(body));
    }),
  );
});
