import { ApiError } from '../faults/api-error.js';

/** Something that takes the processor for seconds, one at a time. */
export interface Job<S, T> {
  /** What it is, for those who look at the queue. */
  readonly subject: S;
  /** Ends it: at once while it waits, within one network call while it runs. Its reason is thrown. */
  readonly signal: AbortSignal;
  run(signal: AbortSignal): Promise<T>;
}

export interface JobQueueOptions {
  /** Jobs that may wait. */
  readonly capacity: number;
  readonly onWaited?: (seconds: number) => void;
  /** Milliseconds from any origin. */
  readonly now?: () => number;
}

interface Entry<S> {
  readonly subject: S;
  readonly submittedMs: number;
  /** Resolves, whatever becomes of the job, to whether it did what it was to do. */
  readonly start: () => Promise<boolean>;
  readonly refuse: (error: unknown) => void;
  /** Ends it while it runs. */
  readonly stop: (error: unknown) => void;
}

/** Weight of the newest job in the mean time of a job. */
const NEWEST = 0.3;
const LONGEST_RETRY_SECONDS = 600;

/** Jobs one after another in the order of their arrival, with a bound on how many wait. */
export class JobQueue<S> {
  readonly #options: JobQueueOptions;
  readonly #waiting: Entry<S>[] = [];

  #running: { readonly entry: Entry<S>; readonly done: Promise<void> } | undefined;
  #draining = false;
  #meanSeconds: number | undefined;

  constructor(options: JobQueueOptions) {
    this.#options = options;
  }

  /** The next one first. */
  get waiting(): readonly S[] {
    return this.#waiting.map(({ subject }) => subject);
  }

  get running(): S | undefined {
    return this.#running?.entry.subject;
  }

  get isDraining(): boolean {
    return this.#draining;
  }

  /** When a client that finds the queue full has a chance, by the time that jobs took so far. */
  get retryAfterSeconds(): number {
    const seconds = Math.ceil((this.#meanSeconds ?? 1) * (this.#waiting.length + 1));
    return Math.min(Math.max(seconds, 1), LONGEST_RETRY_SECONDS);
  }

  /**
   * @throws ApiError 429 when too many wait, 503 when the server ends; at once, not as a rejection, so that a caller
   * knows whether the job has a place
   */
  submit<T>(job: Job<S, T>): Promise<T> {
    if (this.#draining) throw stopping();
    if (this.#running !== undefined && this.#waiting.length >= this.#options.capacity) {
      throw new ApiError(429, 'The queue is full.', {
        code: 'queue_full',
        retryAfterSeconds: this.retryAfterSeconds,
      });
    }
    return new Promise<T>((resolve, reject) => {
      const { signal } = job;
      if (signal.aborted) return reject(signal.reason);
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        reject(signal.reason);
      };
      const stop = new AbortController();
      const entry: Entry<S> = {
        subject: job.subject,
        stop: (error) => stop.abort(error),
        submittedMs: this.#now(),
        refuse: (error) => {
          signal.removeEventListener('abort', leave);
          reject(error);
        },
        start: async () => {
          signal.removeEventListener('abort', leave);
          const either = AbortSignal.any([signal, stop.signal]);
          return job.run(either).then(
            (result) => {
              resolve(result);
              return true;
            },
            (error) => {
              reject(either.aborted ? either.reason : error);
              return false;
            },
          );
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(entry);
      this.#next();
    });
  }

  /**
   * Takes no more jobs, hands back those that wait, and lets the one that runs finish; after `graceMs` it is handed
   * back too, within one network call. Resolves when nothing runs.
   */
  async drain(graceMs: number): Promise<void> {
    this.#draining = true;
    for (const entry of this.#waiting.splice(0)) entry.refuse(stopping());
    const running = this.#running;
    if (running === undefined) return;
    const timer = setTimeout(() => running.entry.stop(stopping()), graceMs);
    await running.done;
    clearTimeout(timer);
  }

  #next(): void {
    if (this.#running !== undefined) return;
    const entry = this.#waiting.shift();
    if (entry === undefined) return;
    const startMs = this.#now();
    this.#options.onWaited?.((startMs - entry.submittedMs) / 1000);
    const done = entry.start().then((finished) => {
      if (finished) this.#measure((this.#now() - startMs) / 1000);
      this.#running = undefined;
      this.#next();
    });
    this.#running = { entry, done };
  }

  #measure(seconds: number): void {
    this.#meanSeconds =
      this.#meanSeconds === undefined ? seconds : (1 - NEWEST) * this.#meanSeconds + NEWEST * seconds;
  }

  #now(): number {
    return (this.#options.now ?? (() => performance.now()))();
  }
}

/** That the server takes no more. */
export function stopping(): ApiError {
  return new ApiError(503, 'The server is ending; send the request again.', {
    code: 'server_stopping',
    retryAfterSeconds: 1,
  });
}
