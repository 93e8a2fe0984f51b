import { CacheQuantError } from './errors.js';
import { lockedError, type Storage, type StorageWriter } from './storage.js';
import { checkStoragePath, checkStoragePrefix, checkStorageRange } from './storage-path.js';

/** What is to go wrong. Sizes in bytes; nothing goes wrong when left out. */
export interface StorageFaults {
  /** Room for all files together, finished or not; a write beyond it fails as on a full disk. */
  readonly capacityBytes?: number;
  /** Counted over all writes from now on; the write that would pass it fails, and so does every later one. */
  readonly failAfterBytes?: number;
}

/** Files in memory that count their bytes and can be made to fail. */
export interface MemoryStorage extends Storage {
  /** Bytes of all files, with those not committed yet. */
  readonly usedBytes: number;
  /** Replaces the faults and counts from zero; `{}` makes the storage healthy. */
  setFaults(faults: StorageFaults): void;
}

/** Files in memory; with faults on demand, what tests use in place of a disk. */
export function memoryStorage(faults: StorageFaults = {}): MemoryStorage {
  const disk = new Disk(faults);
  return {
    get usedBytes() {
      return disk.usedBytes;
    },
    setFaults: (next) => disk.setFaults(next),
    async stat(path) {
      const file = disk.files.get(checkStoragePath(path));
      return file && { size: file.byteLength, version: String(disk.versions.get(path)) };
    },
    async read(path, range) {
      const file = disk.files.get(checkStoragePath(path));
      if (file === undefined) throw refuse('no such file', path);
      const { offset, length } = checkStorageRange(path, file.byteLength, range);
      return file.slice(offset, offset + length);
    },
    async create(path) {
      checkStoragePath(path);
      if (disk.under(path).some((name) => name !== path)) throw refuse('this is a folder', path);
      return new MemoryWriter(disk, path);
    },
    async list(prefix = '') {
      const folder = checkStoragePrefix(prefix);
      return (folder === '' ? [...disk.files.keys()] : disk.under(folder)).sort();
    },
    async remove(path) {
      for (const name of disk.under(checkStoragePath(path))) disk.remove(name);
    },
    async lock(name) {
      if (disk.locks.has(checkStoragePath(name))) throw lockedError(name);
      const mine = {};
      disk.locks.set(name, mine);
      return {
        async release() {
          if (disk.locks.get(name) === mine) disk.locks.delete(name);
        },
      };
    },
  };
}

class Disk {
  readonly files = new Map<string, Uint8Array>();
  readonly versions = new Map<string, number>();
  readonly locks = new Map<string, object>();
  usedBytes = 0;
  #faults: StorageFaults;
  #writtenBytes = 0;
  #lastVersion = 0;

  constructor(faults: StorageFaults) {
    this.#faults = faults;
  }

  setFaults(faults: StorageFaults): void {
    this.#faults = faults;
    this.#writtenBytes = 0;
  }

  under(path: string): string[] {
    return [...this.files.keys()].filter((name) => name === path || name.startsWith(`${path}/`));
  }

  remove(path: string): void {
    this.usedBytes -= this.files.get(path)?.byteLength ?? 0;
    this.files.delete(path);
  }

  put(path: string, file: Uint8Array): void {
    this.remove(path);
    this.files.set(path, file);
    this.versions.set(path, ++this.#lastVersion);
  }

  take(bytes: number, path: string): void {
    const { capacityBytes = Number.POSITIVE_INFINITY, failAfterBytes = Number.POSITIVE_INFINITY } =
      this.#faults;
    if (this.usedBytes + bytes > capacityBytes) throw refuse('no space left', path, `${bytes} bytes`);
    this.#writtenBytes += bytes;
    if (this.#writtenBytes > failAfterBytes) throw refuse('the write failed', path, `${bytes} bytes`);
    this.usedBytes += bytes;
  }
}

class MemoryWriter implements StorageWriter {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #chunks: Uint8Array[] = [];
  #state: 'open' | 'failed' | 'closed' = 'open';

  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#requireOpen();
    try {
      this.#disk.take(chunk.byteLength, this.#path);
    } catch (error) {
      this.#state = 'failed';
      throw error;
    }
    this.#chunks.push(chunk.slice());
  }

  async commit(): Promise<void> {
    this.#requireOpen();
    this.#state = 'closed';
    const file = new Uint8Array(this.#size());
    let offset = 0;
    for (const chunk of this.#chunks) {
      file.set(chunk, offset);
      offset += chunk.byteLength;
    }
    this.#disk.put(this.#path, file);
  }

  async abort(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#disk.usedBytes -= this.#size();
  }

  #size(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  }

  #requireOpen(): void {
    if (this.#state !== 'open') throw refuse(`the writer is ${this.#state}`, this.#path);
  }
}

function refuse(summary: string, where: string, got?: string): CacheQuantError {
  return new CacheQuantError('storage', summary, got === undefined ? { where } : { where, got });
}
