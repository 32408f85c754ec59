/** What an AVA run says of its tests (Test Anything Protocol). */

export type Result = 'passed' | 'failed' | 'skipped';

export interface TapTest {
  /** Without folder and ending, e.g. `matrix-openssl`. */
  readonly file: string;
  readonly title: string;
  readonly result: Result;
}

/** The tests of one run, or of several in one text; whichever failed once has failed. */
export function readTap(text: string): TapTest[] {
  const tests = new Map<string, TapTest>();
  for (const [, not, whole = '', skip] of text.matchAll(LINE)) {
    const [title = '', file = ''] = whole.split(' › ').reverse();
    const result = not !== undefined ? 'failed' : skip !== undefined ? 'skipped' : 'passed';
    const key = `${file} ${title}`;
    if (tests.get(key)?.result !== 'failed') tests.set(key, { file, title, result });
  }
  return [...tests.values()];
}

const LINE = /^(not )?ok \d+ - (.*?)( # SKIP.*)?$/gm;
