import { CacheQuantError } from '@cachequant/tensor';
import type { Denoiser } from '../denoise/denoiser.js';

/** The sizes that a model has graphs for, and what loads them. */
export interface SizedDenoisers {
  /** [height, width] of latents. */
  readonly sizes: readonly (readonly [number, number])[];
  /** The denoiser for one of them, by its number; what is loaded may be freed when another is asked for. */
  load(size: number): Promise<Denoiser>;
  /** @throws CacheQuantError always: there is no such size */
  refuse(asked: { readonly width: number; readonly height: number }): never;
}

/**
 * Which size a request asks for.
 * @param factor pixels per latent
 * @param asked in pixels; a side that is left out is that of the first size that has the other
 * @throws CacheQuantError for a size that there is none of
 */
export function chooseSize(
  { sizes, refuse }: SizedDenoisers,
  factor: number,
  asked: { readonly width?: number | undefined; readonly height?: number | undefined },
): number {
  const { width, height } = asked;
  if (width === undefined && height === undefined) return 0;
  const found = sizes.findIndex(
    ([down, across]) =>
      (width === undefined || width === across * factor) &&
      (height === undefined || height === down * factor),
  );
  if (found >= 0) return found;
  const [down, across] = sizes[0]!;
  return refuse({ width: width ?? across * factor, height: height ?? down * factor });
}

/** Keeps the denoisers of a few sizes in memory, those used last. Requests use one at a time. */
export class DenoiserShelf {
  readonly #loaded = new Map<number, Denoiser>();
  readonly #load: (size: number) => Promise<Denoiser>;
  readonly #most: number;

  /** @param most how many sizes may be in memory at once */
  constructor(load: (size: number) => Promise<Denoiser>, most = 1) {
    if (!Number.isInteger(most) || most < 1) {
      throw new CacheQuantError('invalid-argument', 'no size could be loaded', {
        where: 'keepSizes',
        expected: 'a whole number from 1',
        got: String(most),
      });
    }
    this.#load = load;
    this.#most = most;
  }

  /** Loads a size, and frees what is one too many before. */
  async use(size: number): Promise<Denoiser> {
    const known = this.#loaded.get(size);
    this.#loaded.delete(size);
    if (known === undefined) await this.#makeRoom();
    const denoiser = known ?? (await this.#load(size));
    this.#loaded.set(size, denoiser);
    return denoiser;
  }

  async #makeRoom(): Promise<void> {
    for (const [size, denoiser] of [...this.#loaded].slice(
      0,
      Math.max(0, this.#loaded.size - this.#most + 1),
    )) {
      this.#loaded.delete(size);
      await denoiser.dispose();
    }
  }

  /** Frees all. */
  async dispose(): Promise<void> {
    const all = [...this.#loaded.values()];
    this.#loaded.clear();
    await Promise.all(all.map((denoiser) => denoiser.dispose()));
  }
}
