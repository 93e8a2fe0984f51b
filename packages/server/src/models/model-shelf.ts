import { CacheQuantError } from '@cachequant/tensor';
import { ApiError } from '../faults/api-error.js';
import type { LoadedModel, ServedModel } from './served-model.js';

export interface ShelfOptions {
  /** What loaded models may take together; no bound when left out. */
  readonly memoryBytes?: number | undefined;
  /** Memory of this process; by default its resident set. */
  readonly residentBytes?: () => number;
  readonly onChange?: (change: ShelfChange) => void;
}

export interface ShelfChange {
  readonly model: string;
  readonly what: 'loaded' | 'left' | 'failed';
  readonly heldBytes: number;
  readonly error?: unknown;
}

interface Place {
  readonly loaded: LoadedModel;
  /** The larger of its files and of what memory grew by when it was loaded. */
  readonly bytes: number;
  users: number;
}

/**
 * Models in memory, loaded when they are first used. When they take more than the bound together, those that were not
 * used for longest leave; one that is in use stays.
 */
export class ModelShelf {
  readonly #models: ReadonlyMap<string, ServedModel>;
  readonly #options: ShelfOptions;
  /** In the order of their last use. */
  readonly #places = new Map<string, Place>();
  #loading: Promise<unknown> = Promise.resolve();

  /** @throws CacheQuantError `invalid-argument` for no models, two of one name, or one beyond the bound */
  constructor(models: readonly ServedModel[], options: ShelfOptions = {}) {
    this.#models = new Map(models.map((model) => [model.id, model]));
    this.#options = options;
    checkModels(models, options.memoryBytes ?? Number.POSITIVE_INFINITY);
  }

  get models(): readonly ServedModel[] {
    return [...this.#models.values()];
  }

  /** Names of the models in memory; the last one was used last. */
  get loaded(): readonly string[] {
    return [...this.#places.keys()];
  }

  get heldBytes(): number {
    return [...this.#places.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  has(id: string): boolean {
    return this.#models.has(id);
  }

  /**
   * Holds a model in memory while `work` runs.
   * @throws ApiError 404 for a name that there is none of, 503 when it cannot be loaded
   */
  async use<T>(id: string, work: (model: LoadedModel) => Promise<T>): Promise<T> {
    const place = await this.#take(id);
    try {
      return await work(place.loaded);
    } finally {
      place.users -= 1;
      await this.#makeRoom(0);
    }
  }

  /** Lets a model go that can no longer be trusted; the next use loads it again. */
  async drop(id: string): Promise<void> {
    const place = this.#places.get(id);
    if (place === undefined) return;
    this.#places.delete(id);
    this.#options.onChange?.({ model: id, what: 'left', heldBytes: this.heldBytes });
    await place.loaded.generator.dispose();
  }

  async dispose(): Promise<void> {
    await this.#loading;
    for (const id of this.loaded) await this.drop(id);
  }

  /** One model after another is loaded, so that what memory grew by is known of each. */
  #take(id: string): Promise<Place> {
    const taken = this.#loading.then(async () => {
      const place = this.#places.get(id) ?? (await this.#load(id));
      this.#places.delete(id);
      this.#places.set(id, place);
      place.users += 1;
      return place;
    });
    this.#loading = taken.catch(() => {});
    return taken;
  }

  async #load(id: string): Promise<Place> {
    const model = this.#models.get(id);
    if (model === undefined) throw unknownModel(id, this.models);
    await this.#makeRoom(model.bytes);
    const { residentBytes = () => process.memoryUsage.rss(), onChange } = this.#options;
    const before = residentBytes();
    try {
      const loaded = await model.open();
      const place = { loaded, bytes: Math.max(model.bytes, residentBytes() - before), users: 0 };
      this.#places.set(id, place);
      onChange?.({ model: id, what: 'loaded', heldBytes: this.heldBytes });
      return place;
    } catch (error) {
      onChange?.({ model: id, what: 'failed', heldBytes: this.heldBytes, error });
      throw new ApiError(503, `The model "${id}" cannot be loaded; the log says why.`, {
        code: 'model_not_loaded',
        cause: error,
      });
    }
  }

  async #makeRoom(bytes: number): Promise<void> {
    const { memoryBytes = Number.POSITIVE_INFINITY } = this.#options;
    for (const [id, { users }] of [...this.#places]) {
      if (this.heldBytes + bytes <= memoryBytes) return;
      const isLastOne = this.#places.size === 1 && bytes === 0;
      if (users === 0 && !isLastOne) await this.drop(id);
    }
  }
}

/** That there is no model of this name. */
export function unknownModel(id: string, models: readonly Pick<ServedModel, 'id'>[]): ApiError {
  const served = models.map((model) => model.id).join(', ');
  return new ApiError(404, `There is no model "${id.slice(0, 100)}" here; there are: ${served}.`, {
    code: 'model_not_found',
    param: 'model',
  });
}

function checkModels(models: readonly ServedModel[], memoryBytes: number): void {
  if (models.length === 0) {
    throw new CacheQuantError('invalid-argument', 'there is no model to serve', { where: 'models' });
  }
  for (const [at, { id, bytes }] of models.entries()) {
    if (models.findIndex((other) => other.id === id) < at) {
      throw new CacheQuantError('invalid-argument', 'two models have the same name', {
        where: id,
        hint: 'Name them: cachequant serve first=./a/bundle second=./b/bundle',
      });
    }
    if (bytes > memoryBytes) {
      throw new CacheQuantError('invalid-argument', 'the model does not fit within the bound of memory', {
        where: id,
        expected: `at least ${bytes} bytes`,
        got: `${memoryBytes} bytes`,
        hint: 'Raise the bound or leave the model out.',
      });
    }
  }
}
