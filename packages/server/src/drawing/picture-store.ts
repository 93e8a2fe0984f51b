import { randomBytes } from 'node:crypto';

export interface KeptPicture {
  readonly type: string;
  readonly bytes: Uint8Array;
}

export interface PictureStoreOptions {
  readonly bytes: number;
  readonly seconds: number;
  /** Milliseconds from any origin. */
  readonly now?: () => number;
}

interface Entry extends KeptPicture {
  readonly untilMs: number;
}

/**
 * Pictures that clients fetch by a name that cannot be guessed. They leave when their time is over, the oldest first
 * when there are too many bytes.
 */
export class PictureStore {
  readonly #options: PictureStoreOptions;
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(options: PictureStoreOptions) {
    this.#options = options;
  }

  /** @returns the picture's name */
  add(picture: KeptPicture): string {
    const name = randomBytes(16).toString('hex');
    this.#entries.set(name, { ...picture, untilMs: this.#now() + this.#options.seconds * 1000 });
    this.#bytes += picture.bytes.length;
    this.#sweep();
    return name;
  }

  get(name: string): KeptPicture | undefined {
    this.#sweep();
    return this.#entries.get(name);
  }

  #sweep(): void {
    for (const [name, { untilMs, bytes }] of this.#entries) {
      if (untilMs > this.#now() && this.#bytes <= this.#options.bytes) return;
      this.#entries.delete(name);
      this.#bytes -= bytes.length;
    }
  }

  #now(): number {
    return (this.#options.now ?? (() => performance.now()))();
  }
}
