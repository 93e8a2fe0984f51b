import {
  type ByteSource,
  CacheQuantError,
  readExactly,
  type Storage,
  type StorageWriter,
} from '@cachequant/tensor';
import type { Weight, WeightData } from '../model.js';
import { normalizeLocation } from '../read/external-data.js';

/** Where the elements of a weight lie in a file that is being written. */
export type ExternalData = Extract<WeightData, { kind: 'external' }>;

/** The file's name in the models that refer to it, and how its weights are aligned. */
export interface WeightFileOptions {
  /** The file's path as the models give it: relative to their folder. */
  readonly location: string;
  /** Bytes; where small weights may start. */
  readonly align?: number;
  /** Bytes; weights from this size on start at multiples of 64 KiB, so that they can be mapped into memory. */
  readonly pageAlignAbove?: number;
}

const PAGE_BYTES = 64 * 1024;
const CHUNK_BYTES = 1024 * 1024;

/**
 * Starts a file of external data, which several models can share.
 * @param path where it lies in the storage
 */
export async function createWeightFile(
  storage: Storage,
  path: string,
  options: WeightFileOptions,
): Promise<WeightFile> {
  const location = normalizeLocation(options.location);
  return new WeightFile(await storage.create(path), { ...options, location });
}

/** A file of external data that is being written; it appears under its name with `commit`. */
export class WeightFile {
  readonly location: string;
  readonly #align: number;
  readonly #pageAlignAbove: number;
  #size = 0;
  /** Additions wait for one another. */
  #last: Promise<unknown> = Promise.resolve();
  readonly #ranges = new Map<ByteSource, Map<string, ExternalData>>();
  readonly #contents = new Map<string, ExternalData>();

  constructor(
    readonly writer: StorageWriter,
    options: WeightFileOptions,
  ) {
    this.location = options.location;
    this.#align = options.align ?? 64;
    this.#pageAlignAbove = options.pageAlignAbove ?? 1024 * 1024;
  }

  /** Bytes written so far. */
  get size(): number {
    return this.#size;
  }

  /**
   * Writes a weight's elements, or finds them where they were written before. Weights that lie in files are copied
   * a megabyte at a time.
   * @returns where they lie in this file
   */
  add(content: Uint8Array | Weight): Promise<ExternalData> {
    const result = this.#last.then(() => this.#add(content));
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Makes the file appear under its name. */
  async commit(): Promise<void> {
    await this.#last;
    await this.writer.commit();
  }

  /** Discards what was written. */
  async abort(): Promise<void> {
    await this.#last;
    await this.writer.abort();
  }

  async #add(content: Uint8Array | Weight): Promise<ExternalData> {
    const data: WeightData = content instanceof Uint8Array ? { kind: 'bytes', bytes: content } : content.data;
    if (data.kind === 'bytes') return this.#addBytes(data.bytes);
    if (data.kind === 'range') return this.#addRange(data.source, data.offset, data.length);
    if (data.location === this.location) return data;
    throw new CacheQuantError('invalid-argument', 'the elements lie in a file that is not open', {
      where: `weight '${content instanceof Uint8Array ? '' : content.name}'`,
      got: data.location,
      hint: 'Read the model with readModel, which opens its external data',
    });
  }

  async #addBytes(bytes: Uint8Array): Promise<ExternalData> {
    const key = await contentKey(bytes);
    const known = key === undefined ? undefined : this.#contents.get(key);
    if (known !== undefined) return known;
    const place = await this.#startWeight(bytes.byteLength);
    await this.#write(bytes);
    if (key !== undefined) this.#contents.set(key, place);
    return place;
  }

  async #addRange(source: ByteSource, offset: number, length: number): Promise<ExternalData> {
    const ranges = this.#ranges.get(source) ?? new Map<string, ExternalData>();
    this.#ranges.set(source, ranges);
    const key = `${offset}+${length}`;
    const known = ranges.get(key);
    if (known !== undefined) return known;
    const place = await this.#startWeight(length);
    for await (const chunk of chunksOf(source, offset, length)) await this.#write(chunk);
    ranges.set(key, place);
    return place;
  }

  async #startWeight(length: number): Promise<ExternalData> {
    const align = length >= this.#pageAlignAbove ? PAGE_BYTES : this.#align;
    await this.#write(new Uint8Array((align - (this.#size % align)) % align));
    return { kind: 'external', location: this.location, offset: this.#size, length };
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (bytes.byteLength === 0) return;
    await this.writer.write(bytes);
    this.#size += bytes.byteLength;
  }
}

/** Reads a run of a source a megabyte at a time. */
export async function* chunksOf(
  source: ByteSource,
  offset: number,
  length: number,
): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < length; done += CHUNK_BYTES) {
    yield await readExactly(source, offset + done, Math.min(CHUNK_BYTES, length - done));
  }
}

/** SHA-256 and length. Where a page may not compute hashes (plain http), equal weights are written twice. */
async function contentKey(bytes: Uint8Array): Promise<string | undefined> {
  if (globalThis.crypto?.subtle === undefined) return undefined;
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
