import {
  CacheQuantError,
  type DeviceTensor,
  type LoadOptions,
  type ModelSource,
  type Runtime,
  type RuntimeCapabilities,
  type Session,
  type Tensor,
  tensor,
  throwIfAborted,
} from '@cachequant/tensor';
import { openSession, packFeeds, probeInt8FullRange, WorkerTensor } from '@cachequant/tensor/worker-runtime';
import { chooseBackend, chooseThreads, type Device } from './choose-backend.js';
import { gpuProbe } from './gpu-probe.js';
import type { HostOperators } from './host-log.js';
import { computingOnHost, describeOperators, notOnWebGpu } from './host-operators.js';
import { openModel } from './model-source.js';
import { ortError } from './ort-error.js';
import type { AdapterDescription, Backend } from './protocol.js';
import { type RuntimeAssets, startWorker } from './start-worker.js';
import { WorkerClient } from './worker-client.js';

/** Backend, threads, and where the runtime's files are. */
export interface WebRuntimeOptions {
  /** `auto`, the default, takes WebGPU where the browser has it on a real graphics processor, else WebAssembly. */
  readonly device?: Device;
  /**
   * Threads of WebAssembly. More than one need a page that is cross-origin isolated. Left out: up to four there, one
   * elsewhere.
   */
  readonly threads?: number;
  /**
   * Takes WebAssembly in place of WebGPU, one thread in place of several, and the processor for operators that WebGPU
   * lacks, where a request cannot be met.
   */
  readonly allowFallback?: boolean;
  readonly assets?: RuntimeAssets;
  /** Told in a sentence what is not as it was asked for. */
  readonly onWarning?: (message: string) => void;
  readonly signal?: AbortSignal;
}

/** A runtime in a web worker, by WebAssembly or WebGPU. */
export interface WebRuntime extends Runtime {
  /** What really computes. */
  readonly name: 'web-wasm' | 'web-webgpu';
  readonly backend: Backend;
  /** The graphics processor; undefined for WebAssembly. */
  readonly adapter: AdapterDescription | undefined;
  /** @throws CacheQuantError also `unsupported` for a model with layers that WebGPU lacks, unless fallback is allowed */
  load(source: ModelSource, options?: LoadOptions): Promise<WebSession>;
  /** Copies a tensor to where sessions compute, for feeds that many runs take. */
  place(tensor: Tensor): Promise<DeviceTensor>;
}

/** A loaded model that also says which of its operators run outside of the graphics processor. */
export interface WebSession extends Session {
  /**
   * What runs on the processor in a session on WebGPU, by operator: ONNX Runtime's own account of where it placed
   * them. Sizes and indices are computed there by design.
   */
  readonly hostOperators: HostOperators;
}

/**
 * Starts onnxruntime-web in a web worker, which all sessions of the runtime share. A small model is run before this
 * returns, so that a backend that does not work shows here.
 *
 * @throws CacheQuantError `unsupported` when the browser cannot do what was asked for and no fallback is allowed,
 *   `runtime` when the worker or the binary cannot be loaded, `invalid-argument` (threads), `aborted`
 */
