import { Worker } from 'node:worker_threads';
import { CacheQuantError, throwIfAborted } from '@cachequant/tensor';
import type { CallOptions, SessionWorker, Wrap } from '@cachequant/tensor/worker-runtime';
import { Gate } from './gate.js';
import { CallState, type Calls, type Envelope, type Reply } from './protocol.js';

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly wrap: Wrap;
  readonly forget: () => void;
}

/**
 * Calls into one worker thread, which answers them in order. The process is kept alive only while an
 * answer is outstanding.
 */
export class WorkerClient implements SessionWorker {
  readonly device = 'node-worker';
  readonly #worker: Worker;
  readonly #gate = new Gate();
  readonly #exited: Promise<void>;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #ended: CacheQuantError | undefined;

  constructor(script: string) {
    // Flags of the parent, such as export conditions for TypeScript sources, are not meant for the worker.
    this.#worker = new Worker(script, {
      execArgv: [],
      name: 'cachequant',
      workerData: { gate: this.#gate.cells },
    });
    this.#worker.unref();
    this.#worker.on('message', (reply: Reply) => this.#settle(reply));
    this.#worker.on('error', (cause: Error) => this.#end(stopped(cause.message, cause)));
    process.on('exit', this.#leaveProcess);
    this.#exited = new Promise((resolve) => {
      this.#worker.on('exit', (code) => {
        process.off('exit', this.#leaveProcess);
        this.#end(stopped(`exit code ${code}`));
        resolve();
      });
    });
  }

  /** Whether the thread is gone. */
  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** @throws CacheQuantError what `wrap` makes of a failure; `aborted`; `runtime` when the worker is gone */
  async call<K extends keyof Calls>(
    kind: K,
    request: Calls[K]['request'],
    { moved = [], signal, wrap }: CallOptions,
  ): Promise<Calls[K]['response']> {
    throwIfAborted(signal);
    if (this.#ended) throw this.#ended;
    const id = ++this.#lastId;
    const state = signal && new Int32Array(new SharedArrayBuffer(4));
    const answered = new Promise((resolve, reject) => {
      const abort = () => this.#abort(id, state!, signal!);
      signal?.addEventListener('abort', abort);
      const forget = () => signal?.removeEventListener('abort', abort);
      this.#waiting.set(id, { resolve, reject, wrap, forget });
    });
    this.#worker.ref();
    try {
      this.#worker.postMessage({ id, kind, request, state } as Envelope, moved);
    } catch (error) {
      this.#take(id)?.reject(wrap(error instanceof Error ? error.message : String(error)));
    }
    return answered as Promise<Calls[K]['response']>;
  }

  /** Rejects the calls without an answer and ends the thread, after the native call it is in. */
  async close(reason: CacheQuantError): Promise<void> {
    if (!this.ended) {
      this.#end(reason);
      this.#gate.shut();
      this.#worker.postMessage('close');
    }
    this.#worker.ref();
    await this.#exited;
  }

  readonly #leaveProcess = () => {
    this.#gate.shut();
    this.#gate.waitUntilLeft();
  };

  #settle(reply: Reply): void {
    const waiting = this.#take(reply.id);
    if (waiting === undefined) return;
    if ('error' in reply) waiting.reject(waiting.wrap(reply.error));
    else waiting.resolve(reply.value);
  }

  #abort(id: number, state: Int32Array, signal: AbortSignal): void {
    const before = Atomics.compareExchange(state, 0, CallState.waiting, CallState.aborted);
    if (before !== CallState.waiting) return;
    this.#take(id)?.reject(
      new CacheQuantError('aborted', 'stopped on request while waiting for the worker', {
        cause: signal.reason,
      }),
    );
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return undefined;
    waiting.forget();
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker.unref();
    return waiting;
  }

  #end(reason: CacheQuantError): void {
    this.#ended ??= reason;
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(this.#ended);
  }
}

function stopped(got: string, cause?: unknown): CacheQuantError {
  return new CacheQuantError('runtime', 'the worker thread of the runtime stopped', {
    where: 'node-cpu',
    got,
    hint: 'Create a new runtime and load the models again; if it happens again, the machine may lack memory',
    cause,
  });
}
