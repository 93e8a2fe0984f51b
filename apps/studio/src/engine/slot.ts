import type { WebRuntime } from '@cachequant/runtime-web';
import type { Storage } from '@cachequant/tensor';
import { createGenerator, type WebGenerator } from '@cachequant/web';

/** A place for one model: its files, and the generator that was made of them for a runtime. */
export class Slot {
  #storage: Storage | undefined;
  #generator: WebGenerator | undefined;
  #loadedFor: WebRuntime | undefined;

  /** Puts other files in; what was loaded of the ones before is freed. */
  async put(storage: Storage | undefined): Promise<void> {
    if (storage === this.#storage) return;
    await this.unload();
    this.#storage = storage;
  }

  get filled(): boolean {
    return this.#storage !== undefined;
  }

  async generator(runtime: WebRuntime): Promise<WebGenerator> {
    if (this.#generator !== undefined && this.#loadedFor === runtime) return this.#generator;
    await this.unload();
    this.#generator = await createGenerator(this.#storage!, { runtime });
    this.#loadedFor = runtime;
    return this.#generator;
  }

  async unload(): Promise<void> {
    const before = this.#generator;
    this.#generator = undefined;
    await before?.dispose();
  }
}