export async function createWebRuntime(options: WebRuntimeOptions = {}): Promise<WebRuntime> {
  const { assets = {}, signal } = options;
  throwIfAborted(signal);
  requireBrowser();
  const backend = await chooseBackend(options);
  const threads = backend === 'wasm' ? chooseThreads(options) : 1;
  throwIfAborted(signal);
  const client = new WorkerClient(startWorker(backend, assets), backend);
  const abort = () => client.close(aborted(signal?.reason));
  signal?.addEventListener('abort', abort);
  const wrap = (message: string) =>
    ortError('onnxruntime-web cannot be started', 'createWebRuntime', message);
  try {
    const { version, adapter } = await client.call(
      'start',
      { threads, wasmPaths: assets.wasmPaths },
      { wrap },
    );
    const runtime = new WorkerRuntime(client, { backend, version, threads, adapter }, options);
    await runtime.capabilities();
    return runtime;
  } catch (error) {
    client.close(disposed(backend));
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

type RuntimeFacts = Pick<WebRuntime, 'backend' | 'version' | 'threads' | 'adapter'>;

class WorkerRuntime implements WebRuntime {
  readonly name: 'web-wasm' | 'web-webgpu';
  readonly backend: Backend;
  readonly version: string;
  readonly threads: number;
  readonly adapter: AdapterDescription | undefined;
  readonly #client: WorkerClient;
  readonly #options: WebRuntimeOptions;
  #capabilities: Promise<RuntimeCapabilities> | undefined;

  constructor(client: WorkerClient, facts: RuntimeFacts, options: WebRuntimeOptions) {
    this.#client = client;
    this.#options = options;
    this.backend = facts.backend;
    this.name = `web-${facts.backend}`;
    this.version = facts.version;
    this.threads = facts.threads;
    this.adapter = facts.adapter;
  }

  capabilities(): Promise<RuntimeCapabilities> {
    this.#capabilities ??= this.#probe().catch((error) => {
      this.#capabilities = undefined;
      throw error;
    });
    return this.#capabilities;
  }

  async load(source: ModelSource, options: LoadOptions = {}): Promise<WebSession> {
    const { keepOnDevice = [], optimization = 'all', profiling = false, signal } = options;
    throwIfAborted(signal);
    if (profiling) throw noProfile();
    const { label, model, externalData } = await openModel(source, options);
    const request = { model, externalData, optimization, keep: keepOnDevice };
    const moved = [...new Set([model, ...externalData.map(({ buffer }) => buffer)])];
    const wrap = (message: string) => ortError('the model cannot be loaded', label, message);
    const loaded = await this.#client.call('load', request, { moved, signal, wrap });
    const session = await openSession(this.#client, loaded, { label, keepOnDevice, profiling });
    const { hostOperators } = loaded;
    try {
      this.#checkPlacement(label, hostOperators);
    } catch (error) {
      await session.dispose();
      throw error;
    }
    return Object.assign(session, { hostOperators });
  }

  async place(given: Tensor): Promise<DeviceTensor> {
    const { feeds, moved } = packFeeds({ given }, [], this.#client);
    const wrap = (message: string) => ortError('the tensor cannot be placed', 'place', message);
    const request = { tensor: feeds.given as Tensor };
    return new WorkerTensor(this.#client, await this.#client.call('place', request, { moved, wrap }));
  }

  async dispose(): Promise<void> {
    this.#client.close(disposed(this.backend));
  }

  #checkPlacement(label: string, hostOperators: HostOperators): void {
    const computing = computingOnHost(hostOperators);
    if (Object.keys(computing).length === 0) return;
    if (this.#options.allowFallback !== true) throw notOnWebGpu(label, computing);
    this.#options.onWarning?.(
      `WebGPU lacks operators of ${label}. The processor computes ${describeOperators(computing)}.`,
    );
  }

  async #probe(): Promise<RuntimeCapabilities> {
    if (this.backend === 'wasm') {
      const int8FullRange = await probeInt8FullRange(this);
      return { int8: true, int8FullRange, float16: true, deviceTensors: true, profiling: false };
    }
    await this.#tryGpu();
    return {
      int8: false,
      int8FullRange: false,
      float16: this.adapter?.float16 ?? false,
      deviceTensors: true,
      profiling: false,
    };
  }

  /** A browser may show an adapter that gives no device: one tensor goes there and comes back. */
  async #tryGpu(): Promise<void> {
    const session = await this.load({ bytes: gpuProbe() });
    const placed = await this.place(tensor('float32', [1], Float32Array.of(4)));
    const { y } = await session.run({ x: placed });
    placed.dispose();
    await session.dispose();
    if ((y as Tensor).data[0] === 8) return;
    throw new CacheQuantError('runtime', 'WebGPU computes wrong results', {
      where: 'createWebRuntime',
      expected: '4 + 4 = 8',
      got: String((y as Tensor).data[0]),
      hint: "Update the browser and the graphics driver, or take `device: 'wasm'`",
    });
  }
}

/** Importing this package must work on a server; running it there cannot. */
function requireBrowser(): void {
  if (typeof Worker === 'function' && typeof WebAssembly === 'object') return;
  throw new CacheQuantError('unsupported', 'there are no web workers here', {
    where: 'createWebRuntime',
    expected: 'a browser',
    hint: 'In Node, use @cachequant/runtime-node',
  });
}

function noProfile(): CacheQuantError {
  return new CacheQuantError('unsupported', 'onnxruntime-web gives no access to its profile', {
    where: 'load, profiling',
    hint: 'Profile the model with @cachequant/runtime-node',
  });
}

function disposed(backend: Backend): CacheQuantError {
  return new CacheQuantError('runtime', 'the runtime was disposed', {
    where: `web-${backend}`,
    hint: 'Dispose a runtime only after its last run, or create another one',
  });
}

function aborted(cause: unknown): CacheQuantError {
  return new CacheQuantError('aborted', 'stopped on request', { cause });
}
