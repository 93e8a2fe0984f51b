import { CacheQuantError, throwIfAborted } from '@cachequant/tensor';

/** Runs tasks one after another, in the order in which they came. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve();

  /** @param signal looked at when the call is made, while it waits, and once before it starts */
  add<T>(task: () => Promise<T> | T, signal?: AbortSignal): Promise<T> {
    throwIfAborted(signal);
    let started = false;
    const run = this.#last.then(() => {
      throwIfAborted(signal);
      started = true;
      return task();
    });
    this.#last = run.catch(() => undefined);
    if (signal === undefined) return run;
    return new Promise<T>((resolve, reject) => {
      const abort = () => {
        if (!started) reject(new CacheQuantError('aborted', 'stopped on request', { cause: signal.reason }));
      };
      signal.addEventListener('abort', abort);
      run.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
    });
  }

  /** When everything that was added has ended. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
