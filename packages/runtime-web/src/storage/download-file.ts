import { CacheQuantError, throwIfAborted } from '@cachequant/tensor';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { type FileResponse, requestFile } from '../request-file.js';
import type { CacheStores } from './model-cache.js';
import { PART_BYTES, type PartStore, type StoredFile } from './part-store.js';

export interface FileToDownload {
  readonly url: string;
  readonly key: string;
  /** What the file should be, where it is known. */
  readonly bytes: number | undefined;
  readonly sha256: string | undefined;
}

export interface DownloadOptions {
  readonly stores: CacheStores;
  readonly onProgress: (loadedBytes: number, totalBytes: number | undefined) => void;
  readonly signal?: AbortSignal | undefined;
}

/** How often a connection may break without a byte having come in between. */
const ATTEMPTS = 3;

/**
 * Downloads a file in parts, going on where an earlier download stopped, and checks it.
 *
 * @throws CacheQuantError `storage` when it cannot be fetched or is not what it should be; `aborted`
 */
export async function downloadFile(file: FileToDownload, options: DownloadOptions): Promise<StoredFile> {
  const writer = await PartWriter.open(file.key, options.stores, hashingOf(file));
  for (let failures = 0; ; ) {
    const before = writer.bytes;
    try {
      await receive(file, writer, options);
      break;
    } catch (error) {
      throwIfAborted(options.signal);
      failures = writer.bytes > before ? 1 : failures + 1;
      const broken = CacheQuantError.is(error) && error.cause instanceof TypeError;
      if (!broken || failures >= ATTEMPTS) throw error;
    }
  }
  const damage = damageOf(file, writer.bytes, await writer.digest());
  if (damage === undefined) return writer.finish(file.url);
  await writer.restart();
  throw damage;
}

/** Takes what the server still has to give. */
async function receive(
  { url, bytes }: FileToDownload,
  writer: PartWriter,
  { onProgress, signal }: DownloadOptions,
): Promise<void> {
  if (bytes !== undefined && writer.bytes >= bytes) return;
  const response = await resume(url, writer, signal);
  const total = bytes ?? response.totalBytes;
  onProgress(writer.bytes, total);
  for await (const chunk of response.chunks) {
    if (total !== undefined && writer.bytes + chunk.byteLength > total) {
      await writer.restart();
      throw tooLong(url, total);
    }
    await writer.write(chunk);
    onProgress(writer.bytes, total);
  }
  if (total !== undefined && writer.bytes < total) {
    const got = `${writer.bytes} of ${total} bytes`;
    // As the browser reports a connection that broke.
    throw new CacheQuantError('storage', 'the connection ended too early', {
      where: url,
      got,
      hint: 'Try again: the download goes on from there',
      cause: new TypeError(got),
    });
  }
}

/** Asks for what comes after the parts that are there; a server that sends everything is taken at its word. */
async function resume(
  url: string,
  writer: PartWriter,
  signal: AbortSignal | undefined,
): Promise<FileResponse> {
  const response = await requestFile(url, { offset: writer.bytes, signal });
  if (response.offset !== writer.bytes) await writer.restart();
  return response;
}

/** Not one byte more is kept than a file should have. */
function tooLong(where: string, total: number): CacheQuantError {
  return new CacheQuantError('storage', 'the server sends more than the file should have', {
    where,
    expected: `${total} bytes`,
    got: 'more',
    hint: 'The files on the server do not belong together: upload the bundle again, whole',
  });
}

/** Files up to this size are hashed whole by the browser's own code, which takes no pieces. */
const WHOLE_BYTES = 256 * 1024 * 1024;

/** How the hash of a file is computed, if there is one to compare it with. */
type Hashing = 'none' | 'whole' | 'pieces';

function hashingOf({ bytes, sha256: known }: FileToDownload): Hashing {
  if (known === undefined) return 'none';
  const fits = bytes !== undefined && bytes <= WHOLE_BYTES;
  return fits && globalThis.crypto?.subtle !== undefined ? 'whole' : 'pieces';
}

