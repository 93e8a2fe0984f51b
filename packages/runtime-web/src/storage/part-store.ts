import { parseJson, readText, type Storage, writeFile } from '@cachequant/tensor';
import { concatenate } from '../fetch-bytes.js';

/** Bytes of a part: what an interruption can cost at most, and what is written at once. */
export const PART_BYTES = 8 * 1024 * 1024;

/** What is known of a file that is stored whole. */
export interface StoredFile {
  readonly key: string;
  readonly url: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly savedAt: number;
}

/**
 * Files in parts, each under its key: a download that was interrupted goes on from its last part. Under each key there
 * are `0`, `1`, … and, once the file is whole, `entry.json`.
 */
export class PartStore {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** Undefined for a file that is not there, or not whole. */
  async entry(key: string): Promise<StoredFile | undefined> {
    const path = `${key}/entry.json`;
    if ((await this.#storage.stat(path)) === undefined) return undefined;
    return parseJson(await readText(this.#storage, path), path) as StoredFile;
  }

  async entries(): Promise<StoredFile[]> {
    const found = await Promise.all((await this.keys()).map((key) => this.entry(key)));
    return found.filter((entry) => entry !== undefined);
  }

  /** Of all files, whole or not. */
  async keys(): Promise<string[]> {
    return [...new Set((await this.#storage.list()).map((path) => path.split('/')[0]!))];
  }

  /** How many parts are there, from the first, without a gap. */
  async partCount(key: string): Promise<number> {
    const names = new Set(await this.#storage.list(key));
    let count = 0;
    while (names.has(`${key}/${count}`)) count++;
    return count;
  }

  readPart(key: string, index: number): Promise<Uint8Array> {
    return this.#storage.read(`${key}/${index}`);
  }

  writePart(key: string, index: number, bytes: Uint8Array): Promise<void> {
    return writeFile(this.#storage, `${key}/${index}`, bytes);
  }

  /** Says that the file is whole. */
  finish(entry: StoredFile): Promise<void> {
    return writeFile(this.#storage, `${entry.key}/entry.json`, JSON.stringify(entry));
  }

  remove(key: string): Promise<void> {
    return this.#storage.remove(key);
  }

  /** @param offset and length within the file */
  async read({ key }: StoredFile, offset: number, length: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for (let at = offset; at < offset + length; ) {
      const index = Math.floor(at / PART_BYTES);
      const start = at - index * PART_BYTES;
      const count = Math.min(PART_BYTES - start, offset + length - at);
      pieces.push(await this.#storage.read(`${key}/${index}`, { offset: start, length: count }));
      at += count;
    }
    return pieces.length === 1 ? pieces[0]! : concatenate(pieces, length);
  }
}
