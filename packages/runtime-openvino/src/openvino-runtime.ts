import { availableParallelism } from 'node:os';
import {
  CacheQuantError,
  type LoadOptions,
  type ModelSource,
  type Runtime,
  type RuntimeCapabilities,
  type Session,
  throwIfAborted,
} from '@cachequant/tensor';
import { describeGraph, openSession, runtimeError } from '@cachequant/tensor/worker-runtime';
import { findLibrary } from './library.js';
import { openModel } from './opened-model.js';
import { refuseOperators } from './refused-operators.js';
import { SessionHost } from './session-host.js';

/** Where OpenVINO is, and what it computes on. */
export interface OpenVinoRuntimeOptions {
  /** OpenVINO's C library or a folder with it; left out: what `CACHEQUANT_OPENVINO` says. */
  readonly library?: string;
  /** `CPU`, `GPU`, `NPU`, `AUTO`, … as OpenVINO names them; `CPU` when left out. */
  readonly device?: string;
  /** Threads of the processor, on `CPU`; as many as the process has processors when left out. */
  readonly threads?: number;
  /**
   * `float32` when left out. `fastest` lets the device compute in half precision: bfloat16 on processors that have it,
   * which costs the predictions of a denoiser some 48 dB of signal to noise. An NPU has no other.
   */
  readonly precision?: 'float32' | 'fastest';
}

/**
 * Opens OpenVINO's C library. Sessions of the runtime run one after another, beside Node's event loop.
 *
 * @throws CacheQuantError `invalid-argument` (threads), `runtime` when the library is not there, is none, or the device
 *   is not there
 */
export async function createOpenVinoRuntime(options: OpenVinoRuntimeOptions = {}): Promise<Runtime> {
  const { device = 'CPU', precision = 'float32', threads = availableParallelism() } = options;
  if (!Number.isInteger(threads) || threads < 1) {
    throw new CacheQuantError('invalid-argument', 'the number of threads is wrong', {
      where: 'createOpenVinoRuntime, threads',
      expected: 'a whole number from 1',
      got: String(threads),
    });
  }
  const path = findLibrary(options.library);
  const { openNative } = await import('./native.js');
  const native = openNative(path);
  const properties = [
    ...(device === 'CPU' ? [['INFERENCE_NUM_THREADS', String(threads)] as const] : []),
    ...(precision === 'float32' && device !== 'NPU' ? [['INFERENCE_PRECISION_HINT', 'f32'] as const] : []),
  ];
  try {
    const core = native.createCore();
    for (const [name, value] of properties) native.setProperty(core, device, name, value);
    return new OpenVinoRuntime(new SessionHost(native, core, device), device, native.version, threads);
  } catch (error) {
    throw runtimeError('OpenVINO cannot be started', `device ${device}`, (error as Error).message);
  }
}

class OpenVinoRuntime implements Runtime {
  readonly name: string;
  readonly version: string;
  readonly threads: number;
  readonly #host: SessionHost;

  constructor(host: SessionHost, device: string, version: string, threads: number) {
    this.#host = host;
    this.name = `openvino-${device.toLowerCase()}`;
    this.version = version;
    this.threads = threads;
  }

  async capabilities(): Promise<RuntimeCapabilities> {
    return { int8: false, int8FullRange: false, float16: true, deviceTensors: true, profiling: false };
  }

  async load(source: ModelSource, options: LoadOptions = {}): Promise<Session> {
    const { keepOnDevice = [], profiling = false, onProgress, signal } = options;
    throwIfAborted(signal);
    if (profiling) {
      throw new CacheQuantError('unsupported', 'this runtime does not profile', {
        where: 'load, profiling',
        hint: 'Ask `capabilities().profiling` first',
      });
    }
    const model = await openModel(source);
    try {
      refuseOperators(describeGraph(model.bytes).operators, model.label);
      const wrap = (message: string) => runtimeError('the model cannot be loaded', model.label, message);
      const loaded = await this.#host.load(model, keepOnDevice, { signal, wrap });
      const session = await openSession(this.#host, loaded, { label: model.label, keepOnDevice, profiling });
      onProgress?.({ loadedBytes: model.bytes.byteLength, totalBytes: model.bytes.byteLength });
      return session;
    } finally {
      await model.remove();
    }
  }

  async dispose(): Promise<void> {
    await this.#host.close(
      new CacheQuantError('runtime', 'the runtime was disposed', {
        where: this.name,
        hint: 'Dispose a runtime only after its last run, or create another one',
      }),
    );
  }
}
