const BRAND = Symbol.for('cachequant.error');

/** What went wrong, in a word a program can switch on. */
export type ErrorCode =
  | 'shape'
  | 'dtype'
  | 'invalid-argument'
  | 'onnx-format'
  | 'checkpoint-format'
  | 'hub'
  | 'unsupported'
  | 'infeasible-schedule'
  | 'calibration'
  | 'runtime'
  | 'storage'
  | 'bundle'
  | 'non-finite'
  | 'aborted'
  | 'internal';

/** The four things a message of ours says; `where` and `hint` may be left out when there is nothing to say. */
export interface ErrorDetails {
  /** What was being done or looked at: an argument's name, a file, a node. */
  where?: string;
  /** What would have been right. */
  expected?: string;
  /** What came instead. */
  got?: string;
  /** What the reader can do about it. */
  hint?: string;
  cause?: unknown;
}

/** Every error that CacheQuant throws on purpose. */
export class CacheQuantError extends Error {
  readonly code: ErrorCode;
  readonly where: string | undefined;
  readonly expected: string | undefined;
  readonly got: string | undefined;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, summary: string, details: ErrorDetails = {}) {
    super(
      composeMessage(summary, details),
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.name = 'CacheQuantError';
    this.code = code;
    this.where = details.where;
    this.expected = details.expected;
    this.got = details.got;
    this.hint = details.hint;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** Like `instanceof`, but also true for an error of another copy of this package. */
  static is(value: unknown): value is CacheQuantError {
    return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[BRAND] === true;
  }
}

function composeMessage(summary: string, { where, expected, got, hint }: ErrorDetails): string {
  const head = where === undefined ? summary : `${where}: ${summary}`;
  const facts = [
    expected === undefined ? '' : `expected ${expected}`,
    got === undefined ? '' : `got ${got}`,
  ].filter((part) => part !== '');
  const middle = facts.length === 0 ? '' : ` (${facts.join(', ')})`;
  return `${head}${middle}${hint === undefined ? '' : `. ${hint}`}`;
}

/** Throws an `aborted` error when the signal says so. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw new CacheQuantError('aborted', 'stopped on request', { cause: signal.reason });
  }
}
