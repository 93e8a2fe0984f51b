import { CacheQuantError, type ErrorCode } from '../index.js';

/** What the suites need of a test framework; vitest's functions of these names fit. */
export interface TestApi {
  readonly describe: (title: string, body: () => void) => unknown;
  readonly test: (title: string, body: () => Promise<void>) => unknown;
  readonly beforeAll: (body: () => Promise<void>) => unknown;
  readonly afterAll: (body: () => Promise<void>) => unknown;
  readonly expect: (actual: unknown) => {
    toBe(expected: unknown): void;
    toEqual(expected: unknown): void;
  };
}

/** The error with which a promise is rejected; fails unless it is one of ours with an expected code. */
export async function failure(
  promise: Promise<unknown>,
  ...codes: readonly ErrorCode[]
): Promise<CacheQuantError> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!('error' in outcome))
    throw new Error(`expected a rejection with ${codes.join(' or ')}, but it succeeded`);
  if (CacheQuantError.is(outcome.error) && codes.includes(outcome.error.code)) return outcome.error;
  throw new Error(`expected a CacheQuantError with ${codes.join(' or ')}`, { cause: outcome.error });
}
