import type { GenerationRequest } from '@cachequant/pipeline';
import { CacheQuantError } from '@cachequant/tensor';
import {
  createGenerator,
  createModelCache,
  filesStorage,
  type Preflight,
  type PreflightOptions,
  type ProgressInfo,
  preflight,
  type WebGeneratorOptions,
} from '@cachequant/web';

/** What a test wants to know of one request. */
export interface Outcome {
  readonly backend: string;
  readonly threads: number;
  readonly precision: string | undefined;
  /** Of WebGPU. */
  readonly adapter: string | undefined;
  readonly rgb: number[];
  readonly events: ProgressInfo[];
  readonly ticks: number;
  readonly loadMs: number;
  readonly generateMs: number;
}

/** A request whose pictures came over as plain numbers. */
export interface DrawRequest extends Omit<GenerationRequest, 'image' | 'mask'> {
  readonly pictures?: Readonly<Record<string, { width: number; height: number; rgb: readonly number[] }>>;
}

declare global {
  var generate: (
    model: string,
    options: WebGeneratorOptions,
    request: { prompt: string; seed: number; steps?: number; guidanceScale?: number },
  ) => Promise<Outcome>;
  var failureOf: (
    model: string,
    request: { prompt: string; seed: number; steps: number },
  ) => Promise<{ code: string; where: string | undefined } | undefined>;
  var draw: (model: string, options: WebGeneratorOptions, request: DrawRequest) => Promise<number[]>;
  var generateFromFiles: (files: Record<string, string>, prompt: string) => Promise<number[]>;
  var lookAhead: (model: string, options: PreflightOptions) => Promise<Preflight>;
  var stored: () => Promise<{ persistent: boolean; files: number; bytes: number }>;
  var forget: () => Promise<void>;
}

globalThis.generate = async (model, options, { prompt, ...request }) => {
  const events: ProgressInfo[] = [];
  const started = performance.now();
  const generator = await createGenerator(model, { ...options, onProgress: (event) => events.push(event) });
  const loaded = performance.now();
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  const { images } = await generator.generate(prompt, request);
  clearInterval(timer);
  const ended = performance.now();
  const { name: backend, threads, adapter: gpu } = generator.runtime;
  const { precision } = generator;
  const adapter = gpu && `${gpu.vendor} ${gpu.architecture}`;
  await generator.dispose();
  const rgb = [...images[0]!.rgb];
  return {
    backend,
    threads,
    precision,
    adapter,
    rgb,
    events,
    ticks,
    loadMs: loaded - started,
    generateMs: ended - loaded,
  };
};

globalThis.failureOf = async (model, { prompt, ...request }) => {
  const generator = await createGenerator(model, { device: 'wasm' });
  try {
    await generator.generate(prompt, request);
    return undefined;
  } catch (error) {
    if (!CacheQuantError.is(error)) throw error;
    return { code: error.code, where: error.where };
  } finally {
    await generator.dispose();
  }
};

globalThis.draw = async (model, options, { pictures = {}, ...request }) => {
  const given = Object.fromEntries(
    Object.entries(pictures).map(([name, picture]) => [
      name,
      { ...picture, rgb: Uint8Array.from(picture.rgb) },
    ]),
  );
  const generator = await createGenerator(model, { device: 'wasm', ...options });
  try {
    const { images } = await generator.generate({ ...request, ...given });
    return [...images[0]!.rgb];
  } finally {
    await generator.dispose();
  }
};

globalThis.generateFromFiles = async (addresses, prompt) => {
  const files = await Promise.all(
    Object.entries(addresses).map(async ([path, address]) => {
      const file = new File([await (await fetch(address)).blob()], path.split('/').at(-1)!);
      Object.defineProperty(file, 'webkitRelativePath', { value: `my-bundle/${path}` });
      return file;
    }),
  );
  const generator = await createGenerator(filesStorage(files), { device: 'wasm' });
  const { images } = await generator.generate(prompt, { seed: 7 });
  await generator.dispose();
  return [...images[0]!.rgb];
};

globalThis.lookAhead = preflight;

globalThis.stored = async () => {
  const cache = await createModelCache();
  const files = await cache.list();
  return {
    persistent: cache.persistent,
    files: files.length,
    bytes: files.reduce((sum, f) => sum + f.bytes, 0),
  };
};

globalThis.forget = async () => (await createModelCache()).clear();
