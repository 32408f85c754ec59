import test from 'ava';
import fc from 'fast-check';
import { CODE } from '../../src/codec/coap.ts';
import { OPTION } from '../../src/codec/coap-option.ts';
import { readBlock } from '../../src/codec/block.ts';
import { findOption, findUint } from '../../src/codec/option-values.ts';
import { EMPTY, toHex } from '../../src/lib/bytes.ts';
import { PushError } from '../../src/errors.ts';
import type { Entry, Outcome } from '../../src/naf/entry.ts';
import { ObserveMode } from '../../src/naf/observe-mode.ts';
import type { CoapContent, PeerLimits } from '../../src/net/channel-types.ts';
import { makeEntry } from '../support/entry.ts';
import { manualClock } from '../support/manual-clock.ts';
import { overTheWire } from '../support/coap.ts';

interface Barrier {
  readonly pong: (custody: boolean) => void;
  readonly lost: () => void;
}

/** A mode over a channel that only notes what it is told. */
function makeMode(peer?: PeerLimits) {
  const clock = manualClock();
  const barriers: Barrier[] = [];
  const said: CoapContent[] = [];
  const told: { readonly entry: Entry; readonly outcome: Outcome }[] = [];
  const mode = new ObserveMode({
    channel: {
      peer,
      barrier: () =>
        new Promise((resolve, reject) => {
          barriers.push({
            pong: resolve,
            lost: () => {
              reject(new Error('the channel is closed'));
            },
          });
        }),
    },
    clock,
    endsAt: clock.monotonic() + 90_500,
    layer: {
      tell: (entry, outcome) => void told.push({ entry, outcome }),
      takesLong: () => undefined,
      giveBack: () => undefined,
      has: () => true,
    },
  });
  let seq = 0;
  const send = (count = 1, payload?: Uint8Array): void => {
    for (let i = 0; i < count; i += 1) {
      mode.send(makeEntry([], { seq: (seq += 1), ...(payload && { payload }) }), 60);
    }
  };
  const register = (token = '01', contentFormat = 42, exponent?: number): void => {
    mode.register({ token, contentFormat, exponent, respond: (content) => said.push(content) });
  };
  /** Answers a Ping, the latest one unless told otherwise. */
  const pong = async (custody: boolean, which = -1): Promise<void> => {
    barriers.at(which)?.pong(custody);
    await turn();
  };
  const outcomes = (): string[] => told.map(({ entry, outcome }) => `${entry.seq} ${outcome.kind}`);
  return { clock, mode, barriers, said, told, send, register, pong, outcomes };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('the answer to a registration is empty, and fresh as long as the key', (t) => {
  const { mode, said, register } = makeMode();
  t.false(mode.ready);
  register('01', 50);
  t.true(mode.ready);
  const [first] = said;
  if (first === undefined) throw new Error('nothing was said');
  const { options } = overTheWire(first);
  t.is(first.code, CODE.CONTENT);
  t.is(first.payload?.length, 0);
  t.is(findUint(options, OPTION.CONTENT_FORMAT), 50);
  t.is(findUint(options, OPTION.MAX_AGE), 91);
});

test('one Ping with Custody is out at a time, and its Pong speaks for what went before it only', async (t) => {
  const { barriers, send, register, pong, outcomes } = makeMode();
  register();
  send(3);
  t.is(barriers.length, 1);
  await pong(true);
  t.deepEqual(outcomes(), ['1 taken']);
  t.is(barriers.length, 2, 'for the two that came meanwhile');
  send();
  await pong(false);
  t.deepEqual(outcomes(), ['1 taken', '2 sent', '3 sent']);
  await pong(true);
  t.deepEqual(outcomes().slice(3), ['4 taken']);
  t.is(barriers.length, 3, 'nothing is out, so nothing is asked');
});

test('a Pong that never comes leaves the pushes sent, and a late one changes nothing', async (t) => {
  const { clock, told, barriers, send, register, pong, outcomes } = makeMode();
  register();
  send(2);
  clock.advance(14_999);
  t.deepEqual(outcomes(), []);
  clock.advance(1);
  t.deepEqual(outcomes(), ['1 sent']);
  t.regex((told[0]?.outcome as { detail?: string }).detail ?? '', /may have arrived/);
  await pong(true, 0);
  t.deepEqual(outcomes(), ['1 sent']);
  t.is(barriers.length, 2);
  await pong(true);
  t.deepEqual(outcomes(), ['1 sent', '2 taken']);
  t.is(clock.pending, 0, 'no timer is left');
});

test('at most 32 pushes are out without a Pong, and whoever waits is woken by one', async (t) => {
  const { mode, send, register, pong } = makeMode();
  register();
  send(31);
  t.true(mode.ready);
  send();
  t.false(mode.ready);
  let woken = false;
  void mode.whenReady().then(() => (woken = true));
  await turn();
  t.false(woken);
  await pong(true);
  t.true(woken && mode.ready);
});

test('when the layer ends, what is out is sent and never comes back', async (t) => {
  const { clock, mode, barriers, send, register, outcomes } = makeMode();
  register();
  send(3);
  barriers[0]?.lost();
  await turn();
  t.deepEqual(outcomes(), [], 'the end of the layer says it');
  let woken = false;
  void mode.whenReady().then(() => (woken = true));
  mode.surrender();
  mode.surrender();
  await turn();
  t.deepEqual(outcomes(), ['1 sent', '2 sent', '3 sent']);
  t.true(woken);
  t.is(clock.pending, 0);
});

test('a cancelled registration takes no push; another token cancels nothing', async (t) => {
  const { mode, said, send, register } = makeMode();
  register('01');
  mode.cancel('0101');
  mode.cancel('');
  t.true(mode.ready);
  mode.cancel('01');
  t.false(mode.ready);
  t.throws(() => send(), { instanceOf: PushError, code: 'ERR_PUSH_REFUSED' });
  let woken = false;
  void mode.whenReady().then(() => (woken = true));
  register('02');
  await turn();
  t.true(woken && mode.ready);
  t.deepEqual(
    said.map(({ code }) => code),
    [CODE.CONTENT, CODE.CONTENT],
  );
});

test('a registration under another token ends the one before, the same token renews it', (t) => {
  const { said, register } = makeMode();
  register('01');
  register('01');
  register('02');
  t.deepEqual(
    said.map(({ code }) => code),
    [CODE.CONTENT, CODE.CONTENT, CODE.NOT_FOUND, CODE.CONTENT],
  );
});

test('a push of another format than the registered one is refused, one that nobody described is not', (t) => {
  const { mode, said, register } = makeMode();
  const push = (contentFormat: number): void => {
    const entry = makeEntry([], { seq: 1 });
    mode.send({ ...entry, contentFormat }, 60);
  };
  register('01', 50);
  t.throws(() => push(0), { code: 'ERR_PUSH_REFUSED', message: /50 only, and this is 0/ });
  t.is(said.length, 1);
  push(50);
  push(42);
  register('01', 42);
  push(0);
  t.is(said.length, 5);
});

test('a notification that is too long is not out', (t) => {
  const { mode, barriers, told } = makeMode();
  let answers = 0;
  mode.register({
    token: '01',
    contentFormat: 42,
    respond: () => {
      answers += 1;
      if (answers > 1) throw new PushError('ERR_PUSH_OVERSIZE', 'too long');
    },
  });
  t.throws(() => mode.send(makeEntry([], { seq: 1 }), 60), { code: 'ERR_PUSH_OVERSIZE' });
  mode.surrender();
  t.deepEqual([barriers, told], [[], []]);
});

/** The parts of a body in what was said: its first block in a notification, later ones in answers. */
function partsOf(said: readonly CoapContent[]) {
  return said.map((content) => {
    const { options, payload } = overTheWire(content);
    const block = findOption(options, OPTION.BLOCK2);
    return {
      octets: payload.length,
      block: block && readBlock(block),
      size: findUint(options, OPTION.SIZE2),
      tag: toHex(findOption(options, OPTION.ETAG)?.value ?? EMPTY),
    };
  });
}

test('what is longer than the client wants its blocks is read by it, and no other is notified meanwhile', async (t) => {
  const { mode, barriers, said, send, register, pong, outcomes } = makeMode();
  register('01', 42, 2);
  const payload = Buffer.from(Array.from({ length: 150 }, (_, i) => i));
  mode.send(makeEntry([], { seq: 1, payload }), 60);
  t.false(mode.ready);
  t.is(barriers.length, 0);
  let woken = false;
  void mode.whenReady().then(() => (woken = true));
  const answers: CoapContent[] = [];
  const read = (number: number, exponent = 2): void => {
    mode.read({ number, more: false, exponent }, (content) => answers.push(content));
  };
  read(1);
  read(1);
  t.is(barriers.length, 0, 'it has not read the end');
  read(8, 0);
  t.false(mode.ready);
  read(2);
  await turn();
  t.true(woken && mode.ready);
  const parts = partsOf([...said.slice(1), ...answers]);
  t.deepEqual(
    parts.map(({ octets, block }) => [octets, block?.number, block?.more, block?.exponent]),
    [
      [64, 0, true, 2],
      [64, 1, true, 2],
      [64, 1, true, 2],
      [16, 8, true, 0],
      [22, 2, false, 2],
    ],
  );
  t.deepEqual(
    parts.map(({ size }) => size),
    parts.map(() => 150),
  );
  t.is(new Set(parts.map(({ tag }) => tag)).size, 1);
  t.is(parts[0]?.tag.length, 16);
  const [first, second, , , last] = [...said.slice(1), ...answers];
  const whole = [first, second, last].map((content) => Buffer.from(content?.payload ?? EMPTY));
  t.deepEqual(Buffer.concat(whole), payload);
  t.is(barriers.length, 1);
  await pong(true);
  send();
  await pong(true);
  t.deepEqual(outcomes(), ['1 taken', '1 taken']);
});

test('a client that wants no blocks gets them only when a message cannot be so long, and it takes them', (t) => {
  const first = (takesBlocks: boolean, most: number) => {
    const { mode } = makeMode({ maxMessageSize: 1_152, takesBlocks });
    const said: CoapContent[] = [];
    const respond = (content: CoapContent): void => {
      if ((content.payload?.length ?? 0) > most) throw new PushError('ERR_PUSH_OVERSIZE', 'long');
      said.push(content);
    };
    mode.register({ token: '01', contentFormat: 42, respond });
    mode.send(makeEntry([], { seq: 1, payload: new Uint8Array(1_101) }), 60);
    mode.read({ number: 0, more: false, exponent: 6 }, respond);
    return partsOf(said).slice(1);
  };
  const large = { octets: 1_024, block: { number: 0, more: true, exponent: 6 } };
  t.like(first(true, 1_100), [large, large]);
  const small = { octets: 128, block: { number: 0, more: true, exponent: 3 } };
  t.like(first(true, 200), [small, small], 'later answers are no longer than what fitted');
  t.throws(() => first(true, 15), { code: 'ERR_PUSH_OVERSIZE' });
  t.throws(() => first(false, 1_100), { code: 'ERR_PUSH_OVERSIZE' });
});

test('who asks for the last block alone has not read the body', async (t) => {
  const { mode, register, pong, outcomes } = makeMode();
  register('01', 42, 2);
  mode.send(makeEntry([], { seq: 1, payload: new Uint8Array(300) }), 60);
  const read = (number: number): void => {
    mode.read({ number, more: false, exponent: 2 }, () => undefined);
  };
  for (const number of [4, 2, 1, 3, 4]) {
    await pong(true);
    t.deepEqual(outcomes(), []);
    read(number);
  }
  t.false(mode.ready, 'the second block was not had when the third was');
  for (const number of [2, 3, 4]) read(number);
  t.true(mode.ready);
  await pong(true);
  t.deepEqual(outcomes(), ['1 taken']);
});

test('a client that registers again while it reads is told the first block again', (t) => {
  const { mode, said, register } = makeMode();
  register('01', 42, 2);
  mode.send(makeEntry([], { seq: 1, payload: new Uint8Array(100) }), 60);
  register('01', 42, 2);
  t.deepEqual(
    partsOf(said).map(({ octets }) => octets),
    [0, 64, 64],
  );
  t.false(mode.ready);
});

test('a client that reads no further for 15 seconds has what it has, and the next one comes', async (t) => {
  const { clock, mode, told, send, register } = makeMode();
  register('01', 42, 0);
  mode.send(makeEntry([], { seq: 1, payload: new Uint8Array(100) }), 60);
  clock.advance(14_999);
  mode.read({ number: 1, more: false, exponent: 0 }, () => undefined);
  clock.advance(14_999);
  t.deepEqual(told, []);
  clock.advance(1);
  t.like(told, [{ outcome: { kind: 'sent' } }]);
  t.regex((told[0]?.outcome as { detail?: string }).detail ?? '', /did not read it to its end/);
  t.true(mode.ready);
  const answers: CoapContent[] = [];
  mode.read({ number: 2, more: false, exponent: 0 }, (content) => answers.push(content));
  t.is(answers[0]?.code, CODE.NOT_FOUND, 'it is too late');
  send();
  await turn();
  mode.surrender();
  t.is(clock.pending, 0);
});

test('a block beyond the end is answered 4.00, and the layer that ends tells of what was being read', (t) => {
  const { clock, mode, register, outcomes } = makeMode();
  register('01', 42, 0);
  mode.send(makeEntry([], { seq: 1, payload: new Uint8Array(32) }), 60);
  const answers: CoapContent[] = [];
  mode.read({ number: 2, more: false, exponent: 0 }, (content) => answers.push(content));
  t.is(answers[0]?.code, CODE.BAD_REQUEST);
  mode.surrender();
  t.deepEqual(outcomes(), ['1 sent']);
  t.is(clock.pending, 0);
});

const script = fc.array(
  fc.constantFrom(
    ...(['send', 'send', 'taken', 'sent', 'late', 'cancel', 'register', 'other', 'lose'] as const),
    ...(['long', 'read', 'read', 'read last'] as const),
  ),
  { maxLength: 60 },
);

function seqs(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

test('whatever happens, each push is told of once, and as taken only when it was read and after its own Pong', async (t) => {
  await fc.assert(
    fc.asyncProperty(script, async (steps) => {
      const { clock, mode, barriers, send, register, pong, told } = makeMode();
      const confirmed = new Set<number>();
      const covered: number[] = [];
      let [sent, asked] = [0, 0];
      /** The block of four that the client has to read next; 0: there is none. */
      let next = 0;
      const read = (number: number): void => {
        mode.read({ number, more: false, exponent: 2 }, () => undefined);
        if (next > 0 && number === next) next = (next + 1) % 4;
      };
      register('01', 42, 2);
      for (const step of steps) {
        if (step === 'send' && mode.ready) {
          send();
          sent += 1;
        }
        if (step === 'long' && mode.ready) {
          send(1, new Uint8Array(256));
          sent += 1;
          next = 1;
        }
        if (step === 'read') read(next);
        if (step === 'read last') read(3);
        if (step === 'late' || step === 'lose') next = 0;
        if (step === 'taken' || step === 'sent') await pong(step === 'taken');
        if (step === 'taken') covered.forEach((seq) => confirmed.add(seq));
        if (step === 'late') clock.advance(15_000);
        if (step === 'cancel') mode.cancel('01');
        if (step === 'register') register('01', 42, 2);
        if (step === 'other') register('02', 42, 2);
        if (step === 'lose') mode.surrender();
        if (barriers.length > asked) {
          asked = barriers.length;
          covered.splice(0, Infinity, ...seqs(next > 0 ? sent - 1 : sent));
        }
      }
      mode.surrender();
      const order = told.map(({ entry }) => entry.seq);
      if (!steps.includes('long')) t.deepEqual(order, seqs(sent));
      t.deepEqual(
        order.toSorted((a, b) => a - b),
        seqs(sent),
      );
      const taken = told.filter(({ outcome }) => outcome.kind === 'taken');
      t.true(taken.every(({ entry }) => confirmed.has(entry.seq)));
      t.is(clock.pending, 0);
    }),
  );
});
