import type { TestApi } from '@cachequant/tensor/testing';

/** What became of one test on the page. */
export interface PageResult {
  readonly title: string;
  readonly ms: number;
  /** Undefined when it passed. */
  readonly error: string | undefined;
}

/** Runs a suite on a page, where there is no test framework. */
export async function runSuite(define: (api: TestApi) => void): Promise<PageResult[]> {
  const tests: { title: string; body: () => Promise<void> }[] = [];
  const before: (() => Promise<void>)[] = [];
  const after: (() => Promise<void>)[] = [];
  define({
    describe: (_, body) => body(),
    test: (title, body) => tests.push({ title, body }),
    beforeAll: (body) => before.push(body),
    afterAll: (body) => after.push(body),
    expect: (actual) => ({
      toBe: (expected) => check(Object.is(actual, expected), actual, expected),
      toEqual: (expected) => check(equal(actual, expected), actual, expected),
    }),
  });
  for (const body of before) await body();
  const results: PageResult[] = [];
  for (const { title, body } of tests) {
    const started = performance.now();
    const error = await body().then(
      () => undefined,
      (reason) => `${reason?.stack ?? reason}${reason?.cause ? `\ncaused by ${reason.cause}` : ''}`,
    );
    results.push({ title, ms: performance.now() - started, error });
  }
  for (const body of after) await body();
  return results;
}

function check(holds: boolean, actual: unknown, expected: unknown): void {
  if (!holds) throw new Error(`expected ${print(expected)}, got ${print(actual)}`);
}

function equal(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  const keys = Object.keys(a).filter((key) => a[key as never] !== undefined);
  const others = Object.keys(b).filter((key) => b[key as never] !== undefined);
  return keys.length === others.length && keys.every((key) => equal(a[key as never], b[key as never]));
}

function print(value: unknown): string {
  return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}n` : part)) ?? String(value);
}
