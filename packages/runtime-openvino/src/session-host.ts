import { CacheQuantError, type DType, fromBytes, type Tensor, toBytes } from '@cachequant/tensor';
import {
  type CallOptions,
  describeGraph,
  type SessionCalls,
  type SessionDescription,
  type SessionWorker,
  type WireTensor,
} from '@cachequant/tensor/worker-runtime';
import type { Native, Pointer } from './native.js';
import type { OpenedModel } from './opened-model.js';
import { Queue } from './queue.js';

interface Hosted {
  readonly compiled: Pointer;
  readonly request: Pointer;
  readonly keep: ReadonlySet<string>;
  /** Element types by the numbers of the library, by input. */
  readonly inputTypes: ReadonlyMap<string, number>;
  readonly outputTypes: ReadonlyMap<string, DType>;
}

/** Sessions of one runtime, which run one after another; native work happens on threads of the library's own. */
export class SessionHost implements SessionWorker {
  readonly device = 'openvino';
  readonly #native: Native;
  readonly #core: Pointer;
  readonly #target: string;
  readonly #queue = new Queue();
  readonly #sessions = new Map<number, Hosted>();
  readonly #held = new Map<number, Tensor>();
  #lastNumber = 0;
  #end: { readonly reason: CacheQuantError; readonly closed: Promise<void> } | undefined;

  constructor(native: Native, core: Pointer, target: string) {
    this.#native = native;
    this.#core = core;
    this.#target = target;
  }

  get ended(): boolean {
    return this.#end !== undefined;
  }

  load(
    model: OpenedModel,
    keep: readonly string[],
    { signal, wrap }: CallOptions,
  ): Promise<SessionDescription> {
    return this.#do(() => this.#load(model, keep), { signal, wrap });
  }

  call<K extends keyof SessionCalls>(
    kind: K,
    request: SessionCalls[K]['request'],
    options: CallOptions,
  ): Promise<SessionCalls[K]['response']> {
    const perform = this.#calls[kind] as (request: SessionCalls[K]['request']) => Promise<unknown> | unknown;
    return this.#do(() => perform(request), options) as Promise<SessionCalls[K]['response']>;
  }

  /** Rejects what has not begun, and frees everything after the run that goes on. */
  close(reason: CacheQuantError): Promise<void> {
    this.#end ??= { reason, closed: this.#close() };
    return this.#end.closed;
  }

  readonly #calls: {
    readonly [K in keyof SessionCalls]: (
      request: SessionCalls[K]['request'],
    ) => Promise<SessionCalls[K]['response']> | SessionCalls[K]['response'];
  } = {
    run: (request) => this.#run(request),
    endProfiling: () => {
      throw new Error('the session was loaded without profiling');
    },
    release: ({ session }) => this.#release(session),
    readHeld: ({ held }) => {
      const { dtype, dims, data } = this.#kept(held);
      return { dtype, dims, data: data.slice() };
    },
    dropHeld: ({ held }) => {
      this.#held.delete(held);
      return undefined;
    },
  };

  async #do<T>(task: () => Promise<T> | T, { signal, wrap }: CallOptions): Promise<T> {
    if (this.#end) throw this.#end.reason;
    return this.#queue.add(async () => {
      if (this.#end) throw this.#end.reason;
      try {
        return await task();
      } catch (error) {
        if (CacheQuantError.is(error)) throw error;
        throw wrap(error instanceof Error ? error.message : String(error));
      }
    }, signal);
  }

  async #load({ path, bytes }: OpenedModel, keep: readonly string[]): Promise<SessionDescription> {
    const { inputs, outputs } = describeGraph(bytes);
    const native = this.#native;
    const model = await native.readModel(this.#core, path);
    try {
      const compiled = await native.compile(this.#core, model, this.#target);
      try {
        const inputTypes = new Map(inputs.map(({ name }) => [name, native.inputType(compiled, name)]));
        const outputTypes = new Map(outputs.map(({ name, type }) => [name, type as DType]));
        const request = native.createRequest(compiled);
        const session = ++this.#lastNumber;
        this.#sessions.set(session, { compiled, request, keep: new Set(keep), inputTypes, outputTypes });
        return { session, inputs, outputs };
      } catch (error) {
        native.free('compiled_model', compiled);
        throw error;
      }
    } finally {
      native.free('model', model);
    }
  }

  async #run({
    session,
    feeds,
    outputs,
  }: SessionCalls['run']['request']): Promise<Record<string, WireTensor>> {
    const { request, keep, inputTypes, outputTypes } = this.#hosted(session);
    const native = this.#native;
    const given: Pointer[] = [];
    try {
      for (const [name, feed] of Object.entries(feeds)) {
        const { dtype, dims, data } = 'held' in feed ? this.#kept(feed.held) : feed;
        refuseWide(name, dtype, data);
        const tensor = native.createTensor(inputTypes.get(name)!, dims, toBytes(data));
        given.push(tensor);
        native.setTensor(request, name, tensor);
      }
      await native.infer(request);
      const results: Record<string, WireTensor> = {};
      for (const name of outputs) {
        const dtype = outputTypes.get(name)!;
        const { dims, bytes } = native.output(request, name);
        const data = fromBytes(dtype, bytes);
        if (!keep.has(name)) {
          results[name] = { dtype, dims, data };
          continue;
        }
        this.#held.set(++this.#lastNumber, { dtype, dims, data } as Tensor);
        results[name] = { dtype, dims, held: this.#lastNumber };
      }
      return results;
    } finally {
      for (const tensor of given) native.free('tensor', tensor);
    }
  }

  #release(session: number): undefined {
    const { request, compiled } = this.#hosted(session);
    this.#sessions.delete(session);
    this.#native.free('infer_request', request);
    this.#native.free('compiled_model', compiled);
  }

  async #close(): Promise<void> {
    await this.#queue.idle();
    for (const session of [...this.#sessions.keys()]) this.#release(session);
    this.#held.clear();
    this.#native.free('core', this.#core);
  }

  #hosted(session: number): Hosted {
    const found = this.#sessions.get(session);
    if (found === undefined) throw new Error(`the runtime has no session ${session}`);
    return found;
  }

  #kept(held: number): Tensor {
    const found = this.#held.get(held);
    if (found === undefined) throw new Error(`the runtime has no tensor ${held}`);
    return found;
  }
}

/**
 * OpenVINO computes with integers of 32 bits at most, and would cut others short without a word.
 * @throws CacheQuantError `unsupported`
 */
function refuseWide(name: string, dtype: DType, data: Tensor['data']): void {
  if (dtype !== 'int64' && dtype !== 'uint64' && dtype !== 'uint32') return;
  for (const value of data) {
    if (value >= -(2 ** 31) && value < 2 ** 31) continue;
    throw new CacheQuantError('unsupported', 'OpenVINO has integers of 32 bits at most', {
      where: `run, feed "${name}"`,
      expected: 'values from -2147483648 to 2147483647',
      got: String(value),
    });
  }
}
