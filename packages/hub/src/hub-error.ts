import { CacheQuantError, type ErrorDetails } from '@cachequant/tensor';

/** Why the hub did not give what was asked for. */
export type HubErrorReason =
  /** The model's page asks for something first: a login, a licence to accept. */
  | 'gated'
  /** The token is wrong, or may not do this. */
  | 'unauthorized'
  /** There is no such model, revision or file, or nobody without a token may know of it. */
  | 'missing'
  | 'rate-limited'
  /** Downloads are switched off, and the cache does not hold what is needed. */
  | 'offline'
  /** No connection, or one that was cut again and again. */
  | 'unreachable'
  /** The server answered with an error of its own, or with something unexpected. */
  | 'server'
  /** What came has another size or hash than the Hub says. */
  | 'damaged';

/** A download that failed. Its code is `hub`. */
export class HubError extends CacheQuantError {
  readonly reason: HubErrorReason;
  /** When the server wants to be asked again, where it said so. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    reason: HubErrorReason,
    summary: string,
    details: ErrorDetails & { retryAfterSeconds?: number | undefined } = {},
  ) {
    super('hub', summary, details);
    this.reason = reason;
    this.retryAfterSeconds = details.retryAfterSeconds;
  }
}
