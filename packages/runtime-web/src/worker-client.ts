import { CacheQuantError, throwIfAborted } from '@cachequant/tensor';
import type { CallOptions, SessionWorker, Wrap } from '@cachequant/tensor/worker-runtime';
import type { Backend, Calls, Reply } from './protocol.js';

interface Job {
  readonly kind: keyof Calls;
  readonly request: unknown;
  readonly moved: readonly ArrayBuffer[];
  readonly wrap: Wrap;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly forget: () => void;
}

/**
 * Calls into one web worker, which is given the next call when it has answered the one before: what still waits can
 * be taken back without memory that both threads see, which ordinary pages do not have.
 */
export class WorkerClient implements SessionWorker {
  readonly device: string;
  readonly #worker: Worker;
  readonly #waiting: Job[] = [];
  #running: Job | undefined;
  #ended: CacheQuantError | undefined;

  constructor(worker: Worker, backend: Backend) {
    this.device = backend === 'webgpu' ? 'webgpu' : 'web-worker';
    this.#worker = worker;
    worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => this.#settle(data));
    worker.addEventListener('messageerror', () => this.close(stopped('a message that cannot be read')));
    worker.addEventListener('error', (event) => {
      event.preventDefault?.();
      this.close(stopped(event.message || 'its script could not be loaded'));
    });
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  async call<K extends keyof Calls>(
    kind: K,
    request: Calls[K]['request'],
    { moved = [], signal, wrap }: CallOptions,
  ): Promise<Calls[K]['response']> {
    throwIfAborted(signal);
    if (this.#ended) throw this.#ended;
    const answered = new Promise((resolve, reject) => {
      const abort = () => this.#takeBack(job, signal?.reason);
      signal?.addEventListener('abort', abort);
      const forget = () => signal?.removeEventListener('abort', abort);
      const job: Job = { kind, request, moved, wrap, resolve, reject, forget };
      this.#waiting.push(job);
    });
    this.#next();
    return answered as Promise<Calls[K]['response']>;
  }

  /** Rejects the calls without an answer and ends the worker, whatever it is doing. */
  close(reason: CacheQuantError): void {
    if (this.#ended) return;
    this.#ended = reason;
    this.#worker.terminate();
    const jobs = [...(this.#running ? [this.#running] : []), ...this.#waiting.splice(0)];
    this.#running = undefined;
    for (const job of jobs) {
      job.forget();
      job.reject(reason);
    }
  }

  #next(): void {
    if (this.#running || this.#ended) return;
    const job = this.#waiting.shift();
    if (job === undefined) return;
    this.#running = job;
    const { kind, request, moved } = job;
    try {
      this.#worker.postMessage({ kind, request }, [...moved]);
    } catch (error) {
      this.#settle({ error: error instanceof Error ? error.message : String(error) });
    }
  }

  #settle(reply: Reply): void {
    const job = this.#running;
    if (job === undefined) return;
    this.#running = undefined;
    job.forget();
    if ('error' in reply) job.reject(job.wrap(reply.error));
    else job.resolve(reply.value);
    this.#next();
  }

  #takeBack(job: Job, cause: unknown): void {
    const place = this.#waiting.indexOf(job);
    if (place < 0) return;
    this.#waiting.splice(place, 1);
    job.forget();
    job.reject(new CacheQuantError('aborted', 'stopped on request while waiting for the worker', { cause }));
  }
}

function stopped(got: string): CacheQuantError {
  return new CacheQuantError('runtime', 'the worker of the runtime stopped', {
    where: 'web worker',
    got,
    hint: 'If it never started, see "Bundlers" in the README of @cachequant/runtime-web; else create a new runtime',
  });
}
