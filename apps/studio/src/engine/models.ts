import { type BundleManifest, isBundle, readManifest } from '@cachequant/pipeline';
import type { ModelCache, ProgressCallback, WebRuntime } from '@cachequant/runtime-web';
import type { Storage } from '@cachequant/tensor';
import { createGenerator, type WebGenerator } from '@cachequant/web';
import type { OfferedBundle } from '../view/drop-zone.js';
import type { Catalog, CatalogEntry } from './catalog.js';
import { keepEntry, openEntry } from './open-entry.js';
import { type DeviceChoice, Runtimes } from './runtimes.js';
import { Slot } from './slot.js';
import { whileOpening } from './while-opening.js';

/** A bundle whose files are here. */
export interface OpenedBundle {
  readonly name: string;
  readonly title: string;
  readonly storage: Storage;
  readonly manifest: BundleManifest;
}

/** Thrown for a folder that holds no bundle. */
export class NoBundleError extends Error {}

/** The original and the bundle: their files, and what they were loaded into. */
export class Models {
  readonly #original = new Slot();
  readonly #bundle = new Slot();
  readonly runtimes = new Runtimes(async () => {
    await Promise.all([this.#original.unload(), this.#bundle.unload()]);
  });

  constructor(
    readonly catalog: Catalog,
    readonly cache: ModelCache,
  ) {}

  /** Downloads the original and every bundle of the site, whole. */
  async keepAll(onProgress: ProgressCallback): Promise<void> {
    for (const entry of [this.catalog.original, ...this.catalog.bundles]) {
      await keepEntry(entry, { cache: this.cache, onProgress });
    }
  }

  async openOriginal(onProgress: ProgressCallback, signal: AbortSignal): Promise<void> {
    if (this.#original.filled) return;
    await this.#original.put(
      await openEntry(this.catalog.original, { cache: this.cache, onProgress, signal }),
    );
  }

  async openEntry(
    entry: CatalogEntry,
    onProgress: ProgressCallback,
    signal: AbortSignal,
  ): Promise<OpenedBundle> {
    const storage = await openEntry(entry, { cache: this.cache, onProgress, signal });
    const manifest = await readManifest(storage);
    return { name: entry.name, title: entry.title, storage, manifest };
  }

  /** @throws NoBundleError, or what is wrong with the bundle */
  async openBrought(
    brought: OfferedBundle,
    choice: DeviceChoice,
    onProgress: ProgressCallback,
    signal: AbortSignal,
  ): Promise<OpenedBundle> {
    if ('storage' in brought) {
      const { name, storage } = brought;
      if (!(await isBundle(storage))) throw new NoBundleError(name);
      return { name, title: name, storage, manifest: await readManifest(storage) };
    }
    const { cache } = this;
    const runtime = await this.runtimes.get(choice);
    const generator = await whileOpening(signal, (lent) =>
      createGenerator(brought.address, { runtime, cache, onProgress, signal: lent }),
    );
    const { storage, manifest } = generator;
    await generator.dispose();
    const name = decodeURIComponent(new URL(brought.address).pathname).split('/').filter(Boolean).at(-1);
    if (manifest === undefined) throw new NoBundleError(name ?? brought.address);
    return { name: name ?? brought.address, title: name ?? brought.address, storage, manifest };
  }

  /** Puts the files to run in place: those of a bundle, or of a plan over it. */
  use(storage: Storage): Promise<void> {
    return this.#bundle.put(storage);
  }

  loadOriginal(runtime: WebRuntime): Promise<WebGenerator> {
    return this.#original.generator(runtime);
  }

  loadBundle(runtime: WebRuntime): Promise<WebGenerator> {
    return this.#bundle.generator(runtime);
  }
}

/** The device for both models: integers compute on WebAssembly alone. */
export function deviceFor({ bits }: BundleManifest, choice: DeviceChoice): DeviceChoice {
  return choice.device === 'auto' && bits.target !== 'float' ? { ...choice, device: 'wasm' } : choice;
}

/** Bytes of a bundle's denoiser. */
export function denoiserBytes({ files }: BundleManifest): number {
  return Object.entries(files)
    .filter(([path]) => path.startsWith('denoiser/'))
    .reduce((sum, [, { bytes }]) => sum + bytes, 0);
}
