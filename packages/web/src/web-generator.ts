import {
  type BundleGeneratorOptions,
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
  describeAdapter,
  type HttpStorageOptions,
  type ModelCache,
  type ProgressCallback,
  type WebRuntime,
  type WebRuntimeOptions,
} from '@cachequant/runtime-web';
import { type Storage, throwIfAborted } from '@cachequant/tensor';
import { type ChosenGraphs, chooseGraphs, type Precision } from './choose-graphs.js';
import { type ModelLocation, type OpenedSource, openSource } from './open-source.js';

/** Runtime, cache, precision and defaults of {@link createGenerator}. */
export interface WebGeneratorOptions extends WebRuntimeOptions, Pick<HttpStorageOptions, 'files'> {
  /** Told about the download, in the events of transformers.js. */
  readonly onProgress?: ProgressCallback;
  /** Stops the download and the loading; a request has a signal of its own. */
  readonly signal?: AbortSignal;
  /** Where downloads are kept; left out: the browser's storage for this site. */
  readonly cache?: ModelCache;
  /**
   * Takes a bundle's float graphs in this precision. Left out: its integers on WebAssembly; on WebGPU half precision
   * where the graphics processor has it and it lost less than 1 dB when the bundle was made, else float32.
   */
  readonly precision?: Precision;
  /** A runtime to share with other generators; it is not disposed with this one. Device and threads are its own. */
  readonly runtime?: WebRuntime;
  /** For requests that name none. */
  readonly defaults?: Partial<GenerationDefaults>;
  /** Images that go through the denoiser together; 1 when left out. */
  readonly batch?: number;
  /** Whether guidance runs both halves as one batch. */
  readonly halves?: GeneratorOptions['halves'];
  /** What makes the pictures: the model's own decoder, or its tiny one. */
  readonly decoder?: GeneratorOptions['decoder'];
  /** A folder with a tiny decoder, for previews and `decoder: 'tiny'`. */
  readonly tinyDecoder?: GeneratorOptions['tinyDecoder'];
  /** Of a bundle of several sizes, in pixels: which is loaded first, and what requests without a size get. */
  readonly size?: BundleGeneratorOptions['size'];
  /** When the decoder works in tiles. */
  readonly decodeTile?: GeneratorOptions['decodeTile'];
}

/** A loaded model or bundle that makes pictures on a web page. */
export interface WebGenerator {
  /** What computes, as it is and not as it was asked for. */
  readonly runtime: WebRuntime;
  readonly storage: Storage;
  /** Undefined for a model folder, which runs as it is, in float. */
  readonly manifest: BundleManifest | undefined;
  /** Of the bundle's graphs that run; undefined for its own graphs and for a model folder. */
  readonly precision: Precision | undefined;
  readonly defaults: GenerationDefaults;
  /**
   * Makes images, one request after another.
   * @throws CacheQuantError `invalid-argument`, `unsupported`, `runtime`, `aborted`
   */
  generate(
    prompt: string,
    request?: Omit<GenerationRequest, 'prompt' | 'prompts'>,
  ): Promise<GenerationResult>;
  /** The same of a model that takes no prompt: a class, a picture to change, or nothing but a seed. */
  generate(request: GenerationRequest): Promise<GenerationResult>;
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
  const { runtime, ownsRuntime, chosen } = await prepare(source, options);
  try {
    const generator = await load(source, runtime, chosen, options);
    onProgress?.({ status: 'ready', task: 'text-to-image', model: nameOf(location) });
    return {
      runtime,
      storage: source.storage,
      manifest: source.manifest,
      precision: chosen.variant?.precision,
      defaults: generator.defaults,
      generate: (asked: string | GenerationRequest, request: GenerationRequest = {}) =>
        generator.generate(typeof asked === 'string' ? { ...request, prompt: asked } : asked),
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
  readonly chosen: ChosenGraphs;
}

/** The download and the start of the runtime at the same time; if one fails, the other is given up. */
async function prepare(source: OpenedSource, options: WebGeneratorOptions): Promise<Prepared> {
  const { device = 'auto', precision } = options;
  if (options.runtime !== undefined) {
    const { runtime } = options;
    const chosen = chooseGraphs(source.manifest, {
      device: runtime.backend,
      precision,
      adapter: runtime.adapter,
    });
    await source.download(chosen);
    return { runtime, ownsRuntime: false, chosen };
  }
  const adapter = device === 'wasm' ? undefined : await describeAdapter();
  const chosen = chooseGraphs(source.manifest, { device, precision, adapter });
  // Asked for as it was, so that WebGPU that is not there is refused or warned about.
  const starting = createWebRuntime({ ...options, device: device === 'auto' ? chosen.backend : device });
  // What cannot be is refused before anything is fetched.
  if (device === 'webgpu' && adapter === undefined) await starting;
  try {
    const [runtime] = await Promise.all([starting, source.download(chosen)]);
    return { runtime, ownsRuntime: true, chosen };
  } catch (error) {
    starting.then((runtime) => runtime.dispose()).catch(() => undefined);
    throw error;
  }
}

function load(
  { storage, manifest, checked }: OpenedSource,
  runtime: WebRuntime,
  { variant }: ChosenGraphs,
  options: WebGeneratorOptions,
) {
  const { defaults, batch, halves, onWarning, decoder, tinyDecoder, decodeTile } = options;
  const shared = {
    storage,
    runtime,
    ...(defaults && { defaults }),
    ...(batch !== undefined && { batch }),
    ...(halves && { halves }),
    ...(decoder && { decoder }),
    ...(tinyDecoder && { tinyDecoder }),
    ...(decodeTile !== undefined && { decodeTile }),
    ...(onWarning && { onWarning }),
  };
  if (manifest === undefined) return createFolderGenerator(shared);
  return createBundleGenerator({
    ...shared,
    check: checked ? 'sizes' : 'hashes',
    size: options.size,
    precision: variant?.precision,
  });
}

function nameOf(location: ModelLocation): string {
  return typeof location === 'string' || location instanceof URL ? String(location) : 'files';
}
