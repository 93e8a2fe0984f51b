import { CacheQuantError, type Storage, type StorageLock, type StorageWriter } from '@cachequant/tensor';

/** Files in memory, for tests. */
export class MemoryStorage implements Storage {
  readonly files = new Map<string, Uint8Array>();
  /** The longest chunk that was written. */
  largestWrite = 0;

  constructor(files: Readonly<Record<string, Uint8Array>> = {}) {
    for (const [path, bytes] of Object.entries(files)) this.files.set(path, bytes);
  }

  async stat(path: string): Promise<{ size: number } | undefined> {
    const file = this.files.get(path);
    return file && { size: file.byteLength };
  }

  async read(path: string, range?: { offset: number; length: number }): Promise<Uint8Array> {
    const file = this.files.get(path);
    const { offset, length } = range ?? { offset: 0, length: file?.byteLength ?? 0 };
    if (file === undefined || offset + length > file.byteLength) {
      throw new CacheQuantError('storage', 'no such file or range', { where: path });
    }
    return file.slice(offset, offset + length);
  }

  async create(path: string): Promise<StorageWriter> {
    const chunks: Uint8Array[] = [];
    return {
      write: async (chunk) => {
        this.largestWrite = Math.max(this.largestWrite, chunk.byteLength);
        chunks.push(chunk.slice());
      },
      commit: async () => {
        this.files.set(path, Buffer.concat(chunks));
      },
      abort: async () => {
        chunks.length = 0;
      },
    };
  }

  async list(prefix = ''): Promise<string[]> {
    return [...this.files.keys()].filter((path) => path.startsWith(prefix)).sort();
  }

  async remove(path: string): Promise<void> {
    this.files.delete(path);
  }

  async lock(): Promise<StorageLock> {
    return { release: async () => undefined };
  }
}
