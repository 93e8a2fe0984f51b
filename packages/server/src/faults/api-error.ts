/** What an error says beside its message. */
export interface ApiErrorDetails {
  /** A word a program can switch on. */
  readonly code?: string;
  /** The request's field that is at fault. */
  readonly param?: string;
  /** When to try again. Without it, a client should not. */
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
}

/** OpenAI's error object. */
export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

/** Status of a request whose client went away before the answer; nobody sees it but logs and metrics. */
export const CLIENT_GONE = 499;

/** What a request is answered with when there is no picture. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string | undefined;
  readonly param: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(status: number, message: string, details: ApiErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'ApiError';
    this.status = status;
    this.code = details.code;
    this.param = details.param;
    this.retryAfterSeconds = details.retryAfterSeconds;
  }

  get type(): string {
    if (this.status === 429) return 'rate_limit_error';
    return this.status < 500 ? 'invalid_request_error' : 'server_error';
  }

  get body(): ErrorBody {
    const { message, type, param = null, code = null } = this;
    return { error: { message, type, param, code } };
  }

  /**
   * `x-should-retry` is OpenAI's clients' own: left to themselves they send a request again after every 5xx, which
   * would draw a picture again that was too slow the first time.
   */
  get headers(): Record<string, string> {
    if (this.retryAfterSeconds !== undefined) return { 'retry-after': String(this.retryAfterSeconds) };
    return this.status >= 500 ? { 'x-should-retry': 'false' } : {};
  }
}
