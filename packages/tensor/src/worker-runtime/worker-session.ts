import {
  CacheQuantError,
  type Feeds,
  type Outputs,
  type ProfiledNode,
  type RunOptions,
  type Session,
  type TensorInfo,
} from '../index.js';
import { checkFeeds, refuseUnknown } from './check-feeds.js';
import { packFeeds } from './pack-feeds.js';
import { sumPerNode } from './profile.js';
import type { SessionDescription, SessionWorker, WireTensor } from './protocol.js';
import { runtimeError } from './runtime-error.js';
import { tensorInfo } from './tensor-info.js';
import { WorkerTensor } from './worker-tensor.js';

interface SessionParts {
  readonly worker: SessionWorker;
  /** The session's number in the worker. */
  readonly number: number;
  readonly label: string;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly profiling: boolean;
}

/**
 * Checks what the worker says about a session it has just loaded. A session that is refused is freed.
 *
 * @param label how messages call the model
 * @throws CacheQuantError `unsupported` for values that are not tensors, `invalid-argument` for unknown names
 */
export async function openSession(
  worker: SessionWorker,
  { session: number, ...values }: SessionDescription,
  { label, keepOnDevice, profiling }: { label: string; keepOnDevice: readonly string[]; profiling: boolean },
): Promise<Session> {
  try {
    const inputs = values.inputs.map((value) => tensorInfo(value, label));
    const outputs = values.outputs.map((value) => tensorInfo(value, label));
    const names = outputs.map((output) => output.name);
    refuseUnknown('output in `keepOnDevice`', keepOnDevice, names);
    return new WorkerSession({ worker, number, label, inputs, outputs, profiling });
  } catch (error) {
    const wrap = (message: string) => runtimeError('the session cannot be freed', label, message);
    await worker.call('release', { session: number }, { wrap });
    throw error;
  }
}

/** A session that lives in the runtime's worker. */
class WorkerSession implements Session {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly #parts: SessionParts;
  #profiling: boolean;
  #disposed = false;

  constructor(parts: SessionParts) {
    this.inputs = parts.inputs;
    this.outputs = parts.outputs;
    this.#parts = parts;
    this.#profiling = parts.profiling;
  }

  async run(feeds: Feeds, { outputs, transfer = [], signal }: RunOptions = {}): Promise<Outputs> {
    this.#refuseDisposed('run');
    const { worker, number, label } = this.#parts;
    const wanted = this.#chooseOutputs(outputs);
    checkFeeds(this.inputs, feeds);
    refuseUnknown('feed in `transfer`', transfer, Object.keys(feeds));
    // An aborted run must leave the feeds alone, so the signal comes before anything is moved.
    if (signal?.aborted) throw new CacheQuantError('aborted', 'stopped on request', { cause: signal.reason });
    const { feeds: packed, moved } = packFeeds(feeds, transfer, worker);
    const wrap = (message: string) => runtimeError('the model cannot be run', label, message);
    const request = { session: number, feeds: packed, outputs: wanted };
    const results = await worker.call('run', request, { moved, signal, wrap });
    return Object.fromEntries(Object.entries(results).map(([name, result]) => [name, this.#receive(result)]));
  }

  async endProfiling(): Promise<readonly ProfiledNode[]> {
    this.#refuseDisposed('endProfiling');
    if (!this.#profiling) {
      throw new CacheQuantError('invalid-argument', 'the session is not being profiled', {
        where: 'endProfiling',
        hint: 'Load the model with `profiling: true`, and end the profile once',
      });
    }
    this.#profiling = false;
    const { worker, number, label } = this.#parts;
    const wrap = (message: string) => runtimeError('the profile cannot be read', label, message);
    return sumPerNode(await worker.call('endProfiling', { session: number }, { wrap }));
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    const { worker, number, label } = this.#parts;
    if (worker.ended) return;
    const wrap = (message: string) => runtimeError('the session cannot be freed', label, message);
    await worker.call('release', { session: number }, { wrap });
  }

  #chooseOutputs(outputs: readonly string[] | undefined): string[] {
    const names = this.outputs.map((output) => output.name);
    if (outputs === undefined) return names;
    refuseUnknown('output', outputs, names);
    if (outputs.length > 0) return [...new Set(outputs)];
    throw new CacheQuantError('invalid-argument', '`outputs` is empty', {
      where: 'run',
      expected: `some of ${names.join(', ')}`,
      hint: 'Leave `outputs` out to get all of them',
    });
  }

  #receive(result: WireTensor) {
    return 'held' in result ? new WorkerTensor(this.#parts.worker, result) : result;
  }

  #refuseDisposed(where: string): void {
    if (!this.#disposed) return;
    throw new CacheQuantError('invalid-argument', 'the session was disposed', {
      where,
      got: this.#parts.label,
      hint: 'Load the model again',
    });
  }
}
