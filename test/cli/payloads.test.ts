import { execFileSync } from 'node:child_process';
import { closeSync, openSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { lines, payloads } from '../../src/cli/payloads.ts';
import { call, jsonLines, startProcess, startUe, temporaryFolder } from '../support/command.ts';

const UE = '001010000000001';
const MOST = 16_777_216;

/** The lines of a stream that comes in these chunks. */
async function linesOf(...chunks: readonly (string | Uint8Array)[]): Promise<string[]> {
  const found: string[] = [];
  const stream = Readable.from(chunks.map((chunk) => Buffer.from(chunk)));
  for await (const line of lines(stream)) found.push(Buffer.from(line).toString());
  return found;
}

/** Octets without end, and how many of them were read. */
function endless(octet: string) {
  const chunk = Buffer.alloc(65_536, octet);
  let read = 0;
  const stream = new Readable({
    read() {
      read += chunk.length;
      this.push(chunk);
    },
  });
  return { stream, read: () => read };
}

test('lines are what stands between newlines, however they are cut into chunks', async (t) => {
  t.deepEqual(await linesOf('one\ntwo\n\nfour'), ['one', 'two', '', 'four']);
  t.deepEqual(await linesOf('o', 'ne\n', '', 'tw', 'o', '\n'), ['one', 'two']);
  t.deepEqual(await linesOf(), []);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ unit: fc.constantFrom('a', '\n') })), async (chunks) => {
      const text = chunks.join('');
      t.deepEqual(
        await linesOf(...chunks),
        text
          .replace(/\n$/, '')
          .split('\n')
          .slice(text ? 0 : 1),
      );
    }),
  );
});

test('a line that is too long is passed over by its number, with what it has besides, where that is asked for', async (t) => {
  const over: number[] = [];
  const long = 'x'.repeat(MOST + 1);
  const text = `${long}\none\n${long}${long}\n\n${long}`;
  for (const size of [text.length, 65_536, 1_000]) {
    const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, n) =>
      Buffer.from(text.slice(n * size, (n + 1) * size)),
    );
    const found: string[] = [];
    const read = lines(Readable.from(chunks), (number) => over.push(number));
    for await (const line of read) found.push(Buffer.from(line).toString());
    t.deepEqual(found, ['one', '']);
    t.deepEqual(over.splice(0), [1, 3, 5]);
  }
});

test('the longest payload is read whole, whether a line or a file', async (t) => {
  const whole = 'x'.repeat(MOST);
  t.deepEqual(await linesOf(`${whole}\n`, 'next'), [whole, 'next']);
  const read: number[] = [];
  for await (const { length } of payloads({ file: '-' }, Readable.from([Buffer.from(whole)]))) {
    read.push(length);
  }
  t.deepEqual(read, [MOST]);
});

test('a line or file without end is refused when it is too long, not held', async (t) => {
  for (const options of [{ stdinLines: true }, { file: '-' }]) {
    const { stream, read } = endless('x');
    const error = await t.throwsAsync(payloads(options, stream).next(), {
      code: 'ERR_PUSH_OVERSIZE',
    });
    t.regex(error.message, /^(?:line 1|stdin) has more than 16777216 octets, too many for a push/);
    t.true(read() <= MOST + 4 * 65_536, 'no more than what its stream reads ahead');
    t.true(stream.destroyed);
  }
  await t.throwsAsync(linesOf('one\n', 'x'.repeat(MOST), 'x\n'), { message: /^line 2 has more/ });
  await t.throwsAsync(linesOf(`one\n${'x'.repeat(MOST + 1)}\n`), { message: /^line 2 has more/ });
});

async function refused(t: ExecutionContext, args: readonly string[], input: string) {
  const state = temporaryFolder(t);
  const command = call(t, 'naf-push', ['send', UE, ...args, '--state', state], { input });
  return { code: await command.ended, out: command.stdout, err: command.stderr };
}

test('a file without end or beyond all measure is 1, with one line', async (t) => {
  const huge = join(temporaryFolder(t), 'huge');
  writeFileSync(huge, '');
  truncateSync(huge, 10 ** 12);
  for (const file of [huge, '/dev/zero']) {
    const { code, out, err } = await refused(t, ['-f', file], '');
    t.is(code, 1);
    t.is(out, '');
    t.regex(err, /^naf-push: \/\S+ has more than 16777216 octets.*\(ERR_PUSH_OVERSIZE\)\n$/);
  }
});

test('lines before one without end are pushed, and settled before it is told', async (t) => {
  const state = temporaryFolder(t);
  const { ue, trigger } = await startUe(t, call, ['--state', join(state, 'ue')]);
  const args = ['-l', '--json', '--trigger', trigger, '--state', join(state, 'naf')];
  const naf = call(t, 'naf-push', ['send', UE, ...args], {
    input: `one\ntwo\n${'x'.repeat(MOST + 1)}`,
  });
  t.is(await naf.ended, 6);
  t.deepEqual(
    jsonLines(naf.stdout).map(({ state }) => state),
    ['acked', 'acked'],
  );
  t.regex(naf.stderr, /^naf-push: line 3 has more than 16777216 octets.*\(ERR_PUSH_OVERSIZE\)\n$/);
  t.deepEqual(
    jsonLines(ue.stdout).flatMap(({ payload }) => payload ?? []),
    ['one', 'two'],
  );
});

test('an association is served no further lines after one without end', async (t) => {
  const args = ['sa', 'announce', UE, '--state', temporaryFolder(t), '--json'];
  const naf = call(t, 'naf-push', args, { input: `one\n${'x'.repeat(MOST + 1)}` });
  t.is(await naf.ended, 1);
  t.like(jsonLines(naf.stdout)[1], { state: 'dead', reason: 'dropped' });
  t.regex(naf.stderr, /^naf-push: line 2 has more than .*\n$/);
});

for (const source of ['stdin', 'a FIFO without a writer', 'a FIFO with a silent writer']) {
  test(`the first interrupt ends the reading of ${source}`, async (t) => {
    const folder = temporaryFolder(t);
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    if (source.includes('silent')) {
      const writer = openSync(fifo, 'r+');
      t.teardown(() => {
        closeSync(writer);
      });
    }
    const file = source === 'stdin' ? '-' : fifo;
    const naf = startProcess(t, 'naf-push', ['send', UE, '-f', file, '-v', '--state', folder]);
    await naf.says(/naf listening/);
    await new Promise((resolve) => setTimeout(resolve, 300));
    naf.interrupt();
    t.is(await naf.ended, 130);
    t.is(naf.stdout, '');
  });
}

test('a FIFO is read to the end of its writer', async (t) => {
  const folder = temporaryFolder(t);
  const fifo = join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const read = payloads({ file: fifo }, new PassThrough()).next();
  const writer = await open(fifo, 'w');
  await writer.write('one ');
  await writer.write('payload');
  await writer.close();
  const { done, value } = (await read) as IteratorYieldResult<Uint8Array>;
  t.falsy(done);
  t.is(Buffer.from(value).toString(), 'one payload');
});
