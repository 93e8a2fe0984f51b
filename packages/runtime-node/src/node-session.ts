import {
  CacheQuantError,
  type Feeds,
  type Outputs,
  type ProfiledNode,
  type RunOptions,
  type Session,
  type TensorInfo,
} from '@cachequant/tensor';
import { checkFeeds, refuseUnknown } from './check-feeds.js';
import { NodeDeviceTensor } from './held-tensor.js';
import { unpack } from './host-tensor.js';
import { ortError } from './ort-error.js';
import { sumPerNode } from './profile.js';
import type { WireTensor } from './protocol.js';
import { packFeeds } from './wire-tensor.js';
import type { WorkerClient } from './worker-client.js';

export interface SessionParts {
  readonly client: WorkerClient;
  /** The session's number in the worker. */
  readonly number: number;
  readonly label: string;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly profiling: boolean;
}

/** A session that lives in the runtime's worker thread. */
export class NodeSession implements Session {
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
    const { client, number, label } = this.#parts;
    const wanted = this.#chooseOutputs(outputs);
    checkFeeds(this.inputs, feeds);
    refuseUnknown('feed in `transfer`', transfer, Object.keys(feeds));
    // An aborted run must leave the feeds alone, so the signal comes before anything is moved.
    if (signal?.aborted) throw new CacheQuantError('aborted', 'stopped on request', { cause: signal.reason });
    const { feeds: packed, moved } = packFeeds(feeds, transfer, client);
    const wrap = (message: string) => ortError('the model cannot be run', label, message);
    const request = { session: number, feeds: packed, outputs: wanted };
    const results = await client.call('run', request, { moved, signal, wrap });
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
    const { client, number, label } = this.#parts;
    const wrap = (message: string) => ortError('the profile cannot be read', label, message);
    return sumPerNode(await client.call('endProfiling', { session: number }, { wrap }));
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    const { client, number, label } = this.#parts;
    if (client.ended) return;
    const wrap = (message: string) => ortError('the session cannot be freed', label, message);
    await client.call('release', { session: number }, { wrap });
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
    return 'held' in result ? new NodeDeviceTensor(this.#parts.client, result) : unpack(result);
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