function damageOf(file: FileToDownload, bytes: number, hash: string): CacheQuantError | undefined {
  const [expected, got] =
    file.bytes !== undefined && file.bytes !== bytes
      ? [`${file.bytes} bytes`, `${bytes} bytes`]
      : file.sha256 !== undefined && file.sha256 !== hash
        ? [`SHA-256 ${file.sha256.slice(0, 12)}…`, `${hash.slice(0, 12)}…`]
        : [];
  if (expected === undefined || got === undefined) return undefined;
  return new CacheQuantError('storage', 'the downloaded file is not the one that was expected', {
    where: file.url,
    expected,
    got,
    hint: 'Load it again; if it happens again, the files on the server do not belong together',
  });
}

/** Cuts what comes in into parts, and hashes it. */
class PartWriter {
  readonly #key: string;
  readonly #stores: CacheStores;
  #store: PartStore;
  #hash = sha256.create();
  #parts = 0;
  #buffer = new Uint8Array(PART_BYTES);
  #filled = 0;

  private constructor(
    key: string,
    stores: CacheStores,
    readonly hashing: Hashing,
  ) {
    this.#key = key;
    this.#stores = stores;
    this.#store = stores.of(key);
  }

  static async open(key: string, stores: CacheStores, hashing: Hashing): Promise<PartWriter> {
    const writer = new PartWriter(key, stores, hashing);
    const parts = await writer.#store.partCount(key);
    for (let index = 0; index < parts; index++) {
      const part = await writer.#store.readPart(key, index);
      // Only the last part of a file is shorter; it is fetched again.
      if (part.byteLength !== PART_BYTES) break;
      if (hashing === 'pieces') writer.#hash.update(part);
      writer.#parts++;
    }
    return writer;
  }

  get bytes(): number {
    return this.#parts * PART_BYTES + this.#filled;
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.byteLength; ) {
      const count = Math.min(PART_BYTES - this.#filled, chunk.byteLength - at);
      this.#buffer.set(chunk.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
      if (this.#filled === PART_BYTES) {
        await this.#flush();
        this.#parts++;
        this.#filled = 0;
      }
    }
  }

  /** Of all that has come in; '' where nothing is to be compared with it. */
  async digest(): Promise<string> {
    const tail = this.#buffer.subarray(0, this.#filled);
    if (this.hashing === 'none') return '';
    if (this.hashing === 'pieces') return bytesToHex(this.#hash.clone().update(tail).digest());
    const whole = new Uint8Array(this.bytes);
    for (let index = 0; index < this.#parts; index++) {
      whole.set(await this.#store.readPart(this.#key, index), index * PART_BYTES);
    }
    whole.set(tail, this.#parts * PART_BYTES);
    return bytesToHex(new Uint8Array(await crypto.subtle.digest('SHA-256', whole)));
  }

  async restart(): Promise<void> {
    await this.#store.remove(this.#key);
    this.#hash = sha256.create();
    this.#parts = 0;
    this.#filled = 0;
  }

  async finish(url: string): Promise<StoredFile> {
    if (this.#filled > 0) await this.#flush();
    const entry: StoredFile = { key: this.#key, url, bytes: this.bytes, savedAt: Date.now() };
    await this.#keep((store) => store.finish(entry));
    return entry;
  }

  async #flush(): Promise<void> {
    const part = this.#buffer.subarray(0, this.#filled);
    await this.#keep((store) => store.writePart(this.#key, this.#parts, part));
    if (this.#filled === PART_BYTES && this.hashing === 'pieces') this.#hash.update(part);
  }

  async #keep(write: (store: PartStore) => Promise<void>): Promise<void> {
    try {
      await write(this.#store);
    } catch (error) {
      this.#store = await this.#stores.afterFailedWrite(this.#key, error);
      await write(this.#store);
    }
  }
}
