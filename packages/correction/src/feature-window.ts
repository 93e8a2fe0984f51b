/** The features of the last `size` calls, by call; older buffers are used again. */
export class FeatureWindow {
  readonly #size: number;
  readonly #slots: { call: number; features: Float32Array }[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  /** Number of feature maps that are held. */
  get held(): number {
    return this.#slots.length;
  }

  clear(): void {
    this.#slots.length = 0;
  }

  put(call: number, features: Float32Array): void {
    while (this.#slots.length > 0 && this.#slots[0]!.call <= call - this.#size) this.#slots.shift();
    this.#slots.push({ call, features });
  }

  get(call: number): Float32Array | undefined {
    return this.#slots.find((slot) => slot.call === call)?.features;
  }

  /** A buffer of that length for call `call`: the oldest one when it has left the window, else a new one. */
  recycle(call: number, length: number): Float32Array {
    const oldest = this.#slots[0];
    if (oldest === undefined || oldest.call > call - this.#size) return new Float32Array(length);
    this.#slots.shift();
    return oldest.features.length === length ? oldest.features : new Float32Array(length);
  }
}
