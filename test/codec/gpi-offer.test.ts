import test from 'ava';
import fc from 'fast-check';
import { CODE, RequestError } from '../../src/codec/coap.ts';
import { OPTION, pathOptions, uintOption } from '../../src/codec/coap-option.ts';
import {
  GPI_CONTENT_FORMAT,
  isOffer,
  offerAnswer,
  offerRequest,
  parseOffer,
  parseOfferAnswer,
  type OfferAnswer,
} from '../../src/codec/gpi-offer.ts';
import { CodecError } from '../../src/errors.ts';
import { EMPTY, fromHex } from '../../src/lib/bytes.ts';
import { overTheWire } from '../support/coap.ts';

test('an offer is POST /gpi with the number that docs/wire.md gives the media type', (t) => {
  const message = overTheWire(offerRequest(Uint8Array.of(1, 2)));
  t.is(message.code, CODE.POST);
  t.deepEqual(
    message.options.map(({ number, value }) => ({ number, value })),
    [...pathOptions('gpi'), uintOption(OPTION.CONTENT_FORMAT, 65_223)],
  );
  t.true(isOffer(message));
  t.deepEqual([...parseOffer(message)], [1, 2]);
});

test('what is no offer is none, and a critical option or another media type is malformed', (t) => {
  const good = offerRequest(EMPTY);
  t.false(isOffer(overTheWire({ ...good, code: CODE.PUT })));
  t.false(isOffer(overTheWire({ ...good, options: pathOptions('gpi', 'x') })));
  t.false(isOffer(overTheWire({ ...good, options: pathOptions('push') })));
  const path = pathOptions('gpi');
  const format = uintOption(OPTION.CONTENT_FORMAT, GPI_CONTENT_FORMAT);
  const tooLong = { number: OPTION.CONTENT_FORMAT, value: fromHex('00fec7') };
  for (const options of [
    path,
    [...path, uintOption(OPTION.CONTENT_FORMAT, 42)],
    [...path, tooLong],
    [...path, uintOption(OPTION.CONTENT_FORMAT, 42), format],
  ]) {
    const error = t.throws(() => parseOffer(overTheWire({ ...good, options })), {
      instanceOf: CodecError,
    });
    t.is(error.code, 'ERR_COAP_MALFORMED');
  }
  const options = [...path, format, uintOption(OPTION.BLOCK1, 8)];
  const error = t.throws(() => parseOffer(overTheWire({ ...good, options })), {
    instanceOf: RequestError,
  });
  t.is(error.answer, CODE.BAD_OPTION);
});

const answers: readonly (readonly [OfferAnswer, number])[] = [
  [{ kind: 'accepted' }, CODE.CHANGED],
  [{ kind: 'refused' }, CODE.BAD_REQUEST],
  [{ kind: 'out-of-step', message: Uint8Array.of(0x13, 0, 1) }, CODE.CONFLICT],
  [{ kind: 'not-now', afterMs: 3_000 }, CODE.SERVICE_UNAVAILABLE],
  [{ kind: 'unknown' }, CODE.NOT_FOUND],
];

test('each answer comes out as it went in', (t) => {
  for (const [answer, code] of answers) {
    const message = overTheWire(offerAnswer(answer));
    t.is(message.code, code);
    t.deepEqual(parseOfferAnswer(message), answer);
  }
});

test('any answer of any peer means something', (t) => {
  const kinds = new Set(answers.map(([{ kind }]) => kind));
  t.notThrows(() => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0x40, max: 0xdf }),
        fc.option(fc.uint8Array({ maxLength: 8 })),
        fc.uint8Array({ maxLength: 64 }),
        (code, maxAge, payload) => {
          const options = maxAge === null ? [] : [{ number: OPTION.MAX_AGE, value: maxAge }];
          const answer = parseOfferAnswer({ code, token: EMPTY, options, payload });
          return kinds.has(answer.kind) && (answer.kind !== 'not-now' || answer.afterMs >= 0);
        },
      ),
    );
  });
});
