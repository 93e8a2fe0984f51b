import {
  type BundleManifest,
  createBundleGenerator,
  createGenerator as createFolderGenerator,
  type GenerationDefaults,
  type GenerationRequest,
  type GenerationResult,
  type GeneratorOptions,
} from '@cachequant/pipeline';
import {
  createModelCache,
  createWebRuntime,
  type HttpStorageOptions,
  type ModelCache,
  type ProgressCallback,
  type WebRuntime,
  type WebRuntimeOptions,
} from '@cachequant/runtime-web';
import { CacheQuantError, type Storage, throwIfAborted } from '@cachequant/tensor';
import { type ModelLocation, type OpenedSource, openSource } from './open-source.js';

export interface WebGeneratorOptions extends WebRuntimeOptions, Pick<HttpStorageOptions, 'files'> {
  /** Told about the download, in the events of transformers.js. */
  readonly onProgress?: ProgressCallback;
  /** Stops the download and the loading; a request has a signal of its own. */
  readonly signal?: AbortSignal;
  /** Where downloads are kept; left out: the browser's storage for this site. */
  readonly cache?: ModelCache;
  /** A runtime to share with other generators; it is not disposed with this one. Device and threads are its own. */
  readonly runtime?: WebRuntime;
  /** For requests that name none. */
  readonly defaults?: Partial<GenerationDefaults>;
  /** Images that go through the denoiser together; 1 when left out. */
  readonly batch?: number;
  /** Whether guidance runs both halves as one batch. */
  readonly halves?: GeneratorOptions['halves'];
}

export interface WebGenerator {
  /** What computes, as it is and not as it was asked for. */
  readonly runtime: WebRuntime;
  readonly storage: Storage;
  /** Undefined for a model folder, which runs as it is, in float. */
  readonly manifest: BundleManifest | undefined;
  readonly defaults: GenerationDefaults;
  /**
   * Makes images, one request after another.
   * @throws CacheQuantError `invalid-argument`, `unsupported`, `runtime`, `aborted`
   */
  generate(
    prompt: string,
    request?: Omit<GenerationRequest, 'prompt' | 'prompts'>,
  ): Promise<GenerationResult>;
  /** Frees everything, once running requests are done. */
  dispose(): Promise<void>;
}

/**
 * Fetches a bundle or a model folder, starts a runtime for it, and makes it ready for images.
 *
 * @param location address of the folder, or a storage (`filesStorage`, `droppedStorage`, `directoryStorage`, …)
 * @throws CacheQuantError `storage` (nothing there, no connection, not the files that belong together), `bundle`,
 *   `unsupported` (the device cannot run this model), `runtime`, `aborted`
 * @example
 * const generator = await createGenerator('/models/fashion-bundle', { onProgress: console.log });
 * const { images } = await generator.generate('a photo of a red sneaker', { seed: 7 });
 */
export async function createGenerator(
  location: ModelLocation,
  options: WebGeneratorOptions = {},
): Promise<WebGenerator> {
  const { signal, onProgress, onWarning } = options;
  throwIfAborted(signal);
  const cache = options.cache ?? (await createModelCache({ ...(onWarning && { onWarning }) }));
  const source = await openSource(location, { ...options, cache });
  const { runtime, ownsRuntime } = await prepare(source, options);
  try {
    const generator = await load(source, runtime, options);
    onProgress?.({ status: 'ready', task: 'text-to-image', model: nameOf(location) });
    return {
      runtime,
      storage: source.storage,
      manifest: source.manifest,
      defaults: generator.defaults,
      generate: (prompt, request = {}) => generator.generate({ ...request, prompt }),
      async dispose() {
        await generator.dispose();
        if (ownsRuntime) await runtime.dispose();
      },
    };
  } catch (error) {
    if (ownsRuntime) await runtime.dispose();
    throw error;
  }
}

interface Prepared {
  readonly runtime: WebRuntime;
  readonly ownsRuntime: boolean;
}

/** The download and the start of the runtime at the same time; if one fails, the other is given up. */
async function prepare(source: OpenedSource, options: WebGeneratorOptions): Promise<Prepared> {
  if (options.runtime !== undefined) {
    requireDevice(source.manifest, options.runtime.backend);
    await source.download();
    return { runtime: options.runtime, ownsRuntime: false };
  }
  const device = deviceFor(source.manifest, options);
  const starting = createWebRuntime({ ...options, device });
  try {
    const [runtime] = await Promise.all([starting, source.download()]);
    return { runtime, ownsRuntime: true };
  } catch (error) {
    starting.then((runtime) => runtime.dispose()).catch(() => undefined);
    throw error;
  }
}

/** WebGPU has no integer convolutions: integers run on WebAssembly. */
function deviceFor(manifest: BundleManifest | undefined, { device = 'auto' }: WebGeneratorOptions) {
  if (device !== 'auto') requireDevice(manifest, device);
  return device === 'auto' && isInteger(manifest) ? 'wasm' : device;
}

function requireDevice(manifest: BundleManifest | undefined, device: string): void {
  if (device !== 'webgpu' || !isInteger(manifest)) return;
  throw new CacheQuantError('unsupported', 'the bundle computes with integers, which WebGPU cannot', {
    where: 'device',
    expected: 'wasm or auto',
    got: device,
    hint: 'Leave out the device, or give a bundle of float graphs',
  });
}

const isInteger = (manifest: BundleManifest | undefined): boolean =>
  manifest !== undefined && manifest.bits.target !== 'float';

function load(
  { storage, manifest, checked }: OpenedSource,
  runtime: WebRuntime,
  options: WebGeneratorOptions,
) {
  const { defaults, batch, halves, onWarning } = options;
  const shared = {
    storage,
    runtime,
    ...(defaults && { defaults }),
    ...(batch !== undefined && { batch }),
    ...(halves && { halves }),
    ...(onWarning && { onWarning }),
  };
  if (manifest === undefined) return createFolderGenerator(shared);
  return createBundleGenerator({ ...shared, check: checked ? 'sizes' : 'hashes' });
}

function nameOf(location: ModelLocation): string {
  return typeof location === 'string' || location instanceof URL ? String(location) : 'files';
}
