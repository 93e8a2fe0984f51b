import {
  CacheQuantError,
  type LoadOptions,
  type ModelSource,
  type Runtime,
  type RuntimeCapabilities,
  type Session,
  throwIfAborted,
} from '@cachequant/tensor';
import { openSession, probeInt8FullRange } from '@cachequant/tensor/worker-runtime';
import { chooseBackend, chooseThreads, type Device } from './choose-backend.js';
import { openModel } from './model-source.js';
import { ortError } from './ort-error.js';
import type { AdapterDescription, Backend } from './protocol.js';
import { type RuntimeAssets, startWorker } from './start-worker.js';
import { WorkerClient } from './worker-client.js';

export interface WebRuntimeOptions {
  /** `auto`, the default, takes WebGPU where the browser has it on a real graphics processor, else WebAssembly. */
  readonly device?: Device;
  /**
   * Threads of WebAssembly. More than one need a page that is cross-origin isolated. Left out: up to four there, one
   * elsewhere.
   */
  readonly threads?: number;
  /** Takes WebAssembly in place of WebGPU, or one thread in place of several, where a request cannot be met. */
  readonly allowFallback?: boolean;
  readonly assets?: RuntimeAssets;
  /** Told in a sentence what is not as it was asked for. */
  readonly onWarning?: (message: string) => void;
  readonly signal?: AbortSignal;
}

export interface WebRuntime extends Runtime {
  /** What really computes. */
  readonly name: 'web-wasm' | 'web-webgpu';
  readonly backend: Backend;
  /** The graphics processor; undefined for WebAssembly. */
  readonly adapter: AdapterDescription | undefined;
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
    const runtime = new WorkerRuntime(client, backend, version, threads, adapter);
    await runtime.capabilities();
    return runtime;
  } catch (error) {
    client.close(disposed(backend));
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

class WorkerRuntime implements WebRuntime {
  readonly name: 'web-wasm' | 'web-webgpu';
  readonly backend: Backend;
  readonly version: string;
  readonly threads: number;
  readonly adapter: AdapterDescription | undefined;
  readonly #client: WorkerClient;
  #capabilities: Promise<RuntimeCapabilities> | undefined;

  constructor(
    client: WorkerClient,
    backend: Backend,
    version: string,
    threads: number,
    adapter: AdapterDescription | undefined,
  ) {
    this.#client = client;
    this.backend = backend;
    this.name = `web-${backend}`;
    this.version = version;
    this.threads = threads;
    this.adapter = adapter;
  }

  capabilities(): Promise<RuntimeCapabilities> {
    this.#capabilities ??= this.#probe().catch((error) => {
      this.#capabilities = undefined;
      throw error;
    });
    return this.#capabilities;
  }

  async load(source: ModelSource, options: LoadOptions = {}): Promise<Session> {
    const { keepOnDevice = [], optimization = 'all', profiling = false, signal } = options;
    throwIfAborted(signal);
    if (profiling) throw noProfile();
    const { label, model, externalData } = await openModel(source, options);
    const request = { model, externalData, optimization, keep: keepOnDevice };
    const moved = [...new Set([model, ...externalData.map(({ buffer }) => buffer)])];
    const wrap = (message: string) => ortError('the model cannot be loaded', label, message);
    const loaded = await this.#client.call('load', request, { moved, signal, wrap });
    return openSession(this.#client, loaded, { label, keepOnDevice, profiling });
  }

  async dispose(): Promise<void> {
    this.#client.close(disposed(this.backend));
  }

  async #probe(): Promise<RuntimeCapabilities> {
    // WebGPU has no integer convolutions; the same model then shows that what it lacks is computed at all.
    const int8FullRange = await probeInt8FullRange(this);
    const int8 = this.backend === 'wasm';
    const float16 = this.adapter?.float16 ?? true;
    return { int8, int8FullRange: int8 && int8FullRange, float16, deviceTensors: true };
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
